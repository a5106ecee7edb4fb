"""Results that are one number for all elements, as far as a program tells: XLA makes numbers of them, and no passes over arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jax.core import Tracer
from jax.extend.core import ClosedJaxpr, Literal

KEEP = frozenset("broadcast_in_dim convert_element_type copy reshape squeeze stop_gradient".split())  # noqa: SIM905


class _Value(NamedTuple):
    uniform: bool  # one number for all elements
    number: Any = None  # which one, where the program says it


def is_uniform(closed: ClosedJaxpr) -> list[bool]:
    """Of each result of elementwise equations, whether it is one number for all elements, such as a state that is held at a number
    or multiplied by 0.
    """
    given = [_Value(v.aval.size <= 1) for v in closed.jaxpr.invars]
    return [value.uniform for value in _results(closed, given)]


def _results(closed: ClosedJaxpr, given: Sequence[_Value]) -> list[_Value]:
    known = dict(zip(closed.jaxpr.invars, given, strict=True))
    known |= {v: _constant(array) for v, array in zip(closed.jaxpr.constvars, closed.consts, strict=True)}
    read = lambda v: _constant(v.val) if isinstance(v, Literal) else known[v]  # noqa: E731
    for equation in closed.jaxpr.eqns:
        values = [read(v) for v in equation.invars]
        inner = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
        made = (
            [_of(equation.primitive.name, values)] * len(equation.outvars) if inner is None else _results(inner, values)
        )
        known.update(zip(equation.outvars, made, strict=True))
    return [read(v) for v in closed.jaxpr.outvars]


def _constant(array) -> _Value:
    single = np.size(array) == 1
    return _Value(single, np.asarray(array).item() if single and not isinstance(array, Tracer) else None)


def _of(name: str, values: list[_Value]) -> _Value:
    """What an equation makes of its operands."""
    numbers = [value.number for value in values]
    if name == "select_n" and numbers[0] is not None:
        return values[1 + int(numbers[0])]
    if name == "select_n" and numbers[1] is not None and len(set(numbers[1:])) == 1:
        return values[1]
    if (name in ("mul", "and") and 0 in numbers) or (name == "or" and True in numbers):
        return _Value(True)
    return _Value(all(value.uniform for value in values), numbers[0] if name in KEEP else None)
