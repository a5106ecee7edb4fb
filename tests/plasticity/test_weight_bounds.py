"""Weights that a rule would clip are refused, whichever way they come."""

import brainunit as u
import jax
import pytest

import brainsim as bs

BEYOND = r"P->E.plasticity: 20 of 20 weights are above w_max={} pA, the farthest {} pA"


def network(weight, **bounds):
    net = bs.Network()
    net.P, net.E = bs.sources.PoissonGroup(5, rate=100 * u.Hz), bs.neurons.LIF(4)
    net.E.add_receptors(syn=bs.receptors.Exponential(tau=5 * u.ms))
    rule = bs.plasticity.PairSTDP(A_plus=1 * u.pA, A_minus=1 * u.pA, **{"w_max": 10 * u.pA} | bounds)
    net.connect(net.P, net.E, bs.AllToAll(), weight=weight, receptor="syn", plasticity=rule)
    return net


def test_where_populations_are_connected():
    with pytest.raises(ValueError, match=BEYOND.format("10.", "11.")):
        network(11 * u.pA)
    with pytest.raises(ValueError, match=r"weights are below w_min=0. pA, the farthest -"):
        network(bs.Normal(0 * u.pA, 5 * u.pA))
    with pytest.raises(ValueError, match=r"w_min=12. pA is above w_max=10. pA"):
        network(11 * u.pA, w_min=12 * u.pA)
    network(bs.Clipped(bs.Normal(0 * u.pA, 5 * u.pA), low=0 * u.pA, high=10 * u.pA))


def test_where_weights_or_bounds_are_assigned():
    net = network(10 * u.pA)
    synapses = net["P->E"]
    synapses.plasticity.w_max = 4 * u.pA
    with pytest.raises(ValueError, match=BEYOND.format("4.", "10.")):
        bs.simulate(net, 1 * u.ms)
    synapses.weight = 3 * u.pA
    bs.simulate(net, 1 * u.ms)
    synapses.weight = 5 * u.pA
    with pytest.raises(ValueError, match=BEYOND.format("4.", "5.")):
        bs.simulate(net, 1 * u.ms)


def test_where_a_sweep_gives_them():
    net = network(10 * u.pA)
    weights, bounds = "P->E.weight", "P->E.plasticity.w_max"
    with pytest.raises(ValueError, match=BEYOND.format("5.", "10.")):
        bs.sweep(net, {bounds: [5, 20] * u.pA}, 1 * u.ms)
    with pytest.raises(ValueError, match=r"1 of 2 weights are above w_max=4. pA, the farthest 5. pA"):
        bs.sweep(net, {weights: [3, 5] * u.pA, bounds: [4, 20] * u.pA}, 1 * u.ms)
    bs.sweep(net, {weights: [3, 4] * u.pA, bounds: [4, 20] * u.pA}, 1 * u.ms)


def test_a_weight_at_a_bound_is_within():
    """In float32 too, whatever a unit rounds to."""
    with jax.enable_x64(False):
        net = network(100 * u.pA / 3, w_max=u.nA / 30)
        bs.simulate(net, 1 * u.ms)
