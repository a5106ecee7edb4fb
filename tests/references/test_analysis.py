"""Statistics against Elephant and mrestimator on the same spikes (make_analysis.py)."""

from pathlib import Path

import numpy as np
import pytest

from brainsim import analysis
from tests.references import make_analysis

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def made():
    return make_analysis


@pytest.fixture(scope="module")
def expected(made):
    return dict(np.load(made.FILE))


@pytest.fixture(scope="module")
def events(made):
    trains = made.trains()
    return np.concatenate(trains), np.repeat(np.arange(len(trains)), [t.size for t in trains]), len(trains)


def pairwise(distance, trains, scale):
    return [[distance(a, b, scale) for b in trains] for a in trains]


def test_van_rossum_distance(made, expected):
    """Elephant's kernel is normalised so that one spike more gives D = 1, ours as in the original paper: a factor of
    1/sqrt(2).
    """
    ours = pairwise(analysis.van_rossum_distance, made.trains(), made.TAU)
    np.testing.assert_allclose(ours, expected["van_rossum"] / np.sqrt(2), rtol=1e-9, atol=1e-6)


def test_victor_purpura_distance(made, expected):
    ours = pairwise(analysis.victor_purpura_distance, made.trains(), made.COST)
    np.testing.assert_allclose(ours, expected["victor_purpura"], rtol=1e-9)


def test_irregularity(made, expected, events):
    np.testing.assert_allclose(analysis.cv(*events).per_neuron, expected["cv"], rtol=1e-9)
    np.testing.assert_allclose(analysis.cv2(*events).per_neuron, expected["cv2"], rtol=1e-9)


def test_counts(made, expected, events):
    bins = round(made.STOP / made.BIN)  # Elephant divides by the number of bins, we by one less
    fano = analysis.fano_factor(*events, made.BIN, 0, made.STOP).per_neuron
    np.testing.assert_allclose(fano * (bins - 1) / bins, expected["fano"], rtol=1e-9)
    np.testing.assert_allclose(
        analysis.correlation(*events, made.BIN, 0, made.STOP).matrix, expected["correlation"], atol=1e-9
    )


def test_cross_correlation_of_binned_trains(made, expected):
    """Elephant counts pairs by the difference of their bins; so does the correlogram of times moved to their bin's
    centre.
    """
    width = made.BIN / 5
    a, b = ((np.floor(made.trains()[k] / width) + 0.5) * width for k in (1, 4))
    correlogram = analysis.cross_correlogram(a, b, bin=width, max_lag=made.MAX_LAG)
    np.testing.assert_array_equal(correlogram.counts, expected["histogram"])


@pytest.mark.parametrize("which, name", [(0, "whole"), (1, "seen")])
def test_multistep_regression(made, expected, which, name):
    """The same estimate up to how each takes the mean (per lag, or once) and ends its search."""
    counts = made.activity()[which]
    fit = analysis.multistep_regression(counts, lags=made.LAGS)
    np.testing.assert_allclose(fit.slopes, expected[f"slopes_{name}"], atol=0.01)
    assert fit.m == pytest.approx(float(expected[f"m_{name}"]), abs=2e-4)
    assert fit.amplitude == pytest.approx(float(expected[f"amplitude_{name}"]), abs=2e-3)
    with_offset = analysis.multistep_regression(counts, lags=made.LAGS, offset=True)
    assert with_offset.m == pytest.approx(float(expected[f"offset_m_{name}"]), abs=5e-4)
