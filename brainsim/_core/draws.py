"""Uniform and normal numbers of a step: those of :mod:`jax.random` to the last bit, made in one pass over their elements.

JAX compiles its generator, Threefry-2x32 with 20 rounds, for CPUs as a loop that goes over all numbers for every four rounds: it
keeps programs short, and takes two to four times as long; a key that is made of another goes round in the same loop. Here rounds
follow each other, and XLA makes one pass of them and of what becomes of their bits.

References
----------
J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11 (2011).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir

ROTATIONS = (13, 15, 26, 6), (17, 29, 16, 24)  # of four rounds by turns
KINDS = "uniform", "normal"


def drawn(kind: str, key: jax.Array, step: jax.Array | int, shape: Sequence[int], dtype: Any) -> jax.Array:
    """Random numbers that belong to a key and a step.

    Parameters
    ----------
    kind : {"uniform", "normal"}
        In [0, 1), or of mean 0 and standard deviation 1.
    key : uint32 array, (2,)
    step : int32
    shape : tuple of int
    dtype

    Returns
    -------
    dtype ``shape``
        What ``jax.random.uniform`` or ``jax.random.normal`` gives for ``jax.random.fold_in(key, step)``.
    """
    shape, dtype = tuple(map(int, shape)), np.dtype(dtype)
    by_place = jax.config.jax_threefry_partitionable  # type: ignore[attr-defined]
    if dtype not in (np.float32, np.float64) or math.prod(shape) >= 2**32 or not by_place:
        return getattr(jax.random, kind)(jax.random.fold_in(key, step), shape, dtype)
    return numbers_p.bind(jnp.asarray(key), jnp.asarray(step, jnp.int32), kind=kind, shape=shape, dtype=dtype)


def numbers_at(kind: str, key: jax.Array, step: jax.Array, places: jax.Array, dtype: np.dtype) -> jax.Array:
    """The numbers at some places, uint32, of all that belong to a key and a step."""
    axes = range(np.ndim(step), np.ndim(step) + places.ndim)
    key = [lax.expand_dims(word, axes) for word in _folded(key, step)]
    first, second = threefry(key, jnp.zeros_like(places), places)
    if dtype == np.float32:
        bits, ones, left = first ^ second, np.uint32(0x3F800000), np.uint32(9)
    else:
        bits = first.astype(jnp.uint64) << np.uint64(32) | second.astype(jnp.uint64)
        ones, left = np.uint64(0x3FF << 52), np.uint64(12)
    uniform = lax.bitcast_convert_type(bits >> left | ones, dtype) - np.ones((), dtype)  # from 1 to 2, less 1
    if kind == "uniform":
        return uniform
    one, root = np.ones((), dtype), np.sqrt(2).astype(dtype)
    low = np.nextafter(-one, np.zeros((), dtype))
    return root * lax.erf_inv(lax.max(jnp.asarray(low), uniform * (one - low) + low))


def _folded(key, step):
    return threefry((key[..., 0], key[..., 1]), jnp.zeros_like(step, jnp.uint32), step.astype(jnp.uint32))


def threefry(key: Sequence[jax.Array], first: jax.Array, second: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Threefry-2x32 with 20 rounds: two words of a key, uint32, and two of a counter."""
    keys = *key, key[0] ^ key[1] ^ np.uint32(0x1BD11BDA)
    first, second = first + keys[0], second + keys[1]
    for four in range(5):
        for rotation in ROTATIONS[four % 2]:
            first = first + second
            second = first ^ (second << np.uint32(rotation) | second >> np.uint32(32 - rotation))
        first, second = first + keys[(four + 1) % 3], second + keys[(four + 2) % 3] + np.uint32(four + 1)
    return first, second


def _numbers(key, step, *, kind, shape, dtype):
    places = lax.iota(jnp.uint32, math.prod(shape)).reshape(shape)
    return numbers_at(kind, key, step, places, dtype)


def _batched(arguments, axes, **parameters):
    key, step = arguments
    (extent,) = {x.shape[axis] for x, axis in zip(arguments, axes, strict=True) if axis is not None}
    key, step = (
        jnp.broadcast_to(x, (extent, *x.shape)) if axis is None else jnp.moveaxis(x, axis, 0)
        for x, axis in zip((key, step), axes, strict=True)
    )
    return numbers_p.bind(key, step, **parameters), 0


numbers_p = Primitive("brainsim_numbers")
numbers_p.def_impl(jax.jit(_numbers, static_argnames=("kind", "shape", "dtype")))
numbers_p.def_abstract_eval(
    lambda key, step, *, kind, shape, dtype: step.update(shape=(*step.shape, *shape), dtype=dtype, weak_type=False)
)
batching.primitive_batchers[numbers_p] = _batched
mlir.register_lowering(numbers_p, mlir.lower_fun(_numbers, multiple_results=False))
