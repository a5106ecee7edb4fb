"""Refuse a method that is wrong in steps of a length, and warn of one that is inaccurate."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim import _host, integrators
from brainsim._core import split
from brainsim._core.rounding import parts_of
from brainsim._errors import AccuracyWarning
from brainsim.population import Population
from brainsim.trial.course import LEVELS, Course, courses_of, field_of, levels_of, program, start_of
from brainsim.trial.smooth import OnHost, are_smooth, change_allowed
from brainsim.trial.units import Together, extreme_units, groups_of, is_own
from brainsim.trial.verdict import INACCURATE, Verdict, compared

FINE = (0.01, 0.0025)  # ms, steps of the comparison, and of a second one where that fails
MEASURED = 0.1  # ms: how accurate the defaults of brainsim's classes are at this step is measured
WRONG = 0.2  # share of the rate; of the range of a variable three times as much
KNOWN = 256  # verdicts that are kept


def check(population: Population, step_ms: float, varied: Mapping[str, np.ndarray] | None = None) -> None:
    """Refuse a method that is wrong in steps of ``step_ms``, and warn of one that is inaccurate.

    Tried are the first unit, the units at which a parameter is least and largest, and the first with the least and the
    largest of the values that parameters will take.

    Parameters
    ----------
    population : Population
    step_ms : float
        Length of a step.
    varied : mapping of str to array, (k, ...), optional
        Values that parameters of the network will take, by path.

    Raises
    ------
    ValueError
        Names the method, what it does wrong, the longest step that it can take, and what to take instead.
    """
    if not _is_open(population, step_ms):
        return
    structure, *arrays = split(population)
    if any(isinstance(x, Tracer) for tree in arrays for x in tree.values()):
        return
    words, units = zip(*extreme_units(population, arrays, varied or {}))
    verdicts = _known_verdicts(population, structure, units, step_ms)
    found = [(*verdict, which) for verdict, which in zip(verdicts, words) if verdict is not None]
    if not found:
        return
    (error, what), longest, which = max(found, key=lambda each: each[0].error)
    if error <= INACCURATE:
        return
    reaches = [reach for verdict, reach, _ in found if verdict.error > INACCURATE]
    right = [reach for reach in reaches if reach is not None]
    longest = min(right) if len(right) == len(reaches) else None
    text = _text(population, step_ms, error, f"{what}, tried under constant input{which}", longest)
    if error > WRONG:
        raise ValueError(text)
    warnings.warn(text, AccuracyWarning, stacklevel=2)


def _text(population, step_ms, error, what, longest) -> str:
    name, kind, default = (
        _name_of(population.method),
        type(population).__name__,
        integrators.get(population.default_method),
    )
    instead = "" if population.method == default else f", take method={_name_of(default)!r}, the default of {kind}"
    divided = isinstance(population.method, integrators.Divided)
    if longest and not divided:
        instead += f", or method=Divided({name!r}, {longest:g} * u.ms)"
    instead += "" if divided else f", or method=Untried({name!r}) if that is what you want"
    reach = f" It is right in steps of {longest:g} ms." if longest else ""
    return (
        f"{population.path}: method {name!r} in steps of {step_ms:g} ms is {'wrong' if error > WRONG else 'inaccurate'}"
        f" for {kind}: {what}.{reach} Reduce dt{instead}."
    )


def _name_of(method) -> str:
    return getattr(method, "name", type(method).__name__)


def _is_open(population, step_ms) -> bool:
    """Whether it is not known already that the method is right."""
    method = population.method
    if not isinstance(method, integrators.ODEMethod) or isinstance(method, integrators.Untried):
        return False
    if not population.variables:
        return False
    ours = all(type(part).__module__.startswith("brainsim.") for _, part in parts_of(population, ""))
    default = method == integrators.get(population.default_method)
    return not (ours and default and step_ms <= MEASURED * (1 + 1e-6))


_verdicts: dict = {}


def _known_verdicts(population, structure, units, step_ms: float) -> list[tuple[Verdict, float | None] | None]:
    """For each unit the verdict, and the longest step that is right; None where any method is right, or it cannot be told."""

    def key_of(arrays):
        numbers = tuple((path, np.asarray(x).tobytes()) for path, x in arrays[0].items() if is_own(population, path))
        return type(population), population.method, step_ms, structure.shared, numbers

    asked = {key_of(arrays): arrays for arrays in units}
    unknown = {key: arrays for key, arrays in asked.items() if key not in _verdicts}
    known = {key: _verdicts[key] for key in asked if key in _verdicts}
    if unknown:
        keys, found = list(unknown), {}
        for group in groups_of(population, list(unknown.values())):
            together = Together(structure, [unknown[keys[k]] for k in group], len(LEVELS))
            found |= zip((keys[k] for k in group), _tried(population, together, step_ms), strict=True)
        if len(_verdicts) >= KNOWN:
            _verdicts.clear()
        _verdicts.update(found)
        known |= found
    return [known[key_of(arrays)] for arrays in units]


def _tried(population, units: Together, step_ms: float) -> list[tuple[Verdict, float | None] | None]:
    model = units.model
    try:
        rates = OnHost(units)
        levels = levels_of(model, rates.slope())
        smooth = are_smooth(rates, levels, step_ms, change_allowed(population))
    except _host.UnknownOperationError:
        levels, smooth = levels_of(model, _slope(units)), np.zeros(units.count, bool)
    if smooth.all():
        return [None] * units.count
    truths, middle = _truths(population, units, levels, step_ms)
    tried = program(units, population.stepper_at(step_ms))

    def verdicts_at(dt):
        courses = courses_of(tried, levels, dt, middle)
        return {k: compared(population, truth, courses[k], dt) for k, truth in truths.items() if not smooth[k]}

    verdicts = verdicts_at(step_ms)
    reach = dict.fromkeys(verdicts)
    for dt in (step_ms / 2**k for k in range(1, 6)):
        wrong = [k for k, verdict in verdicts.items() if verdict.error > INACCURATE and reach[k] is None]
        if not wrong:
            break
        shorter = verdicts_at(dt)
        reach |= {k: dt for k in wrong if shorter[k].error <= INACCURATE}
    return [(verdicts[k], reach[k]) if k in verdicts else None for k in range(units.count)]


def _slope(units: Together) -> np.ndarray:
    """By how much an input of one changes the rate of the first variable, of each unit."""
    y = start_of(units.model, units.lanes)
    one, none = (np.asarray(field_of(units.model, jnp.full(units.lanes, x))(0.0, y)[0]) for x in (1.0, 0.0))
    return np.reshape(one - none, units.shape)[:, 0]


def _truths(population, units: Together, levels, step_ms: float) -> tuple[dict[int, Course], np.ndarray]:
    """What units do by the equations, of those of which it can be told, and the middle of their first variables."""
    exact, truths, middle = program(units, integrators.RK4), {}, np.zeros(levels.shape)
    for longest in FINE:
        fine = step_ms / max(1, math.ceil(step_ms / longest))
        courses = courses_of(exact, levels, fine)
        new = [k for k, c in enumerate(courses) if k not in truths and np.isfinite(c.high[:, 0]).all()]
        for k in new:
            middle[k] = (courses[k].low[0] + courses[k].high[0]) / 2
        if new and not hasattr(population, "fires"):
            courses = courses_of(exact, levels, fine, middle)
        truths |= {k: courses[k] for k in new}
        if len(truths) == units.count:
            break
    return truths, middle
