"""What every stimulus shares: a population, a window in time, and a value in the population's input unit."""

from __future__ import annotations

import brainunit as u
import jax.numpy as jnp
import numpy as np

from brainsim._core import Dynamics, FixedVariable, Parameter


class Stimulus(Dynamics):
    """An input to the units of a population: a current for neurons, a rate for Poisson groups.

    Present in the steps that start in [start, stop), rounded to whole steps; for ever where these are None. ``into``
    names the input that it feeds, where the population has more than one: ``"I_d"`` for a dendrite; the first by
    default.
    """

    into: str | None
    count: int

    start = Parameter(None, "when it begins", unit=u.ms, optional=True, exact=True)
    stop = Parameter(None, "when it ends", unit=u.ms, optional=True, exact=True)

    def __init__(self, *, into: str | None = None, **values):
        self.into = into
        super().__init__(**values)

    def bind(self, population, name, ids=None) -> None:
        """Make this the stimulus ``name`` of the units ``ids`` (all if None) of ``population``."""
        into = population.input_named(self.into, name)
        self.place(population.site(name, into=into, input_unit=population.input_unit))
        if ids is not None:
            mask = np.zeros(self.count, bool)
            mask[ids] = True
            self.hold("mask", FixedVariable(jnp.asarray(mask)))
        self._check_window()

    def _check_window(self) -> None:
        if self.start is not None and self.stop is not None:
            start, stop = (sum(np.asarray(x, float) for x in self.exact(name)) for name in ("start", "stop"))
            if np.any(stop <= start):
                raise ValueError(f"{self.path}: stop must be after start, given start={self.start}, stop={self.stop}.")

    def update(self, clock, population) -> None:
        """Change own state, or the population's receptors; most stimuli have none."""

    def value(self, clock):
        """Plain value over the step from t, in the input unit: shape () or (n,)."""
        return jnp.zeros((), clock.step_ms.dtype)

    def masked(self, clock):
        """The value, zero outside the window and for units that are not stimulated."""
        present = self.present(clock)
        value = self.value(clock)
        return value if present is None else jnp.where(present, value, 0.0)

    def present(self, clock):
        """Where and whether the stimulus is on: bool of shape () or (n,), None for always and everywhere."""
        on = None
        if self.start is not None:
            on = clock.reached(self.exact("start"))
        if self.stop is not None:
            before = ~clock.reached(self.exact("stop"))
            on = before if on is None else on & before
        if "mask" in vars(self):
            on = self.plain("mask") if on is None else on & self.plain("mask")
        return on
