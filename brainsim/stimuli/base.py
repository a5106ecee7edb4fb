"""What every stimulus shares: a population, a window in time, and a value in the population's input unit."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import Clock, Dynamics, FixedVariable, Parameter, Part
from brainsim._units import Value, in_unit, with_unit
from brainsim.connectivity.distribution import Distribution


class Stimulus(Part):
    """An input to the units of a population: a current for neurons, a rate for Poisson groups.

    Present in the steps that start in [start, stop), rounded to whole steps; for ever where these are None. ``into``
    names the input that it feeds, where the population has more than one: ``"I_d"`` for a dendrite; the first by
    default.
    """

    into: str | None
    count: int

    start = Parameter(None, "when it begins", unit=u.ms, optional=True, exact=True)
    stop = Parameter(None, "when it ends", unit=u.ms, optional=True, exact=True)

    def __init__(self, *, into: str | None = None, **values: Any):
        self.into = into
        super().__init__(**values)

    def bind(self, population: Dynamics, name: str, ids: np.ndarray | None = None) -> None:
        """Make this the stimulus ``name`` of the units ``ids`` (all if None) of ``population``."""
        into = self.goes_into(population, name)
        if ids is not None:
            self._spread(ids, population.sites)
        self.place(population.site(name, into=into, input_unit=population.input_unit))
        if ids is not None:
            mask = np.zeros(self.count, bool)
            mask[ids] = True
            self.hold("mask", FixedVariable(jnp.asarray(mask)))
        self._check_window()

    def goes_into(self, population: Dynamics, name: str) -> str | None:
        """The input of ``population`` that the stimulus ``name`` feeds."""
        return population.input_named(self.into, name)

    def meets(self, other: Stimulus) -> bool:
        """Whether both are on at once for some unit, as far as their windows say."""
        if not np.intersect1d(self._sites(), other._sites()).size:
            return False
        ends = lambda one, name: None if (at := getattr(one, name)) is None else np.asarray(at / u.ms)
        for first, second in ((self, other), (other, self)):
            stop, start = ends(first, "stop"), ends(second, "start")
            if stop is not None and start is not None and stop.max() <= start.min():
                return False
        return True

    def _sites(self) -> np.ndarray:
        """The sites of the population where it stands."""
        there = vars(self._aside).get("sites")
        there = np.arange(self.count) if there is None else np.asarray(there)
        return there[np.asarray(self.plain("mask"))] if "mask" in vars(self) else there

    def _spread(self, ids, count: int) -> None:
        """Let arrays of one value for each unit of a view stand where these units stand in the population."""
        for name, value in self._aside.given.items():
            per_unit = self._declared[name].shape == "count" and not isinstance(value, Distribution)
            if per_unit and np.shape(u.get_mantissa(value)) == np.shape(ids):
                number = np.asarray(u.get_mantissa(value))
                whole = np.full(count, number[0])
                whole[ids] = number
                self._aside.given[name] = with_unit(whole, u.get_unit(value))
        for part in self.parts(Stimulus).values():  # what a clamp follows
            part._spread(ids, count)

    def _check_window(self) -> None:
        if self.start is not None and self.stop is not None:
            start, stop = (sum(np.asarray(x, float) for x in self.exact(name)) for name in ("start", "stop"))
            if np.any(stop <= start):
                raise ValueError(f"{self.path}: stop must be after start, given start={self.start}, stop={self.stop}.")

    def update(self, clock: Clock, population: Dynamics) -> None:
        """Change own state, or the population's receptors; most stimuli have none."""

    def value(self, clock: Clock) -> Value:
        """Value over the step from t, a quantity or plain in the input unit: shape () or (n,)."""
        return jnp.zeros((), clock.step_ms.dtype)

    def masked(self, clock: Clock) -> jax.Array:
        """The value, zero outside the window and for units that are not stimulated."""
        present = self.present(clock)
        value = self._plain(self.value(clock))
        return value if present is None else jnp.where(present, value, 0.0)

    def _plain(self, value) -> Any:
        """What :meth:`value` gives, for all units or for each."""
        what = f"{self.path}: {type(self).__name__}.value"
        if isinstance(value, u.Quantity):
            value = in_unit(value, self.input_unit, what)
        value = np.asarray(value) if isinstance(value, list | tuple) else value
        if value is None or jnp.shape(value) not in ((), (self.count,)):
            given = "None" if value is None else f"shape {jnp.shape(value)}"
            raise ValueError(f"{what} must give one number, or one for each of {self.count} units, given {given}.")
        return value

    def present(self, clock: Clock) -> jax.Array | None:
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
