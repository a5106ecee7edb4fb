import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainsim import analysis


def test_firing_rate_counts_the_half_open_window():
    times, indices = [0.0, 0.1, 0.5, 0.9, 1.0, 1.5], [0, 0, 2, 2, 2, 0]
    mean, per_neuron = analysis.firing_rate(times, indices, 3, 0.0, 1.0)
    np.testing.assert_allclose(per_neuron, [2, 0, 2])
    assert mean == pytest.approx(4 / 3)
    assert analysis.firing_rate(times, indices, 3, 0.5, 2.5).per_neuron.tolist() == [0.5, 0.0, 1.5]


def test_a_poisson_population_fires_at_its_rate(renewal):
    times, indices = renewal(1, n=200, rate=20.0, stop=50.0)
    mean, per_neuron = analysis.firing_rate(times, indices, 200, 0, 50)
    assert mean == pytest.approx(20, abs=4 * np.sqrt(20 / (200 * 50)))
    assert per_neuron.var(ddof=1) == pytest.approx(20 / 50, rel=4 * np.sqrt(2 / 200))  # Poisson: Var(N/T) = rate/T


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("dt, per_bin", [(1e-4, 10), (1e-4, 1), (2.5e-5, 40), (1e-3, 3)])
def test_times_on_a_grid_never_fall_into_the_neighbouring_bin(dtype, dt, per_bin):
    steps = np.arange(6000)
    times = (steps * dtype(dt)).astype(dtype)
    counts = analysis.population_counts(times, per_bin * dt, 0.0, 6000 * dt)
    np.testing.assert_array_equal(counts, np.full(6000 // per_bin, per_bin))


def test_accumulated_times_fall_into_their_bin():
    times = np.cumsum(np.full(100_000, 1e-4)) - 1e-4
    assert (analysis.population_counts(times, 1e-3, 0.0, 10.0) == 10).all()


def test_binned_counts_agree_with_numpy(rng):
    times, indices = rng.uniform(-1, 6, 5000), rng.integers(0, 7, 5000)
    counts = analysis.binned_counts(times, indices, 7, 0.25, 0.5, 5.0)
    expected, *_ = np.histogram2d(times, indices, bins=[np.linspace(0.5, 5, 19), np.arange(8) - 0.5])
    np.testing.assert_array_equal(counts, expected)
    np.testing.assert_array_equal(analysis.population_counts(times, 0.25, 0.5, 5.0), expected.sum(axis=1))


def test_a_last_piece_shorter_than_a_bin_is_left_out():
    assert analysis.population_counts([0.05, 0.15, 0.99], 0.3, 0.0, 1.0).tolist() == [2, 0, 0]


def test_population_rate_has_bin_centres_and_hertz_per_neuron():
    times, rate = analysis.population_rate([1.0, 1.05, 1.1, 1.35], 2, 0.1, 1.0, 1.4)
    np.testing.assert_allclose(times, [1.05, 1.15, 1.25, 1.35])
    np.testing.assert_allclose(rate, [10, 5, 0, 5])


def test_smoothing_keeps_the_mean_and_spreads_a_pulse_as_a_gaussian():
    sigma, bin = 0.02, 1e-3
    times, rate = analysis.population_rate(np.full(50, 0.5005), 50, bin, 0.0, 1.0, smooth=sigma)
    gauss = np.exp(-((times - 0.5005) ** 2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(rate, gauss, atol=0.01)  # of a peak of 20; the kernel ends at 4 sigma
    edge = analysis.population_rate(np.full(50, 0.001), 50, bin, 0.0, 1.0, smooth=sigma)
    assert edge.rate.mean() == pytest.approx(1.0)


def test_a_sinusoidal_rate_is_recovered(rng):
    n, stop = 4000, 2.0
    rate = lambda t: 20 + 15 * np.sin(2 * np.pi * 3 * t)  # noqa: E731
    candidates = rng.uniform(0, stop, rng.poisson(35 * n * stop))
    times = candidates[rng.uniform(0, 35, candidates.size) < rate(candidates)]
    centers, measured = analysis.population_rate(times, n, 0.01, 0, stop)
    deviation = (measured - rate(centers)) / np.sqrt(rate(centers) / (n * 0.01))
    assert np.abs(deviation).max() < 5 and deviation.var() == pytest.approx(1, abs=0.4)


def test_no_spikes():
    assert analysis.firing_rate([], [], 3, 0, 1).mean == 0
    assert analysis.binned_counts([], [], 3, 0.5, 0, 1).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert analysis.population_rate([], 3, 0.5, 0, 1).rate.tolist() == [0, 0]


events = st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 4)), max_size=60)


@settings(deadline=None)
@given(events, st.integers(1, 50), st.randoms(use_true_random=False))
def test_binning_conserves_counts_and_ignores_order(events, width, random):
    times, indices = (np.array([e[k] for e in events], dtype=int) for k in (0, 1))
    times, bin = times * 1e-4, width * 1e-3
    stop = bin * np.ceil(1.0 / bin)
    counts = analysis.binned_counts(times, indices, 5, bin, 0.0, stop)
    assert counts.sum() == times.size
    np.testing.assert_array_equal(counts.sum(axis=0), np.bincount(indices, minlength=5))
    np.testing.assert_array_equal(counts.sum(axis=1), analysis.population_counts(times, bin, 0.0, stop))
    np.testing.assert_allclose(analysis.firing_rate(times, indices, 5, 0.0, stop).per_neuron * stop, counts.sum(axis=0))
    order = list(range(times.size))
    random.shuffle(order)
    order = np.array(order, dtype=int)
    np.testing.assert_array_equal(counts, analysis.binned_counts(times[order], indices[order], 5, bin, 0.0, stop))


@settings(deadline=None)
@given(events, st.integers(-50_000, 50_000), st.integers(1, 50))
def test_binning_moves_with_time(events, shift, width):
    times, indices = (np.array([e[k] for e in events], dtype=int) for k in (0, 1))
    bin, stop = width * 1e-3, 1.0
    here = analysis.binned_counts(times * 1e-4, indices, 5, bin, 0.0, stop)
    there = analysis.binned_counts((times + shift) * 1e-4, indices, 5, bin, shift * 1e-4, stop + shift * 1e-4)
    np.testing.assert_array_equal(here, there)
