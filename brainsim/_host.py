"""Evaluate a traced function on the host, with NumPy and in double precision: a few numbers, without compiling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.extend.core import ClosedJaxpr, Literal

_CALLS = {"jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "checkpoint", "remat2"}


def _select(which, *cases):
    return (
        np.select([which == k for k in range(len(cases))], cases) if len(cases) > 2 else np.where(which, *cases[::-1])
    )


def _in_dimensions(x, shape, broadcast_dimensions, **_):
    kept = np.ones(len(shape), int)
    kept[list(broadcast_dimensions)] = np.shape(x)
    return np.broadcast_to(np.reshape(x, kept), shape)


def _converted(x, new_dtype, **_):
    return np.asarray(x, float) if np.issubdtype(new_dtype, np.floating) else np.asarray(x).astype(new_dtype)


def _sliced(x, start_indices, limit_indices, strides):
    steps = [1] * np.ndim(x) if strides is None else strides
    return x[tuple(map(slice, start_indices, limit_indices, steps))]


_TABLE = {
    **{name: getattr(np, name) for name in ("exp", "log", "log1p", "expm1", "exp2", "tanh", "sinh", "cosh", "sin")},
    **{name: getattr(np, name) for name in ("cos", "tan", "sqrt", "sign", "floor", "ceil", "abs", "square")},
    **{"add": np.add, "add_any": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative},
    **{"max": np.maximum, "min": np.minimum, "pow": np.power, "atan2": np.arctan2},
    **{"lt": np.less, "gt": np.greater, "le": np.less_equal, "ge": np.greater_equal, "eq": np.equal},
    **{"ne": np.not_equal, "and": np.logical_and, "or": np.logical_or, "not": np.logical_not},
    "is_finite": np.isfinite,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "logistic": lambda x: 1 / (1 + np.exp(-x)),
    "clamp": lambda low, x, high: np.clip(x, low, high),
    "select_n": _select,
    "copy": np.asarray,
    "stop_gradient": np.asarray,
}
_WITH_OPTIONS = {
    "brainsim_fires": lambda x, *_, **options: np.asarray(x > 0, float),
    "brainsim_put_back": lambda v, v_reset, spike: np.where(spike != 0, v_reset, v),
    "integer_pow": lambda x, y: np.asarray(x) ** float(y),
    "convert_element_type": _converted,
    "broadcast_in_dim": _in_dimensions,
    "reshape": lambda x, new_sizes, **_: np.reshape(x, new_sizes),
    "slice": _sliced,
    "concatenate": lambda *x, dimension: np.concatenate(x, dimension),
    "squeeze": lambda x, dimensions: np.squeeze(x, dimensions),
}


class UnknownOperationError(Exception):
    """A function does something that the host does not know."""


def evaluate(traced: ClosedJaxpr, *arguments) -> list[np.ndarray]:
    """The results of a traced function.

    Raises
    ------
    UnknownOperationError
        For an operation that is not elementwise arithmetic.
    """
    with np.errstate(all="ignore"):
        return _run(traced.jaxpr, traced.consts, arguments)


def computed(function: Callable[[], Any]) -> Any:
    """What a function of no arguments gives, on the host where it is elementwise arithmetic on known arrays.

    Parameters
    ----------
    function : callable
        ``function()`` gives a tree of arrays.

    Returns
    -------
    tree of arrays
        In the types that JAX would give them.
    """
    traced, shapes = jax.make_jaxpr(function, return_shape=True)()
    if any(isinstance(array, Tracer) for array in traced.consts):
        return function()
    try:
        results = evaluate(traced)
    except UnknownOperationError:
        return function()
    leaves, tree = jax.tree.flatten(shapes)
    return tree.unflatten([np.asarray(x, leaf.dtype) for x, leaf in zip(results, leaves)])


def _run(jaxpr, consts, arguments):
    values = dict(zip(jaxpr.constvars, map(_double, consts))) | dict(zip(jaxpr.invars, map(_double, arguments)))

    def value(atom):
        return np.asarray(atom.val) if isinstance(atom, Literal) else values[atom]

    for equation in jaxpr.eqns:
        name, inputs = equation.primitive.name, [value(atom) for atom in equation.invars]
        if name in _CALLS:
            inner = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
            inner, own = (inner.jaxpr, inner.consts) if hasattr(inner, "consts") else (inner, ())
            results = _run(inner, own, inputs)
        elif name in _TABLE:
            results = [_TABLE[name](*inputs)]
        elif name in _WITH_OPTIONS:
            results = [_WITH_OPTIONS[name](*inputs, **equation.params)]
        else:
            raise UnknownOperationError(name)
        values |= dict(zip(equation.outvars, results))
    return [value(atom) for atom in jaxpr.outvars]


def _double(array):
    array = np.asarray(array) if not jnp.issubdtype(getattr(array, "dtype", float), jax.dtypes.prng_key) else array
    return array.astype(float) if array.dtype.kind == "f" else array
