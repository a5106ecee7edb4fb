"""Where in time a step stands, and the randomness that belongs to it."""

from __future__ import annotations

import functools
import zlib
from typing import Any, NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import exact as numbers
from brainsim._core.draws import drawn
from brainsim._core.exact import Exact, exact
from brainsim._units import NumberLike, float_dtype, in_unit

CLOSE = 2.0**-10  # of a step: an instant that a step misses by no more counts as reached, as 3 * 0.1 reaches 0.3


class Clock(NamedTuple):
    """Where in time a step stands, and the randomness that belongs to it.

    Time is an integer number of steps, and its methods are exact for all 2**31 of them: :meth:`reached`,
    :meth:`since`, :meth:`count`, :meth:`within` and :meth:`phase` work with the step and with twice the digits of a
    float. ``t`` is their product as a float: in float32 one part in 16 million, 0.06 ms after 1,000 s.

    Times and frequencies are quantities, plain numbers in ms and Hz, or what ``self.exact(name)`` gives for a parameter
    that was declared with ``exact=True``: the number as the user gave it, where float32 would round it.

    Parameters
    ----------
    step : int32 array, ()
        Steps since t = 0.
    length : Exact
        Length of a step in milliseconds; see :func:`step_length`.
    key : uint32 array, (2,)
        Random key of the component that is being updated, constant in time.
    root : uint32 array, (2,), optional
        That of the network.
    """

    step: jax.Array
    length: Exact
    key: jax.Array
    root: jax.Array | None = None

    @property
    def step_ms(self) -> jax.Array:
        """Length of the step in milliseconds, a float."""
        return self.length.high

    @property
    def dt(self) -> u.Quantity:
        """Length of the step."""
        return u.Quantity(self.step_ms, unit=u.ms)

    @property
    def t(self) -> u.Quantity:
        """Time at the start of the step, rounded to a float."""
        return u.Quantity(_now(self.length, self.step), unit=u.ms)

    def steps_to(self, time: NumberLike | Exact) -> jax.Array:
        """The step that is nearest to ``time``, an int32; the last there can be where that is beyond it."""
        return numbers.nearest(numbers.divide(_plain(time, u.ms), self.length))

    def reached(self, time: NumberLike | Exact) -> jax.Array:
        """Whether the step starts at ``time`` or later, with ``time`` rounded to whole steps."""
        return self.step >= self.steps_to(time)

    def since(self, time: NumberLike | Exact) -> jax.Array:
        """t - ``time`` in ms, a float that is rounded once."""
        return _since(_plain(time, u.ms), self.length, self.step)

    def count(self, interval: NumberLike | Exact) -> jax.Array:
        """How many times ``interval`` has passed since t = 0, an int32: the integer part of t / interval."""
        return _intervals(_plain(interval, u.ms), self.length, self.step)[0]

    def within(self, interval: NumberLike | Exact) -> jax.Array:
        """Time in ms since ``interval`` has passed last: the rest of t / interval."""
        interval = _plain(interval, u.ms)
        return interval.high * _intervals(interval, self.length, self.step)[1]

    def phase(self, frequency: NumberLike | Exact) -> jax.Array:
        r"""Turns of something with this ``frequency``, :math:`f t` up to whole turns: from -1/2 to 1/2."""
        return _phase(_plain(frequency, u.Hz), self.length, self.step)

    def of(self, name: str) -> Clock:
        """The clock of the component ``name``: its draws depend on no other component."""
        root = self.key if self.root is None else self.root
        return self._replace(key=jax.random.fold_in(self.key, name_hash(name)), root=root)

    def shared(self, name: str) -> Clock:
        """The clock of what components share under ``name``: its draws are the same for all that ask for it."""
        root = self.key if self.root is None else self.root
        return self._replace(key=jax.random.fold_in(root, name_hash(f"shared {name}")), root=root)

    def uniform(self, shape: tuple[int, ...]) -> jax.Array:
        """Numbers between 0 and 1, those below 1, that are this component's in this step."""
        return drawn("uniform", self.key, self.step, shape, self.step_ms.dtype)

    def normal(self, shape: tuple[int, ...]) -> jax.Array:
        """Standard normal numbers that are this component's in this step."""
        return drawn("normal", self.key, self.step, shape, self.step_ms.dtype)

    def exponential(self, shape: tuple[int, ...]) -> jax.Array:
        """Exponential numbers of mean 1 that are this component's in this step."""
        return -jnp.log1p(-self.uniform(shape))

    def poisson(self, mean: jax.Array) -> jax.Array:
        """Poisson numbers, int32, of these means, that are this component's in this step."""
        return jax.random.poisson(jax.random.fold_in(self.key, self.step), mean, dtype=jnp.int32)

    def gamma(self, order: jax.Array) -> jax.Array:
        """Gamma numbers of this order and scale 1 that are this component's in this step."""
        return jax.random.gamma(jax.random.fold_in(self.key, self.step), order, dtype=self.step_ms.dtype)

    def integers(self, shape: tuple[int, ...], below: int) -> jax.Array:
        """Whole numbers from 0 on, below ``below``, that are this component's in this step."""
        return jax.random.randint(jax.random.fold_in(self.key, self.step), shape, 0, below, jnp.int32)


