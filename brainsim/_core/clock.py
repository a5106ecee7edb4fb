"""Where in time a step stands, and the randomness that belongs to it."""

from __future__ import annotations

import zlib
from typing import NamedTuple

import brainunit as u
import jax


class Clock(NamedTuple):
    """Where in time a step stands, and the randomness that belongs to it.

    Parameters
    ----------
    step : int32 array, ()
        Steps since t = 0. Time is ``step * dt``, so it does not accumulate rounding.
    step_ms : float array, ()
        Length of a step in milliseconds.
    key : uint32 array, (2,)
        Random key of the component that is being updated, constant in time.
    """

    step: jax.Array
    step_ms: jax.Array
    key: jax.Array

    @property
    def dt(self) -> u.Quantity:
        """Length of the step."""
        return u.Quantity(self.step_ms, unit=u.ms)

    @property
    def t(self) -> u.Quantity:
        """Time at the start of the step."""
        return u.Quantity(self.step.astype(self.step_ms.dtype) * self.step_ms, unit=u.ms)

    def of(self, name: str) -> Clock:
        """The clock of the component ``name``: its draws depend on no other component."""
        return self._replace(key=jax.random.fold_in(self.key, name_hash(name)))

    def normal(self, shape) -> jax.Array:
        """Standard normal numbers that are this component's in this step."""
        return jax.random.normal(jax.random.fold_in(self.key, self.step), shape, self.step_ms.dtype)


def name_hash(name: str) -> int:
    """A number that stands for a name in random keys, the same in every process."""
    return zlib.crc32(name.encode())
