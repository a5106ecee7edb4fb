"""Rows of spikes through a dense weight: work goes with the spikes where they are few; where they are not, the matrix
product is better. How many there are is looked at in each call.
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import mlir

from brainsim.events import _backends as backends
from brainsim.events._primitive import REAL, Batch
from brainsim.events._shared import Role, Rows
from brainsim.events.formats import Dense


def highest_part(towards: int, n_out: int) -> int:
    """Up to which part of 256 numbers may be spikes for the work to go with them, as measured; none where a row is not worth the
    way to it.
    """
    if towards == Role.WEIGHT:  # XLA turns the spikes for its product
        return 64 if n_out >= 8 else 0
    return 64 if n_out >= 32 else 40 if n_out >= 16 else 0


def product(towards: int, a: jax.Array, b: jax.Array, into: jax.Array | None, alone: bool = False) -> jax.Array:
    """``into`` with the matrix product of rows added: ``a @ b``, or towards the weight ``a.T @ b``; ``alone``: where it is known
    to be zero.
    """
    a = a.astype(b.dtype)
    found = jnp.dot(a.T if towards == Role.WEIGHT else a, b, precision=jax.lax.Precision.HIGHEST)
    return found if alone or into is None else into + found


def are_rows(shared, operands, static, batch: Batch) -> bool:
    """Whether a contraction is of rows of spikes with one dense weight for all of them, or towards that weight."""
    towards, depth, _ = static
    a, b, into = operands
    if not isinstance(shared[0], Dense) or len(shared) > 1 or depth or towards == Role.PRE or not batch.extents:
        return False
    spikes, other, result = batch.masks
    rows, weight = (other, result) if towards == Role.WEIGHT else (result, other)
    core = (into if towards == Role.WEIGHT else b).ndim - sum(weight)
    alike = into.dtype in REAL and b.dtype == into.dtype and a.dtype in (np.dtype(bool), into.dtype)
    return all(spikes) and all(rows) and not any(weight) and core == 2 and alike


def are_rows_back(shared, operands, static, batch: Batch) -> bool:
    """Whether a contraction carries rows of values back through one dense weight for all of them."""
    towards, depth, _ = static
    weight, values, into = operands
    if not isinstance(shared[0], Dense) or len(shared) > 1 or depth or towards != Role.PRE or not batch.extents:
        return False
    of_weight, of_values, of_result = batch.masks
    return weight.ndim == 2 and not any(of_weight) and all(of_values) and all(of_result)


def rows_back(weight: jax.Array, values: jax.Array) -> jax.Array:
    """Rows of values through the weight, backwards: without a batch in between, XLA has nothing to transpose."""
    return jnp.dot(values.reshape(-1, values.shape[-1]), weight.T, precision=jax.lax.Precision.HIGHEST)


def in_rows(towards: int, alone: bool, a: jax.Array, b: jax.Array, into: jax.Array) -> jax.Array:
    """The contraction of :func:`are_rows`, by events or as a matrix product; ``alone``: where ``into`` is known to be zero."""
    shape, n_in, n_out = into.shape, a.shape[-1], b.shape[-1]
    rows = math.prod(a.shape[:-1])
    a = a.reshape(rows, n_in)
    if towards == Role.WEIGHT:
        b = b.reshape(rows, n_out)
    else:
        into = into.reshape(rows, n_out)
    if not (part := highest_part(towards, n_out)):
        return product(towards, a, b, into, alone).reshape(shape)
    numbers = Rows(towards, rows, n_in, n_out, part, alone)
    into, left = _rows_p.bind(a, b, *(() if alone else (into,)), numbers=numbers)
    dense = functools.partial(product, towards, a, b, alone=alone)
    return jax.lax.cond(left, dense, lambda into: into, into).reshape(shape)


def _plain(a, b, *into, numbers):
    return product(numbers.towards, a, b, *into or (None,), alone=bool(numbers.alone)), jnp.zeros((), bool)


def _shapes(a, b, *into, numbers):
    shape = (numbers.n_in if numbers.towards == Role.WEIGHT else numbers.rows, numbers.n_out)
    return [b.update(shape=shape, weak_type=False), b.update(shape=(), dtype=np.dtype(bool), weak_type=False)]


def _lower(lowering, context, *arguments, numbers):
    told = np.array([0, 0, *[0] * len(arguments), *numbers], np.int64)
    return lowering(context, *arguments, numbers=told, aliases={} if numbers.alone else {2: 0})


_rows_p = Primitive("brainsim_rows")  # inside a lowering only: what it is part of has derivatives and batches
_rows_p.multiple_results = True
_rows_p.def_abstract_eval(_shapes)
mlir.register_lowering(_rows_p, mlir.lower_fun(_plain, multiple_results=True))
for platform, lowering in backends.of("rows").items():
    mlir.register_lowering(_rows_p, functools.partial(_lower, lowering), platform=platform)
