"""A threshold and a reset as operations of their own, so that derivatives of every order are those that are stated.

Forward, a spike has no derivative. What stands in its place must hold however often a program is differentiated, and in
whatever order: under ``jax.custom_jvp`` the value itself loses it where JAX divides a program into what is known and what
is linear, and second derivatives depend on how the first were taken. A primitive keeps it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from brainsim.events._primitive import is_zero, no_tangent

FIRES, PUT_BACK = "brainsim_fires", "brainsim_put_back"


def fires(x: jax.Array, kind: Callable, numbers: tuple) -> jax.Array:
    r"""1 where x > 0, else 0, with :math:`ds = h(x)\,dx`.

    Parameters
    ----------
    x : float array
    kind : callable
        ``kind(*numbers).derivative(x)`` is h, of which derivatives are taken in turn.
    numbers : tuple of float or array
        Arrays are operands: a number that is traced reaches h under jit and scan.
    """
    static = tuple(number if isinstance(number, int | float) else None for number in numbers)
    arrays = [jnp.asarray(number) for number in numbers if not isinstance(number, int | float)]
    return fires_p.bind(jnp.broadcast_to(x, _shape(x, *arrays)), *arrays, kind=kind, static=static)


def put_back(v: jax.Array, v_reset: jax.Array, spike: jax.Array) -> jax.Array:
    r"""``where(spike, v_reset, v)`` for spikes of 0 and 1, with the derivative of :math:`(1 - s)\,v + s\,v_{reset}`."""
    return put_back_p.bind(v, v_reset, spike)


def _shape(*operands):
    return jnp.broadcast_shapes(*(jnp.shape(x) for x in operands))


def _fires(x, *_, kind, static):
    return (x > 0).astype(x.dtype)


def _put_back(v, v_reset, spike):
    return jnp.where(spike != 0, v_reset, v)


def _fires_jvp(primals, tangents, *, kind, static):
    x, *arrays = primals
    spike = fires_p.bind(*primals, kind=kind, static=static)
    if is_zero(tangents[0]):
        return spike, no_tangent(spike)
    given = iter(arrays)
    numbers = [next(given) if number is None else number for number in static]
    return spike, (kind(*numbers).derivative(x) * tangents[0]).astype(x.dtype)


def _put_back_jvp(primals, tangents):
    v, v_reset, spike = primals
    dv, dv_reset, ds = tangents
    s, new = spike.astype(v.dtype), put_back_p.bind(*primals)
    parts: list[Any] = [] if is_zero(dv) else [(1 - s) * dv]
    parts += [] if is_zero(dv_reset) else [s * dv_reset]
    parts += [] if is_zero(ds) else [(v_reset - v) * ds.astype(v.dtype)]
    return new, jnp.broadcast_to(sum(parts), new.shape) if parts else no_tangent(new)


def _elementwise(name: str, definition: Callable, derivative: Callable) -> Primitive:
    """A primitive of values that are broadcast to each other, of the type of the first."""
    primitive = Primitive(name)

    def batch(operands, axes, **facts):
        rank = max(jnp.ndim(x) - (axis is not None) for x, axis in zip(operands, axes, strict=True))
        return primitive.bind(*(_first(x, axis, rank) for x, axis in zip(operands, axes, strict=True)), **facts), 0

    primitive.def_impl(definition)
    primitive.def_abstract_eval(lambda x, *more, **_: x.update(shape=_shape(x, *more), weak_type=False))
    ad.primitive_jvps[primitive] = derivative
    batching.primitive_batchers[primitive] = batch
    mlir.register_lowering(primitive, mlir.lower_fun(definition, multiple_results=False))
    return primitive


def _first(x, axis, rank):
    """An operand with its batch first, in front of as many axes as the others have."""
    if axis is None:
        return x
    x = jnp.moveaxis(x, axis, 0)
    return x.reshape(x.shape[0], *[1] * (rank + 1 - x.ndim), *x.shape[1:])


fires_p = _elementwise(FIRES, _fires, _fires_jvp)
put_back_p = _elementwise(PUT_BACK, _put_back, _put_back_jvp)
