"""Graded transmission against the equations that it stands for."""

import brainunit as u
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import brainsim as bs


def pair(g=0.02, delay=None, **cells):
    """Two leaky membranes (tau 20 ms, R 100 MOhm) joined by a gap junction of ``g`` nS."""
    net = bs.Network()
    net.A = bs.neurons.LIF(1, R=100 * u.Mohm, V=-58 * u.mV, V_th=1e9 * u.mV)
    net.B = bs.neurons.LIF(1, R=100 * u.Mohm, V=-52 * u.mV, V_th=1e9 * u.mV)
    for a, b in ((net.A, net.B), (net.B, net.A)):
        b.add_receptors(gap=bs.receptors.GapJunction())
        net.connect(a, b, bs.OneToOne(), receptor="gap", weight=g * u.nS, **({} if delay is None else {"delay": delay}))
    return net


def test_a_gap_junction_relaxes_the_difference():
    """Sum and difference of two equal membranes decay with tau and tau / (1 + 2 g R)."""
    net = pair(g=5.0)
    dt = 0.005
    rec = bs.simulate(net, 20 * u.ms, dt=dt * u.ms, record=["A.V", "B.V"])
    a, b, t = (np.asarray(x).ravel() for x in (rec["A.V"] / u.mV, rec["B.V"] / u.mV, rec.times / u.ms))
    np.testing.assert_allclose((a + b) / 2 + 60, 5.0 * np.exp(-t / 20), atol=0.002)
    np.testing.assert_allclose(b - a, 6.0 * np.exp(-t * 2.0 / 20), atol=0.01)


@pytest.mark.parametrize("kind", ["axonal", "synaptic"])
def test_a_delay_is_that_of_the_equation(kind):
    """x' = (-60 - x + g R (y(t - d) - x)) / 20, where y was constant before the start: solved interval by interval."""
    d, k = 3.0, 0.2
    net = pair(g=2.0, delay=d * u.ms if kind == "axonal" else [d] * u.ms)
    assert net["A->B"].delay_kind == kind
    rec = bs.simulate(net, 2 * d * u.ms, dt=0.01 * u.ms, record=["A.V", "B.V"])
    a, b = (np.asarray(rec[name] / u.mV).ravel() for name in ("A.V", "B.V"))

    def solve(before, start):
        def slope(t, x):
            return (-60 - x + k * (before(t)[::-1] - x)) / 20

        return solve_ivp(slope, (0, d), start, dense_output=True, rtol=1e-10, atol=1e-10).sol

    first = solve(lambda t: np.array([-58.0, -52.0]), [-58.0, -52.0])
    second = solve(first, first(d))
    t = np.arange(1, 301) * 0.01
    np.testing.assert_allclose(np.stack([a, b]), np.concatenate([first(t), second(t)], axis=1), atol=2e-3)


def test_history_follows_initial_values_that_are_drawn_again():
    net = bs.Network(seed=1)
    net.A = bs.neurons.LIF(3, V=bs.Uniform(-60 * u.mV, -50 * u.mV))
    net.A.add_receptors(gap=bs.receptors.GapJunction())
    net.connect(net.A, net.A, bs.AllToAll(), receptor="gap", weight=1 * u.nS, delay=2 * u.ms)
    bs.simulate(net, 1 * u.ms)
    net.reset(seed=5)
    np.testing.assert_array_equal(net["A->A"].axon.plain("line"), np.tile(net.A.plain("V"), (20, 1)))


def test_a_graded_conductance_follows_the_presynaptic_variable():
    net = bs.Network()
    net.A = bs.neurons.LIF(2, V=[-58.0, -52.0] * u.mV)
    net.B = bs.neurons.LIF(1, R=100 * u.Mohm)
    net.B.add_receptors(syn=bs.receptors.Graded())
    net.connect(net.A, net.B, bs.AllToAll(), receptor="syn", signal="V", weight=[[2.0], [3.0]] * u.nS)
    rec = bs.simulate(net, 5 * u.ms, record=["A.V", "B.syn.g"])
    sent = np.asarray(rec["A.V"] / u.mV)
    np.testing.assert_allclose(np.asarray(rec["B.syn.g"] / u.pA)[:, 0], sent @ [2.0, 3.0], rtol=1e-12)


def test_what_cannot_be_sent_is_refused():
    net = bs.Network()
    net.A, net.B, net.S = bs.neurons.LIF(2), bs.neurons.LIF(2), bs.sources.PoissonGroup(2)
    net.B.add_receptors(gap=bs.receptors.GapJunction(), graded=bs.receptors.Graded(), spiky=bs.receptors.Exponential())
    wire = dict(rule=bs.OneToOne())
    with pytest.raises(bs.UnknownNameError, match="S has no 'V' to send"):
        net.connect(net.S, net.B, **wire, receptor="gap", weight=1 * u.nS)
    with pytest.raises(ValueError, match="B.graded is graded; say with signal"):
        net.connect(net.A, net.B, **wire, receptor="graded", weight=1 * u.nS)
    with pytest.raises(bs.UnknownNameError, match="A has no 'v' to send.*Accepted: V, "):
        net.connect(net.A, net.B, **wire, receptor="graded", signal="v", weight=1 * u.nS)
    with pytest.raises(ValueError, match="B.spiky takes spikes, given a graded signal"):
        net.connect(net.A, net.B, **wire, receptor="spiky", signal="V", weight=1 * u.nS)
    with pytest.raises(bs.UnitError, match="weight: expected"):
        net.connect(net.A, net.B, **wire, receptor="gap", weight=1 * u.pA)
    assert not net.projections


def test_spikes_that_are_sent_as_a_signal_last_for_a_step():
    """Whatever they carry: the current of the step behind their arrival, as of any other variable."""
    net = bs.Network()
    net.x, net.y = bs.sources.SpikeInput(2), bs.sources.SpikeTimes(1, [3.0] * u.ms, [0])
    net.B = bs.masses.Linear(3, tau=1 * u.ms, method="euler")
    net.B.add_receptors(given=bs.receptors.Graded(), once=bs.receptors.Graded())
    W, given = np.arange(6.0).reshape(2, 3), np.random.default_rng(0).normal(size=(8, 2))
    net.connect(net.x, net.B, bs.FromMatrix(W), receptor="given", signal="spikes")
    net.connect(net.y, net.B, bs.AllToAll(), receptor="once", signal="spikes", weight=5.0, delay=2 * u.ms)
    rec = bs.simulate(net, 8 * u.ms, dt=1 * u.ms, record=["B.x", "B.given.g", "B.once.g"], inputs={"x.input": given})
    np.testing.assert_allclose(rec["B.given.g"], given @ W)
    np.testing.assert_array_equal(rec["B.once.g"][:, 0], [0, 0, 0, 0, 5, 0, 0, 0])
    np.testing.assert_allclose(rec["B.x"][1:], (given @ W)[:-1] + np.asarray(rec["B.once.g"])[:-1])
