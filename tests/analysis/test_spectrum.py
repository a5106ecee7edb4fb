import numpy as np
import pytest

from brainsim import analysis


def test_white_noise_is_flat_at_its_density(rng):
    dt, sigma = 1e-3, 3.0
    frequencies, power = analysis.power_spectrum(5 + sigma * rng.normal(size=200_000), dt, segment=0.5)
    assert frequencies[-1] == pytest.approx(500) and frequencies[1] == pytest.approx(2)
    assert power[2:-1].mean() == pytest.approx(2 * sigma**2 * dt, rel=0.02)


def test_the_spectrum_integrates_to_the_variance():
    t = np.arange(0, 4, 1e-3)
    frequencies, power = analysis.power_spectrum(2.0 * np.sin(2 * np.pi * 40 * t), 1e-3)
    assert power.sum() * frequencies[1] == pytest.approx(2.0**2 / 2, rel=1e-3)


def test_columns_are_treated_one_by_one(rng):
    signal = rng.normal(size=(1000, 3))
    both = analysis.power_spectrum(signal, 1e-3)
    assert both.power.shape == (both.frequencies.size, 3)
    np.testing.assert_allclose(both.power[:, 1], analysis.power_spectrum(signal[:, 1], 1e-3).power)


@pytest.mark.parametrize("frequency", [4.0, 7.3, 40.0, 81.7])
def test_dominant_frequency_lies_between_bins(rng, frequency):
    t = np.arange(0, 4, 1e-3)
    signal = 10 + np.sin(2 * np.pi * frequency * t) + 0.3 * rng.normal(size=t.size)
    assert analysis.dominant_frequency(signal, 1e-3) == pytest.approx(frequency, abs=0.1)  # bins are 1 Hz apart


def test_dominant_frequency_in_a_band():
    t = np.arange(0, 4, 1e-3)
    signal = 3 * np.sin(2 * np.pi * 6 * t) + np.sin(2 * np.pi * 45 * t)
    assert analysis.dominant_frequency(signal, 1e-3) == pytest.approx(6, abs=0.05)
    assert analysis.dominant_frequency(signal, 1e-3, low=30, high=80) == pytest.approx(45, abs=0.05)


def test_the_rhythm_of_a_population_rate(rng):
    candidates = rng.uniform(0, 5, 200_000)
    times = candidates[rng.uniform(size=candidates.size) < 0.5 * (1 + np.sin(2 * np.pi * 37 * candidates))]
    rate = analysis.population_rate(times, 1000, 1e-3, 0, 5).rate
    assert analysis.dominant_frequency(rate, 1e-3) == pytest.approx(37, abs=0.1)


def test_a_flat_signal_has_no_rhythm():
    assert np.isnan(analysis.dominant_frequency(np.full(1000, -61.3), 1e-3))
    assert np.isnan(analysis.dominant_frequency(np.zeros(1000), 1e-3))
