"""Poisson input of several populations in one call of compiled code: for a loop that is traced already, where calls are dear."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jax.extend.core import Literal, Primitive
from jax.interpreters import mlir

from brainsim.events import _backends as backends
from brainsim.events._primitive import bits
from brainsim.events.random import poisson_input_p

OPERANDS = 5  # key, step, mean, weight, into


def draw_of(equation) -> Any:
    """The equation of a Poisson input, alone or inside of the function that has its derivative; None of others."""
    if equation.primitive is poisson_input_p.primitive:
        return equation
    inner = equation.params.get("call_jaxpr") if equation.primitive.name == "custom_jvp_call" else None
    if inner is None or len(inner.jaxpr.eqns) != 1 or inner.consts:
        return None
    (found,) = inner.jaxpr.eqns
    same = list(found.invars) == list(inner.jaxpr.invars) and list(found.outvars) == list(inner.jaxpr.outvars)
    return found if same and found.primitive is poisson_input_p.primitive else None


def apart(equations: Sequence) -> tuple[list, list, list]:
    """Equations in their order as those that come before inputs which are one call, these inputs, and those that come after."""
    before, found, after, waits = [], [], [], set()  # for inputs
    for equation in equations:
        if any(not isinstance(v, Literal) and v in waits for v in equation.invars):
            after.append(equation)
        elif _is_one_of(equation, found):
            found.append(equation)
        else:
            before.append(equation)
            continue
        waits.update(equation.outvars)
    return (before, found, after) if len(found) > 1 else (list(equations), [], [])


def _is_one_of(equation, found) -> bool:
    """Whether an equation is an input that can be made with those that were found."""
    draw = draw_of(equation)
    if draw is None or draw.params["served_by"] == "plain":
        return False
    same = not found or draw.params["batch"].extents == draw_of(found[0]).params["batch"].extents
    return same and all(equation.invars[-1] is not other.invars[-1] for other in found)


def draw_together(equations: Sequence, read: Callable) -> dict:
    """Evaluate inputs: the value of each result, by variable."""
    draws = [draw_of(equation) for equation in equations]
    operands = [read(v) for equation in equations for v in equation.invars]
    (served_by,) = {draw.params["served_by"] for draw in draws}
    results = _inputs_p.bind(*operands, batches=tuple(draw.params["batch"] for draw in draws), served_by=served_by)
    return dict(zip((equation.outvars[0] for equation in equations), results, strict=True))


def _one_by_one(*operands, batches, served_by):
    each = [operands[k : k + OPERANDS] for k in range(0, len(operands), OPERANDS)]
    return [
        poisson_input_p((), *own, batch=batch, implementation=served_by)[0]
        for own, batch in zip(each, batches, strict=True)
    ]


def _lower(platform, context, *operands, batches, served_by):
    lowering = backends.lowering(platform, "poisson_inputs", served_by)
    extents = batches[0].extents
    masks = [mask for batch in batches for mask in batch.masks]
    numbers = np.array([len(extents), *extents, 0, *map(bits, masks), len(batches)], np.int64)
    aliases = {OPERANDS * k + OPERANDS - 1: k for k in range(len(batches))}
    found = None if lowering is None else lowering(context, *operands, numbers=numbers, aliases=aliases)
    if found is not None:
        return found
    plain = mlir.lower_fun(_one_by_one, multiple_results=True)
    return plain(context, *operands, batches=batches, served_by=served_by)


_inputs_p = Primitive("brainsim_poisson_inputs")
_inputs_p.multiple_results = True
_inputs_p.def_impl(_one_by_one)
_inputs_p.def_abstract_eval(lambda *avals, **_: [x.update(weak_type=False) for x in avals[OPERANDS - 1 :: OPERANDS]])
mlir.register_lowering(_inputs_p, mlir.lower_fun(_one_by_one, multiple_results=True))
for platform in backends.BACKENDS:
    mlir.register_lowering(_inputs_p, functools.partial(_lower, platform), platform=platform)
