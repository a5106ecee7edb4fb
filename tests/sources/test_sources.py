"""Spike sources: exact times, and rates as Poisson processes have them (bounds are 5 standard errors, fixed seeds)."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from brainsim import sources


def spikes(population, duration, dt=0.1, **options):
    net = bs.Network(seed=3)
    net.S = population
    return bs.simulate(net, duration * u.ms, dt=dt * u.ms, record=["S.spikes"], **options).spikes["S"]


@pytest.mark.parametrize("dt", [0.1, 0.25, 1.0])
def test_spike_times_are_exact_to_the_step(dt):
    times, indices = np.array([7.0, 1.0, 3.0, 3.0, 12.0]), np.array([1, 0, 2, 0, 1])
    train = spikes(sources.SpikeTimes(3, times * u.ms, indices), 15.0, dt)
    order = np.lexsort((indices, times))
    np.testing.assert_allclose(train.times / u.ms, times[order])
    assert np.array_equal(train.indices, indices[order])


def test_spike_times_are_rounded_to_the_nearest_step():
    train = spikes(sources.SpikeTimes(1, [0.96, 2.04] * u.ms, [0, 0]), 5.0)
    assert np.array_equal(train.steps, [10, 20])


def test_spike_times_go_on_over_several_runs_and_again_after_reset():
    net = bs.Network()
    net.S = sources.SpikeTimes(1, [1.0, 2.0, 3.0] * u.ms, [0, 0, 0])
    found = [bs.simulate(net, 1.5 * u.ms, record=["S.spikes"]).spikes["S"].steps.tolist() for _ in range(3)]
    assert found == [[10], [20, 30], []]
    net.reset()
    assert len(bs.simulate(net, 5 * u.ms, record=["S.spikes"]).spikes["S"]) == 3


def test_bad_spike_times_are_refused():
    with pytest.raises(ValueError, match="equally long"):
        sources.SpikeTimes(2, [1.0, 2.0] * u.ms, [0])
    with pytest.raises(ValueError, match=r"indices must be integers in \[0, 2\), given 0 to 2"):
        sources.SpikeTimes(2, [1.0, 2.0] * u.ms, [0, 2])
    with pytest.raises(ValueError, match="positive and finite"):
        sources.SpikeTimes(2, [0.0, 2.0] * u.ms, [0, 1])
    with pytest.raises(bs.UnitError, match="SpikeTimes.times: expected ms, given mV"):
        sources.SpikeTimes(2, [1.0] * u.mV, [0])
    with pytest.raises(ValueError, match="unit 0 has two spikes in the step that ends at 1.0 ms"):
        spikes(sources.SpikeTimes(1, [0.98, 1.02] * u.ms, [0, 0]), 5.0)


def probability(rate, dt=0.1):
    return -np.expm1(-rate * 1e-3 * dt)


def test_poisson_rates_that_steps_cannot_hold_are_warned_of():
    net = bs.Network()
    net.S = sources.PoissonGroup(500, rate=np.append(np.full(499, 100.0), 8000.0) * u.Hz)
    with pytest.warns(bs.AccuracyWarning, match="S: at 8000 Hz in steps of 0.1 ms 31 % of the spikes"):
        train = bs.simulate(net, 200 * u.ms, record="S.spikes").spikes["S"]  # 0.69 * 1600 = 1101 expected
    assert abs(len(train.of(499)) - 1101) < 5 * np.sqrt(2000 * 0.449 * 0.551)
    net.S.rate = 100 * u.Hz
    bs.simulate(net, 1 * u.ms)
    with pytest.warns(bs.AccuracyWarning, match="S: at 2000 Hz"):
        bs.sweep(net, {"S.rate": [100, 2000] * u.Hz}, 1 * u.ms)
    net.reset()
    with pytest.warns(bs.AccuracyWarning, match="in steps of 10 ms"):
        bs.simulate(net, 10 * u.ms, dt=10 * u.ms)


@pytest.mark.parametrize("rate", [5.0, 400.0])
def test_poisson_group_has_its_rate_and_independent_steps_and_units(rate):
    n, steps = 500, 2000
    train = spikes(sources.PoissonGroup(n, rate * u.Hz), steps * 0.1)
    p = probability(rate)
    assert abs(len(train) - n * steps * p) < 5 * np.sqrt(n * steps * p * (1 - p))
    counts = np.bincount(train.indices, minlength=n)  # binomial
    assert abs(counts.var() / (steps * p * (1 - p)) - 1) < 5 * np.sqrt(2 / n) + 5 / np.sqrt(n * steps * p)
    fired = np.zeros((steps, n))
    fired[train.steps - 1, train.indices] = 1
    in_a_row = (fired[1:] * fired[:-1]).sum()
    assert abs(in_a_row - n * steps * p**2) < 5 * np.sqrt(n * steps * p**2) + 1


def test_poisson_rates_may_differ_between_units_and_be_zero():
    rates = np.repeat([0.0, 100.0, 1000.0], 200)
    train = spikes(sources.PoissonGroup(600, rates * u.Hz), 100.0)
    counts = np.bincount(train.indices, minlength=600).reshape(3, 200).sum(axis=1)
    assert counts[0] == 0
    for count, rate in zip(counts[1:], (100.0, 1000.0)):
        p = probability(rate)
        assert abs(count - 200_000 * p) < 5 * np.sqrt(200_000 * p)


def test_poisson_rates_vary_in_time_with_stimuli():
    group = sources.PoissonGroup(1000, 50 * u.Hz)
    group.add_stimuli(burst=bs.stimuli.Constant(500 * u.Hz, start=20 * u.ms, stop=40 * u.ms))
    group[:500].add_stimuli(silence=bs.stimuli.Constant(-1e4 * u.Hz, start=40 * u.ms))
    train = spikes(group, 60.0)
    window = (train.steps - 1) // 200
    half = train.indices < 500
    for k, rate, who in ((0, 50, half | ~half), (1, 550, half | ~half), (2, 50, ~half)):
        p, n = probability(rate), 1000 if k < 2 else 500
        count = np.sum((window == k) & who)
        assert abs(count - n * 200 * p) < 5 * np.sqrt(n * 200 * p)
    assert not np.any((window == 2) & half)  # a negative sum is zero


def test_spike_input_emits_what_it_is_given():
    given = np.zeros((20, 3))
    given[[4, 9, 9], [0, 1, 2]] = 1.0
    train = spikes(sources.SpikeInput(3), 2.0, inputs={"S.input": given})
    assert np.array_equal(np.stack([train.steps, train.indices]), [[5, 10, 10], [0, 1, 2]])


def test_an_analog_spike_multiplies_the_weight():
    net = bs.Network()
    net.S = sources.SpikeInput(1)
    net.E = bs.neurons.LIF(1)
    net.E.add_receptors(syn=bs.receptors.Exponential())
    net.connect(net.S, net.E, bs.AllToAll(), receptor="syn", weight=2 * u.pA)
    given = np.array([[0.0], [0.5], [0.0]])
    g = u.get_mantissa(bs.simulate(net, 0.3 * u.ms, inputs={"S.input": given}, record=["E.syn.g"])["E.syn.g"])
    assert g[1, 0] == pytest.approx(1.0)
