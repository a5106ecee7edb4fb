"""brainsim against NEST and Brian2: same cell, same input, stored results of `make_references.py`.

Stated accuracy: spike times within one step of the peer (0.1 ms for NEST, which stamps a Hodgkin-Huxley spike at the
maximum of V, some steps after the crossing), subthreshold V as written at each comparison.
"""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs


def run(protocol, cell, duration, *, dt, current=None, trains=None, weights=None):
    """Spike times and V at NEST's sample times, in ms and mV."""
    net = bs.Network()
    net.E = cell
    if current is not None:
        net.E.add_stimuli(drive=bs.stimuli.Constant(current))
    if trains is not None:
        tau = protocol.TAU_SYN
        net.E.add_receptors(
            ex=bs.receptors.Exponential(tau=tau["ex"] * u.ms, reversal=0 * u.mV),
            inh=bs.receptors.Exponential(tau=tau["inh"] * u.ms, reversal=-80 * u.mV),
        )
        for name, times, weight in zip(("ex", "inh"), trains, weights):
            setattr(net, name, bs.sources.SpikeTimes(1, times * u.ms, np.zeros(len(times), int)))
            net.connect(getattr(net, name), net.E, bs.AllToAll(), receptor=name, weight=weight * u.nS)
    every = protocol.STEP * protocol.EVERY
    rec = bs.simulate(
        net, duration * u.ms, dt=dt * u.ms, record=["E.spikes", "E.V"], sample_every=every * u.ms, progress=False
    )
    return np.asarray(u.get_mantissa(rec.spikes["E"].times)), np.asarray(u.get_mantissa(rec["E.V"]))[:, 0]


def pair(mine, theirs, within):
    assert len(mine) == len(theirs)
    np.testing.assert_allclose(mine, theirs, atol=within, rtol=0)


def pair_intervals(mine, theirs, within):
    """A spike is taken, and V reset, at the end of a step: times fall behind by a part of a step each, so compare
    intervals.
    """
    assert len(mine) == len(theirs)
    assert abs(mine[0] - theirs[0]) < within
    np.testing.assert_allclose(np.diff(mine), np.diff(theirs), atol=within, rtol=0)


def lif(protocol):
    p = protocol.LIF
    return bs.neurons.LIF(
        1, tau=p["tau"] * u.ms, R=p["tau"] / p["C_m"] * u.Gohm, E_L=p["E_L"] * u.mV, V_th=p["V_th"] * u.mV,
        V_reset=p["V_reset"] * u.mV, refractory=p["t_ref"] * u.ms,
    )  # fmt: skip


def test_lif_with_a_constant_current_is_exactly_nest(protocol, references):
    spikes, V = run(protocol, lif(protocol), 200.0, dt=0.1, current=protocol.LIF_CURRENT * u.pA)
    pair(spikes, references["lif_current_spikes"], 1e-6)
    np.testing.assert_allclose(V, references["lif_current_V"], atol=1e-6, rtol=0)  # the references have six decimals


def test_lif_with_conductances(protocol, references):
    trains, weights = protocol.input_trains(200.0), protocol.WEIGHT["lif_conductance"]
    theirs = references["lif_conductance_spikes"]
    spikes, V = run(protocol, lif(protocol), 200.0, dt=0.1, trains=trains, weights=weights)
    pair(spikes, theirs, 0.1 + 1e-6)
    before = int(theirs[0] / (protocol.STEP * protocol.EVERY)) - 1
    assert np.abs(V - references["lif_conductance_V"])[:before].max() < 0.02


def adex(protocol, **options):
    p = protocol.ADEX
    return bs.neurons.AdEx(
        1, C=p["C_m"] * u.pF, g_L=p["g_L"] * u.nS, E_L=p["E_L"] * u.mV, V_T=p["V_th"] * u.mV, Delta_T=p["Delta_T"] * u.mV,
        tau_w=p["tau_w"] * u.ms, a=p["a"] * u.nS, b=p["b"] * u.pA, V_peak=p["V_peak"] * u.mV, V_reset=p["V_reset"] * u.mV,
        **options,
    )  # fmt: skip


@pytest.mark.parametrize("dt, method", [(0.01, "exponential_euler"), (0.1, "exponential_euler"), (0.1, "rk4")])
def test_adex(protocol, references, dt, method):
    spikes, V = run(protocol, adex(protocol, method=method), 500.0, dt=dt, current=protocol.ADEX_CURRENT * u.pA)
    pair_intervals(spikes, references["adex_spikes"], 0.1 + 1.5 * dt)  # NEST's own times are rounded to 0.1 ms
    assert np.abs(V - references["adex_V"])[:30].max() < 0.5 * dt  # 15 ms: to the foot of the first spike


