"""What every encoder is."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass

import brainunit as u
import jax
from jax.typing import ArrayLike

from brainsim._errors import NamesArguments
from brainsim._units import QuantityLike, in_unit


@dataclass(frozen=True)
class Encoder(metaclass=NamesArguments):
    """From one example to a time course: ``encode(x, n_steps, dt, key)`` gives ``(n_steps, n)``.

    Encoders are frozen dataclasses. A new one is one class with fields and a method :meth:`encode`; any other function
    of these arguments serves as well.
    """

    def __call__(
        self, x: ArrayLike, n_steps: int, dt: QuantityLike = 1.0 * u.ms, key: jax.Array | None = None
    ) -> jax.Array:
        """The time course of ``x``.

        Parameters
        ----------
        x : float array of any shape, (n,) once flat
            One example.
        n_steps : int
            Steps of the course.
        dt : quantity, time
            Length of a step.
        key : uint32 array, (2,), optional
            For encoders that draw.

        Returns
        -------
        float array, (n_steps, n)
            What to emit at the end of each step.

        Raises
        ------
        ValueError
            For an encoder that draws and is given no key, or an example that does not fit.
        """
        if key is None and self.draws:
            raise ValueError(f"{type(self).__name__} draws its spikes: give key=jax.random.PRNGKey(0).")
        return self.encode(x, n_steps, float(in_unit(dt, u.ms, "dt")), key)

    @property
    def draws(self) -> bool:
        """Whether it needs a random key."""
        return False

    def told_apart(self, n_steps: int, step_ms: float) -> tuple[float, float]:
        """The least and the largest value that are told apart from those beyond."""
        return -math.inf, math.inf

    @abc.abstractmethod
    def encode(self, x: ArrayLike, n_steps: int, step_ms: float, key: jax.Array | None) -> jax.Array:
        """The course, with the step in ms; what a subclass gives."""
