"""Equations that change so little within a step that any method takes them: told on the host, with nothing compiled."""

from __future__ import annotations

import jax
import numpy as np

from brainsim import _host, integrators
from brainsim.population import Population
from brainsim.trial.course import field_of, present
from brainsim.trial.units import Together

SMOOTH_STEPS = 300
SURELY = 4.0  # times more change than is allowed end the look at it: the full trial is right in any case


def change_allowed(population: Population) -> float:
    """By which part of its largest a rate may change within a step, for the method to be right in any case: where it is
    of first order an oscillation grows or shrinks by three times as much in a cycle.
    """
    exact = isinstance(population.method, integrators.ExponentialEuler) and len(population.variables) == 1
    return 0.2 if exact else 0.02 if getattr(population.method, "order", 1) < 2 else 0.06


class OnHost:
    """The equations of units under ``len(LEVELS)`` inputs each, evaluated on the host with nothing to compile."""

    def __init__(self, units: Together):
        self.shape = units.shape
        self.start = [np.broadcast_to(x, (units.lanes,)) for x in map(np.asarray, present(units.model))]
        self.traced = jax.make_jaxpr(lambda inputs, t, y: field_of(units.model, inputs)(t, y))(
            np.zeros(units.lanes), 0.0, self.start
        )

    def __call__(self, inputs, t: float, y) -> np.ndarray:
        """Rates, (variables, units, inputs)."""
        inputs = np.broadcast_to(np.asarray(inputs, float), self.shape).ravel()
        found = _host.evaluate(self.traced, inputs, t, *(np.ravel(x) for x in y))
        return np.stack([np.broadcast_to(x, inputs.shape).reshape(self.shape) for x in found])

    def begun(self) -> np.ndarray:
        """The variables as they are, (variables, units, inputs)."""
        return np.stack(self.start).astype(float).reshape(-1, *self.shape)

    def slope(self) -> np.ndarray:
        """By how much an input of one changes the rate of the first variable, of each unit."""
        one, none = (self(value, 0.0, self.start) for value in (1.0, 0.0))
        return (one - none)[0, :, 0]


def are_smooth(rates: OnHost, levels: np.ndarray, step_ms: float, allowed: float) -> np.ndarray:
    """Of which units no rate changes by more than the ``allowed`` part of its largest within a step; told by the midpoint
    rule.
    """
    y = rates.begun()
    with np.errstate(all="ignore"):
        linear = _are_linear(rates, levels, y, allowed / step_ms)
        if linear.all():
            return linear
        rate = rates(levels, 0.0, y)
        largest, change = np.abs(rate), np.zeros_like(rate)
        for k in range(SMOOTH_STEPS):
            half = rates(levels, (k + 0.5) * step_ms, y + step_ms / 2 * rate)
            y = y + step_ms * half
            before, rate = rate, rates(levels, (k + 1.0) * step_ms, y)
            largest, change = np.maximum(largest, np.abs(rate)), np.maximum(change, np.abs(rate - before))
            rough = np.any(change > SURELY * allowed * largest, axis=(0, 2))
            if k % 20 == 19 and np.all(rough | linear):
                return linear
        return linear | np.all(change <= allowed * largest, axis=(0, 2))


def _are_linear(rates: OnHost, levels, y, fastest: float) -> np.ndarray:
    """Of which units rates are linear in the variables, constant in time, and none decays faster than ``fastest``, in 1/ms."""
    here, far = rates(levels, 0.0, y), 64.0 * np.ones_like(y)
    slopes = [rates(levels, 0.0, y + np.eye(len(y))[:, k, None, None]) - here for k in range(len(y))]
    expected = here + np.einsum("k...,ki...->i...", far, slopes)
    same = np.all(np.isclose(rates(levels, 3.7, y + far), expected, rtol=1e-6, atol=1e-9), axis=(0, 2))
    linear = np.moveaxis(np.stack(slopes)[:, :, same], (0, 1), (-1, -2))
    same[same] = np.all(np.abs(np.linalg.eigvals(linear)) <= fastest, axis=(1, 2))
    return same
