"""Release by the presynaptic potential against its equation, from point neurons and from places of cells."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import cells
from brainsim.terminals import GradedRelease, ReleaseByPotential

G = u.mS / u.cm2


def network(terminal, *, places=False, delay=None):
    """A passive cell under a step of current, and a point neuron that gets s as a current."""
    net = bs.Network()
    cut = cells.discretise(cells.cable(300 * u.um, 2 * u.um, type="axon"), 3)
    net.pre = cells.MultiCompartment(2, cut, g_L=0.1 * G, E_L=-60 * u.mV, V=-60 * u.mV)
    net.pre.add_stimuli(step=bs.stimuli.Constant([40, -10] * u.pA))
    net.T = bs.neurons.LIF(2, V_th=1e9 * u.mV)
    net.T.add_receptors(syn=bs.receptors.Graded())
    rule = bs.FromArrays([4, 5], [0, 1])  # the last compartments
    net.connect(
        net.pre.at("axon"), net.T, rule, receptor="syn", weight=1 * u.pA, terminal=terminal, delay=delay, name="way"
    )
    return net


def follow(net, duration=30.0, dt=0.05):
    rec = bs.simulate(net, duration * u.ms, dt=dt * u.ms, record=["T.syn.g", "pre.V"])
    return np.asarray(u.get_mantissa(rec["T.syn.g"])), rec["pre.V"].to_decimal(u.mV)[:, 4:6]


def graded(V, s):
    return 0.5 / (1 + np.exp(-(V + 40) / 6)) * (1 - s) - 0.1 * s


def by_potential(V, s):
    steady = 1 / (1 + np.exp(-(V + 40) / 6))
    return (steady - s) / ((1 - steady) / 0.1)


CASES = [
    (lambda **k: GradedRelease(a_r=0.5 / u.ms, a_d=0.1 / u.ms, V_half=-40 * u.mV, k=6 * u.mV, **k), graded),
    (lambda **k: ReleaseByPotential(a_d=0.1 / u.ms, V_half=-40 * u.mV, k=6 * u.mV, **k), by_potential),
]


@pytest.mark.parametrize(("made", "slope"), CASES, ids=["graded", "by potential"])
def test_follows_its_equation(made, slope):
    """Against Runge-Kutta steps along the recorded V, which is smooth: of the first order in dt."""
    errors = []
    for dt in (0.1, 0.05):
        sent, V = follow(network(made(s=0.2)), dt=dt)
        V = np.vstack([[-60.0, -60.0], V])
        s, exact = np.full(2, 0.2), []
        for a, b in zip(V[:-1], V[1:]):
            mid = (a + b) / 2
            k1 = slope(a, s)
            k2 = slope(mid, s + dt / 2 * k1)
            k3 = slope(mid, s + dt / 2 * k2)
            s = s + dt / 6 * (k1 + 2 * k2 + 2 * k3 + slope(b, s + dt * k3))
            exact.append(s)
        errors.append(np.abs(sent - np.array(exact)).max())
    assert sent[-1, 0] > 0.3 > 0.1 > sent[-1, 1]
    assert errors[1] < 0.01 and 1.7 < errors[0] / errors[1] < 2.3


def test_a_delay_and_pieces():
    """It acts from the beginning on, comes later by the delay, and a run in pieces is the run as a whole."""
    made = CASES[0][0]
    now, _ = follow(network(made(s=0.3)))
    net = network(made(s=0.3), delay=1.0 * u.ms)
    late, _ = follow(net)
    np.testing.assert_allclose(late[20:], now[:-20], rtol=1e-12)
    np.testing.assert_allclose(late[:19], 0.3, rtol=1e-12)
    net.reset()
    pieces = np.concatenate([follow(net, 11.3)[0], follow(net, 18.7)[0]])
    np.testing.assert_array_equal(pieces, late)


def test_derivatives():
    """By the weight, the terminal's parameters and those of the cell that sends, against differences."""
    net = network(CASES[1][0](s=0.1))
    net.T.E_L, net.T.V = 0 * u.mV, 0 * u.mV  # where differences lose nothing to rounding
    run = bs.function(net, 5 * u.ms, dt=0.1 * u.ms, record="T.V")
    paths = ["way.weight", "way.terminal.k", "way.terminal.V_half", "pre.g_L"]
    last = jax.jit(lambda given: run(given, {})[1]["T.V"][-1].sum())
    here = {path: run.parameters[path] for path in paths}
    slopes = jax.grad(last)(here)
    for path in paths:
        step = 1e-5 * max(1.0, float(jnp.abs(here[path]).max()))
        up, down = (last(here | {path: here[path] + sign * step}) for sign in (1, -1))
        np.testing.assert_allclose(slopes[path].sum(), (up - down) / (2 * step), rtol=1e-5, atol=1e-10, err_msg=path)


def test_what_it_does_not_take():
    net = network(GradedRelease())
    net.S = bs.sources.PoissonGroup(2, rate=5 * u.Hz)
    with pytest.raises(bs.UnknownNameError, match="S has no 'V' to send"):
        net.connect(net.S, net.T, bs.OneToOne(), receptor="syn", weight=1 * u.pA, terminal=GradedRelease())
    with pytest.raises(ValueError, match="GradedRelease takes V, given signal='spikes'"):
        net.connect(
            net.pre, net.T, bs.OneToOne(), receptor="syn", weight=1 * u.pA, terminal=GradedRelease(), signal="spikes"
        )
    with pytest.raises(ValueError, match="one 'V' for each of the 2 units of pre; connect from pre.at"):
        net.connect(net.pre, net.T, bs.OneToOne(), receptor="syn", weight=1 * u.pA, terminal=GradedRelease())
    with pytest.raises(bs.UnitError, match="GradedRelease.k: expected"):
        GradedRelease(k=1 * u.ms)
    net.T.add_receptors(fast=bs.receptors.Exponential())
    with pytest.raises(ValueError, match="takes spikes, given a graded signal"):
        net.connect(
            net.pre.at("axon"), net.T, bs.AllToAll(), receptor="fast", weight=1 * u.pA, terminal=GradedRelease()
        )
    net.R = bs.masses.WilsonCowan(2)
    with pytest.raises(bs.UnknownNameError, match="'V'"):
        net.connect(net.R, net.T, bs.OneToOne(), receptor="syn", weight=1 * u.pA, terminal=GradedRelease())


@pytest.mark.parametrize("wide", [False, True])
def test_stays_a_fraction(wide):
    with jax.enable_x64(wide):
        sent, _ = follow(network(ReleaseByPotential(V_half=-200 * u.mV, k=1 * u.mV)), 2.0, dt=0.5)
        assert np.all(sent <= 1) and np.all(sent[-1] > 0.99) and sent.dtype == (np.float64 if wide else np.float32)
