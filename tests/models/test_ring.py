"""The ring of ball-and-stick cells against NEURON 9, which ran its own tutorial without its table of rates."""

import brainunit as u
import numpy as np
import pytest

from models.cells import ring

NEURON = (
    (10.925, 43.325, 75.825),
    (17.4, 49.825, 82.325),
    (23.875, 56.325, 88.825),
    (30.35, 62.825, 95.325),
    (36.825, 69.325),
)
#: V of the first soma at 11, 20, 50 and 100 ms
VOLTAGES = (28.162081177237813, -68.26160385773628, -71.22569418882733, -64.98845280646468)


@pytest.fixture(scope="module")
def run():
    held = ring.as_neuron_has_it()
    return ring.experiment(weight=0.01 * held * u.uS, kick=0.04 * held * u.uS)


def test_every_spike_is_neurons(run):
    found = ring.spike_times(run)
    assert len(found) == len(NEURON)
    for times, expected in zip(found, NEURON):
        np.testing.assert_allclose(times, expected, atol=1e-6)


def test_potentials_are_neurons(run):
    V = run["cells.V"].to_decimal(u.mV)[:, 0]
    np.testing.assert_allclose(V[np.array([440, 800, 2000, 4000]) - 1], VOLTAGES, atol=1e-8)


def test_weights_of_our_own_meaning_give_the_same_to_the_order_of_the_step():
    """A step's mean conductance: 0.1 ms later at most after two rounds."""
    for times, expected in zip(ring.spike_times(ring.experiment()), NEURON):
        assert len(times) == len(expected)
        np.testing.assert_allclose(times, expected, atol=0.11)
