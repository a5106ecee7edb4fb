"""Calls of plain arithmetic as one loop over their elements.

XLA's CPU compiler writes a loop for each variable that something else reads or that has another type than the one before: five for
a membrane that is refractory, which pass over its states again and again. A fusion that it is given is left as it is, and in a
small call becomes one loop with several results. So the lowered program is given such fusions, in the dialect that XLA has for them.

A fusion is not simplified any more, so it is written as XLA would simplify it: results are the same to the last bit.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import ClosedJaxpr, Literal

from brainsim.events._primitive import REAL
from brainsim.simulation.alike import INNER

NAME = "in_one_loop"  # of functions that are to be one
KNOWN = ("0.10.2",)  # releases of jaxlib that leave fusions as they are; see tests/simulation/test_one_loop.py

SERVES = version("jaxlib") in KNOWN

# What a loop may hold, as JAX and as XLA name it. For anything else a process may end in XLA.
PRIMITIVES = frozenset(
    """
    abs add add_any and brainsim_fires brainsim_put_back broadcast_in_dim ceil convert_element_type copy div eq floor ge gt
    integer_pow is_finite le lt max min mul ne neg not or select_n sign sqrt square sub xor
    """.split()  # noqa: SIM905
)
OPERATIONS = frozenset(
    f"stablehlo.{name}"
    for name in """
    abs add and broadcast_in_dim ceil compare constant convert divide floor is_finite maximum minimum multiply negate not or
    select sign sqrt subtract xor
    """.split()  # noqa: SIM905
)


def is_one(closed: ClosedJaxpr) -> bool:
    """Whether equations can be one loop: plain arithmetic on numbers and on arrays of one length, whole or real."""
    avals = [v.aval for v in (*closed.jaxpr.constvars, *closed.jaxpr.invars, *closed.jaxpr.outvars)]
    shapes = {aval.shape for aval in avals}
    plain = all(map(_is_plain, avals)) and _are_plain(closed, shapes | {()})
    return SERVES and len(shapes - {()}) == 1 and plain


def _is_plain(aval) -> bool:
    """Whether values are of a type that a loop may hold: XLA computes with shorter floats in others."""
    return aval.dtype in REAL or aval.dtype.kind in "iub"


def _are_plain(closed, shapes) -> bool:
    for equation in closed.jaxpr.eqns:
        name = equation.primitive.name
        if name in INNER:
            if not _are_plain(equation.params[INNER[name]], shapes):
                return False
        elif name not in PRIMITIVES or not all(
            len(v.aval.shape) < 2 and v.aval.shape in shapes and _is_plain(v.aval) for v in equation.outvars
        ):
            return False
    return True


def flat(closed: ClosedJaxpr, arguments: Sequence) -> list:
    """Evaluate equations, those of inner calls among them; what is divided by one number for all elements is multiplied by its
    inverse.
    """
    return [value for value, _ in _flat(closed, [(x, None if jnp.ndim(x) else x) for x in arguments])]


def _flat(closed, arguments):
    # Values, and the number that each is for all its elements
    known = dict(zip(closed.jaxpr.invars, arguments, strict=True))
    known |= {v: (x, None if jnp.ndim(x) else x) for v, x in zip(closed.jaxpr.constvars, closed.consts, strict=True)}

    def read(v):
        return (v.val, v.val) if isinstance(v, Literal) else known[v]

    for equation in closed.jaxpr.eqns:
        name, given = equation.primitive.name, [read(v) for v in equation.invars]
        aval = equation.outvars[0].aval
        if name in INNER:
            made = _flat(equation.params[INNER[name]], given)
        elif name == "div" and aval.ndim and given[1][1] is not None and jnp.issubdtype(aval.dtype, jnp.floating):
            inverse = lax.div(jnp.ones((), aval.dtype), jnp.asarray(given[1][1], aval.dtype))
            made = [(lax.mul(jnp.broadcast_to(given[0][0], aval.shape), jnp.broadcast_to(inverse, aval.shape)), None)]
        else:
            values = equation.primitive.bind(*(value for value, _ in given), **equation.params)
            values = values if equation.primitive.multiple_results else [values]
            number = given[0][1] if name == "broadcast_in_dim" else None
            made = [(value, number if value.ndim else value) for value in values]
        known.update(zip(equation.outvars, made, strict=True))
    return [read(v) for v in closed.jaxpr.outvars]


def with_loops(module: Any) -> Any:
    """A lowered program in which each of the functions that are called so is one fusion."""
    from jaxlib.mlir import ir

    with module.context, ir.Location.unknown():
        written = io.BytesIO()
        module.operation.write_bytecode(written)
        module = ir.Module.parse(written.getvalue())
        for function in module.body.operations:
            if ir.StringAttr(function.attributes["sym_name"]).value.startswith(NAME):
                _make_one(ir, function.regions[0].blocks[0])
    return module


def _make_one(ir, block) -> None:
    *operations, last = [operation.operation for operation in block.operations]
    # A fusion that is all that is returned, in this order, may be shared by threads, which a small call cannot be
    results = list(last.operands)[::-1]
    constants = [operation for operation in operations if operation.name == "stablehlo.constant"]
    inside = {o.results[0] for o in operations if _shape(ir, o.results[0])} - {o.results[0] for o in constants}
    for operation in constants:  # numbers go with what takes them
        users = [use.owner.operation for use in operation.results[0].uses]
        if not _shape(ir, operation.results[0]) and all(u.results and u.results[0] in inside for u in users):
            inside.add(operation.results[0])
    moved = [operation for operation in operations if operation.results[0] in inside]
    if not {operation.name for operation in moved} <= OPERATIONS:
        return
    if len(set(results)) < len(results) or not all(value in inside for value in results):
        return
    taken = list(dict.fromkeys(value for operation in moved for value in operation.operands if value not in inside))
    fusion = ir.Operation.create(
        "mhlo.fusion",
        results=[value.type for value in results],
        operands=taken,
        attributes={"fusion_kind": ir.Attribute.parse("#mhlo<fusion_kind kLoop>")},
        regions=1,
        ip=ir.InsertionPoint(last),
    )
    loop = fusion.regions[0].blocks.append(*(value.type for value in taken))
    there = dict(zip(taken, loop.arguments, strict=True))
    for operation in moved:
        for k, value in enumerate(operation.operands):
            if value in there:
                operation.operands[k] = there[value]
        if operation.name == "stablehlo.select":
            operation.operands[0] = _computed(ir, operation.operands[0], loop)
        loop.append(operation)
    ir.Operation.create("stablehlo.return", operands=results, ip=ir.InsertionPoint(loop))
    for k, value in enumerate(reversed(list(fusion.results))):
        last.operands[k] = value


def _computed(ir, condition, loop) -> Any:
    """The same condition, computed in the loop where it is an array from outside: XLA ends the process at a choice by an argument
    between values that are computed, as it asks these for a layout, which arguments alone have.
    """
    if condition not in loop.arguments or not _shape(ir, condition):
        return condition
    at = ir.InsertionPoint(loop)
    operands = [condition, condition]
    return ir.Operation.create("stablehlo.and", results=[condition.type], operands=operands, ip=at).result


def _shape(ir, value) -> list[int]:
    return ir.RankedTensorType(value.type).shape
