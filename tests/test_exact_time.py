"""Time is an integer number of steps: what clocks and stimuli give near its end, in float32, against fractions."""

from fractions import Fraction

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import stimuli
from brainsim._core import Clock, step_length
from brainsim._core.exact import exact

LAST = 2**31 - 1


@pytest.fixture(autouse=True)
def single_precision():
    with jax.enable_x64(False):
        yield


@jax.jit
def everything(step, length, time, interval, frequency):
    clock = Clock(step, length, None)
    return (
        clock.steps_to(time),
        clock.since(time),
        clock.count(interval),
        clock.within(interval),
        clock.phase(frequency),
        clock.t.mantissa,
    )


@pytest.mark.parametrize("dt", ["0.1", "0.025", "0.7", "1", "0.0003"])
def test_a_clock_is_exact_for_all_steps(dt):
    rng, length = np.random.default_rng(0), Fraction(dt)
    for k in range(40):
        step = int(2 ** rng.uniform(0, 31)) - 1 if k % 2 else LAST - int(rng.integers(2**20))
        n, interval = int(2 ** rng.uniform(0, 31)), ["0.25", "0.05", "0.3", "33.3", "0.999"][k % 5]
        time, frequency = n * float(dt), ["1000", "0.1", "60.1", "7.3"][k % 4]
        given = everything(step, step_length(float(dt)), *(exact(float(x)) for x in (time, interval, frequency)))
        steps_to, since, count, within, phase, t = (float(np.asarray(x)) for x in given)
        now = step * length
        intervals = now / Fraction(interval)
        assert steps_to == np.float64(min(n, LAST))
        assert since == pytest.approx(float(now - Fraction(time)), rel=1.2e-7, abs=1e-6 * float(dt))
        if intervals < LAST:
            assert int(np.asarray(given[2])) == intervals.__floor__()
            rest = float(now - intervals.__floor__() * Fraction(interval))
            assert within == pytest.approx(rest, abs=1e-5 * float(interval))
        turns = phase - float(now * Fraction(frequency) / 1000 % 1)
        assert abs(turns - round(turns)) < 4e-6
        assert t == pytest.approx(float(now), rel=1.2e-7)


def test_what_a_clock_says_can_be_differentiated_and_batched():
    clock = Clock(jnp.int32(1_000_003), step_length(0.1), None)
    assert jax.grad(lambda f: clock.phase(exact(f)))(jnp.float32(10.0)) == pytest.approx(100.0003, rel=1e-6)
    assert jax.grad(lambda t: clock.since(exact(t)))(jnp.float32(10.0)) == -1
    assert jax.grad(lambda i: clock.within(exact(i)))(jnp.float32(30.0)) == pytest.approx(-3333, rel=1e-6)
    assert jax.vmap(lambda i: clock.count(exact(i)))(jnp.float32([30.0, 7.0])).tolist() == [3333, 14285]


def at(step, stimulus, steps=8, dt=0.1, n=1, where=slice(None)):
    """What a stimulus gives from a late step on."""
    net = bs.Network()
    net.P = bs.sources.PoissonGroup(n)  # its stimuli are in Hz
    net.P[where].add_stimuli(s=stimulus)
    length = step_length(dt)
    value = jax.jit(lambda k: net.P.stimulation(Clock(k, length, net.plain("key"))))
    return np.array([np.broadcast_to(value(jnp.int32(step + k)), n) for k in range(steps)])


def test_windows_begin_and_end_at_their_step_late_in_a_run():
    for first in (30_000_001, 100_000_003, LAST - 20):  # 3,000 s and more at dt 0.1 ms
        window = {"start": (first + 2) * 0.1 * u.ms, "stop": (first + 5) * 0.1 * u.ms}
        expected = [0, 0, 7, 7, 7, 0, 0, 0]
        assert at(first, stimuli.Constant(7 * u.Hz, **window))[:, 0].tolist() == expected
        ramp = at(first, stimuli.Ramp(0 * u.Hz, 3 * u.Hz, **window))[:, 0]
        np.testing.assert_allclose(ramp, [0, 0, 0, 1, 2, 0, 0, 0], atol=1e-4)
        times = (first + np.array([2, 5])) * 0.1 * u.ms
        assert at(first, stimuli.Step([7.0, 0.0] * u.Hz, times))[:, 0].tolist() == expected


def test_a_window_can_be_as_long_as_a_run():
    assert np.all(at(LAST - 8, stimuli.Constant(7 * u.Hz, stop=1e15 * u.ms)) == 7)


@pytest.mark.parametrize("frequency", ["1000", "60.1", "0.1"])
def test_a_sine_keeps_its_phase(frequency):
    for first in (100_000, 10_000_000, LAST - 8):  # 10 s, 1,000 s, 2.5 days
        given = at(first, stimuli.Sine(1 * u.Hz, float(frequency) * u.Hz))[:, 0]
        turns = [float((first + k) * Fraction("0.1") * Fraction(frequency) / 1000 % 1) for k in range(8)]
        np.testing.assert_allclose(given, np.sin(2 * np.pi * np.array(turns)), atol=3e-5)


@pytest.mark.parametrize("interval", ["0.25", "0.05", "0.3", "1.7"])
def test_a_timed_array_plays_at_its_speed_at_any_step(interval):
    values = np.arange(4000.0)
    for dt in ("0.1", "0.25", "0.7"):
        given = at(0, stimuli.TimedArray(values * u.Hz, float(interval) * u.ms), 100, float(dt))[:, 0]
        expected = [(k * Fraction(dt) / Fraction(interval)).__floor__() for k in range(100)]
        assert given.tolist() == expected
    late = at(LAST - 8, stimuli.TimedArray(values * u.Hz, 60_000 * u.ms))[:, 0]
    assert late[0] == (LAST - 8) * Fraction("0.1") // 60_000


def test_one_spike_after_ten_million_milliseconds_costs_nothing():
    net = bs.Network()
    net.a = bs.sources.SpikeTimes(2, times=np.array([1e7, 1e7 + 0.2, 2e8]) * u.ms, indices=[0, 1, 1])
    net.prepare(0.1)
    assert sum(array.nbytes for array in (net.a.plain("begun"), net.a.plain("first"), net.a.plain("order"))) < 100
    for first, units in ((10**8 - 3, [(3, 0), (5, 1)]), (2 * 10**9 - 3, [(3, 1)])):
        net.steps = first
        rec = bs.simulate(net, 0.6 * u.ms, record="a.spikes").spikes["a"]
        assert [
            (round(float(t) * 10 - first), int(i)) for t, i in zip(rec.times.to_decimal(u.ms), rec.indices)
        ] == units
    with pytest.raises(ValueError, match="beyond the longest run"):
        net.b = bs.sources.SpikeTimes(1, times=1e9 * u.ms, indices=0)
        net.prepare(0.1)
