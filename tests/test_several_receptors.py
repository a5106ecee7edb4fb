"""One projection onto several receptors is as many projections with the same synapses."""

import brainunit as u
import jax
import numpy as np
import pytest

import brainsim as bs
from brainsim.receptors import Delta, Exponential

FACTORS = {"ampa": 1.0, "nmda": 0.2, "jump": 0.5 * u.mV / u.nS}
RULE = bs.FixedProbability(0.5)


def cells(n=20):
    net = bs.Network(seed=3)
    net.S = bs.sources.PoissonGroup(30, rate=200 * u.Hz)
    net.E = bs.neurons.LIF(n, V_th=0 * u.mV)
    net.E.add_receptors(
        ampa=Exponential(tau=2 * u.ms, reversal=0 * u.mV),
        nmda=Exponential(tau=50 * u.ms, reversal=0 * u.mV),
        jump=Delta(),
    )
    return net


def together(delay=None, weight=None, **options):
    net = cells()
    weight = bs.Uniform(1 * u.nS, 3 * u.nS) if weight is None else weight
    net.connect(net.S, net.E, RULE, receptor=FACTORS, weight=weight, delay=delay, **options)
    return net


def apart(net):
    """Synapses of the same pairs onto each receptor."""
    one, p = cells(), net["S->E"]
    pairs = bs.FromArrays(*p.pairs())
    for name, factor in FACTORS.items():
        weight, delay = p.weight * factor, None if p.delay is None else p.delay
        one.connect(one.S, one.E, pairs, receptor=name, weight=weight, delay=delay)
    return one


def potential(net, duration=20):
    return np.asarray(bs.simulate(net, duration * u.ms, record="E.V")["E.V"] / u.mV)


@pytest.mark.parametrize(
    "delay", [None, 1.5 * u.ms, bs.Uniform(0.5 * u.ms, 3 * u.ms)], ids=["none", "axonal", "synaptic"]
)
def test_it_is_as_many_projections(delay):
    net = together(delay)
    other = apart(net)
    V = potential(net)
    assert np.ptp(V) > 1
    np.testing.assert_allclose(V, potential(other), rtol=1e-12)


def test_factors_are_parameters():
    net = together()
    path = "S->E.also.nmda.factor"
    before = net.copy()
    swept = bs.sweep(net, {path: [0.2, 0.6]}, 10 * u.ms, record="E.V")
    net["S->E.also.nmda"].factor = 0.6
    V = potential(net, 10)
    for run, expected in zip(swept, (potential(before.copy(), 10), V), strict=True):
        np.testing.assert_allclose(np.asarray(run["E.V"] / u.mV), expected, rtol=1e-12)
    f = bs.function(before, 5 * u.ms, record="E.V")
    mean = jax.jit(lambda x: f({path: x}, {})[1]["E.V"].mean())
    slope = jax.grad(lambda x: f({path: x}, {})[1]["E.V"].mean())(0.2)
    np.testing.assert_allclose(slope, (mean(0.2 + 1e-4) - mean(0.2 - 1e-4)) / 2e-4, rtol=1e-6)


def test_what_does_not_add_up_beside_what_does():
    net = bs.Network()
    net.S = bs.sources.SpikeTimes(2, [1.0, 1.0] * u.ms, [0, 1])
    net.E = bs.neurons.AdEx(1)
    net.E.add_receptors(syn=Exponential(), kick=Delta(into="w", how="set"))
    net.connect(
        net.S,
        net.E,
        bs.AllToAll(),
        receptor=["syn", "kick"],
        weight=[[10.0], [30.0]] * u.pA,
        delay=[[0.2], [0.1]] * u.ms,
    )
    bs.simulate(net, 1.2 * u.ms, dt=0.1 * u.ms)
    np.testing.assert_allclose(net.E.syn.g / u.pA, 10 + 30 * np.exp(-0.1 / 5), rtol=1e-12)
    assert (net.E.kick.jump[0], net.E.kick.came[0]) == (10 * u.pA, 1)  # the step from here will set it


def test_learning_changes_what_all_get():
    stdp = bs.plasticity.PairSTDP(A_plus=0.1 * u.nS, A_minus=0.1 * u.nS, w_max=9 * u.nS)
    net = together(weight=2 * u.nS, plasticity=stdp)
    net.E.V_th = -59 * u.mV
    bs.simulate(net, 30 * u.ms)
    assert np.ptp(np.asarray(net["S->E"].weight / u.nS)) > 0.05


def test_parts_are_replaced_and_kept():
    net = together()
    assert net["S->E"].receptors == ("ampa", "jump", "nmda")  # the first, then by name
    with pytest.raises(ValueError, match="S->E"):
        del net["E.nmda"]
    net.replace("E.nmda", Exponential(tau=30 * u.ms, reversal=0 * u.mV))
    with pytest.raises(ValueError, match="has weights in"):
        net.replace("E.nmda", Exponential(tau=30 * u.ms))


@pytest.mark.parametrize(
    ("receptor", "error", "message"),
    [
        (["ampa", "nmdaa"], bs.UnknownNameError, "no receptor 'nmdaa'.*Did you mean 'nmda'"),
        (["ampa", "ampa"], ValueError, "a receptor is named twice"),
        ([], ValueError, "names none"),
        (5, TypeError, "receptor is the name of one, such as 'ampa', or several"),
        ({"ampa": 2.0, "nmda": 1.0}, ValueError, "'ampa', whose factor is 1; given 2.0"),
        ({"ampa": 1.0, "jump": 0.5}, bs.UnitError, r"S->E.also.jump.factor: expected .*, given"),
        ({"ampa": 1.0, "nmda": -0.5}, ValueError, "also.nmda.factor: values must not be negative"),
        ({"jump": 1.0, "ampa": 2 * u.nS / u.mV}, ValueError, "E.ampa is a conductance and takes no negative weights"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(receptor, error, message):
    net = cells()
    weight = 1 * u.mV if isinstance(receptor, dict) and "jump" in list(receptor)[:1] else 1 * u.nS
    with pytest.raises(error, match=message):
        net.connect(net.S, net.E, RULE, receptor=receptor, weight=weight)
    assert not net.projections
