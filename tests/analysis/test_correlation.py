import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainsim import analysis


def common_input(rng, n, shared, private, stop):
    """Poisson trains of rate shared + private, of which the shared spikes are the same in every neuron."""
    common = rng.uniform(0, stop, rng.poisson(shared * stop))
    own = rng.uniform(0, stop, rng.poisson(private * stop * n))
    times = np.concatenate([np.tile(common, n), own])
    return times, np.concatenate([np.repeat(np.arange(n), common.size), rng.integers(0, n, own.size)])


@pytest.mark.parametrize("shared, private", [(0, 20), (5, 15), (15, 5), (20, 0)])
def test_common_input_correlates_by_its_share_of_the_rate(rng, shared, private):
    mean, matrix = analysis.correlation(*common_input(rng, 30, shared, private, 200.0), 30, 0.01, 0, 200)
    assert mean == pytest.approx(shared / (shared + private), abs=0.01)
    assert mean == pytest.approx(matrix[~np.eye(30, dtype=bool)].mean())


def test_correlation_agrees_with_numpy(rng):
    times, indices = rng.uniform(0, 10, 4000), rng.integers(0, 12, 4000)
    expected = np.corrcoef(analysis.binned_counts(times, indices, 12, 0.05, 0, 10).T)
    np.testing.assert_allclose(analysis.correlation(times, indices, 12, 0.05, 0, 10).matrix, expected, atol=1e-12)


def test_neurons_that_never_change_have_no_correlation(rng):
    times, indices = rng.uniform(0, 10, 400), rng.integers(0, 3, 400)
    mean, matrix = analysis.correlation(times, indices, 4, 0.1, 0, 10)
    assert np.isnan(matrix[3]).all() and np.isnan(matrix[:, 3]).all() and np.isfinite(matrix[:3, :3]).all()
    assert mean == pytest.approx(matrix[:3, :3][~np.eye(3, dtype=bool)].mean())
    assert np.isnan(analysis.correlation([], [], 4, 0.1, 0, 10).mean)


def test_correlogram_of_a_delayed_copy_peaks_at_the_delay(rng):
    a = np.sort(rng.uniform(0, 100, 2000))
    lags, counts, rate = analysis.cross_correlogram(a, a + 0.0071, bin=1e-3, max_lag=0.02)
    assert lags.size == 41 and lags[np.argmax(counts)] == pytest.approx(0.007)
    np.testing.assert_allclose(lags, np.arange(-20, 21) * 1e-3)
    chance = np.delete(rate, np.argmax(counts))
    assert chance.mean() == pytest.approx(20, rel=0.05)
    assert rate.max() == pytest.approx(1000 + 20, rel=0.02)


def test_correlogram_agrees_with_all_pairs(rng):
    a, b = rng.uniform(0, 5, 300), rng.uniform(0, 5, 400)
    lags, counts, _ = analysis.cross_correlogram(a, b, bin=0.01, max_lag=0.2)
    expected, _ = np.histogram((b - a[:, None]).ravel(), np.append(lags - 0.005, lags[-1] + 0.005))
    np.testing.assert_array_equal(counts, expected)
    back = analysis.cross_correlogram(b, a, bin=0.01, max_lag=0.2).counts
    np.testing.assert_array_equal(counts, back[::-1])


def test_correlogram_in_chunks_is_the_same(rng, monkeypatch):
    a, b = rng.uniform(0, 5, 300), rng.uniform(0, 5, 400)
    whole = analysis.cross_correlogram(a, b, bin=0.01, max_lag=0.2).counts
    monkeypatch.setitem(analysis.cross_correlogram.__globals__, "_PAIRS_AT_ONCE", 50)
    np.testing.assert_array_equal(analysis.cross_correlogram(a, b, bin=0.01, max_lag=0.2).counts, whole)


def test_autocorrelogram_is_symmetric_and_leaves_out_the_spike_itself():
    lags, counts, _ = analysis.cross_correlogram(np.arange(50) * 0.02, bin=1e-3, max_lag=0.05)
    assert counts[lags.size // 2] == 0
    assert {round(lag, 6): count for lag, count in zip(lags, counts) if count} == {
        -0.04: 48, -0.02: 49, 0.02: 49, 0.04: 48
    }  # fmt: skip


def test_synchrony_is_one_for_independent_neurons_and_n_for_identical_ones(rng):
    times, _ = common_input(rng, 40, 0, 20, 100.0)
    assert analysis.synchrony(times, 0.005, 0, 100) == pytest.approx(1, abs=4 * np.sqrt(2 / 20_000))
    times, _ = common_input(rng, 40, 20, 0, 100.0)
    assert analysis.synchrony(times, 0.005, 0, 100) == pytest.approx(40, rel=0.05)
    # shared rate s of s + p: Var = n² s + n p, mean = n (s + p)
    times, _ = common_input(rng, 40, 5, 15, 200.0)
    assert analysis.synchrony(times, 0.005, 0, 200) == pytest.approx((40 * 5 + 15) / 20, rel=0.05)
    assert np.isnan(analysis.synchrony([], 0.005, 0, 100))


def test_golomb_chi_of_signals_with_a_shared_part(rng):
    n, steps = 50, 20_000
    shared, private = rng.normal(size=(steps, 1)), rng.normal(size=(steps, n))
    for weight in (0.0, 0.5, 1.0):
        values = -60 + np.sqrt(weight) * shared + np.sqrt(1 - weight) * private
        assert analysis.voltage_synchrony(values) == pytest.approx(np.sqrt(weight + (1 - weight) / n), rel=0.02)
    assert np.isnan(analysis.voltage_synchrony(np.full((10, 3), -60.0)))


grid = st.lists(st.integers(0, 9999), max_size=40)


@settings(deadline=None, max_examples=50)
@given(grid, grid, st.integers(-50_000, 50_000))
def test_correlogram_depends_on_lags_only(a, b, shift):
    a, b = np.array(a, dtype=int), np.array(b, dtype=int)
    settings = {"bin": 0.0005, "max_lag": 0.5}
    here = analysis.cross_correlogram(a * 1e-4, b * 1e-4, **settings).counts
    there = analysis.cross_correlogram((a[::-1] + shift) * 1e-4, (b + shift) * 1e-4, **settings).counts
    back = analysis.cross_correlogram(b * 1e-4, a * 1e-4, **settings).counts
    np.testing.assert_array_equal(here, there)
    np.testing.assert_array_equal(here, back[::-1])
    assert here.sum() == (np.abs(b - a[:, None]) <= 5002).sum()
