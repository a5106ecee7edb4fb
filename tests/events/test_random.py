"""Poisson and Bernoulli draws against the distributions of scipy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from brainsim import events
from brainsim.events._drawn_rows import words
from brainsim.events._shared import Purpose
from brainsim.events.random import _fine_uniform

KEY = jnp.array([3, 14159], jnp.uint32)
N, STEPS = 4000, 25
ACCEPTED = 1e-5  # p-values below this fail; every draw is reproducible, so a test that passes goes on passing


@functools.cache
def counter(implementation):
    return jax.jit(jax.vmap(lambda key, step, mean: events.poisson_counts(key, step, mean, N), (None, 0, None)))


def draw(mean, key=KEY, implementation="kernel"):
    return np.asarray(counter(implementation)(key, jnp.arange(STEPS), mean))


def chi_square(counts, mean):
    """p-value of counts from one Poisson distribution, with at least ten expected in each class."""
    law = scipy.stats.poisson(mean)
    edges = [-1]
    for k in range(int(law.ppf(1e-9)), int(law.isf(1e-9)) + 2):
        if counts.size * (law.cdf(k) - law.cdf(edges[-1])) >= 10 and counts.size * law.sf(k) >= 10:
            edges.append(k)
    edges = np.array([*edges, np.inf])
    if len(edges) < 3:
        return 1.0
    observed = np.histogram(counts, edges + 0.5)[0]
    return scipy.stats.chisquare(observed, counts.size * np.diff(law.cdf(edges))).pvalue


@pytest.mark.parametrize("form", ["scalar", "per neuron"])
@pytest.mark.parametrize("mean", [0.001, 0.05, 1.0, 5.0, 30.0, 1000.0, 10000.0])
def test_counts_follow_the_poisson_distribution(mean, form, implementation):
    if implementation == "plain" and form == "scalar":
        pytest.skip("the same code")
    counts = draw(jnp.asarray(mean) if form == "scalar" else jnp.full(N, mean), implementation=implementation)
    total = scipy.stats.poisson(mean * counts.size)
    assert min(total.cdf(counts.sum()), total.sf(counts.sum() - 1)) > ACCEPTED
    spread = np.sqrt((2 + 1 / mean) / counts.size)  # standard error of variance over mean
    assert abs(counts.var() / mean - 1) < 5 * spread
    assert chi_square(counts, mean) > ACCEPTED


@pytest.mark.parametrize("largest", [0.2, 3.0, 8.0, 50.0])
def test_each_neuron_has_its_own_mean(largest):
    means = np.linspace(-0.1, 1.0, N) * largest
    counts = draw(jnp.asarray(means))
    assert not counts[:, means <= 0].any()
    for part in np.array_split(np.flatnonzero(means > 0), 10):
        total = scipy.stats.poisson(means[part].sum() * STEPS)
        found = counts[:, part].sum()
        assert min(total.cdf(found), total.sf(found - 1)) > ACCEPTED
    middle = np.flatnonzero(means > 0.9 * largest)
    index = (counts[:, middle].var(0, ddof=1) / means[middle]).mean()
    assert abs(index - 1) < 5 * np.sqrt((2 / (STEPS - 1) + 1 / (means[middle].mean() * STEPS)) / len(middle))


@pytest.mark.parametrize("means", [(0.6, 2.9, 3.9, 1.7), (0.2, 9.5, 4.0, 7.0), (3.0, 10.5, 45.0, 0.1)])
def test_neurons_of_mixed_means_follow_their_own_distributions(means):
    counts = draw(jnp.tile(jnp.asarray(means), N // len(means)))
    for k, mean in enumerate(means):
        assert chi_square(counts[:, k :: len(means)], mean) > ACCEPTED


def uniforms(lanes, purpose, k):
    """Number ``k`` in (0, 1] of the stream of each lane, at step 0."""
    high, low = (words(np.asarray(KEY), lanes, np.full_like(lanes, place), purpose) for place in (2 * k, 2 * k + 1))
    return ((high << np.uint64(32) | low) >> np.uint64(11)).astype(float) * 2.0**-53 + 2.0**-53


@pytest.mark.parametrize("n", [1, 63, 64, 65, 511, 1100])
@pytest.mark.parametrize("largest", [0.5, 2.0, 4.0, 9.9])
def test_means_of_their_own_give_what_one_neuron_after_the_other_would(n, largest, rng):
    means = np.where(rng.random(n) < 0.3, rng.choice([0.0, -1.0, 1e-9, 1.0]) * largest, rng.random(n) * largest)
    means[n // 2] = largest
    lanes = np.arange(n)
    if n >= 64 and largest <= 4.0:  # drawn for the largest, and thinned
        thresholds = np.floor(scipy.stats.poisson.cdf(np.arange(40), largest) * 2.0**32)
        drawn = np.searchsorted(
            thresholds, words(np.asarray(KEY), np.zeros_like(lanes), lanes, Purpose.POISSON), "right"
        )
        expected = np.zeros(n, int)
        for k in range(drawn.max()):
            expected += (k < drawn) & (uniforms(lanes + 1, Purpose.THINNING, k) <= means / largest)
    else:
        levels = scipy.stats.poisson.cdf(np.arange(60), np.maximum(means, 0.0)[:, None])
        expected = (uniforms(lanes + 1, Purpose.POISSON, 0)[:, None] > levels).sum(1)
    np.testing.assert_array_equal(events.poisson_counts(KEY, 0, jnp.asarray(means), n), expected)


@pytest.mark.parametrize("mean", [0.05, 1.0, 30.0])
def test_steps_neurons_and_keys_are_independent_and_reproducible(mean):
    counts = draw(jnp.asarray(mean))
    np.testing.assert_array_equal(counts, draw(jnp.asarray(mean)))
    other = draw(jnp.asarray(mean), jnp.array([4, 14159], jnp.uint32))
    for one, two in ((counts[:-1], counts[1:]), (counts[:, :-1], counts[:, 1:]), (counts, other)):
        assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 5 / np.sqrt(one.size)


@pytest.mark.parametrize("mean", [0.05, 1.0, 30.0])
@pytest.mark.parametrize("form", ["scalar", "per neuron"])
def test_input_is_the_counts_times_the_weight(mean, form, rng, implementation):
    if implementation == "plain" and (form == "scalar" or mean != 1.0):
        pytest.skip("the same code")
    weight, into = jnp.asarray(rng.normal(size=(2, N)))
    mean = jnp.asarray(mean) if form == "scalar" else jnp.full(N, mean)
    expected = into + weight * events.poisson_counts(KEY, 5, mean, N)
    np.testing.assert_allclose(events.poisson_input(KEY, 5, mean, weight, into), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n", [150_000, 150_001 + 255])
@pytest.mark.parametrize("means", ["rare", "one", "each", "large"])
def test_threads_share_an_input_with_the_bits_of_one(means, n, rng, monkeypatch):
    mean = {"rare": 0.2, "one": 3.0, "each": rng.uniform(0, 4, n), "large": rng.uniform(0, 20, n)}[means]
    found = []
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        found.append(np.asarray(jax.jit(events.poisson_input)(KEY, 7, mean, 0.5, jnp.ones(n))))
    np.testing.assert_array_equal(*found)
    assert abs(found[0].mean() - 1 - 0.5 * np.mean(mean)) < 5 * 0.5 * np.sqrt(np.mean(mean) / n)


def test_input_has_no_derivative_in_the_mean(implementation):
    gradient = jax.grad(lambda m: events.poisson_input(KEY, 0, m, 1.0, jnp.zeros(9)).sum())(1.0)
    assert gradient == 0


@pytest.mark.parametrize("form", ["scalar", "per neuron"])
@pytest.mark.parametrize("p", [0.0, 0.001, 0.1, 0.5, 0.9, 1.0])
def test_spikes_follow_the_probability(p, form, implementation):
    given = jnp.asarray(p) if form == "scalar" else jnp.full(N, p)
    run = jax.jit(jax.vmap(lambda n: events.bernoulli_spikes(KEY, n, given, N)))
    spikes = np.asarray(run(jnp.arange(STEPS)))
    assert spikes.dtype == bool
    assert scipy.stats.binomtest(int(spikes.sum()), spikes.size, p).pvalue > ACCEPTED
    if 0 < p < 1:
        gaps = np.diff(np.flatnonzero(spikes.ravel()))
        table = np.bincount(np.minimum(gaps, 4), minlength=5)[1:]
        expected = len(gaps) * np.array([p, p * (1 - p), p * (1 - p) ** 2, (1 - p) ** 3])
        enough = expected >= 5
        if enough.sum() > 1:
            scaled = expected[enough] * table[enough].sum() / expected[enough].sum()
            assert scipy.stats.chisquare(table[enough], scaled).pvalue > ACCEPTED


def test_spikes_of_mixed_probabilities(implementation):
    for largest in (0.1, 0.8):
        p = np.linspace(0, largest, N)
        run = jax.jit(jax.vmap(lambda n: events.bernoulli_spikes(KEY, n, jnp.asarray(p), N)))  # noqa: B023
        spikes = np.asarray(run(jnp.arange(STEPS)))
        halves = spikes[:, : N // 2].sum(), spikes[:, N // 2 :].sum()
        for found, chance in zip(halves, (p[: N // 2], p[N // 2 :]), strict=True):
            deviation = np.sqrt(STEPS * (chance * (1 - chance)).sum())
            assert abs(found - STEPS * chance.sum()) < 5 * deviation


@pytest.mark.parametrize("dtype", [jnp.int32, jnp.int64, jnp.float32, jnp.float64, jnp.int16])
def test_counts_come_in_the_dtype_that_is_asked_for(dtype):
    counts = events.poisson_counts(KEY, 0, 2.0, 100, dtype)
    assert counts.dtype == dtype
    np.testing.assert_array_equal(counts, events.poisson_counts(KEY, 0, 2.0, 100))


def test_what_does_not_fit_is_refused():
    with pytest.raises(
        ValueError, match=r"key_data is uint32\[2\], such as jax.random.key_data\(key\); got int64\[2\]"
    ):
        events.poisson_counts(np.array([1, 2]), 0, 1.0, 5)
    with pytest.raises(ValueError, match=r"mean is a float array of shape \[5\]; got float64\[4\]"):
        events.poisson_counts(KEY, 0, np.ones(4), 5)
    with pytest.raises(ValueError, match=r"weight is a float array of shape \[5\]; got float64\[4\]"):
        events.poisson_input(KEY, 0, 1.0, np.ones(4), np.zeros(5))


def test_uniform_numbers_near_zero_have_all_their_digits():
    """A probability below 2**-23 is what it says: single floats have steps of 2**-23 there."""
    u = np.asarray(_fine_uniform(jax.random.key(3), (1 << 20,), jnp.float32), np.float64)
    small = u[u < 2.0**-15]  # 32 expected
    assert 12 < len(small) < 60 and abs(u.mean() - 0.5) < 0.002 and u.max() <= 1
    assert np.mean(small * 2.0**23 % 1 != 0) > 0.9
