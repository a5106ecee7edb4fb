"""What goes into a loop of steps and what comes out of it, in one call each: XLA takes as long for a call as for a short array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from brainsim.events._primitive import REAL, Operation


def fresh(arrays: Any, unwritten: Any = ()) -> tuple[Any, Any]:
    """Arrays that a loop may change in place: copies, and arrays that are written before they are read.

    A kernel leaves in the latter what there was in memory, where zeros would take as long to write as a hundred steps. Where
    JAX looks for NaN in all results, as with ``jax_debug_nans``, they are zero.

    Parameters
    ----------
    arrays : pytree of arrays
    unwritten : pytree of jax.ShapeDtypeStruct

    Returns
    -------
    tuple
        As ``arrays``, and as ``unwritten``.
    """
    leaves, tree = jax.tree.flatten(arrays)
    leaves = list(map(jnp.asarray, leaves))
    shapes, further = jax.tree.flatten(unwritten)
    if looks_for_nan():
        return tree.unflatten(leaves), further.unflatten([jnp.zeros(x.shape, x.dtype) for x in shapes])
    plain = [
        k for k, x in enumerate(leaves) if getattr(x.dtype, "kind", "") in "biuf"
    ]  # XLA copies random keys by itself
    copied = tuple(jax.ShapeDtypeStruct(leaves[k].shape, leaves[k].dtype) for k in plain)
    made = fresh_p((), *(leaves[k] for k in plain), static=(copied, tuple(shapes)))
    for k, copy in zip(plain, made):
        leaves[k] = copy
    return tree.unflatten(leaves), further.unflatten(made[len(plain) :])


def are_finite(arrays: Sequence[jax.Array]) -> jax.Array:
    """Whether all elements are finite, of each of several arrays of floats: bool ``[len(arrays)]``."""
    if not arrays:
        return jnp.ones(0, bool)
    if not all(x.dtype in REAL for x in arrays):  # which no kernel serves
        return _finite((), (), *arrays)[0]
    return finite_p((), *arrays, static=tuple(x.size for x in arrays))[0]


def looks_for_nan() -> bool:
    """Whether JAX looks for values that are not finite in the results of programs."""
    return bool(jax.config.jax_debug_nans or jax.config.jax_debug_infs)  # type: ignore[attr-defined]


def _fresh(shared, static, *arrays):
    return (*arrays, *(jnp.zeros(x.shape, x.dtype) for x in static[1]))


def _finite(shared, static, *arrays):
    return (jnp.stack([jnp.isfinite(x).all() for x in arrays]),)


def _bytes(x) -> int:
    return math.prod(x.shape) * x.dtype.itemsize


fresh_p = Operation(
    "fresh",
    definition=_fresh,
    numbers=lambda shared, static: (len(static[0]), *map(_bytes, static[0]), *map(_bytes, static[1])),
    results=lambda shared, static, *arrays: (*arrays, *static[1]),
)

finite_p = Operation(
    "finite",
    definition=_finite,
    numbers=lambda shared, static: static,
    results=lambda shared, static, *arrays: (jax.ShapeDtypeStruct((len(arrays),), bool),),
)
