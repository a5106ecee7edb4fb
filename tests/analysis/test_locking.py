import numpy as np
import pytest
from scipy.special import i0, i1

from brainsim import analysis


def test_a_worked_example_of_circular_statistics():
    """Zar, Biostatistical Analysis, examples 26.4 and 27.1: eight compass directions; r = 0.82522, mean 99 degrees,
    0.001 < P < 0.002.
    """
    degrees = np.array([45, 55, 81, 96, 110, 117, 132, 154])
    strength, phase, p_value = analysis.vector_strength(degrees / 360, 1.0)
    assert strength == pytest.approx(0.82522, abs=1e-5) and np.degrees(phase) == pytest.approx(99, abs=0.5)
    assert 0.001 < p_value < 0.002


def test_perfect_locking_and_its_phase():
    times = 0.5 + np.arange(200) / 40
    strength, phase, p_value = analysis.vector_strength(times, 40.0)
    assert strength == pytest.approx(1) and phase == pytest.approx(0, abs=1e-9) and p_value < 1e-60
    assert analysis.vector_strength(times, 40.0, origin=0.5 - 0.1 / 40).phase == pytest.approx(0.2 * np.pi)
    assert analysis.vector_strength([0.3], 7.0).strength == pytest.approx(1)


def test_two_opposite_phases_cancel():
    strength, _, p_value = analysis.vector_strength(np.arange(100) / 20, 10.0)
    assert strength == pytest.approx(0, abs=1e-9) and p_value == 1


@pytest.mark.parametrize("kappa", [0.5, 2.0])
def test_von_mises_phases(rng, kappa):
    times = (rng.vonmises(0.7, kappa, 40_000) / (2 * np.pi) + rng.integers(0, 1000, 40_000)) / 8.0
    strength, phase, _ = analysis.vector_strength(times, 8.0)
    assert strength == pytest.approx(i1(kappa) / i0(kappa), abs=0.015) and phase == pytest.approx(0.7, abs=0.03)


def test_a_sinusoidal_rate_of_depth_a_has_strength_a_half(rng):
    candidates = rng.uniform(0, 100, 60_000)
    times = candidates[rng.uniform(0, 2, candidates.size) < 1 + 0.6 * np.sin(2 * np.pi * 5 * candidates)]
    assert analysis.vector_strength(times, 5.0).strength == pytest.approx(0.3, abs=0.015)


def test_p_values_of_uniform_phases_are_uniform(rng):
    p = np.sort([analysis.vector_strength(rng.uniform(0, 10, 30), 3.0).p_value for _ in range(1000)])
    assert np.abs(p - (np.arange(1000) + 0.5) / 1000).max() < 1.63 / np.sqrt(1000)  # Kolmogorov-Smirnov, 1 %


def test_no_spikes():
    assert all(np.isnan(analysis.vector_strength([], 5.0)))
