import numpy as np
import pytest
from scipy.special import gammainc, gammaincinv
from scipy.stats import poisson

from brainsim import analysis


def planted(rng, bursts=8, spikes=7, interval=3e-3, rate=2.0, stop=80.0):
    """A sparse Poisson train with dense bursts at known times."""
    starts = (np.arange(bursts) + 0.5) * stop / bursts
    inside = (starts[:, None] + interval * np.arange(spikes)).ravel()
    sparse = rng.uniform(0, stop, rng.poisson(rate * stop))
    sparse = sparse[np.abs(sparse[:, None] - starts - interval * spikes / 2).min(axis=1) > 0.2]
    return starts, np.concatenate([inside, sparse])


def test_bursts_by_hand():
    train = np.array([0, 4, 8, 50, 100, 103, 106, 109, 200, 203, 300]) * 1e-3
    found = analysis.interval_bursts(train, np.full(11, 2), 4, 5e-3)
    np.testing.assert_array_equal(found.neuron, [2, 2])
    np.testing.assert_allclose(found.start, [0, 0.1])
    np.testing.assert_allclose(found.stop, [0.008, 0.109])
    np.testing.assert_array_equal(found.spikes, [3, 4])
    assert analysis.interval_bursts(train, np.full(11, 2), 4, 5e-3, min_spikes=2).spikes.tolist() == [3, 4, 2]
    assert analysis.interval_bursts(train, np.full(11, 2), 4, 3.5e-3).spikes.tolist() == [4]
    assert analysis.interval_bursts(train, np.full(11, 2), 4, 5e-3, duration=8.5e-3).spikes.tolist() == [4]


def test_a_burst_begins_tight_and_ends_loose():
    train = np.array([0, 8, 16, 20, 24, 32, 40, 100]) * 1e-3
    assert analysis.interval_bursts(train, np.zeros(8, int), 1, 5e-3).spikes.tolist() == [3]
    found = analysis.interval_bursts(train, np.zeros(8, int), 1, 5e-3, end_interval=10e-3)
    np.testing.assert_allclose([found.start[0], found.stop[0]], [0.016, 0.040])


def test_bursts_close_to_each_other_are_one():
    train = np.array([0, 2, 4, 14, 16, 18, 100, 102, 104]) * 1e-3
    assert analysis.interval_bursts(train, np.zeros(9, int), 1, 3e-3).spikes.tolist() == [3, 3, 3]
    found = analysis.interval_bursts(train, np.zeros(9, int), 1, 3e-3, gap=0.02)
    assert found.spikes.tolist() == [6, 3] and found.stop[0] == pytest.approx(0.018)


def test_surprise_is_the_poisson_tail():
    train = np.concatenate([[0.0], 5 + np.arange(6) * 2e-3, [6.0, 7.5, 8.0, 10.0]])
    found = analysis.surprise_bursts(train, np.zeros(train.size, int), 1)
    rate = (train.size - 1) / 10.0
    assert found.spikes.tolist() == [6] and found.start[0] == pytest.approx(5.0)
    assert found.surprise[0] == pytest.approx(-poisson.logsf(5, rate * 0.01), rel=1e-9)
    same = analysis.interval_bursts(train, np.zeros(train.size, int), 1, 3e-3)
    assert same.surprise[0] == pytest.approx(found.surprise[0])


def test_surprise_beyond_what_a_float_holds():
    """400 spikes where 0.5 are expected: P is about 1e-989. By hand, its first term x^m e^-x / m!, times 1 + x / (m +
    1).
    """
    from math import lgamma, log

    train = np.concatenate([[0.0], 500 + np.arange(400) * 1e-3, [1000.0]])
    found = analysis.interval_bursts(train, np.zeros(train.size, int), 1, 2e-3)
    x = 0.399 * 401 / 1000
    assert found.surprise[0] == pytest.approx(-(400 * log(x) - x - lgamma(401) + x / 401), rel=1e-9)


def test_planted_bursts_are_found_and_nothing_else(rng):
    starts, train = planted(rng)
    for found in (
        analysis.surprise_bursts(train, np.zeros(train.size, int), 1),
        analysis.interval_bursts(train, np.zeros(train.size, int), 1, 5e-3, min_spikes=4),
    ):
        np.testing.assert_allclose(found.start, starts, atol=1e-9)
        np.testing.assert_allclose(found.stop, starts + 6 * 3e-3, atol=1e-9)
        assert (found.spikes == 7).all()


def test_bursts_of_a_poisson_train_are_as_rare_as_its_intervals_say(renewal):
    """Three spikes have S >= 10 within rT < x with P(3, x) = e^-10, which two intervals are with probability P(2, x)."""
    times, indices = renewal(1, n=50, rate=20.0, stop=50.0)
    found = analysis.surprise_bursts(times, indices, 50)
    chance = gammainc(2, gammaincinv(3, np.exp(-10.0)))  # 0.002; a few more grow into bursts of more than three
    assert 0.8 * chance < found.start.size / times.size < 2 * chance


def test_neurons_are_treated_one_by_one(rng):
    _, train = planted(rng)
    times, indices = np.concatenate([train, train + 1.0]), np.repeat([3, 1], train.size)
    order = rng.permutation(times.size)
    for method, arguments in ((analysis.surprise_bursts, ()), (analysis.interval_bursts, (5e-3,))):
        both = method(times[order], indices[order], 5, *arguments)
        alone = method(train, np.zeros(train.size, int), 1, *arguments)
        assert both.neuron.tolist() == [1] * alone.start.size + [3] * alone.start.size
        np.testing.assert_allclose(both.start, np.concatenate([alone.start + 1.0, alone.start]))
        np.testing.assert_allclose(both.surprise, np.tile(alone.surprise, 2), rtol=1e-6)
        assert method([], [], 2, *arguments).start.size == 0
