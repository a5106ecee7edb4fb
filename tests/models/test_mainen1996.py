"""Two compartments with one set of densities, against NEURON 9 with the published files (without tables of rates)."""

import numpy as np
import pytest

from models.cells import mainen1996 as model
from models.cells import mainen1996_shapes as four

#: spikes in 900 ms, and the first ones in ms
NEURON = {
    (50, 10): (45, (6.025, 23.1, 40.45, 58.1)),
    (100, 10): (23, (12.9, 37.125, 63.85, 93.55)),
    (140, 10): (13, (20.225, 47.175, 88.3, 157.225)),
    (165, 10): (9, (26.2, 31.775, 113.15, 245.7)),
    (200, 10): (15, (37.675, 41.325, 44.6, 47.625, 50.475, 53.275, 56.05, 58.9, 62.125, 523.85)),
    (165, 1): (10, (33.525, 93.0, 168.525, 257.95)),
    (165, 30): (41, (16.1, 37.95, 59.825, 81.7, 103.575)),
}


@pytest.fixture(scope="module")
def spikes():
    assert tuple(NEURON) == model.SHAPES
    return dict(zip(model.SHAPES, model.spike_times(model.experiment())))


@pytest.mark.parametrize("shape", NEURON)
def test_spikes_are_neurons(spikes, shape):
    """As many, and at the same times where calcium does not decide (NEURON takes its current from the step before)."""
    count, first = NEURON[shape]
    assert len(spikes[shape]) == count
    np.testing.assert_allclose(spikes[shape][: len(first)], first, atol=0.026, rtol=0.004)


def test_patterns_go_from_regular_to_bursts_with_the_dendrite(spikes):
    """And back, when it is coupled too closely or too loosely (paper, figure 3)."""
    bursts = [model.burstiness(spikes[rho, 10]) for rho in (50, 100, 140, 165, 200)]
    assert np.all(np.diff(bursts) > 0)
    assert bursts[0] < 1.5
    assert bursts[-1] > 50
    assert max(model.burstiness(spikes[165, kappa]) for kappa in (1, 30)) < 2


@pytest.mark.slow
def test_four_shapes_make_four_patterns():
    """Published files on the reconstructions, in NEURON: 36, 7, 9 and 7 spikes, regular to bursting."""
    aspiny, stellate, small, large = model.spike_times(four.experiment())
    assert 30 < len(aspiny) < 50
    assert model.burstiness(aspiny) < 2
    assert len(stellate) == pytest.approx(7, abs=1)
    assert model.burstiness(stellate) < 4
    assert len(small) == pytest.approx(9, abs=2)
    assert model.burstiness(small) > 10
    assert len(large) == pytest.approx(7, abs=1)
    assert model.burstiness(large) > 20
