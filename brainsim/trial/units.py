"""Which units are tried: those whose parameters are extreme."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

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


class Together:
    """Single units of one structure, each under every level of input: lanes of one run, those of a unit side by side.

    Parameters
    ----------
    structure : Structure
    units : list of list of dict
        The arrays of each: parameters, what is fixed, and state, by path.
    levels : int
        Levels of input.
    """

    def __init__(self, structure, units: Sequence[list[dict]], levels: int):
        self.structure, self.count = structure, len(units)
        self.shape, self.lanes = (len(units), levels), len(units) * levels
        columns = ({path: [tree[path] for tree in trees] for path in trees[0]} for trees in zip(*units, strict=True))
        # What all have in common is there once
        self.arrays = [{path: self._in_lanes(xs) for path, xs in tree.items()} for tree in columns]
        self.model = structure.merge(*self.arrays)

    def _in_lanes(self, xs: list):
        return xs[0] if all(map(_equal, xs, xs[1:])) else np.repeat(np.stack(xs), self.shape[1], axis=0)


def groups_of(population: Population, units: Sequence[list[dict]]) -> list[list[int]]:
    """Which units can be lanes of one run: those that have the same of what is not one number for each unit by its nature."""
    found: dict = {}
    for k, (parameters, *_) in enumerate(units):
        common = [
            (path, np.asarray(x).tobytes()) for path, x in parameters.items() if not _is_of_units(population, path)
        ]
        found.setdefault(tuple(common), []).append(k)
    return list(found.values())


def _is_of_units(population, path) -> bool:
    part, name = _home(population, path)
    return name in part._declared and isinstance(part._declared[name].shape, str)


def _home(population, path) -> tuple[Any, str]:
    """The part that a path leads to, and the name of the variable there."""
    *within, name = path.split(".")
    part = population
    for child in within:
        part = vars(part)[child]
    return part, name


def _equal(one, other) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    return one is other or np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


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
    part, name = _home(population, path)
    unit = part.unit_of(name)
    return "" if unit == u.UNITLESS else f" {unit}"