def count_of(steps: Any) -> int:
    """A number of steps that an array holds: what ``int(steps)`` is, ten times faster."""
    return np.asarray(steps).item()


def step_length(ms: float) -> Exact:
    """The length of a step, for a clock."""
    return _step_length(float(ms), float_dtype(), jax.config.jax_default_device)  # type: ignore[attr-defined]


@functools.lru_cache(maxsize=64)
def _step_length(ms, dtype, device) -> Exact:
    with jax.ensure_compile_time_eval():
        return exact(ms)


def name_hash(name: str) -> int:
    """A number that stands for a name in random keys, the same in every process."""
    return zlib.crc32(name.encode())


def _plain(value, unit) -> Exact:
    return value if isinstance(value, Exact) else exact(in_unit(value, unit, "time") if _has_unit(value) else value)


def _has_unit(value) -> bool:
    return isinstance(value, u.Quantity | u.Unit)


@jax.custom_jvp
def _since(time: Exact, length: Exact, step) -> jax.Array:
    now = numbers.multiply(numbers.of_integer(step, length.high.dtype), length)
    return numbers.add(now, numbers.negative(time)).high


@_since.defjvp
def _since_jvp(primals, tangents):
    time, length, step = primals
    slope = step.astype(length.high.dtype)
    return _since(time, length, step), slope * tangents[1].high - tangents[0].high


@jax.jit  # so that it is traced once, and not for every component
def _now(length: Exact, step) -> jax.Array:
    return _since(Exact(*[jnp.zeros_like(length.high)] * 2), length, step)


@jax.custom_jvp
def _phase(frequency: Exact, length: Exact, step) -> jax.Array:
    in_a_step = numbers.divide(numbers.multiply(frequency, length), exact(1000.0))
    _, first, second = numbers.turns(in_a_step).times(step)
    dtype = length.high.dtype
    return first.astype(jnp.int32).astype(dtype) * 2.0**-32 + second.astype(dtype) * 2.0**-64


@_phase.defjvp
def _phase_jvp(primals, tangents):
    frequency, length, step = primals
    steps = 1e-3 * step.astype(length.high.dtype)
    slope = steps * (length.high * tangents[0].high + frequency.high * tangents[1].high)
    return _phase(frequency, length, step), slope


@jax.custom_jvp
def _intervals(interval: Exact, length: Exact, step) -> tuple[jax.Array, jax.Array]:
    """t / interval as an integer and a fraction."""
    in_a_step = numbers.divide(length, interval)
    whole, fraction, _ = numbers.turns(in_a_step).times(step)
    close = (jnp.minimum(in_a_step.high * CLOSE, 0.5) * 2.0**32).astype(jnp.uint32)
    reached = (fraction + close < fraction).astype(jnp.int32)
    whole = jnp.where(step.astype(length.high.dtype) * in_a_step.high > 2.0**31 - 256, numbers.LAST, whole + reached)
    rest = jnp.where(reached > 0, 0.0, fraction.astype(length.high.dtype) * 2.0**-32)
    return whole, rest


@_intervals.defjvp
def _intervals_jvp(primals, tangents):
    # The integer is constant almost everywhere, and the fraction has the slope of t / interval
    interval, length, step = primals
    whole, rest = _intervals(*primals)
    now = step.astype(length.high.dtype) / interval.high
    slope = now * tangents[1].high - now * length.high / interval.high * tangents[0].high
    return (whole, rest), (jnp.zeros(whole.shape, jax.dtypes.float0), slope)
