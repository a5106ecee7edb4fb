"""Structural plasticity: what is pruned, what grows, and what stays."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim._core import split
from brainsim.simulation import engine


def network(wiring, **options):
    net = bs.Network(seed=1)
    net.E, net.I = bs.sources.PoissonGroup(30, rate=40 * u.Hz), bs.neurons.LIF(20)
    net.I.add_receptors(syn=bs.receptors.Exponential())
    net.connect(net.E, net.I, wiring, receptor="syn", weight=bs.Uniform(0.1 * u.pA, 1 * u.pA), **options)
    return net


def synapses(net):
    pre, post = net["E->I"].indices_of_synapses()
    return dict(zip(zip(pre.tolist(), post.tolist()), np.asarray(net["E->I"].plain("weight")).ravel()))


@pytest.mark.parametrize("wiring", [bs.FixedProbability(0.3), bs.FixedOutDegree(6)])
def test_the_weakest_are_replaced_by_unconnected_pairs(wiring):
    net = network(wiring)
    before = synapses(net)
    limit = np.quantile(list(before.values()), 0.25)
    n = bs.plasticity.rewire(net, "E->I", threshold=limit * u.pA, weight=0.05 * u.pA, seed=4)
    after = synapses(net)
    strong = {pair: w for pair, w in before.items() if w > limit}
    grown = after.keys() - strong.keys()
    assert len(after) == len(before) and n == len(before) - len(strong) == len(grown)
    assert all(after[pair] == w for pair, w in strong.items())
    assert not grown & before.keys() and all(after[pair] == 0.05 for pair in grown)
    if isinstance(wiring, bs.FixedOutDegree):
        assert np.all(np.bincount([i for i, _ in after]) == 6)


def test_new_pairs_are_uniform_over_what_is_free():
    counts = np.zeros((30, 20))
    net = network(bs.FixedProbability(0.3))
    for seed in range(60):
        before = synapses(net)
        bs.plasticity.rewire(net, "E->I", fraction=0.5, weight=0.05 * u.pA, seed=seed)
        for pair in synapses(net).keys() - before.keys():
            counts[pair] += 1
    rows = counts.sum(1)
    assert np.std(rows) < 3 * np.sqrt(rows.mean())


def test_learning_goes_on_without_compiling_again_and_resets():
    stdp = bs.plasticity.PairSTDP(A_plus=0.1 * u.pA, A_minus=0.1 * u.pA, w_max=1 * u.pA, pairing="nearest_restricted")
    net = network(bs.FixedProbability(0.3), plasticity=stdp, delay=bs.Uniform(1 * u.ms, 3 * u.ms))
    bs.simulate(net, 20 * u.ms, progress=False)
    compiled = engine.run_chunk._cache_size()
    x = net["E->I"].plasticity.plain("x")
    assert np.count_nonzero(x) > 10
    delays = dict(zip(zip(*(side.tolist() for side in net["E->I"].indices_of_synapses())), net["E->I"].delay.mantissa))
    old = synapses(net)
    n = bs.plasticity.rewire(net, "E->I", fraction=0.2, weight=0.3 * u.pA, seed=0)
    new = synapses(net)
    kept = new.keys() & old.keys()
    assert n == round(0.2 * len(old)) == len(new.keys() - old.keys()) and all(new[k] == old[k] for k in kept)
    pairs = list(zip(*(side.tolist() for side in net["E->I"].indices_of_synapses())))
    after = dict(zip(pairs, net["E->I"].delay.mantissa))
    assert all(after[k] == delays[k] for k in kept)
    assert np.all(np.asarray(net["E->I"].plasticity.plain("x"))[[k not in old for k in pairs]] == 0)
    bs.simulate(net, 20 * u.ms, progress=False)
    assert engine.run_chunk._cache_size() == compiled
    net.reset()
    assert all(w == 0.3 for k, w in synapses(net).items() if k not in old)
    assert all(0.1 <= w <= 1.0 for w in synapses(net).values())


def test_what_cannot_be_rewired_is_refused():
    net = network(bs.AllToAll())
    with pytest.raises(ValueError, match="E->I needs sparse synapses of one weight each; it has Dense"):
        bs.plasticity.rewire(net, "E->I", fraction=0.1, weight=0.1 * u.pA, seed=0)
    net = network(bs.FixedProbability(0.9))
    with pytest.raises(ValueError, match="unconnected pairs for .* synapses to grow; prune fewer"):
        bs.plasticity.rewire(net, "E->I", fraction=0.5, weight=0.1 * u.pA, seed=0)
    with pytest.raises(ValueError, match=r"give threshold=\.\.\. or fraction=\.\.\., one of them"):
        bs.plasticity.rewire(net, "E->I", weight=0.1 * u.pA, seed=0)
    with pytest.raises(bs.UnitError, match="rewire: threshold: expected pA, given mV"):
        bs.plasticity.rewire(net, "E->I", threshold=1 * u.mV, weight=0.1 * u.pA, seed=0)


def test_autapses_stay_excluded():
    net = bs.Network(seed=1)
    net.E = bs.neurons.LIF(12)
    net.E.add_receptors(syn=bs.receptors.Exponential())
    rule = bs.FixedProbability(0.5, self_connections=False)
    net.connect(net.E[:8], net.E, rule, receptor="syn", weight=bs.Uniform(0.1 * u.pA, 1 * u.pA))
    for seed in range(5):
        bs.plasticity.rewire(net, "E->E", fraction=0.4, weight=0.5 * u.pA, seed=seed)
    pre, post = net["E->E"].indices_of_synapses()
    assert np.all(pre != post) and pre.max() < 8


@pytest.mark.parametrize("delay", [None, bs.Uniform(1 * u.ms, 3 * u.ms)], ids=["none", "synaptic"])
def test_what_was_rewired_is_saved_and_goes_on_bit_by_bit(tmp_path, delay):
    def made():
        stdp = bs.plasticity.PairSTDP(A_plus=0.1 * u.pA, A_minus=0.1 * u.pA, w_max=1 * u.pA)
        return network(bs.FixedProbability(0.3), plasticity=stdp, delay=delay)

    net, path = made(), tmp_path / "net"
    bs.simulate(net, 10 * u.ms, progress=False)
    bs.plasticity.rewire(net, "E->I", fraction=0.2, weight=0.3 * u.pA, seed=0)
    bs.simulate(net, 5 * u.ms, progress=False)
    bs.save(net, path)
    other = made()
    bs.load(other, path)
    assert synapses(other) == synapses(net)
    for one in (net, other):
        bs.simulate(one, 10 * u.ms, progress=False)
    for name, array in split(net)[3].items():
        np.testing.assert_array_equal(split(other)[3][name], array, err_msg=name)
    fewer = network(bs.FixedProbability(0.2), plasticity=None, delay=delay)
    with pytest.raises(ValueError, match="load: "):
        bs.load(fewer, path)


def test_delays_that_change_move_with_their_synapses():
    net = network(bs.FixedProbability(0.3), delay=bs.Uniform(1 * u.ms, 3 * u.ms), max_delay=4 * u.ms)
    projection = net["E->I"]
    pairs = lambda: zip(*(side.tolist() for side in projection.indices_of_synapses()))
    before = dict(zip(pairs(), np.asarray(projection.delay.mantissa).tolist()))
    bs.plasticity.rewire(net, "E->I", fraction=0.2, weight=0.3 * u.pA, seed=0)
    after = dict(zip(pairs(), np.asarray(projection.delay.mantissa).tolist()))
    kept = before.keys() & after.keys()
    assert len(kept) < len(before) and all(after[k] == before[k] for k in kept)
    assert sorted(after.values()) == sorted(before.values())


def test_what_rounding_took_goes_with_its_synapse():
    with jax.enable_x64(False):
        rule = bs.plasticity.CalciumPlasticity(w_max=1 * u.pA)
        net = network(bs.FixedProbability(0.3), plasticity=rule)
        net.prepare(0.1)
        before = list(synapses(net))
        marks = {pair: 1e-9 * (100 * pair[0] + pair[1] + 1) for pair in before}
        rule.put("w_rounding", jnp.array(list(marks.values()), jnp.float32))
        bs.plasticity.rewire(net, "E->I", fraction=0.4, weight=0.05 * u.pA, seed=4)
        found = np.asarray(rule.plain("w_rounding"))
        np.testing.assert_allclose(found, [marks.get(pair, 0.0) for pair in synapses(net)], rtol=1e-6)
        assert 0 < np.sum(found == 0) < len(found) and list(synapses(net)) != before
