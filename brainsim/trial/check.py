"""Refuse a method that is wrong in steps of a length, and warn of one that is inaccurate."""

from __future__ import annotations

import functools
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
from brainsim.trial.course import course_of, field_of, levels_of, program, start_of
from brainsim.trial.smooth import OnHost, change_allowed, is_smooth
from brainsim.trial.units import extreme_units, is_own
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
    found = []
    for which, unit in extreme_units(population, arrays, varied or {}):
        verdict = _known_verdict(population, structure, unit, step_ms)
        if verdict is not None:
            found.append((*verdict, which))
    if not found:
        return
    (error, what), longest, which = max(found, key=lambda each: each[0].error)
    if error <= INACCURATE:
        return
    reaches = [reach for verdict, reach, _ in found if verdict.error > INACCURATE]
    longest = None if None in reaches else min(reaches)
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


def _known_verdict(population, structure, arrays, step_ms: float) -> tuple[Verdict, float | None] | None:
    """The verdict, and the longest step that is right; None where any method is right, or it cannot be told."""
    numbers = tuple((path, np.asarray(x).tobytes()) for path, x in arrays[0].items() if is_own(population, path))
    key = type(population), population.method, step_ms, structure.shared, numbers
    if key not in _verdicts:
        if len(_verdicts) >= KNOWN:
            _verdicts.clear()
        _verdicts[key] = _tried(population, structure, arrays, step_ms)
    return _verdicts[key]


def _tried(population, structure, arrays, step_ms: float) -> tuple[Verdict, float | None] | None:
    model = structure.merge(*arrays)
    try:
        rates = OnHost(model)
        levels = levels_of(model, lambda value: rates(value, 0.0, rates.start)[0, 0])
        if is_smooth(rates, levels, step_ms, change_allowed(population)):
            return None
    except _host.UnknownOperationError:
        y = start_of(model, 1)
        levels = levels_of(model, lambda value: float(field_of(model, jnp.full(1, value))(0.0, y)[0][0]))
    exact, course = program(structure, arrays, integrators.RK4), functools.partial(course_of, levels=levels)
    for longest in FINE:
        fine = step_ms / max(1, math.ceil(step_ms / longest))
        truth = course(exact, dt=fine)
        if np.isfinite(truth.high[:, 0]).all():
            break
    else:
        return None
    middle = (truth.low[0] + truth.high[0]) / 2
    truth = truth if hasattr(population, "fires") else course(exact, dt=fine, middle=middle)
    tried = program(structure, arrays, population.stepper_at(step_ms))

    def verdict_at(dt):
        return compared(population, truth, course(tried, dt=dt, middle=middle), dt)

    verdict = verdict_at(step_ms)
    shorter = (step_ms / 2**k for k in range(1, 6) if verdict.error > INACCURATE)
    return verdict, next((dt for dt in shorter if verdict_at(dt).error <= INACCURATE), None)