def izhikevich(protocol, kind, **options):
    p = protocol.IZHIKEVICH[kind]
    return bs.neurons.Izhikevich(1, a=p["a"] / u.ms, b=p["b"], c=p["c"] * u.mV, d=p["d"] * u.mV, **options)


kinds = pytest.mark.parametrize("kind", ["regular", "chattering", "fast"])


@kinds
def test_izhikevich_with_euler_is_exactly_nest(protocol, references, kind):
    cell = izhikevich(protocol, kind, method=bs.integrators.Untried("euler"))
    spikes, V = run(protocol, cell, 250.0, dt=0.1, current=protocol.IZHIKEVICH_CURRENT * u.mV)
    theirs = references[f"izhikevich_{kind}_euler_spikes"]
    # A rounding error grows tenfold in 20 ms here, so from 300 ms on the order of the additions decides.
    pair(spikes, theirs[theirs <= 250.0], 1e-6)
    np.testing.assert_allclose(V[:400], references[f"izhikevich_{kind}_euler_V"][:400], atol=1e-5, rtol=0)


@kinds
def test_izhikevich_converges_to_brian2(protocol, references, kind):
    cell = izhikevich(protocol, kind)
    spikes, _ = run(protocol, cell, 500.0, dt=0.01, current=protocol.IZHIKEVICH_CURRENT * u.mV)
    pair_intervals(spikes, references[f"izhikevich_{kind}_spikes"], 0.05)


def squid(protocol, gates):
    p, area = protocol.SQUID, 1e-4 * u.cm2  # the density is what NEST has on 1e-4 cm2
    S = {k: p[k] * u.nS / area for k in ("g_Na", "g_K", "g_L")}
    E = {k: p[k] * u.mV for k in ("E_Na", "E_K", "E_L")}
    m, h, n = (float(x) for x in gates)
    return bs.neurons.HodgkinHuxley(1, C=p["C_m"] * u.pF / area, m=m, h=h, n=n, **S, **E)


def test_hodgkin_huxley(protocol, references):
    current = protocol.SQUID_CURRENT * u.pA / (1e-4 * u.cm2)
    spikes, V = run(protocol, squid(protocol, references["squid_gates"]), 100.0, dt=0.005, current=current)
    lag = references["squid_spikes"] - spikes
    assert len(spikes) == 7
    assert lag.min() > 0.2 and lag.max() < 0.6 and np.ptp(lag) < 0.15  # from the crossing of 0 mV to the maximum
    assert np.abs(V - references["squid_V"]).max() < 2.0  # whole spikes included


def traub(protocol, gates):
    p = protocol.TRAUB
    S = {k: p[k] * u.nS for k in ("g_Na", "g_K", "g_L")}
    E = {k: p[k] * u.mV for k in ("E_Na", "E_K", "E_L", "V_T")}
    m, h, n = (float(x) for x in gates)
    return bs.neurons.TraubMiles(1, C=p["C_m"] * u.pF, V=-65.0 * u.mV, m=m, h=h, n=n, **S, **E)


def test_traub_miles_with_conductances(protocol, references):
    trains, weights = protocol.input_trains(200.0), protocol.WEIGHT["traub"]
    cell = traub(protocol, references["traub_gates"])
    current = protocol.TRAUB_CURRENT * u.pA
    spikes, V = run(protocol, cell, 200.0, dt=0.005, current=current, trains=trains, weights=weights)
    lag = references["traub_spikes"] - spikes
    assert len(spikes) == 11
    assert lag.min() > 0.0 and lag.max() < 0.6 and np.ptp(lag) < 0.2  # from the crossing of -20 mV to the maximum
    assert np.abs(V - references["traub_V"]).max() < 5.0


def test_qif(protocol, references):
    p = protocol.QIF
    cell = lambda: bs.neurons.QIF(
        1, tau=p["tau"] * u.ms, a_0=p["a_0"] / u.mV, E_L=p["E_L"] * u.mV, V_c=p["V_c"] * u.mV, V_peak=p["V_peak"] * u.mV,
        V_reset=p["V_reset"] * u.mV, R=1.0 * u.Gohm,
    )  # fmt: skip
    spikes, _ = run(protocol, cell(), 300.0, dt=0.01, current=protocol.QIF_DRIVE * u.pA)
    pair(spikes, references["qif_spikes"], 0.05)


