"""Conditions, functions of pairs, and rules made of rules: against loops over all pairs in plain Python."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import connectivity
from brainsim.connectivity import Positions, Space


def pairs_of(rule, n_pre, n_post, seed=0, **options):
    synapses = rule.connect(n_pre, n_post, np.random.default_rng(seed), **options)
    return list(zip(synapses.pre.tolist(), synapses.indices.tolist(), strict=True))


def network(n_pre=(4, 5), n_post=12, **layout):
    net = bs.Network(seed=0)
    net.E, net.I = bs.neurons.LIF(n_pre, **layout), bs.neurons.LIF(n_post)
    for population in (net.E, net.I):
        population.add_receptors(ampa=bs.receptors.Exponential(reversal=0 * u.mV), current=bs.receptors.Exponential())
    return net


@pytest.mark.parametrize("xp", (np, jnp))
@pytest.mark.parametrize("block", (1, 50, 1 << 18))
def test_condition_of_indices(monkeypatch, block, xp):
    monkeypatch.setattr("brainsim.connectivity.where.BLOCK", block)
    found = pairs_of(bs.Where(lambda i, j: xp.abs(i - 2 * j) <= 3), 23, 17)
    assert found == [(i, j) for i in range(23) for j in range(17) if abs(i - 2 * j) <= 3]


def test_condition_of_positions_of_both_sides():
    space = Space(
        Positions(np.array([[0.0, 1.0], [2.0, 3.0]]) * u.um), Positions(np.array([[0.0, 0.0], [5.0, 2.5]]) * u.um)
    )
    rule = bs.Where(lambda pre, post: (pre.x < post.x) & (pre.y - post.y > -1 * u.um))
    assert pairs_of(rule, 2, 2, space=space) == [(1, 1)]
    assert pairs_of(bs.Where(lambda pre, post: pre.index == post.index), 2, 2) == [(0, 0), (1, 1)]
    with pytest.raises(ValueError, match="positions are not known"):
        pairs_of(rule, 2, 2)
    with pytest.raises(ValueError, match="2-dimensional; there is no z"):
        pairs_of(bs.Where(lambda pre, post: pre.z < post.z), 2, 2, space=space)


def test_indices_are_those_within_views_and_self_connections_those_of_neurons():
    net = network(20)
    rule = bs.Where(lambda i, j: i == j + 1, self_connections=False)
    p = net.connect(net.E[3:8], net.E[4:10], rule, receptor="ampa", weight=1 * u.nS)
    assert list(zip(*map(np.ndarray.tolist, p.pairs()))) == []  # i = j + 1 of the one view is j of the other itself
    p = net.connect(net.E[3:8], net.E[1:10], rule, receptor="ampa", weight=1 * u.nS)
    assert list(zip(*map(np.ndarray.tolist, p.pairs()))) == [(3 + j + 1, 1 + j) for j in range(4)]


def test_probability_of_the_pairs_where_it_holds():
    rule = bs.Where(lambda i, j: i < 100, p=lambda i, j: np.where(j < 100, 0.2, 0.8))
    synapses = rule.connect(200, 200, np.random.default_rng(1))
    assert synapses.pre.max() == 99
    near = np.count_nonzero(synapses.indices < 100)
    for count, p in ((near, 0.2), (synapses.size - near, 0.8)):
        assert abs(count - 1e4 * p) < 4.5 * np.sqrt(1e4 * p * (1 - p))
    half = bs.Where(lambda i, j: i < 100, p=0.5).connect(200, 200, np.random.default_rng(1))
    assert abs(half.size - 1e4) < 4.5 * np.sqrt(2e4 * 0.25)


def test_the_estimate_of_a_sparse_condition_does_not_count_all_pairs():
    estimate = bs.Where(lambda i, j: abs(i - j) < 5).expected_between(100_000, 100_000)
    assert 9 * 100_000 <= estimate < 1e8
    assert bs.Where(lambda i, j: i >= 0).expected_between(1000, 1000) == 1_000_000


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: bs.Where(lambda a, b: a == b), TypeError, "its arguments are a, b; give a function of the indices"),
        (lambda: bs.Where("i == j"), TypeError, "given 'i == j'"),
        (lambda: bs.Where(lambda i, j: i == j, p=1.2), ValueError, "p = 1.2 is not a probability"),
        (lambda: pairs_of(bs.Where(lambda i, j: i - j), 3, 3), ValueError, "gives int64 of shape"),
        (lambda: pairs_of(bs.Where(lambda i, j: i[:1] == 0), 3, 3), ValueError, r"bool of shape \(1,\) for \(9,\)"),
        (lambda: pairs_of(bs.Where(lambda i, j: i == j, p=lambda i, j: 1.0 + i), 3, 3), ValueError, "1.0 to 3.0"),
        (
            lambda: pairs_of(bs.Where(lambda i, j: i < j and j < 2), 3, 3),
            ValueError,
            "write & | ~ in place of and, or, not",
        ),
        (lambda: pairs_of(bs.Where(lambda pre, post: pre.idx < 2), 3, 3), bs.UnknownNameError, "Did you mean 'index'"),
        (lambda: bs.AllToAll()[:3], IndexError, r"rule\[pre, post\]"),
        (lambda: pairs_of(bs.AllToAll()[:9, :2], 3, 3), IndexError, "pre = :9 reaches beyond the 3 neurons"),
        (lambda: pairs_of(bs.AllToAll()[[1, 1], :2], 3, 3), IndexError, "names a neuron twice"),
        (lambda: pairs_of(bs.AllToAll()[1, 7], 3, 3), IndexError, "numbers of neurons, 0 to 2"),
        (lambda: bs.AllToAll() | 3, TypeError, "given 3; give two connection rules"),
    ],
)
def test_what_is_no_condition_is_refused(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def test_rules_of_rules_are_sets_of_pairs():
    a, b = bs.Where(lambda i, j: i <= j), bs.FromArrays([0, 0, 3, 4], [0, 4, 1, 4])
    first, second = set(pairs_of(a, 6, 5)), set(pairs_of(b, 6, 5))
    assert pairs_of(a | b, 6, 5) == sorted(first | second)
    assert pairs_of(a & b, 6, 5) == sorted(first & second)
    assert pairs_of(a - b, 6, 5) == sorted(first - second)
    assert pairs_of(a + b, 6, 5) == sorted([*first, *second])
    blocks = bs.AllToAll()[:2, :3] | bs.AllToAll()[2:, 3:]
    assert pairs_of(blocks, 6, 5) == [(i, j) for i in range(6) for j in range(5) if (i < 2) == (j < 3)]
    mixed = bs.Where(lambda i, j: i == j)[[5, 0, 2], [4, 1, 3]]
    assert pairs_of(mixed, 6, 5) == [(0, 1), (2, 3), (5, 4)]
    assert (a - b)[:2, [3, 1]] == (a - b)[:2, np.array([3, 1])] != (a - b)[:2, 3]


def test_exclusions_keep_weights_with_their_pairs():
    net = network(6)
    matrix = np.arange(1.0, 31).reshape(6, 5)
    rule = bs.FromMatrix(matrix) - bs.FromArrays([1, 5], [2, 0])
    wanted = matrix.copy()
    wanted[[1, 5], [2, 0]] = 0
    p = net.connect(net.E, net.I[:5], rule, receptor="ampa", weight=None)
    np.testing.assert_array_equal(p.weight.as_matrix()[:, :5].mantissa, wanted)
    listed = bs.FromArrays([5, 2, 0], [1, 1, 3])
    p = net.connect(net.E, net.I, listed[::-1, 5:10], receptor="ampa", weight=[7, 8, 9] * u.nS)
    assert [x.tolist() for x in p.pairs()] == [[0, 3, 5], [6, 6, 8]]
    np.testing.assert_array_equal(p.weight.mantissa, [7, 8, 9])


def test_weights_and_delays_of_pairs():
    net = network(positions=connectivity.Grid(spacing=10 * u.um))
    p = net.connect(net.E[1:], net.I, bs.FixedProbability(0.5), receptor="ampa", weight=lambda i, j: (10 * i + j) * u.nS,
                    delay=lambda pre, post: 1 * u.ms + pre.y / (0.1 * u.um / u.us) + 0.1 * post.x * u.ms)  # fmt: skip
    pre, post = p.pairs()
    np.testing.assert_allclose(p.weight.mantissa, 10 * (pre - 5) + post)
    np.testing.assert_allclose(p.delay.to_decimal(u.ms), 1 + 10 * (pre % 5) / 100 + 0.1 * post)
    with pytest.raises(ValueError, match="negative"):
        net.connect(net.E, net.I, bs.AllToAll(), receptor="ampa", weight=lambda i, j: (j - i) * u.nS)
    with pytest.raises(bs.UnitError, match=r"E->I#2.weight: expected nS, given mV"):
        net.connect(net.E, net.I, bs.AllToAll(), receptor="ampa", weight=lambda i, j: j * u.mV)
    with pytest.raises(TypeError, match="its arguments are d"):
        net.connect(net.E, net.I, bs.AllToAll(), receptor="ampa", weight=lambda d: d * u.nS)
    assert list(net.projections) == ["E->I"]


def test_a_data_frame_gives_pairs_weights_and_delays():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"source": [3, 0, 3], "target": [1, 2, 0], "w": [1.0, 2.0, 3.0], "ms": [3.0, 1.0, 2.0]})
    net = network()
    rule = bs.FromTable(frame, pre="source", post="target", weight="w")
    p = net.connect(net.E, net.I, rule, receptor="ampa", delay=frame["ms"].to_numpy() * u.ms)
    assert [x.tolist() for x in p.pairs()] == [[0, 3, 3], [2, 0, 1]]
    np.testing.assert_array_equal(p.weight.mantissa, [2, 3, 1])
    np.testing.assert_allclose(p.delay.to_decimal(u.ms), [1, 2, 3])


RULES = {
    "dense": bs.AllToAll(),
    "one to one": bs.OneToOne()[:12, :],
    "out": bs.FixedOutDegree(3),
    "csr": bs.FixedProbability(0.4),
}


@pytest.mark.parametrize("name", RULES)
def test_one_order_of_synapses_whatever_the_format(name):
    net = network()
    p = net.connect(net.E, net.I, RULES[name], receptor="current", weight=lambda i, j: (100 * i + j) * u.pA)
    pre, post = p.pairs()
    flat = np.asarray(p.weight.mantissa).ravel()
    np.testing.assert_array_equal(flat, 100 * pre + post)
    assert np.all(np.diff(pre.astype(int) * 100 + post) > 0)
    matrix = p.weight.as_matrix(missing=-1)
    wanted = np.full((20, 12), -1.0)
    wanted[pre, post] = flat
    np.testing.assert_array_equal(matrix.to_decimal(u.pA), wanted)
    rec = bs.simulate(net, 0.2 * u.ms, record=["E->I.weight[3:20:4]"])
    np.testing.assert_array_equal(rec["E->I.weight[3:20:4]"][-1].mantissa, flat[3:20:4])
    np.testing.assert_array_equal(rec.elements_of("E->I.weight[3:20:4]"), np.arange(len(flat))[3:20:4])
    p.weight = flat[::-1] * u.pA
    np.testing.assert_array_equal(np.asarray(p.weight.mantissa).ravel(), flat[::-1])


def test_matrices_of_several_synapses_and_of_delays():
    net = network(3, 2)
    p = net.connect(net.E, net.I, bs.FromArrays([0, 0, 2], [1, 1, 0]), receptor="ampa", weight=[1, 2, 4] * u.nS,
                    delay=[1, 1, 3] * u.ms)  # fmt: skip
    np.testing.assert_array_equal(p.weight.as_matrix().mantissa, [[0, 3], [0, 0], [4, 0]])
    np.testing.assert_array_equal(
        p.as_matrix("delay", missing=np.nan).mantissa, [[np.nan, 1], [np.nan] * 2, [3, np.nan]]
    )
    with pytest.raises(bs.UnknownNameError, match="weight"):
        p.as_matrix("weigth")
    with pytest.raises(TypeError, match="only what a projection holds"):
        net.E.V.as_matrix()
    q = net.connect(net.E, net.I, bs.FromArrays([0, 0], [1, 1]), receptor="ampa", weight=1 * u.nS, delay=[1, 2] * u.ms)
    with pytest.raises(ValueError, match="different delays"):
        q.as_matrix("delay")
