"""What the operations accept, and what they say where they are given something else."""

from __future__ import annotations

from types import UnionType

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim._errors import a_or_an
from brainsim._memory import in_huge_pages
from brainsim.events._library import use_huge_pages


def concrete(x) -> bool:
    """Whether the values can be looked at now (outside of a transformation)."""
    return not isinstance(x, Tracer)


def extremes(x) -> tuple[int, int]:
    """Smallest and largest value, by numpy: inside ``jit`` JAX would trace the question."""
    x = np.asarray(x)
    return int(x.min()), int(x.max())


def index_array(owner, name: str, x, ndim: int, bound: int, narrow: bool = False) -> jax.Array:
    """``x`` as int32, checked to index below ``bound``; ``narrow``: as uint16 where that holds it."""
    what = f"{type(owner).__name__}: {name}"
    x = x if isinstance(x, jax.Array) else np.asarray(x)
    if x.size == 0 and x.dtype == np.float64:  # numpy's empty list
        x = x.astype(np.int32)
    if x.ndim != ndim or not np.issubdtype(x.dtype, np.integer):
        raise ValueError(f"{what} is an array of integers with {ndim} axes; got {x.dtype}{list(x.shape)}.")
    if concrete(x) and x.size:
        low, high = extremes(x)
        if low < 0 or high >= bound:
            raise ValueError(f"{what} lies in 0 to {bound - 1}; got values from {low} to {high}.")
    dtype = np.uint16 if narrow and bound <= 1 << 16 else np.int32
    # JAX would compile the conversion for every length
    array = jnp.asarray(in_huge_pages(x.astype(dtype, copy=False)) if isinstance(x, np.ndarray) else x, dtype)
    if concrete(array):
        use_huge_pages(array)
    return array


def real(operation: str, name: str, x, shape: tuple[int, ...], dtype=None) -> jax.Array:
    """``x`` as a float array of exactly ``shape``; Python numbers take the given dtype."""
    if isinstance(x, int | float) and dtype is not None:
        x = jnp.asarray(x, dtype)
    x = jnp.asarray(x)
    if x.shape != tuple(shape) or not jnp.issubdtype(x.dtype, jnp.floating):
        raise ValueError(
            f"events.{operation}: {name} is a float array of shape {list(shape)}; got {x.dtype}{list(x.shape)}."
        )
    return same_dtype(operation, name, x, dtype)


def same_dtype(operation: str, name: str, x: jax.Array, dtype) -> jax.Array:
    """``x``, refused where its dtype is another one."""
    if dtype is None or x.dtype == dtype:
        return x
    if getattr(x, "weak_type", False):
        return x.astype(dtype)
    raise ValueError(
        f"events.{operation}: {name} is {x.dtype}, the array that the result goes into is {dtype}. "
        "They are the same dtype; convert one with .astype."
    )


def weights(operation: str, conn, x, dtype, name: str = "weight") -> jax.Array:
    """``x`` as a scalar or one value per synapse; of 16 bits, as the number that it is."""
    if isinstance(x, int | float):
        x = jnp.asarray(x, dtype)
    x = jnp.asarray(x)
    if x.shape not in ((), tuple(conn.weight_shape)) or not jnp.issubdtype(x.dtype, jnp.floating):
        raise ValueError(
            f"events.{operation}: {name} of {a_or_an(type(conn).__name__)} is a float, of shape [] for all synapses or "
            f"{list(conn.weight_shape)} for each; got {x.dtype}{list(x.shape)}."
        )
    return x.astype(dtype) if x.dtype == jnp.float16 else same_dtype(operation, name, x, dtype)


def spikes(operation: str, x, n: int, dtype=None, name: str = "spikes") -> jax.Array:
    """``x`` as bool or float values of ``n`` neurons."""
    x = jnp.asarray(x)
    if x.shape != (n,) or not (x.dtype == bool or jnp.issubdtype(x.dtype, jnp.floating)):
        raise ValueError(
            f"events.{operation}: {name} is a bool or float array of shape [{n}]; got {x.dtype}{list(x.shape)}."
        )
    return x if x.dtype == bool else same_dtype(operation, name, x, dtype)


def integer(operation: str, name: str, x, dtype=jnp.int32) -> jax.Array:
    """``x`` as an integer scalar."""
    x = jnp.asarray(x)
    if x.shape != () or not jnp.issubdtype(x.dtype, jnp.integer):
        raise ValueError(f"events.{operation}: {name} is an integer scalar; got {x.dtype}{list(x.shape)}.")
    return x.astype(dtype)


def connection(operation: str, conn, kind: type | UnionType) -> None:
    """Refuse what is not a format."""
    if not isinstance(conn, kind):
        if hasattr(conn, "materialise"):
            raise TypeError(
                f"events.{operation}: {a_or_an(type(conn).__name__)} stores nothing for single synapses; "
                "store it first: conn, weights = conn.materialise()."
            )
        raise TypeError(
            f"events.{operation}: the first argument says who connects to whom (events.CSR, FixedFanOut, Diagonal, "
            f"Block or Dense); got {type(conn).__name__}."
        )


def delays(operation: str, conn, x, depth: int) -> jax.Array:
    """``x`` as one delay per synapse that fits into a ring of ``depth`` slots."""
    x = x if isinstance(x, jax.Array) else np.asarray(x)
    if x.shape != tuple(conn.weight_shape) or not jnp.issubdtype(x.dtype, jnp.integer):
        raise ValueError(
            f"events.{operation}: delay is an integer array of shape {list(conn.weight_shape)}, in steps; "
            f"got {x.dtype}{list(x.shape)}."
        )
    if concrete(x) and x.size:
        low, high = extremes(x)
        if low < 1 or high > depth:
            raise ValueError(
                f"events.{operation}: delay lies in 1 to {depth}, the slots of the ring; got {low} to {high}. "
                "A longer delay needs a deeper ring."
            )
    return jnp.asarray(x, jnp.int32)
