"""How wrong a course is beside the true one."""

from __future__ import annotations

import math
from typing import NamedTuple

import brainunit as u
import numpy as np

from brainsim.population import Population
from brainsim.trial.course import EVENTS, SPAN, Course

INACCURATE = 0.05  # share of the rate; of the range of a variable three times as much


class Verdict(NamedTuple):
    """How wrong a method is: as a share, and in words."""

    error: float
    what: str


def compared(population: Population, truth: Course, mine: Course, step_ms: float) -> Verdict:
    """How wrong a course is, by those inputs, not the very least, at which something happens."""
    sound: np.ndarray = np.all(np.isfinite(truth.high), axis=0)
    firing = np.flatnonzero(sound & (truth.count >= 4))
    judged = firing[1:3] if len(firing) > 1 else firing if len(firing) else np.flatnonzero(sound)[:4]
    if not (np.isfinite(mine.high[..., judged]).all() and np.isfinite(mine.low[..., judged]).all()):
        return Verdict(math.inf, "it becomes infinite or not a number")
    more = np.diff(truth.levels) > 0
    silent = np.flatnonzero(
        more & sound[:-1] & (truth.count[:-1] == 0) & (truth.count[1:] == 0)
    )  # by twice the input, too
    if hasattr(population, "fires") and np.any(mine.count[silent] > 0):
        return Verdict(math.inf, "it fires where it should be silent")
    return max(
        _of_rate(truth, mine, firing[np.isin(firing, judged)], step_ms), _of_range(population, truth, mine, judged)
    )


def _of_rate(truth, mine, levels, step_ms) -> Verdict:
    """How wrong the rate is, beyond that an interval ends where a step ends."""
    worst = 0.0
    for k in levels:
        expected, found = int(truth.count[k]), int(mine.count[k])
        n = min(expected, found, EVENTS)
        error = found / expected - 1
        if abs(found - expected) <= 1 + INACCURATE * expected and n > 3:
            error = np.ptp(truth.times[:n, k]) / np.ptp(mine.times[:n, k]) - 1
        error = math.copysign(max(abs(error) - expected * step_ms / SPAN, 0.0), error)
        worst = error if abs(error) > abs(worst) else worst
    return Verdict(abs(float(worst)), f"its rate is {100 * abs(worst):.0f} % too {'high' if worst > 0 else 'low'}")


def _of_range(population, truth, mine, levels) -> Verdict:
    """How far a variable leaves its range; one that is reset ends where a step ends, and tells nothing."""
    if _resets(population):
        return Verdict(0.0, "")
    verdict = Verdict(0.0, "")
    for name, low, high, below, above in zip(population.variables, truth.low, truth.high, mine.low, mine.high):
        width = max(high[levels].max() - low[levels].min(), 1e-2 * np.abs(high[levels]).max(), 1e-12)
        beyond, under = np.max(above[levels] - high[levels]), np.max(low[levels] - below[levels])
        error, reached, bound = max(
            (beyond, above[levels].max(), high[levels].max()), (under, below[levels].min(), low[levels].min())
        )
        unit = population.unit_of(name)
        shown = "" if unit == u.UNITLESS else f" {unit}"
        what = f"{name} reaches {reached:.3g} instead of {bound:.3g}{shown}"
        verdict = max(verdict, Verdict(float(error / width) / 3, what))
    return verdict


def _resets(population) -> bool:
    if not hasattr(population, "after_spike"):
        return False
    try:
        return bool(population.after_spike(population.present() | {"t": 0.0 * u.ms}))
    except Exception:  # of a class of the user's: said where it is run
        return True
