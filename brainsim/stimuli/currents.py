"""Stimuli that are functions of time."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp
import numpy as np

from brainsim._core import Clock, Parameter
from brainsim._units import NumberLike, QuantityLike, in_unit, with_unit
from brainsim.connectivity.distribution import Given
from brainsim.stimuli.base import Stimulus


class Constant(Stimulus):
    """A constant input, from ``start`` to ``stop`` if given: then it is a pulse.

    Parameters
    ----------
    amplitude : quantity in the input unit, () or (n,)
        Value of the input.
    start, stop : quantity, time, optional
        Window.
    """

    amplitude = Parameter(0.0, "value of the input", unit="input_unit")

    def __init__(self, amplitude: Given, **values: Any):
        super().__init__(amplitude=amplitude, **values)

    def value(self, clock: Clock):
        return self.plain("amplitude")


class Step(Stimulus):
    """A staircase: ``values[k]`` from ``times[k]`` until ``times[k + 1]``, zero before ``times[0]``.

    Parameters
    ----------
    values : quantity in the input unit, (k,)
        Levels.
    times : quantity, time, (k,)
        When each level begins, increasing, rounded to whole steps.
    """

    values = Parameter(0.0, "levels", unit="input_unit", shape=None)
    times = Parameter(0.0 * u.ms, "when each level begins", shape=None, exact=True)

    def __init__(self, values: NumberLike, times: QuantityLike, **window: Any):
        given = np.atleast_1d(np.asarray(in_unit(times, u.ms, "Step.times")))
        if np.any(np.diff(given) <= 0) or given.shape != np.shape(u.get_mantissa(values)):
            raise ValueError(
                f"Step: times must increase and be as many as values, given times {times} and values {values}."
            )
        super().__init__(values=values, times=times, **window)

    def value(self, clock: Clock):
        begun = jnp.sum(clock.reached(self.exact("times")))
        return jnp.concatenate([jnp.zeros(1, clock.step_ms.dtype), self.plain("values")])[begun]


class Ramp(Stimulus):
    """A ramp from ``low`` at ``start`` to ``high`` at ``stop``; zero outside.

    Parameters
    ----------
    low, high : quantity in the input unit, () or (n,)
        Value at the beginning and at the end.
    start, stop : quantity, time
        Window.
    """

    low = Parameter(0.0, "value at start", unit="input_unit")
    high = Parameter(0.0, "value at stop", unit="input_unit")

    def __init__(self, low: Given, high: Given, *, start: Given = 0.0 * u.ms, stop: Given, **values: Any):
        super().__init__(low=low, high=high, start=start, stop=stop, **values)

    def value(self, clock: Clock):
        since_start, until_stop = clock.since(self.exact("start")), -clock.since(self.exact("stop"))
        fraction = since_start / (since_start + until_stop)
        return self.plain("low") + (self.plain("high") - self.plain("low")) * fraction


class Sine(Stimulus):
    r"""A sine wave, :math:`I(t) = b + A \sin(2\pi f t + \phi)`, taken at the start of each step.

    Parameters
    ----------
    amplitude : quantity in the input unit, () or (n,)
        A.
    frequency : quantity, frequency, () or (n,)
        f.
    phase : float, () or (n,)
        Phase in radians.
    offset : quantity in the input unit, () or (n,), optional
        b.
    """

    amplitude = Parameter(0.0, "amplitude", unit="input_unit")
    frequency = Parameter(1.0 * u.Hz, "frequency", exact=True)
    phase = Parameter(0.0, "phase, in radians")
    offset = Parameter(None, "mean", unit="input_unit", optional=True)

    def __init__(
        self, amplitude: Given, frequency: Given, phase: Given = 0.0, offset: Given | None = None, **window: Any
    ):
        super().__init__(amplitude=amplitude, frequency=frequency, phase=phase, offset=offset, **window)

    def value(self, clock: Clock):
        turns = clock.phase(self.exact("frequency"))
        wave = self.plain("amplitude") * jnp.sin(2 * jnp.pi * turns + self.plain("phase"))
        return wave if self.offset is None else wave + self.plain("offset")


class TimedArray(Stimulus):
    """Any array over time: ``values[k]`` over [k, k + 1) times ``interval``; the last value stays.

    Parameters
    ----------
    values : quantity in the input unit, (k,) or (k, n)
        The same for all units, or one column per unit.
    interval : quantity, time
        How long each value lasts. Each step takes the value that holds at its start, so it need not be a multiple of
        dt; values that last less than dt are partly skipped.
    """

    values = Parameter(0.0, "values over time", unit="input_unit", shape=None)
    interval = Parameter(1.0 * u.ms, "how long each value lasts", shape=(), positive=True, exact=True)

    def __init__(self, values: NumberLike, interval: QuantityLike, **window: Any):
        if np.ndim(u.get_mantissa(values)) not in (1, 2) or not np.size(u.get_mantissa(values)):
            raise ValueError(
                f"TimedArray: values must have shape (k,) or (k, n), given {np.shape(u.get_mantissa(values))}."
            )
        super().__init__(values=values, interval=interval, **window)

    def _spread(self, ids, count):
        super()._spread(ids, count)
        values = self._aside.given["values"]
        if np.shape(u.get_mantissa(values))[1:] == np.shape(ids):
            number = np.asarray(u.get_mantissa(values))
            whole = np.zeros((len(number), count), number.dtype)
            whole[:, ids] = number
            self._aside.given["values"] = with_unit(whole, u.get_unit(values))

    def bind(self, population, name, ids=None):
        shape = np.shape(u.get_mantissa(self._aside.given["values"]))
        if shape[1:] not in ((), (population.count,), () if ids is None else np.shape(ids)):
            raise ValueError(
                f"{population.path}.{name}: values must have shape (k,) or (k, {population.count}), given {shape}."
            )
        super().bind(population, name, ids)

    def value(self, clock: Clock):
        values = self.plain("values")
        return values[jnp.minimum(clock.count(self.exact("interval")), values.shape[0] - 1)]
