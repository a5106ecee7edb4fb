import numpy as np
import pytest

from brainsim import analysis


def branching_process(m, rate, trials, bins, seed):
    """Poisson offspring with mean m and Poisson immigration, in equilibrium at ``rate`` spikes a bin."""
    rng = np.random.default_rng(seed)
    state, counts = rng.poisson(rate, trials), np.zeros((trials, bins), int)
    for t in range(-int(10 / (1 - m)), bins):
        state = rng.poisson(m * state + (1 - m) * rate)
        if t >= 0:
            counts[:, t] = state
    return counts


@pytest.fixture(scope="module")
def near_critical():
    return branching_process(0.95, 50.0, 60, 2000, seed=5)


def attenuation(m, seen):
    """Var(A) = <A> / (1 - m²), so binomial observation scales all slopes by Var / (Var + <A> (1 - p) / p)."""
    return 1 / (1 + (1 - m**2) * (1 - seen) / seen)


@pytest.mark.parametrize("m", [0.3, 0.9])
def test_full_observation_gives_m_both_ways(m):
    counts = branching_process(m, 20.0, 20, 4000, seed=1)
    assert analysis.branching_ratio(counts) == pytest.approx(m, abs=0.01)
    fit = analysis.multistep_regression(counts, lags=40)
    assert fit.m == pytest.approx(m, abs=0.01) and fit.amplitude == pytest.approx(1, abs=0.03) and fit.offset == 0
    np.testing.assert_allclose(fit.slopes[:5], m ** fit.lags[:5], atol=0.02)


@pytest.mark.parametrize("seen", [0.3, 0.05])
def test_a_part_of_the_neurons_shows_the_same_m_with_many_lags_only(near_critical, seen):
    sample = np.random.default_rng(3).binomial(near_critical, seen)
    b = attenuation(0.95, seen)
    assert analysis.branching_ratio(sample) == pytest.approx(0.95 * b, abs=0.015)
    fit = analysis.multistep_regression(sample, lags=60, bin=4e-3)
    assert fit.m == pytest.approx(0.95, abs=0.008) and fit.amplitude == pytest.approx(b, abs=0.03)
    assert fit.timescale == pytest.approx(-4e-3 / np.log(fit.m))


def test_an_offset_is_fitted_where_the_mean_differs_between_trials():
    m, levels = 0.8, np.array([30.0, 60.0])
    counts = np.concatenate([branching_process(m, level, 20, 2000, seed=2) for level in levels])
    within, between = levels.mean() / (1 - m**2), levels.var()
    fit = analysis.multistep_regression(counts, lags=40, offset=True)
    assert fit.m == pytest.approx(m, abs=0.02)
    assert fit.offset == pytest.approx(between / (within + between), abs=0.03)
    assert analysis.multistep_regression(counts, lags=40).m > 0.95  # without, the difference looks like a long memory


def test_growing_activity_is_supercritical():
    counts = 10 * 1.1 ** np.arange(40)
    assert analysis.branching_ratio(counts) == pytest.approx(1.1)
    fit = analysis.multistep_regression(counts, lags=10)
    assert fit.m == pytest.approx(1.1, abs=1e-4) and fit.timescale == np.inf


def test_what_has_no_memory_has_no_ratio():
    assert np.isnan(analysis.branching_ratio(np.full(50, 3)))
    assert np.isnan(analysis.multistep_regression(np.full(50, 3), lags=10).m)
    alternating = np.tile([1, 0], 50)
    assert analysis.branching_ratio(alternating) == pytest.approx(-1, abs=0.05)
    assert np.isnan(analysis.multistep_regression(alternating, lags=10).m)


def test_branching_factor_of_a_chain():
    # 0 -> 1 -> 2 at 1, 2, 3 ms: the first two have a descendant each, the last has an ancestor and none.
    times, chain = np.array([1.0, 2.0, 3.0]) * 1e-3, ([0, 1], [1, 2])
    assert analysis.branching_factor(times, [0, 1, 2], 3, *chain, 1e-3, 0, 0.01) == pytest.approx(2 / 3)
    assert analysis.branching_factor(times, [0, 1, 2], 3, *chain, 0.9e-3, 0, 0.01) == 0
    assert analysis.branching_factor(times, [0, 1, 2], 3, *chain, 1e-3, 0, 2.5e-3) == 1
    # One ancestor spike, two descendants of neuron 1, of which one by two synapses.
    factor = analysis.branching_factor(
        [1e-3, 2e-3, 3e-3, 3e-3], [0, 1, 2, 3], 4, [0, 1, 1, 1], [1, 2, 3, 3], 1e-3, 1.5e-3, 2.5e-3
    )
    assert factor == 3
    assert np.isnan(analysis.branching_factor([], [], 3, *chain, 1e-3, 0, 1))
    assert analysis.branching_factor(times, [0, 1, 2], 3, [], [], 1e-3, 0, 1) == 0


def test_branching_factor_is_its_definition_spike_by_spike(rng, monkeypatch):
    n, window = 12, 0.02
    times, indices = rng.integers(0, 1000, 300) * 1e-3, rng.integers(0, n, 300)
    pre, post = rng.integers(0, n, 40), rng.integers(0, n, 40)
    ms = np.round(times * 1e3).astype(int)
    per_neuron = [[] for _ in range(n)]
    for t, i in zip(ms, indices):
        if 100 <= t < 900:
            descendants = sum(((indices == j) & (ms > t) & (ms <= t + 20)).sum() for j in post[pre == i])
            ancestors = sum(((indices == j) & (ms < t) & (ms >= t - 20)).sum() for j in pre[post == i])
            per_neuron[i].append(descendants / max(1, ancestors))
    expected = np.mean([np.mean(ratios) for ratios in per_neuron if ratios])
    arguments = times, indices, n, pre, post, window, 0.1, 0.9
    assert analysis.branching_factor(*arguments) == pytest.approx(expected)
    monkeypatch.setitem(analysis.branching_factor.__globals__, "_PAIRS_AT_ONCE", 50)
    assert analysis.branching_factor(*arguments) == pytest.approx(expected)


def test_branching_factor_of_independent_neurons(rng):
    """Descendants and ancestors are independent Poisson counts of mean L: L (e^-L + sum over k >= 1 of p(k) / k)."""
    from scipy.stats import poisson

    n, degree, rate, window, stop = 60, 10, 15.0, 0.01, 40.0
    times = rng.uniform(0, stop, rng.poisson(n * rate * stop))
    indices = rng.integers(0, n, times.size)
    pre = np.tile(np.arange(n), degree)
    post = (pre + np.repeat(np.arange(1, degree + 1), n)) % n
    mean, k = degree * rate * window, np.arange(1, 40)
    expected = mean * (np.exp(-mean) + (poisson.pmf(k, mean) / k).sum())
    assert analysis.branching_factor(times, indices, n, pre, post, window, 0.1, stop - 0.1) == pytest.approx(
        expected, rel=0.02
    )