def glif(protocol, level):
    p, mechanisms = protocol.GLIF, protocol.GLIF_LEVELS[level]
    values = dict(
        C=p["C_m"] * u.pF, g_L=p["g"] * u.nS, E_L=p["E_L"] * u.mV, V_th=p["V_th"] * u.mV, refractory=p["t_ref"] * u.ms
    )
    if "spike_dependent_threshold" in mechanisms:
        values |= dict(
            f_V=p["voltage_reset_fraction"], delta_V=p["voltage_reset_add"] * u.mV,
            delta_theta=p["th_spike_add"] * u.mV, b_s=p["th_spike_decay"] / u.ms,
        )  # fmt: skip
    else:
        values |= dict(V_reset=p["V_reset"] * u.mV)
    if "after_spike_currents" in mechanisms:
        for k in (1, 2):
            values |= {
                f"k_{k}": p["asc_decay"][k - 1] / u.ms,
                f"f_{k}": p["asc_r"][k - 1],
                f"delta_{k}": p["asc_amps"][k - 1] * u.pA,
            }
    if "adapting_threshold" in mechanisms:
        values |= dict(a_v=p["th_voltage_index"] / u.ms, b_v=p["th_voltage_decay"] / u.ms)
    return getattr(bs.neurons, f"GLIF{level}")(1, method="rk4", **values)


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
def test_glif(protocol, references, level):
    net = bs.Network()
    net.E = glif(protocol, level)
    net.E.add_stimuli(drive=bs.stimuli.Constant(protocol.GLIF_CURRENT * u.pA, start=0.2 * u.ms))
    every = protocol.STEP * protocol.EVERY
    rec = bs.simulate(
        net, protocol.DURATION["glif"] * u.ms, record=["E.spikes", "E.V"], sample_every=every * u.ms, progress=False
    )
    pair(np.asarray(rec.spikes["E"].times / u.ms), references[f"glif{level}_spikes"], 1e-6)
    # NEST takes the V of a rule of reset at the beginning of the step: V rises by 0.4 mV in the last step before a
    # spike, of which a fifth is left. It takes the mean of after-spike currents over the step where they decay
    # exponentially: 2e-4 mV.
    within = {1: 1e-6, 2: 0.1, 3: 5e-4, 4: 0.1, 5: 0.1}[level]
    np.testing.assert_allclose(np.asarray(rec["E.V"] / u.mV)[:, 0], references[f"glif{level}_V"], atol=within, rtol=0)


def test_mat2_is_exactly_nest(protocol, references):
    p = protocol.MAT2
    cell = bs.neurons.MAT2(
        1, tau=p["tau_m"] * u.ms, R=p["tau_m"] / p["C_m"] * u.Gohm, E_L=p["E_L"] * u.mV, omega=p["omega"] * u.mV,
        tau_1=p["tau_1"] * u.ms, tau_2=p["tau_2"] * u.ms, alpha_1=p["alpha_1"] * u.mV, alpha_2=p["alpha_2"] * u.mV,
        refractory=p["t_ref"] * u.ms,
    )  # fmt: skip
    spikes, V = run(protocol, cell, protocol.DURATION["mat2"], dt=0.1, current=protocol.MAT2_CURRENT * u.pA)
    pair(spikes, references["mat2_spikes"], 1e-6)
    np.testing.assert_allclose(V, references["mat2_V"], atol=1e-6, rtol=0)


def test_alif_is_exactly_brian2(protocol, references):
    p = protocol.ALIF
    cell = bs.neurons.ALIF(
        1,
        tau=p["tau"] * u.ms,
        tau_a=p["tau_a"] * u.ms,
        E_L=p["E_L"] * u.mV,
        V_th=p["V_th"] * u.mV,
        beta=p["beta"] * u.mV,
    )
    spikes, _ = run(protocol, cell, protocol.DURATION["alif"], dt=0.1, current=protocol.ALIF_DRIVE * u.nA)
    pair(spikes, references["alif_spikes"], 1e-6)


def test_expif(protocol, references):
    p = protocol.EXPIF
    mV = {k: p[k] * u.mV for k in ("E_L", "V_T", "Delta_T", "V_peak", "V_reset")}
    cell = bs.neurons.ExpIF(1, C=p["C"] * u.pF, g_L=p["g_L"] * u.nS, V=p["E_L"] * u.mV, **mV)
    spikes, _ = run(protocol, cell, protocol.DURATION["expif"], dt=0.01, current=protocol.EXPIF_CURRENT * u.pA)
    pair_intervals(spikes, references["expif_spikes"], 0.02)


def test_adqif(protocol, references):
    p = protocol.ADQIF
    mV = {k: p[k] * u.mV for k in ("E_L", "V_c", "V_peak", "V_reset")}
    cell = bs.neurons.AdQIF(
        1,
        tau=p["tau"] * u.ms,
        a_0=p["a_0"] / u.mV,
        R=p["R"] * u.Mohm,
        tau_w=p["tau_w"] * u.ms,
        a=p["a"] * u.nS,
        b=p["b"] * u.pA,
        **mV,
    )
    spikes, _ = run(protocol, cell, protocol.DURATION["adqif"], dt=0.01, current=protocol.ADQIF_CURRENT * u.pA)
    pair_intervals(spikes, references["adqif_spikes"], 0.02)


