"""Which units are tried: those whose parameters are extreme."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import brainunit as u
import numpy as np

from brainsim.population import Population
from brainsim.receptors.base import Receptor
from brainsim.stimuli.base import Stimulus

COMBINED = 3  # parameters whose extremes are combined; further ones are tried alone


def is_own(population: Population, path: str) -> bool:
    """Whether a parameter is one of the equations, and not of receptors and stimuli."""
    return not isinstance(vars(population).get(path.partition(".")[0]), Receptor | Stimulus)


def extreme_units(
    population: Population, arrays: list[dict], varied: Mapping[str, np.ndarray]
) -> Iterator[tuple[str, list[dict]]]:
    """The arrays of single units (parameters, fixed, state), each with words that say which it is.

    Parameters
    ----------
    population : Population
    arrays : list of dict
        Parameters, what is fixed, and state, by path in the population.
    varied : mapping of str to array, (k, ...)
        Values that parameters will take, by path in the network.
    """
    units, own = (population.count,), {path: np.asarray(x) for path, x in arrays[0].items() if is_own(population, path)}
    inside = {path.removeprefix(f"{population.path}."): values for path, values in varied.items()}
    first, *cases = _cases({path: _extremes(values) for path, values in inside.items() if path in own}) or [{}]
    differing = [x for path, x in own.items() if x.shape == units and x.dtype.kind == "f" and path not in first]
    chosen = {0: None} | {int(k): None for x in differing if np.ptp(x) > 0 for k in (np.argmin(x), np.argmax(x))}
    for unit, case in [*((k, first) for k in chosen), *((0, case) for case in cases)]:
        parameters, *others = (_of_one(tree, unit, units) for tree in arrays)
        typed = {path: np.asarray(value, own[path].dtype) for path, value in case.items()}
        named = [f"{path} = {value:g}{_unit(population, path)}" for path, value in case.items()]
        which = (f" to unit {unit}" if len(chosen) > 1 else "") + (f" with {', '.join(named)}" if case else "")
        yield which, [parameters | typed, *others]


def _of_one(tree: dict, k: int, units: tuple) -> dict:
    return {path: np.asarray(x)[k] if x.shape == units else x for path, x in tree.items()}


def _extremes(values) -> list[float]:
    return sorted({float(np.min(values)), float(np.max(values))})


def _cases(extremes: dict) -> list[dict]:
    """Values of parameters that are tried together."""
    together, alone = list(extremes)[:COMBINED], list(extremes)[COMBINED:]
    products = itertools.product(*(extremes[path] for path in together))
    usual = {path: extremes[path][0] for path in alone}
    return [
        *(usual | dict(zip(together, values)) for values in products if extremes),
        *(usual | {path: extremes[path][-1]} | {p: extremes[p][0] for p in together} for path in alone),
    ]


def _unit(population, path) -> str:
    *within, name = path.split(".")
    part = population
    for child in within:
        part = vars(part)[child]
    unit = part.unit_of(name)
    return "" if unit == u.UNITLESS else f" {unit}"
