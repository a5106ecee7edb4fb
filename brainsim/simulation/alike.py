"""Equations that say the same of different neurons, as one program over all of them.

A network of 200 populations has 200 times the same equations, of arrays of different length. Compiled one by one they take
seconds, and each is a call in every step. Here the arrays that play the same part stand behind each other in one array,
and the equations are written once, over all elements.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal

from brainsim.events._joined import join
from brainsim.events._together import Placed

MANY = 16  # as many are worth it: what was one number for all neurons of a population is an array then
INNER = {"jit": "jaxpr", "pjit": "jaxpr", "custom_jvp_call": "call_jaxpr"}  # where calls keep what they call


class Cohort(NamedTuple):
    """Parts of a program with the same equations.

    Parameters
    ----------
    parts : list of list of equations
    given : list of list of variables
        What each part takes, in the order in which the first part takes it.
    made : list of list of variables
        What each part makes, in the same way.
    sizes : list of int
        Length of the arrays of each part; 1 where all are single numbers.
    """

    parts: list
    given: list
    made: list
    sizes: list


def cohorts(parts: Sequence[Sequence], accepted: Callable) -> tuple[list[Cohort], list]:
    """Those of the parts that are alike, where there are many, and the others.

    ``accepted`` says whether an equation makes one value per element, from values of the same element.
    """
    alike, others = collections.defaultdict(list), []
    for part in parts:
        kind = _kind(part, accepted) if len(parts) >= MANY else None
        (others if kind is None else alike[kind[0]]).append(part if kind is None else (part, *kind[1:]))
    found = []
    for members in alike.values():
        if len(members) >= MANY:
            found.append(Cohort(*map(list, zip(*members, strict=True))))
        else:
            others += [part for part, *_ in members]
    return found, others


def _kind(part, accepted):
    """What equations say whatever the length of their arrays; what they take, what they make, and that length."""
    shapes = {v.aval.shape for equation in part for v in (*equation.invars, *equation.outvars)} - {()}
    if len(shapes) > 1 or any(len(shape) != 1 for shape in shapes) or not all(map(accepted, part)):
        return None
    n = next(iter(shapes))[0] if shapes else None
    number: dict = {}
    said = _said(part, n, number)
    made = [v for equation in part for v in equation.outvars]
    if said is None or (n is not None and not all(v.aval.shape for v in _read_last(part, made))):
        return None
    given = [v for v in number if v not in set(made)]
    return said, given, made, 1 if n is None else n


def _read_last(part, made):
    """What a part makes and does not read itself: its results, at least."""
    read = {v for equation in part for v in equation.invars if not isinstance(v, Literal)}
    return [v for v in made if v not in read]


def _said(equations, n, number):
    """What equations say, as something that can be compared; None where arrays are longer or shorter inside of them."""
    said = []
    for equation in equations:
        if equation.primitive.name == "squeeze":  # of one element, which others have beside it then
            return None
        params = []
        for name, value in equation.params.items():
            if name == INNER.get(equation.primitive.name):
                inner = value.jaxpr
                numbers = {v: k for k, v in enumerate((*inner.constvars, *inner.invars))}
                body = _said(inner.eqns, n, numbers)
                if body is None or value.consts:
                    return None
                params.append((body, tuple(_name(v, n, numbers) for v in inner.outvars)))
            elif name == "shape":
                if value != (n,):
                    return None
                params.append(name)
            elif equation.primitive.name not in INNER:
                params.append((name, str(value)))
        reads = tuple(_name(v, n, number) for v in equation.invars)
        makes = tuple(_name(v, n, number) for v in equation.outvars)
        said.append((equation.primitive.name, tuple(params), reads, makes))
    return tuple(said)


def _name(v, n, number):
    size = "n" if v.aval.shape == (n,) else v.aval.shape
    if isinstance(v, Literal):
        return str(v.val), _type(v).name, size
    return number.setdefault(v, len(number)), str(v.aval.dtype), size


def _type(v):
    return v.aval.dtype


class Values:
    """The values of variables, of which some stand in one array, behind each other."""

    def __init__(self, known: dict):
        self.known = known  # variable: array or Placed
        self._kept: dict = {}

    def __contains__(self, v):
        return v in self.known

    def update(self, values: dict) -> None:
        self.known.update(values)

    def place(self, v) -> Placed:
        """Where a value stands."""
        if isinstance(v, Literal):
            return Placed(v.val)
        value = self.known[v]
        return value if isinstance(value, Placed) and value.array.shape else Placed(self.read(v))

    def read(self, v):
        """A value as an array of its own."""
        if isinstance(v, Literal):
            return v.val
        value = self.known[v]
        if isinstance(value, Placed):
            value = self.known[v] = value.array[value.at] if v.aval.shape == () and value.array.shape else value.value()
        return value

    def put_behind_each_other(self, variables: Iterable, array) -> None:
        """Take in the values of variables, which stand in an array one after the other."""
        at, total = 0, array.shape[0]
        for v in variables:
            self.known[v] = Placed(array, at, total - at - v.aval.size)
            at += v.aval.size

    def move(self, before, after) -> None:
        """Take in that an array of several was changed: what was not changed stands in the new one too."""
        for v, value in self.known.items():
            if isinstance(value, Placed) and value.array is before:
                self.known[v] = value._replace(array=after)

    def read_all(self, variables: Sequence, sizes: Sequence[int]):
        """The values of variables behind each other, single numbers repeated; one number where all are the same."""
        first = variables[0]
        if isinstance(first, Literal):
            return first.val
        if first.aval.shape == () and all(v is first for v in variables):
            return self.read(first)
        numbers = [v.aval.size for v in variables]
        if (array := self._array_of(variables)) is None:
            return join([self.read(v) for v in variables], sizes)
        begins = [self.known[v].at for v in variables]
        order = np.concatenate([begin + np.arange(n) for begin, n in zip(begins, numbers, strict=True)])
        if numbers != list(sizes):  # single numbers
            order = np.repeat(order, sizes)
        return (
            array if np.array_equal(order, np.arange(array.shape[0])) else array.at[order].get(mode="promise_in_bounds")
        )

    def _array_of(self, variables):
        """The array that holds all of these among others."""
        places = [self.known.get(v) for v in variables]
        array = getattr(places[0], "array", None)
        among = all(isinstance(place, Placed) and place.array is array for place in places)
        return array if among and array is not None and array.ndim == 1 else None


def evaluate(cohort: Cohort, values: Values, read_elsewhere: Callable, prepared: dict, call: Callable) -> None:
    """Evaluate the equations of a cohort, once for all its parts."""
    kept = [k for k, same in enumerate(zip(*cohort.made, strict=True)) if read_elsewhere(same)]
    rows = list(zip(*cohort.given, strict=True))
    given = [prepared[row] if row in prepared else values.read_all(row, cohort.sizes) for row in rows]
    first, total = cohort.parts[0], sum(cohort.sizes)

    def function(*given):
        known = dict(zip(cohort.given[0], given, strict=True))
        _evaluate(first, known)
        return [jnp.broadcast_to(known[cohort.made[0][k]], (total,)) for k in kept]

    for k, array in zip(kept, call(function, len(kept))(*given), strict=True):
        values.put_behind_each_other([made[k] for made in cohort.made], array)


def _evaluate(equations, known: dict) -> None:
    """Evaluate equations with arrays of another length; single numbers take part as they are."""

    def read(v):
        return jnp.asarray(v.val, _type(v)) if isinstance(v, Literal) else known[v]

    for equation in equations:
        name, given = equation.primitive.name, [read(v) for v in equation.invars]
        if name in INNER:
            inner = equation.params[INNER[name]].jaxpr
            inside = dict(zip(inner.invars, given, strict=True))
            _evaluate(inner.eqns, inside)
            made = [jnp.asarray(v.val, _type(v)) if isinstance(v, Literal) else inside[v] for v in inner.outvars]
        elif name == "broadcast_in_dim":
            made = given
        else:
            shape = np.broadcast_shapes(*(np.shape(x) for x in given))
            given = [jnp.broadcast_to(x, shape) for x in given]
            made = equation.primitive.bind(*given, **equation.params)
            made = made if equation.primitive.multiple_results else [made]
        known.update(zip(equation.outvars, made, strict=True))
