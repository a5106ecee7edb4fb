"""Arrays behind each other in one, and apart again, in one call each.

XLA compiles a program for each part of a concatenation and for each slice.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import mlir

from brainsim.events import _backends as backends


def join(parts: Sequence, sizes: Sequence[int]):
    """The parts behind each other: each ``[size]``, or one number for all of its elements."""
    return _join_p.bind(*parts, sizes=tuple(sizes))


def split(array, shapes: Sequence[tuple[int, ...]]) -> list:
    """The parts of an array ``[n]``, each of its shape: () or (size,)."""
    return _split_p.bind(array, shapes=tuple(shapes))


def _join(*parts, sizes):
    return jnp.concatenate([jnp.broadcast_to(part.ravel(), (n,)) for part, n in zip(parts, sizes, strict=True)])


def _split(array, *, shapes):
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(jnp.split(array, ends[:-1].tolist()), shapes, strict=True)]


def _numbers(n_arguments, sizes):
    return np.array([0, 0, *[0] * n_arguments, *sizes], np.int64)


def _lower_join(lowering, context, *parts, sizes):
    return lowering(context, *parts, numbers=_numbers(len(parts), sizes), aliases={})


def _lower_split(lowering, context, array, *, shapes):
    return lowering(context, array, numbers=_numbers(1, map(math.prod, shapes)), aliases={})


def _primitive(name, definition, shapes, lower, several):
    primitive = Primitive(f"brainsim_{name}")
    primitive.multiple_results = several
    primitive.def_impl(jax.jit(definition, static_argnames=("sizes", "shapes")[several]))
    primitive.def_abstract_eval(shapes)
    mlir.register_lowering(primitive, mlir.lower_fun(definition, multiple_results=several))
    for platform, lowering in backends.of(name).items():
        mlir.register_lowering(primitive, functools.partial(lower, lowering), platform=platform)
    return primitive


_join_p = _primitive(
    "join", _join, lambda *parts, sizes: parts[0].update(shape=(sum(sizes),), weak_type=False), _lower_join, False
)
_split_p = _primitive(
    "split", _split, lambda array, shapes: [array.update(shape=shape) for shape in shapes], _lower_split, True
)
