"""The step of a run in few calls: XLA's CPU runtime pays 0.1 µs or more for each, as much as a small population's arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
from jax.experimental.xla_metadata import set_xla_metadata
from jax.extend.core import ClosedJaxpr, Literal, jaxpr_as_fun

from brainsim.events import _together as events

# One value per element, from values of the same element.
ELEMENTWISE = frozenset(
    "abs add add_any and atan2 broadcast_in_dim cbrt ceil clamp convert_element_type copy cos cosh custom_jvp_call div eq erf exp exp2 "
    "expm1 floor ge gt integer_pow is_finite jit le log log1p logistic lt max min mul ne neg nextafter not or pjit pow rem round rsqrt "
    "select_n shift_left shift_right_arithmetic shift_right_logical sign sin sinh sqrt square squeeze stop_gradient sub tan tanh xor".split()
)


def grouped(function: Callable) -> Callable:
    """``function``, its elementwise equations compiled into as few kernels as their order allows.

    What depends only on values that ``function`` closes over stays outside of them, for XLA to move out of the loop.
    """

    def run(*arguments):
        closed, shapes = jax.make_jaxpr(function, return_shape=True)(*arguments)
        results = _run(closed.jaxpr, closed.consts, jax.tree.leaves(arguments))
        return jax.tree.unflatten(jax.tree.structure(shapes), results)

    return run


def _run(jaxpr, consts, arguments) -> list:
    values = dict(zip(jaxpr.constvars, consts, strict=True))

    def evaluate(equations, as_one=False):
        made = {v for equation in equations for v in equation.outvars}
        given = list(dict.fromkeys(v for equation in equations for v in _inputs(equation) if v not in made))
        kept = list(dict.fromkeys(v for v in _used(jaxpr, equations) if v in made))
        part = jaxpr.replace(constvars=(), invars=given, outvars=kept, eqns=list(equations))
        function = jaxpr_as_fun(ClosedJaxpr(part, ()))
        values.update(zip(kept, (_in_one_kernel(function) if as_one else function)(*(values[v] for v in given)), strict=True))

    def read(v):
        return v.val if isinstance(v, Literal) else values[v]

    fixed, moving = _ready(jaxpr.eqns, values, _is_not_larger)
    evaluate(fixed)
    values.update(zip(jaxpr.invars, arguments, strict=True))
    while moving:
        region, moving = _ready(moving, values, _is_elementwise)
        if region:
            evaluate(region, as_one=True)
        deliveries, moving = _ready(moving, values, events.is_delivery)
        values.update(events.deliver_together(deliveries, read) if deliveries else {})
        for k, equation in enumerate(moving):
            if all(v in values for v in _inputs(equation)):
                evaluate([moving.pop(k)])
                break
    return [read(v) for v in jaxpr.outvars]


def _used(jaxpr, equations):
    """Variables that are read outside of the equations."""
    own = set(map(id, equations))
    yield from (v for equation in jaxpr.eqns if id(equation) not in own for v in _inputs(equation))
    yield from (v for v in jaxpr.outvars if not isinstance(v, Literal))


def _in_one_kernel(function: Callable) -> Callable:
    def inside(*arguments):
        with set_xla_metadata(xla_cpu_small_call=None, inlineable=None):
            return function(*arguments)

    def called(*arguments):
        with set_xla_metadata(xla_cpu_small_call="true", inlineable="false"):
            return jax.jit(inside)(*arguments)

    return called


def _ready(equations: Sequence, known, accepted: Callable) -> tuple[list, list]:
    """The accepted equations that follow from what is known, and the others."""
    known, ready, others = set(known), [], []
    for equation in equations:
        if accepted(equation) and all(v in known for v in _inputs(equation)):
            known.update(equation.outvars)
            ready.append(equation)
        else:
            others.append(equation)
    return ready, others


def _is_elementwise(equation) -> bool:
    inner = [equation.params.get(name) for name in ("jaxpr", "call_jaxpr")]
    return equation.primitive.name in ELEMENTWISE and all(
        _is_elementwise(e) for closed in inner if closed is not None for e in closed.jaxpr.eqns
    )


def _is_not_larger(equation) -> bool:
    return max(v.aval.size for v in equation.outvars) <= max((v.aval.size for v in equation.invars), default=0)


def _inputs(equation) -> list:
    return [v for v in equation.invars if not isinstance(v, Literal)]
