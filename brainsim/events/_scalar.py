"""The step of a recurrence as a program for one element: arithmetic on numbers, which ``jvp`` and ``transpose`` keep so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal
from jax.interpreters import partial_eval as pe

CALLS = {"jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr", "checkpoint": "jaxpr", "remat2": "jaxpr"}
# One value per element, from values of the same element
ELEMENTWISE = frozenset(
    """
    abs add add_any and atan2 brainsim_fires brainsim_put_back cbrt ceil clamp convert_element_type copy cos cosh div
    eq erf exp exp2 expm1 floor ge gt integer_pow is_finite le log log1p logistic lt max min mul ne neg not or pow rem
    round rsqrt select_n sign sin sinh sqrt square stop_gradient sub tan tanh xor
    """.split()  # noqa: SIM905
)


class NotElementwise(Exception):
    """A step is more than arithmetic on each element."""


def scalar(closed: ClosedJaxpr, n: int) -> ClosedJaxpr:
    """The same program for one element.

    Raises
    ------
    NotElementwise
        Where there is no such program.
    """
    arguments = [jax.ShapeDtypeStruct((), v.aval.dtype) for v in closed.jaxpr.invars]
    return flat(lambda *values: _evaluate(closed.jaxpr, closed.consts, values, n), arguments)


def flat(function, arguments) -> ClosedJaxpr:
    """What ``function`` does, without calls and without what is not used."""
    closed = jax.make_jaxpr(function)(*arguments)
    if closed.consts:
        raise NotElementwise
    used, _ = pe.dce_jaxpr(closed.jaxpr, [True] * len(closed.jaxpr.outvars), instantiate=True)
    return ClosedJaxpr(used, ())


def _evaluate(jaxpr, consts, values, n) -> list:
    """The results of a program for one element of n."""
    known: dict = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *values], strict=True))

    def read(v):
        return np.asarray(v.val, cast(Any, v.aval).dtype) if isinstance(v, Literal) else known[v]

    for equation in jaxpr.eqns:
        name, inputs = equation.primitive.name, [read(v) for v in equation.invars]
        if any(v.aval.shape not in ((), (n,)) for v in (*equation.invars, *equation.outvars)):
            raise NotElementwise
        if name in CALLS:
            inner = equation.params[CALLS[name]]
            made = _evaluate(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), inputs, n)
        elif name == "custom_jvp_call":
            made = _with_its_derivative(equation, n)(*inputs)
        elif name in ("broadcast_in_dim", "reshape", "squeeze"):
            made = inputs[:1]
        elif name in ELEMENTWISE:
            made = [equation.primitive.bind(*inputs, **equation.params)]
        else:
            raise NotElementwise
        known.update(zip(equation.outvars, made, strict=True))
    return [read(v) for v in jaxpr.outvars]


def _with_its_derivative(equation, n) -> Callable:
    """A function that has a derivative of its own, for one element."""
    call, rule = equation.params["call_jaxpr"], equation.params["jvp_jaxpr_fun"]
    if equation.params["num_consts"] or any(not jnp.issubdtype(v.aval.dtype, jnp.inexact) for v in equation.invars):
        raise NotElementwise

    @jax.custom_jvp
    def function(*values):
        return _evaluate(call.jaxpr, call.consts, values, n)

    @function.defjvp
    def derivative(values, tangents):
        jaxpr, consts, zeros = rule.call_wrapped(*[False] * len(values))
        made = _evaluate(jaxpr, consts, [*values, *tangents], n)
        results, moving = made[: len(zeros)], iter(made[len(zeros) :])
        return results, [jnp.zeros_like(x) if zero else next(moving) for x, zero in zip(results, zeros, strict=True)]

    return function


def reordered(body, into, out) -> ClosedJaxpr:
    """A program with its arguments and results in another order, or fewer results."""
    jaxpr = body.jaxpr
    return ClosedJaxpr(
        replaced(jaxpr, invars=[jaxpr.invars[k] for k in into], outvars=[jaxpr.outvars[k] for k in out]), ()
    )


def replaced(jaxpr, **parts):
    return jaxpr.replace(**parts, debug_info=jaxpr.debug_info._replace(arg_names=None, result_paths=None))


def variables_read(jaxpr) -> set:
    found = {v for equation in jaxpr.eqns for v in equation.invars if not isinstance(v, Literal)}
    return found | {v for v in jaxpr.outvars if not isinstance(v, Literal)}
