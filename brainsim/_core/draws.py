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
    if not math.prod(shape):  # XLA ends the process where it compiles some of the programs that draw nothing
        return jnp.zeros(shape, dtype)
    strides = tuple(math.prod(of[k + 1 :]) for k in range(len(of)))
    step = jnp.asarray(step, jnp.int32)
    return numbers_p.bind(jnp.asarray(key), step, first, kind=kind, shape=tuple(shape), strides=strides, dtype=dtype)


def _numbers(key, step, first, *, kind, shape, strides, dtype):
    batch = np.broadcast_shapes(key.shape[:-1], step.shape, first.shape)
    whole = (*batch, *shape)
    spread = lambda word, to: jnp.broadcast_to(word.reshape(*word.shape, *[1] * len(to[len(batch) :])), to)  # noqa: E731
    step = spread(lax.convert_element_type(step, np.uint32), batch)
    folded = threefry([spread(key[..., k], batch) for k in (0, 1)], lax.full_like(step, 0), step)
    places = spread(first, whole)
    for k, stride in enumerate(strides):
        along = lax.broadcasted_iota(np.uint32, whole, len(batch) + k)
        places = lax.add(places, lax.mul(along, np.uint32(stride)))
    first, second = threefry([spread(word, whole) for word in folded], lax.full_like(places, 0), places)
    if dtype == np.float32:
        bits, ones, left = lax.bitwise_xor(first, second), np.uint32(0x3F800000), np.uint32(9)
    else:
        first, second = (lax.convert_element_type(word, np.uint64) for word in (first, second))
        bits = lax.bitwise_or(lax.shift_left(first, np.uint64(32)), second)
        ones, left = np.uint64(0x3FF << 52), np.uint64(12)
    one = np.ones((), dtype)
    bits = lax.bitwise_or(lax.shift_right_logical(bits, left), ones)
    uniform = lax.sub(lax.bitcast_convert_type(bits, dtype), one)  # from 1 to 2, less 1
    if kind == "uniform":
        return uniform
    low = np.nextafter(-one, np.zeros((), dtype))
    between = lax.max(low, lax.add(lax.mul(uniform, one - low), low))
    return lax.mul(np.sqrt(2).astype(dtype), lax.erf_inv(between))


def threefry(key: Sequence[jax.Array], first: jax.Array, second: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Threefry-2x32 with 20 rounds: two words of a key and two of a counter, uint32 of one shape."""
    keys = *key, lax.bitwise_xor(lax.bitwise_xor(*key), np.uint32(0x1BD11BDA))
    first, second = lax.add(first, keys[0]), lax.add(second, keys[1])
    for four in range(5):
        for rotation in ROTATIONS[four % 2]:
            first = lax.add(first, second)
            left, right = np.uint32(rotation), np.uint32(32 - rotation)
            turned = lax.bitwise_or(lax.shift_left(second, left), lax.shift_right_logical(second, right))
            second = lax.bitwise_xor(first, turned)
        first = lax.add(first, keys[(four + 1) % 3])
        second = lax.add(lax.add(second, keys[(four + 2) % 3]), np.uint32(four + 1))
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
