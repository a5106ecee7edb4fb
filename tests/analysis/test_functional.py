import numpy as np
import pytest

from brainsim import analysis


def test_functional_connectivity_agrees_with_numpy(rng):
    signals = rng.normal(size=(300, 6)) + rng.normal(size=(300, 1))
    mean, matrix = analysis.functional_connectivity(signals)
    np.testing.assert_allclose(matrix, np.corrcoef(signals.T), atol=1e-12)
    assert mean == pytest.approx(matrix[~np.eye(6, dtype=bool)].mean())


def test_a_shared_part_correlates_by_its_share_of_the_variance(rng):
    signals = 0.6 * rng.normal(size=(50_000, 1)) + 0.8 * rng.normal(size=(50_000, 4))
    assert analysis.functional_connectivity(signals).mean == pytest.approx(0.36, abs=0.02)


def test_a_constant_signal_has_no_connectivity(rng):
    signals = rng.normal(size=(100, 4))
    signals[:, 2] = -61.3
    mean, matrix = analysis.functional_connectivity(signals)
    assert np.isnan(matrix[2]).all() and np.isnan(matrix[:, 2]).all() and np.isfinite(mean)


def test_dynamics_show_two_states(rng):
    """Three pairs of regions go together in the first half, three others in the second."""
    shared = rng.normal(size=(400, 3))
    signals = 0.3 * rng.normal(size=(400, 6)) + np.concatenate(
        [shared[:200, [0, 0, 1, 1, 2, 2]], shared[200:, [0, 1, 2, 0, 1, 2]]]
    )
    times, matrices, similarity = analysis.functional_dynamics(signals, 0.5, window=50.0, shift=50.0)
    np.testing.assert_allclose(times, 24.75 + 50 * np.arange(4))
    assert matrices.shape == (4, 6, 6) and similarity.shape == (4, 4)
    np.testing.assert_allclose(matrices[1], np.corrcoef(signals[100:200].T), atol=1e-12)
    pairs = [m[np.triu_indices(6, 1)] for m in matrices]
    np.testing.assert_allclose(similarity, np.corrcoef(pairs), atol=1e-12)
    assert min(similarity[0, 1], similarity[2, 3]) > 0.8 and similarity[:2, 2:].max() < 0.1


def test_windows_slide_by_a_third_of_their_length_unless_told(rng):
    times, matrices, _ = analysis.functional_dynamics(rng.normal(size=(100, 3)), 1.0, window=30.0)
    np.testing.assert_allclose(times, 14.5 + 10 * np.arange(8))
