"""Receptors against their closed forms."""

import brainunit as u
import numpy as np
import pytest

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
every = pytest.mark.parametrize("kind", CASES)


def impulse(receptor, dt, duration=60.0, weight=3.0):
    """g at the end of each step, from the arrival of one spike on."""
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(1, [ARRIVES] * u.ms, [0])
    net.E = bs.neurons.LIF(2, V_th=1e9 * u.mV)
    net.E.add_receptors(syn=receptor)
    unit = receptor.unit_of(receptor.port)
    net.connect(net.S, net.E[1:], bs.AllToAll(), receptor="syn", weight=weight * unit)
    rec = bs.simulate(net, duration * u.ms, dt=dt * u.ms, record=["E.syn.g"])
    g = np.asarray(u.get_mantissa(rec["E.syn.g"]))
    assert u.get_unit(rec["E.syn.g"]) == unit
    assert not g[:, 0].any()
    t = np.asarray(rec.times / u.ms)
    assert not g[t < ARRIVES - dt / 2].any()
    after = t > ARRIVES - dt / 2
    return t[after] - ARRIVES, g[after, 1]


@every
@pytest.mark.parametrize("dt", [0.1, 0.5, 2.0])
def test_impulse_response_is_the_closed_form_at_any_step(kind, dt):
    make, closed = CASES[kind]
    t, g = impulse(make(), dt)
    np.testing.assert_allclose(g, 3.0 * closed(t), atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("kind", ["Alpha", "DualExponential"])
def test_the_peak_is_the_weight(kind):
    make, _ = CASES[kind]
    assert impulse(make(), 0.005, duration=8.0)[1].max() == pytest.approx(3.0, rel=1e-6)


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


def test_rise_must_be_shorter_than_decay():
    with pytest.raises(ValueError, match="tau_rise must be below tau_decay.*use Alpha"):
        bs.neurons.LIF(1).add_receptors(syn=receptors.DualExponential(tau_rise=5 * u.ms, tau_decay=5 * u.ms))


def test_projections_share_the_one_state_of_a_receptor():
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(2, [1.0, 1.0] * u.ms, [0, 1])
    net.E = bs.neurons.LIF(1)
    net.E.add_receptors(syn=receptors.Exponential())
    for k in range(2):
        net.connect(net.S[k : k + 1], net.E, bs.AllToAll(), receptor="syn", weight=(1.0 + k) * u.pA)
    g = u.get_mantissa(bs.simulate(net, 1 * u.ms, record=["E.syn.g"])["E.syn.g"])
    assert g[-1, 0] == pytest.approx(3.0)
