"""Distributions of the drawn networks, against scipy.stats. Seeds are fixed; significance is 0.001."""

import dataclasses
import itertools

import numpy as np
import pytest
from scipy import special, stats

from brainsim.connectivity import FixedInDegree, FixedOutDegree, FixedProbability, FixedTotalNumber, Normal, _sampling
from brainsim.events import _library
from brainsim.events._drawn_normals import _normals_of, draw_normals, places_outside
from brainsim.events._drawn_rows import draw_rows, words
from brainsim.events._shared import Purpose

ALPHA = 1e-3


def dense(synapses, n_post):
    counts = np.zeros((len(synapses.indptr) - 1, n_post), int)
    np.add.at(counts, (synapses.pre, synapses.indices), 1)
    return counts


def accepts_binomial(degrees, n, p):
    """Chi-square test of degrees against Binomial(n, p), in bins of at least ten expected."""
    expected = len(degrees) * stats.binom.pmf(np.arange(n + 1), n, p)
    observed = np.bincount(degrees, minlength=n + 1)
    bins = np.minimum((np.cumsum(expected) // 10).astype(int), int(expected.sum() // 10) - 1)
    pooled_expected, pooled = np.bincount(bins, expected), np.bincount(bins, observed)
    filled = pooled_expected > 0
    return stats.chisquare(pooled[filled], pooled_expected[filled]).pvalue > ALPHA


@pytest.mark.parametrize(
    ("n_pre", "n_post", "p"), [(3000, 2500, 0.02), (1500, 2000, 0.3), (1500, 1200, 0.9), (30_000, 9000, 1e-4)]
)
def test_degrees_are_binomial(n_pre, n_post, p):
    synapses = FixedProbability(p).connect(n_pre, n_post, np.random.default_rng(1))
    out, into = np.diff(synapses.indptr), np.bincount(synapses.indices, minlength=n_post)
    assert accepts_binomial(out, n_post, p)
    assert accepts_binomial(into, n_pre, p)
    assert stats.binomtest(synapses.size, n_pre * n_post, p).pvalue > ALPHA
    # Sample variance: (m - 1) s^2 / sigma^2 is chi-square with m - 1 degrees of freedom (nearly normal degrees).
    for degrees, n in ((out, n_post), (into, n_pre)):
        statistic = (len(degrees) - 1) * degrees.var(ddof=1) / (n * p * (1 - p))
        assert ALPHA / 2 < stats.chi2.sf(statistic, len(degrees) - 1) < 1 - ALPHA / 2


def test_probability_of_each_pair():
    # Every pair, those next to an excluded self connection too, is taken with probability p.
    n, p, repeats = 12, 0.3, 2000
    rng, rule = np.random.default_rng(2), FixedProbability(p, self_connections=False)
    counts = sum(dense(rule.connect(n, n, rng, same=True), n) for _ in range(repeats))
    off_diagonal = counts[~np.eye(n, dtype=bool)]
    assert not np.diag(counts).any()
    statistic = ((off_diagonal - repeats * p) ** 2).sum() / (repeats * p * (1 - p))
    assert stats.chi2.sf(statistic, off_diagonal.size) > ALPHA


@pytest.mark.parametrize("p", [0.0, 1.0, 1e-300, 5e-324, 1e-18])
def test_extreme_probabilities(p):
    n = 300 if p == 1.0 else 2_000_000  # 4e12 pairs at tiny probabilities: sums of gaps must not overflow
    synapses = FixedProbability(p).connect(n, n, np.random.default_rng(0))
    assert synapses.size == (n * n if p == 1.0 else 0)


def test_sparse_over_a_huge_number_of_pairs():
    n = 3_000_000
    synapses = FixedProbability(1e-9).connect(n, n, np.random.default_rng(0))
    assert stats.poisson.cdf(synapses.size, n * n * 1e-9) > ALPHA
    assert stats.kstest(synapses.pre / n, "uniform").pvalue > ALPHA
    assert stats.kstest(synapses.indices / n, "uniform").pvalue > ALPHA


def test_a_full_buffer_grows(monkeypatch):
    monkeypatch.setattr(_sampling, "BLOCK", 64)
    usual = FixedProbability(0.2).connect(50, 60, np.random.default_rng(0))
    monkeypatch.setattr(_sampling, "binomial_bound", lambda n, p: 10)
    grown = FixedProbability(0.2).connect(50, 60, np.random.default_rng(0))
    np.testing.assert_array_equal(usual.indices, grown.indices)
    np.testing.assert_array_equal(usual.indptr, grown.indptr)


@pytest.mark.parametrize("long_row", [_sampling.LONG_ROW, 0], ids=["short-rows", "long-rows"])
@pytest.mark.parametrize(("n", "k"), [(40, 3), (40, 19), (40, 33)])  # few, half, most: three ways of drawing
@pytest.mark.parametrize("exclude", [False, True])
@pytest.mark.parametrize("rule", [FixedOutDegree, FixedInDegree])
def test_partners_are_uniform(rule, exclude, n, k, long_row, monkeypatch):
    monkeypatch.setattr(_sampling, "LONG_ROW", long_row)
    repeats, rng = 150, np.random.default_rng(3)
    drawn = rule(k, self_connections=not exclude)
    counts = sum(dense(drawn.connect(n, n, rng, same=True), n) for _ in range(repeats))
    allowed = ~np.eye(n, dtype=bool) if exclude else np.ones((n, n), bool)
    m = n - exclude
    fraction = k / m
    # Each row (column) has k of m partners: the covariance has rank m - 1.
    statistic = (
        ((counts[allowed] - repeats * fraction) ** 2).sum() / (repeats * fraction * (1 - fraction)) * (m - 1) / m
    )
    assert ALPHA / 2 < stats.chi2.sf(statistic, n * (m - 1)) < 1 - ALPHA / 2


@pytest.mark.parametrize("long_row", [_sampling.LONG_ROW, 0], ids=["short-rows", "long-rows"])
@pytest.mark.parametrize(("m", "k"), [(6, 2), (6, 3), (6, 4), (5, 1)])
@pytest.mark.parametrize("exclude", [False, True])
def test_every_subset_is_equally_likely(m, k, exclude, long_row, monkeypatch):
    monkeypatch.setattr(_sampling, "LONG_ROW", long_row)
    n = m + exclude
    rows = 3000
    pre = np.arange(rows) + (0 if exclude else n)
    # With exclusion, the first n neurons only can meet themselves; the rest draw from all n.
    synapses = FixedOutDegree(k, self_connections=False).connect(pre, n, np.random.default_rng(5), same=True)
    targets = synapses.indices.reshape(rows, k)[n if exclude else 0 :]
    subsets = {subset: i for i, subset in enumerate(itertools.combinations(range(n), k))}
    observed = np.bincount([subsets[tuple(row)] for row in targets.tolist()], minlength=len(subsets))
    assert stats.chisquare(observed).pvalue > ALPHA


def test_every_set_of_pairs_is_equally_likely():
    rule, rng = FixedTotalNumber(2, multiple=False, self_connections=False), np.random.default_rng(6)
    pairs = [(i, j) for i in range(3) for j in range(3) if i != j]
    subsets = {subset: i for i, subset in enumerate(itertools.combinations(pairs, 2))}
    observed = np.zeros(len(subsets))
    for _ in range(3000):
        synapses = rule.connect(3, 3, rng, same=True)
        observed[subsets[tuple(zip(synapses.pre.tolist(), synapses.indices.tolist(), strict=True))]] += 1
    assert stats.chisquare(observed).pvalue > ALPHA


@pytest.mark.parametrize("exclude", [False, True])
def test_total_number_with_multapses_is_multinomial(exclude):
    n = 50
    synapses = FixedTotalNumber(100_000, self_connections=not exclude).connect(
        n, n, np.random.default_rng(7), same=True
    )
    counts = dense(synapses, n)
    allowed = ~np.eye(n, dtype=bool) if exclude else np.ones((n, n), bool)
    assert ALPHA / 2 < stats.chisquare(counts[allowed]).pvalue < 1 - ALPHA / 2


@pytest.mark.parametrize("rule", [FixedOutDegree, FixedInDegree])
def test_degree_with_multapses_is_multinomial(rule):
    n = 40
    synapses = rule(2000, multiple=True, self_connections=False).connect(n, n, np.random.default_rng(8), same=True)
    counts = dense(synapses, n)[~np.eye(n, dtype=bool)]
    statistic = ((counts - 2000 / (n - 1)) ** 2).sum() / (2000 / (n - 1))
    assert ALPHA / 2 < stats.chi2.sf(statistic, n * (n - 2)) < 1 - ALPHA / 2


def test_the_free_degree_of_fixed_in_degree():
    # In-degrees are fixed; out-degrees are then Binomial(n_post, k / n_pre).
    synapses = FixedInDegree(30).connect(2000, 3000, np.random.default_rng(9))
    assert accepts_binomial(np.diff(synapses.indptr), 3000, 30 / 2000)


@pytest.mark.parametrize("own", [False, True], ids=["all", "without self"])
def test_rows_that_are_drawn_by_the_library_are_those_of_numpy(own, monkeypatch):
    """Sparse rows, dense ones, rows that count beyond a byte, empty ones; what a row leaves out has no synapse."""
    counts = np.array([0, 5, 100, 3000, 1, 77, 0])
    indptr = np.concatenate([[0], np.cumsum(counts)])
    for n in (2, 7, 500, 100_000):
        left_out = np.array([0, 1, 5, n, 0, 1, 0], np.int32) if own else None
        key = np.array([n, 2**32 - 5], np.uint32)
        found = draw_rows(key, indptr, n, left_out)
        with monkeypatch.context() as patch:
            patch.setattr(_library, "_host", None)
            assert np.array_equal(found, draw_rows(key, indptr, n, left_out))
        rows = np.split(found, indptr[1:-1])
        assert all(np.all(np.diff(row) >= 0) for row in rows) and found.min() >= 0 and found.max() < n
        if own:
            assert not any(np.any(row == left) for row, left in zip(rows, left_out, strict=True))


def test_targets_of_rows_are_uniform():
    found = draw_rows(np.array([1, 2], np.uint32), np.arange(0, 200_001, 100), 37)
    counts = np.bincount(found, minlength=37)
    assert stats.chisquare(counts).pvalue > 1e-3
    assert len(np.unique(found.reshape(2000, 100), axis=0)) == 2000  # rows of their own


def test_normal_numbers_are_quantiles_of_their_words():
    key, n = np.array([7, 2**32 - 1], np.uint32), 200_001
    word = words(key, np.zeros(n, int), np.arange(n), Purpose.NORMALS).astype(float)
    np.testing.assert_allclose(draw_normals(key, n), special.ndtri((word + 0.5) / 2**32), rtol=1e-6, atol=1e-9)
    assert stats.kstest(draw_normals(key, n), "norm").pvalue > 1e-3


@pytest.mark.parametrize("n", [0, 1, 63, 64, 1000])
def test_normal_numbers_of_the_library_are_those_of_numpy(n, monkeypatch):
    key = np.array([n, 3], np.uint32)
    found = draw_normals(key, n)
    monkeypatch.setattr(_library, "_host", None)
    assert np.array_equal(found.view(np.uint32), draw_normals(key, n).view(np.uint32))


@pytest.mark.parametrize("n", [0, 1, 15, 16, 1000, 70_001])
def test_numbers_outside_of_bounds_are_found(n):
    numbers = np.random.default_rng(n).normal(size=n).astype(np.float32)
    numbers[::7] = np.nan  # is on no side of a bound
    for low, high in ((-1.9, np.inf), (-0.1, 0.1), (-np.inf, 0.5), (-np.inf, np.inf)):
        wrong = np.flatnonzero((numbers < np.float32(low)) | (numbers > np.float32(high)))
        assert np.array_equal(places_outside(numbers, low, high), wrong)


def test_the_extreme_words_give_finite_normal_numbers():
    word = np.array([0, 1, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1], np.uint32)
    np.testing.assert_allclose(_normals_of(word), special.ndtri((word + 0.5) / 2**32), rtol=1e-6)


@pytest.mark.parametrize(
    "distribution",
    [
        Normal(1.5, 0.75),
        Normal(1.5, 0.75).truncate(low=0.05).clip(low=0.1),
        Normal(0.0, 1.0).truncate(low=-0.3, high=2.0).clip(high=1.7).clip(low=0.2),
        Normal(1.0, 0.0).truncate(low=0.5),
    ],
    ids=str,
)
def test_normal_numbers_within_bounds_are_those_of_numpy(distribution, monkeypatch):
    n = 70_000  # more than a block
    rng = np.random.default_rng(1)
    found, after = distribution.sample(rng, n, dtype=np.float32), rng.random()
    monkeypatch.setattr(_library, "_host", None)
    np.testing.assert_array_equal(distribution.sample(np.random.default_rng(1), n, dtype=np.float32), found)
    monkeypatch.setattr(type(distribution), "_normal", None)  # by its own definition
    rng, other = np.random.default_rng(1), dataclasses.replace(distribution)
    np.testing.assert_array_equal(other.sample(rng, n, dtype=np.float32), found)
    assert other._normal is None and rng.random() == after
