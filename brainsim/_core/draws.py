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
    return some_of(kind, key, step, jnp.uint32(0), shape, shape, dtype)


def some_of(
    kind: str, key: jax.Array, step, first: jax.Array, shape: Sequence[int], of: Sequence[int], dtype
) -> jax.Array:
    """A part of this shape of the numbers ``of`` another shape, from the place ``first`` on, uint32, in C order."""
    strides = tuple(math.prod(of[k + 1 :]) for k in range(len(of)))
    step = jnp.asarray(step, jnp.int32)
    return numbers_p.bind(jnp.asarray(key), step, first, kind=kind, shape=tuple(shape), strides=strides, dtype=dtype)


def _numbers(key, step, first, *, kind, shape, strides, dtype):
    batch = np.broadcast_shapes(key.shape[:-1], step.shape, first.shape)
    whole = (*batch, *shape)
    spread = lambda word: jnp.broadcast_to(word.reshape(*word.shape, *[1] * len(shape)), whole)  # noqa: E731
    step = step.astype(jnp.uint32)
    folded = threefry((key[..., 0], key[..., 1]), jnp.zeros_like(step), step)
    places = spread(first)
    for k, stride in enumerate(strides):
        places = places + lax.broadcasted_iota(jnp.uint32, whole, len(batch) + k) * np.uint32(stride)
    first, second = threefry([*map(spread, folded)], jnp.zeros_like(places), places)
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
    return root * lax.erf_inv(jnp.maximum(low, uniform * (one - low) + low))


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


def _batched(arguments, axes, **parameters):
    """Each operand has all levels, of extent 1 where it does not vary, or none: nothing is repeated before it must be."""
    levels = [x.ndim - rank - (axis is not None) for x, rank, axis in zip(arguments, (1, 0, 0), axes, strict=True)]
    given = []
    for x, axis, own in zip(arguments, axes, levels, strict=True):
        if axis is not None:
            x = lax.expand_dims(jnp.moveaxis(x, axis, 0), range(1, 1 + max(levels) - own))
        given.append(lax.expand_dims(x, (0,)) if axis is None and own else x)
    return numbers_p.bind(*given, **parameters), 0


def _shape(key, step, first, *, kind, shape, strides, dtype):
    batch = np.broadcast_shapes(key.shape[:-1], step.shape, first.shape)
    return step.update(shape=(*batch, *shape), dtype=dtype, weak_type=False)


numbers_p = Primitive("brainsim_numbers")
numbers_p.def_impl(jax.jit(_numbers, static_argnames=("kind", "shape", "strides", "dtype")))
numbers_p.def_abstract_eval(_shape)
batching.primitive_batchers[numbers_p] = _batched
mlir.register_lowering(numbers_p, mlir.lower_fun(_numbers, multiple_results=False))
