"""Receptors against their closed forms."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import brainsim as bs
from brainsim import receptors

exp = np.exp
ARRIVES = 2.0  # ms


def dual(t, rise, decay):
    peak = decay * rise / (decay - rise) * np.log(decay / rise)
    return (exp(-t / decay) - exp(-t / rise)) / (exp(-peak / decay) - exp(-peak / rise))


CASES = {
    "Exponential": (lambda **o: receptors.Exponential(tau=5 * u.ms, **o), lambda t: exp(-t / 5)),
    "Alpha": (lambda **o: receptors.Alpha(tau=2 * u.ms, **o), lambda t: t / 2 * exp(1 - t / 2)),
    "DualExponential": (
        lambda **o: receptors.DualExponential(tau_rise=1 * u.ms, tau_decay=6 * u.ms, **o),
        lambda t: dual(t, 1, 6),
    ),
    "NMDA": (lambda **o: receptors.NMDA(), lambda t: dual(t, 2, 100)),
    "AMPA": (lambda **o: receptors.AMPA(), lambda t: dual(t, 0.2, 1.7)),
    "GABA_A": (lambda **o: receptors.GABA_A(), lambda t: dual(t, 0.2, 8.3)),
}


def impulses(given: dict, dt, duration=60.0, weight=3.0):
    """g of each receptor at the end of each step, from the arrival of one spike on."""
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(1, [ARRIVES] * u.ms, [0])
    net.E = bs.neurons.LIF(2, V_th=1e9 * u.mV)
    net.E.add_receptors(**given)
    for name, receptor in given.items():
        unit = receptor.unit_of(receptor.port)
        net.connect(net.S, net.E[1:], bs.AllToAll(), receptor=name, weight=weight * unit)
    rec = bs.simulate(net, duration * u.ms, dt=dt * u.ms, record=[f"E.{name}.g" for name in given])
    t = np.asarray(rec.times / u.ms)
    after = t > ARRIVES - dt / 2
    found = {}
    for name, receptor in given.items():
        g = np.asarray(u.get_mantissa(rec[f"E.{name}.g"]))
        assert u.get_unit(rec[f"E.{name}.g"]) == receptor.unit_of(receptor.port)
        assert not g[:, 0].any() and not g[~after].any()
        found[name] = g[after, 1]
    return t[after] - ARRIVES, found


@pytest.mark.parametrize("dt", [0.1, 2.0])
def test_impulse_response_is_the_closed_form_at_any_step(dt):
    t, found = impulses({name: make() for name, (make, _) in CASES.items()}, dt)
    for name, (_, closed) in CASES.items():
        np.testing.assert_allclose(found[name], 3.0 * closed(t), atol=1e-12, rtol=1e-12, err_msg=name)


def test_the_peak_is_the_weight():
    kinds = ("Alpha", "DualExponential")
    _, found = impulses({name: CASES[name][0]() for name in kinds}, 0.005, duration=8.0)
    for name in kinds:
        assert found[name].max() == pytest.approx(3.0, rel=1e-6)


def test_currents_and_conductances_have_their_units():
    cell = bs.neurons.LIF(1)
    current, conductance = receptors.Exponential(), receptors.Exponential(reversal=0 * u.mV)
    cell.add_receptors(current=current, conductance=conductance)
    assert current.is_current and not conductance.is_current
    assert current.unit_of("g") == u.pA
    assert conductance.unit_of("g").has_same_dim(u.nS)
    squid = bs.neurons.HodgkinHuxley(1)
    squid.add_receptors(syn=(dense := receptors.Alpha(reversal=0 * u.mV)))
    assert dense.unit_of("g").has_same_dim(u.mS / u.cm2)


def held_cell(receptor, g, V=-40.0):
    """dV/dt of a cell without leak to speak of, with g held open: the current through the receptor, in pA."""
    net = bs.Network()
    net.E = bs.neurons.LIF(1, tau=1e6 * u.ms, R=1e3 * u.Mohm, V_th=1e9 * u.mV, V=V * u.mV, E_L=V * u.mV)
    net.E.add_receptors(syn=receptor)
    net.E.syn.g = g
    bs.simulate(net, 0.001 * u.ms, dt=0.001 * u.ms)
    return (float(net.E.plain("V")[0]) - V) / 0.001 * 1e6  # C = tau / R = 1e6 pF


def test_a_current_ignores_the_potential_and_a_conductance_has_a_driving_force():
    slow = dict(tau=1e7 * u.ms)
    for V in (-40.0, -70.0):
        I = held_cell(receptors.Exponential(**slow), 50.0 * u.pA, V)
        assert pytest.approx(50.0, rel=1e-6) == I
        I = held_cell(receptors.Exponential(reversal=-10 * u.mV, **slow), 4.0 * u.nS, V)
        assert pytest.approx(4.0 * (-10.0 - V), rel=1e-6) == I


@pytest.mark.parametrize("V", [-80.0, -40.0, 0.0, 30.0])
def test_magnesium_block_is_that_of_jahr_and_stevens(V):
    block = 1 / (1 + 2.0 / 3.57 * exp(-0.062 * V))
    nmda = receptors.NMDA(Mg=2.0 * u.mM, tau_rise=1e6 * u.ms, tau_decay=1e7 * u.ms)
    assert held_cell(nmda, 4.0 * u.nS, V) == pytest.approx(4.0 * block * (0.0 - V), rel=1e-6, abs=1e-9)


def test_receptors_with_a_published_reversal_are_conductances():
    cell = bs.neurons.LIF(1)
    cell.add_receptors(
        **{name: getattr(receptors, name)() for name in ("AMPA", "GABA_A", "GABA_B", "NMDA", "GatedNMDA")}
    )
    assert {name: r.reversal.to_decimal(u.mV) for name, r in cell.receptors.items()} == dict(
        AMPA=0.0, GABA_A=-80.0, GABA_B=-95.0, NMDA=0.0, GatedNMDA=0.0
    )
    assert not any(r.is_current for r in cell.receptors.values())


def test_nmda_is_a_conductance_by_default_and_at_low_voltage_blocked():
    nmda = receptors.NMDA()
    bs.neurons.LIF(1).add_receptors(syn=nmda)
    expected = [1 / (1 + exp(5.58) / 3.57), 1 / (1 + 1 / 3.57)]
    np.testing.assert_allclose([nmda.block(-90.0), nmda.block(0.0)], expected, rtol=1e-12)


def test_delta_moves_the_potential_at_once_and_by_its_weight():
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(1, [1.0, 3.0] * u.ms, [0, 0])
    net.E = bs.neurons.LIF(1, tau=1e9 * u.ms)
    net.E.add_receptors(syn=receptors.Delta())
    net.connect(net.S, net.E, bs.AllToAll(), receptor="syn", weight=2.5 * u.mV)
    V = np.asarray(u.get_mantissa(bs.simulate(net, 5 * u.ms, dt=0.5 * u.ms, record=["E.V"])["E.V"]))[:, 0]
    np.testing.assert_allclose(V + 60.0, [0, 0, 2.5, 2.5, 2.5, 2.5, 5.0, 5.0, 5.0, 5.0], atol=1e-6)


def test_a_refractory_neuron_ignores_delta_input():
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(1, [1.0, 2.0, 6.0] * u.ms, [0, 0, 0])
    net.E = bs.neurons.LIF(1, tau=1e9 * u.ms, refractory=3 * u.ms)
    net.E.add_receptors(syn=receptors.Delta())
    net.connect(net.S, net.E, bs.AllToAll(), receptor="syn", weight=11.0 * u.mV)
    rec = bs.simulate(net, 10 * u.ms, dt=0.5 * u.ms, record=["E.spikes", "E.V"])
    np.testing.assert_allclose(rec.spikes["E"].times / u.ms, [1.5, 6.5])  # fired at once, silent at 2 ms, fires again


def test_a_crossing_by_a_delta_jump_is_a_spike():
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(1, [1.0] * u.ms, [0])
    net.E = bs.neurons.HodgkinHuxley(1)
    net.E.add_receptors(syn=receptors.Delta())
    net.connect(net.S, net.E, bs.AllToAll(), receptor="syn", weight=90.0 * u.mV)
    rec = bs.simulate(net, 3 * u.ms, dt=0.01 * u.ms, record=["E.spikes"])
    np.testing.assert_allclose(rec.spikes["E"].times / u.ms, [1.01])


def test_equal_and_nearly_equal_time_constants_are_an_alpha_function():
    """Also when they become equal later, and whichever is the longer."""
    times = {"equal": (5.0, 5.0), "below": (4.9999, 5.0), "above": (5.0, 4.9999), "digit": (5.0 * (1 - 1e-15), 5.0)}
    times["swapped"] = (6.0, 1.0)
    t, found = impulses(
        {k: receptors.DualExponential(tau_rise=r * u.ms, tau_decay=d * u.ms) for k, (r, d) in times.items()},
        0.5,
    )
    alpha = 3.0 * t / 5 * exp(1 - t / 5)
    for k, within in {"equal": 1e-14, "digit": 1e-14, "below": 3e-5, "above": 3e-5}.items():
        np.testing.assert_allclose(found[k], alpha, atol=within, err_msg=k)
    np.testing.assert_allclose(found["swapped"], 3.0 * dual(t, 1, 6), atol=1e-13)
    bs.neurons.LIF(2).add_receptors(syn=(syn := receptors.DualExponential(tau_rise=[1.0, 5.0] * u.ms)))
    syn.tau_decay = 5 * u.ms
    rows, mean = syn.propagator(jnp.asarray(0.1))
    assert np.all(np.isfinite(np.stack([rows[1][0], mean[0]])))


def test_a_stage_that_is_no_state_is_refused():
    with pytest.raises(bs.UnknownNameError, match="Wrong: the stage 'gg' is no State.*Did you mean 'g'"):

        class Wrong(receptors.Exponential):
            def derivative(self, gg):
                return -gg


LINEAR = {
    "Exponential": lambda: receptors.Exponential(tau=0.2 * u.ms),
    "Alpha": lambda: receptors.Alpha(tau=0.3 * u.ms),
}


@pytest.mark.parametrize("kind, peak", [("Exponential", 2e-3), ("Alpha", 1e-3)])
def test_a_fast_synapse_has_the_analytic_epsp(kind, peak):
    """tau (0.2 and 0.3 ms) as short as a few steps: V is that of the continuous equation."""
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(1, [1.0] * u.ms, [0])
    net.E = bs.neurons.LIF(1, tau=10 * u.ms, R=40 * u.Mohm, E_L=0 * u.mV, V=0 * u.mV, V_th=1e9 * u.mV)
    net.E.add_receptors(syn=LINEAR[kind]())
    net.connect(net.S, net.E, bs.AllToAll(), receptor="syn", weight=1 * u.nA)
    rec = bs.simulate(net, 30 * u.ms, record="E.V")
    V, t = np.asarray(rec["E.V"] / u.mV)[10:, 0], np.asarray(rec.times / u.ms)[10:] - 1.0

    def slope(s, y):
        h, g, V = y
        if kind == "Exponential":
            return 0.0, -g / 0.2, (40 * g - V) / 10
        return -h / 0.3, (np.e * h - g) / 0.3, (40 * g - V) / 10

    start = (0.0, 1.0, 0.0) if kind == "Exponential" else (1.0, 0.0, 0.0)
    exact = solve_ivp(slope, (0, 30), start, t_eval=t, rtol=1e-11, atol=1e-13).y[2]
    late = t > 1.0
    np.testing.assert_allclose(V[late], exact[late], rtol=5e-4)
    assert V.max() == pytest.approx(exact.max(), rel=peak)


def test_projections_share_the_one_state_of_a_receptor():
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(2, [1.0, 1.0] * u.ms, [0, 1])
    net.E = bs.neurons.LIF(1)
    net.E.add_receptors(syn=receptors.Exponential())
    for k in range(2):
        net.connect(net.S[k : k + 1], net.E, bs.AllToAll(), receptor="syn", weight=(1.0 + k) * u.pA)
    g = u.get_mantissa(bs.simulate(net, 1 * u.ms, record=["E.syn.g"])["E.syn.g"])
    assert g[-1, 0] == pytest.approx(3.0)