def test_gif(protocol, references):
    p = protocol.GIF
    mV = {k: p[k] * u.mV for k in ("E_L", "V_r", "Theta_inf", "Theta_r")}
    rates = {k: p[k] / u.ms for k in ("a", "b", "k_1", "k_2")}
    cell = bs.neurons.GIF(
        1, C=p["C"] * u.pF, G=p["G"] * u.nS, R_1=p["R_1"], R_2=p["R_2"], A_1=p["A_1"] * u.pA, A_2=p["A_2"] * u.pA,
        method="rk4", **mV, **rates,
    )  # fmt: skip
    spikes, _ = run(protocol, cell, protocol.DURATION["gif"], dt=0.01, current=protocol.GIF_CURRENT * u.pA)
    pair_intervals(spikes, references["gif_spikes"], 0.02)


def test_theta(protocol, references):
    p = protocol.THETA
    net = bs.Network()
    net.E = bs.neurons.Theta(1, tau=p["tau"] * u.ms, eta=p["eta"], method="rk4")
    net.E.add_stimuli(drive=bs.stimuli.Constant(protocol.THETA_DRIVE))
    rec = bs.simulate(net, protocol.DURATION["theta"] * u.ms, dt=0.02 * u.ms, record="E.spikes", progress=False)
    pair(np.asarray(rec.spikes["E"].times / u.ms), references["theta_spikes"], 0.03)


def by_chance(protocol, cell, current, name, references):
    """Counts in 100 ms and the variation of intervals, within four standard errors of a comparison of two samples."""
    net = bs.Network(seed=3)
    net.E = cell
    net.E.add_stimuli(drive=bs.stimuli.Constant(current))
    train = bs.simulate(net, protocol.CHANCE["duration"] * u.ms, record="E.spikes", progress=False).spikes["E"]
    times, indices = np.asarray(train.times / u.ms), np.asarray(train.indices)
    counts = np.histogram(times, np.arange(0.0, protocol.CHANCE["duration"] + 1, 100.0))[0] / protocol.CHANCE["cells"]
    late = [np.diff(times[(indices == k) & (times > 500)]) for k in range(protocol.CHANCE["cells"])]
    intervals = np.concatenate(late)
    theirs = references[f"{name}_counts"]
    error = np.sqrt(2 * theirs / protocol.CHANCE["cells"])  # of Poisson counts; these are Poisson or more regular
    assert np.all(np.abs(counts - theirs) < 4 * error)
    cv = intervals.std() / intervals.mean()
    assert cv == pytest.approx(float(references[f"{name}_cv"]), abs=4 * cv / np.sqrt(len(intervals)))


def test_escape_gif(protocol, references):
    p = protocol.ESCAPE
    adaptation = {}
    for k in (1, 2):
        adaptation |= {f"tau_eta_{k}": p["tau_stc"][k - 1] * u.ms, f"q_eta_{k}": p["q_stc"][k - 1] * u.pA}
        adaptation |= {f"tau_gamma_{k}": p["tau_sfa"][k - 1] * u.ms, f"q_gamma_{k}": p["q_sfa"][k - 1] * u.mV}
    cell = bs.neurons.EscapeGIF(
        protocol.CHANCE["cells"], C=p["C_m"] * u.pF, g_L=p["g_L"] * u.nS, E_L=p["E_L"] * u.mV, V_T=p["V_T_star"] * u.mV,
        Delta_V=p["Delta_V"] * u.mV, lambda_0=p["lambda_0"] * u.Hz, V_reset=p["V_reset"] * u.mV, refractory=p["t_ref"] * u.ms,
        V=p["E_L"] * u.mV, method="rk4", **adaptation,
    )  # fmt: skip
    by_chance(protocol, cell, protocol.ESCAPE_CURRENT * u.pA, "escape", references)


def test_poisson_neuron_with_an_exponential_transfer_function(protocol, references):
    p = protocol.POINT_PROCESS
    cell = bs.neurons.PoissonNeuron(
        protocol.CHANCE["cells"], transfer=jnp.exp, tau=p["tau_m"] * u.ms, R=p["tau_m"] / p["C_m"] * u.Gohm, E_L=0.0 * u.mV, V_0=0.0 * u.mV,
        Delta=1.0 / p["c_3"] * u.mV, rate=p["c_2"] * u.Hz, V=0.0 * u.mV, refractory=p["dead_time"] * u.ms,
    )  # fmt: skip
    by_chance(protocol, cell, protocol.POINT_PROCESS_CURRENT * u.pA, "point_process", references)


@pytest.mark.slow
def test_the_peers_still_say_the_same(protocol, references):
    pytest.importorskip("nest")
    pytest.importorskip("brian2")
    for name, values in (protocol.from_nest() | protocol.from_brian2()).items():
        np.testing.assert_allclose(values, references[name], atol=1e-5, rtol=0, err_msg=name)
