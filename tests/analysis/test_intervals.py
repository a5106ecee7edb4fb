import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln

from brainsim import analysis


def test_intervals_belong_to_one_neuron_and_run_in_time():
    values, owner = analysis.interspike_intervals([0.5, 0.1, 0.2, 0.9, 0.4], [1, 0, 1, 0, 0], 3)
    np.testing.assert_allclose(values, [0.3, 0.5, 0.3])
    assert owner.tolist() == [0, 0, 1]
    values, owner = analysis.interspike_intervals([0.5, 0.1, 0.2, 0.9, 0.4], [1, 0, 1, 0, 0], 3, 0.1, 0.5)
    np.testing.assert_allclose(values, [0.3])


@pytest.mark.parametrize("shape", [0.5, 1, 4, 25])
def test_cv_of_a_gamma_process_is_one_over_root_shape(renewal, shape):
    mean, per_neuron = analysis.cv(*renewal(shape), 200)
    assert mean == pytest.approx(1 / np.sqrt(shape), rel=0.01)
    assert np.isfinite(per_neuron).all()


@pytest.mark.parametrize("shape", [1, 2, 4, 25])
def test_cv2_of_a_gamma_process(renewal, shape):
    # I1 / (I1 + I2) is Beta(k, k), hence CV2 = 2 E|2B - 1| = 2 Gamma(k + 1/2) / (sqrt(pi) Gamma(k + 1))
    expected = 2 * np.exp(gammaln(shape + 0.5) - gammaln(shape + 1)) / np.sqrt(np.pi)
    assert analysis.cv2(*renewal(shape), 200).mean == pytest.approx(expected, rel=0.01)


def test_cv_agrees_with_numpy_neuron_by_neuron(renewal):
    times, indices = renewal(2, n=5)
    for i, value in enumerate(analysis.cv(times, indices, 5).per_neuron):
        intervals = np.diff(np.sort(times[indices == i]))
        assert value == pytest.approx(intervals.std() / intervals.mean())


def test_a_drifting_rate_raises_cv_and_not_cv2():
    times = np.cumsum(np.linspace(0.01, 0.1, 500))
    assert analysis.cv(times, np.zeros(500, int), 1).mean > 0.4
    assert analysis.cv2(times, np.zeros(500, int), 1).mean < 0.01


def test_a_clock_has_no_variability():
    times = np.arange(1000) * 0.01
    indices = np.zeros(1000, int)
    assert analysis.cv(times, indices, 1).mean == pytest.approx(0, abs=1e-9)
    assert analysis.cv2(times, indices, 1).mean == pytest.approx(0, abs=1e-9)
    assert analysis.fano_factor(times, indices, 1, 0.1, 0, 10).mean == pytest.approx(0, abs=1e-9)


def test_neurons_with_too_few_spikes_have_no_cv():
    times = np.concatenate([np.arange(6), np.arange(5) * 0.5])
    indices = np.repeat([0, 2], [6, 5])
    for statistic in (analysis.cv, analysis.cv2):
        mean, per_neuron = statistic(times, indices, 3)
        assert np.isnan(per_neuron).tolist() == [False, True, True] and mean == pytest.approx(0)
        assert np.isnan(statistic(times, indices, 3, min_spikes=5).per_neuron).tolist() == [False, True, False]
        assert np.isnan(statistic([], [], 3).mean)


def test_fano_factor_of_poisson_trains_is_one_at_any_bin(renewal):
    events = renewal(1)
    for bin in (0.05, 0.5, 2.0):
        mean, per_neuron = analysis.fano_factor(*events, 200, bin, 0, 50)
        assert mean == pytest.approx(1, abs=4 * np.sqrt(2 / (200 * 50 / bin)))
        assert per_neuron.std() == pytest.approx(np.sqrt(2 / (50 / bin - 1)), rel=0.3)


def test_fano_factor_of_a_renewal_process_tends_to_cv_squared(renewal):
    assert analysis.fano_factor(*renewal(4), 200, 2.0, 0, 50).mean == pytest.approx(0.25, abs=0.025)


def test_fano_factor_agrees_with_numpy(rng):
    times, indices = rng.uniform(0, 10, 3000), rng.integers(0, 9, 3000)
    counts = analysis.binned_counts(times, indices, 10, 0.1, 0, 10)
    mean, per_neuron = analysis.fano_factor(times, indices, 10, 0.1, 0, 10)
    np.testing.assert_allclose(per_neuron[:9], counts[:, :9].var(axis=0, ddof=1) / counts[:, :9].mean(axis=0))
    assert np.isnan(per_neuron[9]) and mean == pytest.approx(per_neuron[:9].mean())


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 2)), max_size=60, unique=True),
    st.integers(-50_000, 50_000),
    st.randoms(use_true_random=False),
)
def test_order_of_events_and_origin_of_time_do_not_matter(events, shift, random):
    moved = list(events)
    random.shuffle(moved)
    one, two = (np.array(e, dtype=int).reshape(-1, 2) for e in (events, moved))
    one_t, two_t = one[:, 0] * 1e-4, (two[:, 0] + shift) * 1e-4
    here, there = (analysis.interspike_intervals(t, e[:, 1], 3) for t, e in ((one_t, one), (two_t, two)))
    np.testing.assert_allclose(here.values, there.values, atol=1e-9)
    np.testing.assert_array_equal(here.owner, there.owner)
    assert here.values.size == one.shape[0] - np.unique(one[:, 1]).size and (here.values >= 0).all()
    for statistic in (analysis.cv, analysis.cv2):
        np.testing.assert_allclose(
            statistic(one_t, one[:, 1], 3).per_neuron, statistic(two_t, two[:, 1], 3).per_neuron, rtol=1e-6, atol=1e-8
        )
    fano = analysis.fano_factor(one_t, one[:, 1], 3, 0.1, 0, 1).per_neuron
    there = analysis.fano_factor(two_t, two[:, 1], 3, 0.1, shift * 1e-4, shift * 1e-4 + 1).per_neuron
    np.testing.assert_allclose(fano, there)
