"""Small-world, scale-free and block networks against their published properties. Seeds are fixed."""

import itertools

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.csgraph
import scipy.stats

from brainsim import connectivity
from brainsim.connectivity import _sampling

C = connectivity


def drawn(rule, n, seed=0):
    synapses = rule.connect(n, n, np.random.default_rng(seed), same=True)
    return scipy.sparse.csr_array((np.ones(synapses.size), synapses.indices, synapses.indptr), shape=(n, n))


def clustering(a):
    """Fraction of the pairs of neighbours that are neighbours, averaged over neurons (Watts & Strogatz 1998)."""
    degree = a.sum(1)
    triangles = (a @ a).multiply(a).sum(1)
    return float((triangles / (degree * (degree - 1))).mean())


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("k", [4, 10])
def test_an_unmoved_lattice(k, directed):
    """Clustering 3 (k - 2) / (4 (k - 1)) and mean path length n / (2 k), exactly in the limit of long rings."""
    n = 401
    a = drawn(C.SmallWorld(k, 0.0, directed=directed), n)
    assert (a != a.T).nnz == 0 and (a.sum(1) == k).all()
    assert clustering(a) == pytest.approx(3 * (k - 2) / (4 * (k - 1)), rel=1e-12)
    length = scipy.sparse.csgraph.shortest_path(a, unweighted=True).sum() / (n * (n - 1))
    steps = np.ceil(np.arange(1, (n - 1) // 2 + 1) / (k // 2))
    assert length == pytest.approx(steps.mean(), rel=1e-12)


@pytest.mark.parametrize("beta", [0.1, 0.4, 1.0])
def test_moved_connections(beta):
    """Barrat & Weigt: C(beta) / C(0) is near (1 - beta)^3; 5 standard errors of it over seeds are below 0.02."""
    n, k = 1000, 10
    a = drawn(C.SmallWorld(k, beta), n)
    assert (a != a.T).nnz == 0 and a.nnz == n * k and a.max() == 1 and not a.diagonal().any()
    assert a.sum(1).min() >= k // 2
    expected = 3 * (k - 2) / (4 * (k - 1)) * (1 - beta) ** 3
    assert clustering(a) == pytest.approx(expected, abs=0.02)
    i, j = a.nonzero()
    steps = np.minimum((i - j) % n, (j - i) % n)
    stayed = np.count_nonzero(steps <= k // 2) / a.nnz
    # Moved ones fall on the lattice by chance, with probability k / n.
    assert stayed == pytest.approx(1 - beta, abs=3.9 * np.sqrt(beta * (1 - beta) / (n * k / 2)) + 1.5 * k / n)
    if beta == 1.0:  # path length of a random graph, ln n / ln k, to 10 %
        length = scipy.sparse.csgraph.shortest_path(a, unweighted=True).mean()
        assert length == pytest.approx(np.log(n) / np.log(k), rel=0.1)


def test_directed_small_worlds_keep_their_out_degree():
    a = drawn(C.SmallWorld(10, 0.3, directed=True), 500)
    assert (a.sum(1) == 10).all() and a.max() == 1 and not a.diagonal().any()
    assert (a != a.T).nnz > 1000


def test_small_worlds_that_do_not_exist_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="SmallWorld: k = 3 is odd"):
        C.SmallWorld(3, 0.1)
    with pytest.raises(ValueError, match="k = 6, but there are 6 neurons; give k <= 4"):
        C.SmallWorld(6, 0.1).connect(6, 6, rng)
    with pytest.raises(ValueError, match="give views of equal size"):
        C.SmallWorld(2, 0.1).connect(6, 7, rng)


def test_scale_free_degrees():
    """Dorogovtsev et al. (2000): P(k) = 2 m (m + 1) / (k (k + 1) (k + 2)), exponent 3 by maximum likelihood to 5 %."""
    n, m = 20_000, 3
    a = drawn(C.ScaleFree(m), n)
    degree = a.sum(1)
    assert (a != a.T).nnz == 0 and a.max() == 1 and not a.diagonal().any()
    assert a.nnz == m * (m + 1) + 2 * m * (n - m - 1) and degree.min() == m
    for k in range(m, 9):
        p = 2 * m * (m + 1) / (k * (k + 1) * (k + 2))
        assert np.count_nonzero(degree == k) == pytest.approx(n * p, abs=3.9 * np.sqrt(n * p))  # significance 1e-4
    tail = degree[degree >= 12]
    assert 1 + len(tail) / np.log(tail / 11.5).sum() == pytest.approx(3.0, abs=0.15)
    assert degree[:10].mean() > 20 * degree.mean()


def test_directed_scale_free_degrees():
    """Bollobas et al. (2003): exponents of in- and out-degrees, by maximum likelihood of the tails, to 0.15."""
    rule = C.DirectedScaleFree(alpha=0.3, beta=0.4, gamma=0.3, delta_in=0.5, delta_out=0.5, multiple=True)
    n = 200_000
    synapses = rule.connect(n, n, np.random.default_rng(1))
    assert synapses.size == pytest.approx(n / 0.6, rel=0.01)
    exponent = 1 + (1 + 0.5 * 0.6) / 0.7
    for degree in (np.diff(synapses.indptr), np.bincount(synapses.indices, minlength=n)):
        tail = degree[degree >= 20]
        assert 1 + len(tail) / np.log(tail / 19.5).sum() == pytest.approx(exponent, abs=0.15)


def test_scale_free_networks_that_do_not_exist_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="m = 5, but there are 5 neurons; give m <= 4"):
        C.ScaleFree(5).connect(5, 5, rng)
    with pytest.raises(ValueError, match="give probabilities that sum to 1"):
        C.DirectedScaleFree(alpha=0.5, beta=0.5, gamma=0.5)
    with pytest.raises(ValueError, match="2 neurons; give views of 3 or more"):
        C.DirectedScaleFree().connect(2, 2, rng)


def test_a_block_model_of_numbers_has_them_spread_evenly():
    n = np.array([[0, 4000, 7], [3000, 1, 0]])
    rule = C.BlockModel((20, 30), None, (10, 40, 5), n=n)
    made = rule.connect(50, 55, np.random.default_rng(3))
    found = np.histogram2d(made.pre, made.indices, bins=([0, 20, 50], [0, 10, 50, 55]))[0]
    np.testing.assert_array_equal(found, n)
    assert rule.expected_synapses(50, 55) == made.size == n.sum()
    assert all(np.all(np.diff(made.indices[a:b]) >= 0) for a, b in itertools.pairwise(made.indptr))
    inside = (made.pre < 20) & (made.indices >= 10) & (made.indices < 50)
    for side, size in ((made.pre[inside], 20), (made.indices[inside] - 10, 40)):
        counts = np.bincount(side, minlength=size)
        assert scipy.stats.chisquare(counts).pvalue > 1e-3
    within = C.BlockModel((6, 4), n=np.full((2, 2), 300), self_connections=False)
    made = within.connect(10, 10, np.random.default_rng(3), same=True)
    assert made.size == 1200 and np.all(made.pre != made.indices)
    with pytest.raises(ValueError, match="given both of p and n"):
        C.BlockModel((1,), [[0.2]], n=[[3]])
    with pytest.raises(ValueError, match="given neither of p and n"):
        C.BlockModel((1,))
    with pytest.raises(
        ValueError, match=r"n has shape \(1, 1\); give one number of synapses per pair of blocks, \(2, 2\)"
    ):
        C.BlockModel((1, 2), n=[[3]])
    with pytest.raises(ValueError, match="n = 2 synapses between blocks without a pair"):
        C.BlockModel((0, 3), n=[[2, 0], [0, 1]]).connect(3, 3, np.random.default_rng(0))


@pytest.mark.parametrize("some", [50, 1 << 18])  # synapses at a time
@pytest.mark.parametrize("exclude", [False, True])
@pytest.mark.parametrize("form", ["n", "p"])
def test_blocks_are_those_of_the_rule_for_each_pair_of_blocks(form, exclude, some, monkeypatch):
    monkeypatch.setattr(_sampling, "BLOCK", some)
    sizes, post = (20, 0, 1, 29), (0, 10, 35, 5, 0)
    n = np.array([[0, 900, 7, 40, 0], [0] * 5, [0, 3, 0, 60, 0], [0, 0, 2000, 1, 0]])
    p = np.minimum(n / 800, 1.0)
    options = {"self_connections": not exclude}
    rule = C.BlockModel(sizes, None, post, n=n, **options) if form == "n" else C.BlockModel(sizes, p, post, **options)
    made = rule.connect(50, 50, np.random.default_rng(3), same=True)
    rng = np.random.default_rng(3)
    found = []
    ends, post_ends = np.cumsum(sizes), np.cumsum(post)
    for a, rows in enumerate(np.split(np.arange(50), ends[:-1])):
        for b, columns in enumerate(np.split(np.arange(50), post_ends[:-1])):
            one = (
                C.FixedTotalNumber(n[a, b], **options) if form == "n" else C.FixedProbability(p[a, b], **options)
            ).connect(rows, columns, rng, same=True)
            found.append(np.stack([rows[one.pre], columns[one.indices]]))
    pre, targets = np.concatenate(found, axis=1)
    order = np.lexsort((targets, pre))
    np.testing.assert_array_equal(made.pre, pre[order])
    np.testing.assert_array_equal(made.indices, targets[order])
    assert made.size and made.indices.dtype == np.int32


def test_blocks_with_more_synapses_than_expected_find_room(monkeypatch):
    rule = C.BlockModel((20, 30), np.full((2, 2), 0.5))
    monkeypatch.setattr(_sampling, "BLOCK", 64)
    usual = rule.connect(50, 50, np.random.default_rng(0))
    monkeypatch.setattr(_sampling, "binomial_bound", lambda n, p: 10)
    grown = rule.connect(50, 50, np.random.default_rng(0))
    np.testing.assert_array_equal(usual.indptr, grown.indptr)
    np.testing.assert_array_equal(usual.indices, grown.indices)


def test_blocks_have_their_densities():
    sizes, p = (100, 200, 50), np.array([[0.3, 0.02, 0.0], [0.1, 0.5, 0.2], [1.0, 0.05, 0.4]])
    a = drawn(C.BlockModel(sizes, p), 350).toarray()
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    for i in range(3):
        for j in range(3):
            block = a[bounds[i] : bounds[i + 1], bounds[j] : bounds[j + 1]]
            deviation = np.sqrt(block.size * p[i, j] * (1 - p[i, j]))
            assert abs(block.sum() - block.size * p[i, j]) <= 3.9 * deviation  # significance 1e-4
    assert a.max() == 1
    # One block is a random graph.
    whole = C.BlockModel((60,), [[0.3]]).connect(60, 60, np.random.default_rng(5))
    same = C.FixedProbability(0.3).connect(60, 60, np.random.default_rng(5))
    np.testing.assert_array_equal(whole.indices, same.indices)


def test_blocks_that_do_not_fit_are_refused():
    with pytest.raises(
        ValueError, match=r"BlockModel: p has shape \(1, 2\); give one probability per pair of blocks, \(2, 2\)"
    ):
        C.BlockModel((1, 2), [[0.1, 0.2]])
    with pytest.raises(ValueError, match="is not a probability"):
        C.BlockModel((1,), [[2.0]])
    with pytest.raises(ValueError, match="presynaptic view has 5, give sizes that sum to it"):
        C.BlockModel((1, 2), np.zeros((2, 2))).connect(5, 3, np.random.default_rng(0))
