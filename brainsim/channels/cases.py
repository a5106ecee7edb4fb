"""Cases of a function, each with the derivative of the case that holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from brainsim._units import float_dtype


def select(condition: Any, then: Callable, other: Callable, *values: Any) -> Any:
    r"""``then(*values)`` where the condition holds and ``other(*values)`` elsewhere, element by element.

    Value and derivatives, of any order and in both modes, are those of the case that holds, whatever the other one
    comes to: :math:`x/(e^x - 1)` with a case of its own at 0 has a derivative there. (``jnp.where`` gives NaN in
    reverse mode, 0 times infinity.)

    Parameters
    ----------
    condition : bool array, or anything that broadcasts with the values
    then, other : callable
        Elementwise functions of the values, which give one array or a tuple of them.
    *values : float arrays, without unit
        All that the two depend on.

    Returns
    -------
    float array, or a tuple of them
    """
    values = tuple(jnp.asarray(value, _dtype_of(values)) for value in values)
    condition = jnp.asarray(condition)
    parts = jax.eval_shape(then, *values)
    if not isinstance(parts, tuple):
        return _case(condition, then, other, values)
    return tuple(
        _case(condition, lambda *x, k=k: then(*x)[k], lambda *x, k=k: other(*x)[k], values) for k in range(len(parts))
    )


def _case(condition, then, other, values):
    dtype = _dtype_of(values)

    @jax.custom_jvp
    def chosen(condition, *values):
        return jnp.where(condition, then(*values), other(*values)).astype(dtype)

    def derivative(primals, tangents):
        condition, *values = primals
        value = chosen(*primals)
        change = jnp.zeros_like(value)
        for k, tangent in enumerate(tangents[1:]):
            if not isinstance(tangent, SymbolicZero):
                slope = _case(condition, _slope_in(then, k), _slope_in(other, k), values)
                change = change + slope * tangent
        return value, change

    chosen.defjvp(derivative, symbolic_zeros=True)
    return chosen(condition, *values)


def _slope_in(function, k):
    """Derivative in the k-th value, element by element."""

    def slope(*values):
        alone = lambda x: jnp.asarray(function(*values[:k], x, *values[k + 1 :]), values[k].dtype)
        return jax.jvp(alone, (values[k],), (jnp.ones_like(values[k]),))[1]

    return slope


def _dtype_of(values):
    kinds = [value.dtype for value in values if hasattr(value, "dtype") and jnp.issubdtype(value.dtype, jnp.floating)]
    return jnp.result_type(*kinds) if kinds else float_dtype()
