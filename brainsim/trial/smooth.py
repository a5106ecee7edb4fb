"""Equations that change so little within a step that any method takes them: told on the host, with nothing compiled."""

from __future__ import annotations

import jax
import numpy as np

from brainsim import _host, integrators
from brainsim.population import Population
from brainsim.trial.course import LEVELS, field_of, present

SMOOTH_STEPS = 300
SURELY = 4.0  # times more change than is allowed end the look at it: the full trial is right in any case


def change_allowed(population: Population) -> float:
    """By which part of its largest a rate may change within a step, for the method to be right in any case: where it is
    of first order an oscillation grows or shrinks by three times as much in a cycle.
    """
    exact = isinstance(population.method, integrators.ExponentialEuler) and len(population.variables) == 1
    return 0.2 if exact else 0.02 if getattr(population.method, "order", 1) < 2 else 0.06


class OnHost:
    """The equations of a unit under ``len(LEVELS)`` inputs, evaluated on the host with nothing to compile."""

    def __init__(self, model):
        n = len(LEVELS)
        self.start = [np.broadcast_to(x, (n,)) for x in map(np.asarray, present(model))]
        self.traced = jax.make_jaxpr(lambda inputs, t, y: field_of(model, inputs)(t, y))(np.zeros(n), 0.0, self.start)

    def __call__(self, inputs, t: float, y) -> np.ndarray:
        """Rates, (variables, inputs)."""
        inputs = np.broadcast_to(np.asarray(inputs, float), LEVELS.shape)
        return np.stack([np.broadcast_to(x, LEVELS.shape) for x in _host.evaluate(self.traced, inputs, t, *y)])


def is_smooth(rates: OnHost, levels: np.ndarray, step_ms: float, allowed: float) -> bool:
    """Whether no rate changes by more than the ``allowed`` part of its largest within a step; told by the midpoint
    rule.
    """
    y = np.stack(rates.start).astype(float)
    with np.errstate(all="ignore"):
        if _is_linear(rates, levels, y, allowed / step_ms):
            return True
        rate = rates(levels, 0.0, y)
        largest, change = np.abs(rate), np.zeros_like(rate)
        for k in range(SMOOTH_STEPS):
            half = rates(levels, (k + 0.5) * step_ms, y + step_ms / 2 * rate)
            y = y + step_ms * half
            before, rate = rate, rates(levels, (k + 1.0) * step_ms, y)
            largest, change = np.maximum(largest, np.abs(rate)), np.maximum(change, np.abs(rate - before))
            if k % 20 == 19 and np.any(change > SURELY * allowed * largest):
                return False
        return bool(np.all(change <= allowed * largest))


def _is_linear(rates: OnHost, levels, y, fastest: float) -> bool:
    """Whether rates are linear in the variables, constant in time, and none decays faster than ``fastest``, in 1/ms."""
    here, far = rates(levels, 0.0, y), 64.0 * np.ones_like(y)
    slopes = [rates(levels, 0.0, y + np.eye(len(y))[:, k, None]) - here for k in range(len(y))]
    expected = here + np.einsum("kin,kn->in", slopes, far)
    same = np.allclose(rates(levels, 3.7, y + far), expected, rtol=1e-6, atol=1e-9)
    return same and bool(np.all(np.abs(np.linalg.eigvals(np.moveaxis(np.stack(slopes), -1, 0))) <= fastest))
