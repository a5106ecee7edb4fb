"""Cells beside point neurons: synapses at dendrites that learn from the voltage there, runs in parts, files, sweeps."""

import brainunit as u
import jax
import numpy as np

import brainsim as bs
from brainsim import cells, channels
from brainsim.plasticity import VoltageSTDP

DT = 0.05
TREE = cells.discretise(cells.rall_tree(2, diameter=3 * u.um, length=100 * u.um, soma=20 * u.um), 3)
CABLE = cells.discretise(cells.rall_tree(1, diameter=3 * u.um, length=200 * u.um, soma=20 * u.um), 5)


def spiking(count, shapes, **values):
    """Cells with Hodgkin-Huxley's channels in the soma, and AMPA receptors on the dendrites."""
    squid = dict(na=channels.Na_HH1952().on("soma"), k=channels.K_HH1952().on("soma"))
    leak = dict(g_L=0.1 * u.mS / u.cm2, E_L=-65 * u.mV, V=-65 * u.mV)
    cell = cells.MultiCompartment(count, shapes, channels=squid, **leak | values)
    cell.add_receptors(ampa=bs.receptors.AMPA().on("dend"))
    return cell


def circuit(**values):
    """Point neurons onto dendrites of two cells of different shapes, which fire onto point neurons."""
    net = bs.Network(seed=3)
    net.E, net.I = (bs.neurons.LIF(n, tau=10 * u.ms, R=100 * u.Mohm, refractory=2 * u.ms) for n in (8, 4))
    net.E.add_stimuli(drive=bs.stimuli.Constant(np.linspace(220, 400, 8) * u.pA))
    net.cell = spiking(2, [TREE, CABLE], **values)
    net.cell.add_receptors(gaba=bs.receptors.Exponential(tau=5 * u.ms, reversal=-70 * u.mV))
    net.I.add_receptors(exc=bs.receptors.Exponential(tau=3 * u.ms, reversal=0 * u.mV))
    rule = VoltageSTDP(A_LTP=1e-3 * u.nS / u.mV**2, A_LTD=2e-4 * u.nS / u.mV, w_max=3 * u.nS)
    net.connect(
        *(net.E, net.cell.at("dend"), bs.FixedProbability(0.5)),
        **dict(receptor="ampa", weight=1 * u.nS, delay=bs.Uniform(1 * u.ms, 3 * u.ms), plasticity=rule, name="in"),
    )
    net.connect(net.cell, net.I, bs.AllToAll(), receptor="exc", weight=60 * u.nS, delay=2 * u.ms, name="out")
    net.connect(net.I, net.cell, bs.AllToAll(), receptor="gaba", weight=1 * u.nS, name="back")
    return net


def run(net, duration, **options):
    return bs.simulate(net, duration * u.ms, dt=DT * u.ms, progress=False, **options)


def test_voltage_based_plasticity_reads_the_voltage_of_the_dendrite():
    """Equations 1 and 2 of Clopath et al. in numpy, with V as recorded where each synapse is."""
    net = bs.Network()
    times = np.array([1.0, 3.0, 6.0, 7.0, 12.0])
    net.pre = bs.sources.SpikeTimes(1, times=times * u.ms, indices=np.zeros(5, int))
    net.cell = spiking(1, TREE)
    net.cell.add_stimuli(clamp=bs.stimuli.Constant(400 * u.pA, start=2 * u.ms))
    rule = dict(A_LTP=1e-4, A_LTD=2e-4, theta_plus=-58.0, theta_minus=-66.0, tau_x=15.0, tau_minus=10.0, tau_plus=7.0)
    units = dict(A_LTP=u.nS / u.mV**2, A_LTD=u.nS / u.mV) | dict.fromkeys(("theta_plus", "theta_minus"), u.mV)
    given = {name: value * units.get(name, u.ms) for name, value in rule.items()}
    learning = VoltageSTDP(w_max=9 * u.nS, u_minus=-65 * u.mV, u_plus=-65 * u.mV, u_mean=-65 * u.mV, **given)
    options = dict(receptor="ampa", weight=2 * u.nS, delay=1 * u.ms, plasticity=learning, name="in")
    net.connect(net.pre, net.cell.at("dend"), bs.AllToAll(), **options)
    rec = run(net, 20.0, record=["cell.V", "in.weight"])
    sites = net.cell.sites_of("dend")
    V, weights = rec["cell.V"].mantissa[:, sites], rec["in.weight"].mantissa.reshape(len(rec.times), -1)
    assert np.ptp(V[:, [0, -1]], axis=0).min() > 20 and np.abs(V[:, 0] - V[:, -1]).max() > 5  # each has its own

    keep = {name: np.exp(-DT / rule[name]) for name in ("tau_x", "tau_minus", "tau_plus")}
    arrives = set(np.round((times + 1.0) / DT).astype(int).tolist())
    x, w = 0.0, np.full(len(sites), 2.0)
    minus = plus = np.full(len(sites), -65.0)
    for k, v in enumerate(V):
        x = x * keep["tau_x"]
        minus, plus = v + (minus - v) * keep["tau_minus"], v + (plus - v) * keep["tau_plus"]
        above = np.maximum(v - rule["theta_plus"], 0) * np.maximum(plus - rule["theta_minus"], 0)
        w = w + rule["A_LTP"] * x / rule["tau_x"] * above * DT
        if k + 1 in arrives:
            w = w - rule["A_LTD"] * np.maximum(minus - rule["theta_minus"], 0)
            x += 1.0
        np.testing.assert_allclose(weights[k], w, rtol=1e-9, err_msg=f"step {k}")
    assert np.ptp(w) > 0.01  # the dendrites tell their synapses apart


def test_a_run_goes_on_from_a_file_as_it_would_have(tmp_path):
    """State of dendrites, receptors, delays, traces and weights: nothing is lost, to the last bit."""
    whole, first, then = circuit(), circuit(), circuit()
    recorded = run(whole, 20.0, record=["cell.spikes", "I.spikes", "in.weight"])
    run(first, 10.0)
    bs.save(first, tmp_path / "half")
    bs.load(then, tmp_path / "half")
    run(then, 10.0)
    for path, name in (("cell", "V"), ("in", "weight"), ("I", "V")):
        np.testing.assert_array_equal(
            *(u.get_mantissa(getattr(net[path], name)) for net in (whole, then)), err_msg=path
        )
    assert len(recorded["cell.spikes"].times) > 1 and len(recorded["I.spikes"].times) > 1
    weights = recorded["in.weight"].mantissa
    assert np.abs(weights[-1] - weights[0]).max() > 0.01


def test_a_sweep_and_a_function_are_runs_of_their_own():
    given = {"in.plasticity.w_max": [1.5, 3.0] * u.nS, "cell.R_a": [50, 200] * u.ohm * u.cm}
    swept = bs.sweep(circuit(), given, 10 * u.ms, dt=DT * u.ms, record=["cell.V", "in.weight"])
    net = circuit(R_a=200 * u.ohm * u.cm)
    function = bs.function(net, 10 * u.ms, dt=DT * u.ms, record=["cell.V"])
    V = jax.jit(lambda: function({}, {})[1]["cell.V"])()
    alone = run(net, 10.0, record=["cell.V", "in.weight"])
    for name in ("cell.V", "in.weight"):
        np.testing.assert_allclose(swept[1, 1][name].mantissa, alone[name].mantissa, rtol=1e-9, err_msg=name)
    np.testing.assert_allclose(V, alone["cell.V"].mantissa, rtol=1e-9)
