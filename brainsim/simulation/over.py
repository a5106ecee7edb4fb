"""What a sample is where it is of a whole interval: the mean, sum, least or greatest of the values in its steps.

Sums are kept in twice the digits on the device, and put together in more digits on the host, so that they are the same
wherever a chunk of steps ends.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core.exact import two_sum
from brainsim._units import float_dtype
from brainsim.simulation.plan import Request

SUMS = ("mean", "sum")
ORDERED = {"min": (jnp.minimum, np.minimum), "max": (jnp.maximum, np.maximum)}


def nothing(request: Request, rows: tuple[int, ...], dtype) -> jax.Array:
    """An array for as many rows of values of a type, before there is anything in them; spikes are counted."""
    kind = np.dtype(np.int32 if jnp.issubdtype(dtype, jnp.bool_) else dtype)
    floating = jnp.issubdtype(kind, jnp.floating)
    if request.over in SUMS:
        return jnp.zeros((*rows, *((2,) if floating else ()), *request.shape), kind)
    most = np.inf if floating else np.iinfo(kind).max
    return jnp.full((*rows, *request.shape), most if request.over == "min" else -most, kind)


def taken_in(request: Request, rows: jax.Array, value: jax.Array, row: jax.Array) -> jax.Array:
    """The rows, with one more value in one of them."""
    before = jax.lax.dynamic_index_in_dim(rows, row, 0, keepdims=False)
    value = value.astype(rows.dtype)
    if request.over in ORDERED:
        after = ORDERED[request.over][0](before, value)
    elif before.ndim == value.ndim:
        after = before + value
    else:
        total, rest = two_sum(before[0], value)
        after = jnp.stack([total, before[1] + rest])
    return jax.lax.dynamic_update_index_in_dim(rows, after, row, 0)


def together(request: Request, rows: np.ndarray) -> np.ndarray:
    """Rows as they come from the device, as one number for each element: of more digits where it is a sum."""
    if rows.dtype.kind != "f" or request.over not in SUMS:
        return rows.copy()
    return rows[:, 0].astype(np.longdouble) + rows[:, 1]


def joined(request: Request, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """What two parts of an interval are together."""
    return one + other if request.over in SUMS else ORDERED[request.over or ""][1](one, other)


def as_one(request: Request, rows: np.ndarray) -> np.ndarray:
    """One row of all."""
    whole = rows[0]
    for row in rows[1:]:
        whole = joined(request, whole, row)
    return whole[None]


def finished(request: Request, rows: np.ndarray, n: int) -> np.ndarray:
    """Samples of complete rows, each of ``n`` steps, in the types that states have."""
    rows = rows / np.longdouble(n) if request.over == "mean" else rows
    return rows.astype(float_dtype()) if rows.dtype.kind == "f" else rows


def of_every_step(request: Request, rows: jax.Array) -> jax.Array:
    """Samples from the values of every step, inside a transformation."""
    every = len(rows) if request.total else request.every
    rows = rows.reshape(len(rows) // every, every, *rows.shape[1:])
    rows = rows.astype(jnp.int32) if rows.dtype == bool else rows
    return {"mean": jnp.mean, "sum": jnp.sum, "min": jnp.min, "max": jnp.max}[request.over or ""](rows, 1)
