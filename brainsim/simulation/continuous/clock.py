"""Time that is not cut into steps, as what depends on it sees it."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._core.exact import Exact
from brainsim._units import float_dtype, in_unit

SAME = 1e-10  # ms: what lies no further apart happens at once


class NotContinuous(ValueError):
    """Something changes from step to step, and has no course between them."""


class Instant:
    """A moment, in the place of the :class:`~brainsim._core.Clock` of a step.

    What jumps (:meth:`reached`, :meth:`count`) is what it is at ``within``, a time inside the piece that is being integrated, so
    that both ends of the piece see the same; what is continuous is at ``now``.

    Parameters
    ----------
    now : float array, ()
        In ms.
    within : float array, (), optional
        Some time between the same two jumps.
    asked : list, optional
        Takes note of the times at which something jumps, and of the intervals, as ``("at", times)`` and ``("each", interval)``.
    """

    def __init__(self, now: jax.Array, within: jax.Array | None = None, asked: list | None = None):
        self.now, self.within_ms, self.asked = now, now if within is None else within, asked

    def of(self, name: str) -> Instant:
        """As :meth:`Clock.of`: no randomness belongs to anyone."""
        return self

    @property
    def t(self) -> u.Quantity:
        """The moment."""
        return u.Quantity(self.now, unit=u.ms)

    @property
    def step_ms(self) -> jax.Array:
        """Not a number: there are no steps."""
        return jnp.full((), jnp.nan, float_dtype())

    def _note(self, kind: str, time: Any) -> jax.Array:
        plain = _plain(time, u.ms)
        if self.asked is not None:
            self.asked.append((kind, plain))
        return plain

    def reached(self, time: Any) -> jax.Array:
        """Whether it is ``time`` or later."""
        return self.within_ms >= self._note("at", time)

    def since(self, time: Any) -> jax.Array:
        """What has passed since ``time``, in ms."""
        return self.now - _plain(time, u.ms)

    def count(self, interval: Any) -> jax.Array:
        """How many times ``interval`` has passed since t = 0."""
        return jnp.floor(self.within_ms / self._note("each", interval)).astype(jnp.int32)

    def within(self, interval: Any) -> jax.Array:
        """Time in ms since ``interval`` has passed last."""
        return self.now - self.count(interval) * _plain(interval, u.ms)

    def phase(self, frequency: Any) -> jax.Array:
        """Turns of something with this ``frequency``, up to whole turns."""
        turns = 1e-3 * _plain(frequency, u.Hz) * self.now
        return turns - jax.lax.stop_gradient(jnp.round(turns))

    def __getattr__(self, name: str) -> Any:
        if name in ("normal", "uniform", "exponential", "poisson", "gamma", "integers", "key"):
            raise NotContinuous("draws random numbers in each step")
        if name in ("step", "length", "dt", "steps_to"):
            raise NotContinuous(f"counts steps (clock.{name})")
        raise AttributeError(name)


def _plain(time: Any, unit: Any) -> jax.Array:
    if isinstance(time, Exact):
        return time.high + time.low
    return jnp.asarray(in_unit(time, unit, "time") if isinstance(time, u.Quantity | u.Unit) else time, float_dtype())
