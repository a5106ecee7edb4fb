"""Rules of random numbers: each device draws those of its own units, which are a function of the key and their place."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core.draws import numbers_p, some_of, threefry
from brainsim.simulation.mesh.evaluate import Evaluation, rule
from brainsim.simulation.mesh.layout import Layout, Part


@rule("random_bits")
def _random_bits(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    """The numbers that these elements have in the whole: each is a function of the key and its place."""
    (key,) = given
    shape, width = equation.params["shape"], equation.params["bit_width"]
    layout = _divided(evaluation, shape)
    if layout is None or key.shape != () or math.prod(shape) >= 2**32 or width not in (32, 64):
        return None
    data = jax.random.key_data(key.array)
    if data.shape != (2,) or not jax.config.jax_threefry_partitionable:  # type: ignore[attr-defined]
        return None
    places = _places(evaluation, shape, layout)
    first, second = threefry([jnp.broadcast_to(word, places.shape) for word in data], jnp.zeros_like(places), places)
    bits = first ^ second
    if width == 64:
        bits = first.astype(jnp.uint64) << 32 | second.astype(jnp.uint64)
    replica = lambda: evaluation.bind(equation, [key.array])[0]  # noqa: E731
    return [Part(shape, bits, layout, replica, free=True)]


@rule(numbers_p.name)
def _numbers(evaluation: Evaluation, equation: Any, given: list[Part]) -> list[Part] | None:
    """Likewise."""
    key, step, first = given
    shape, p = equation.params["shape"], equation.params
    layout = _divided(evaluation, shape)
    if layout is None or step.shape != ():
        return None
    own = first.array + layout.first(evaluation.devices.here).astype(jnp.uint32) * np.uint32(p["strides"][layout.axis])
    numbers = some_of(p["kind"], key.array, step.array, own, layout.shape(shape), shape, p["dtype"])
    replica = lambda: evaluation.bind(equation, [x.array for x in given])[0]  # noqa: E731
    return [Part(shape, numbers, layout, replica, free=True)]


def _divided(evaluation, shape) -> Layout | None:
    """How numbers of this shape are divided, if any axis is."""
    axis = next((k for k in reversed(range(len(shape))) if shape[k] in evaluation.blocks), None)
    return None if axis is None else evaluation.blocks[shape[axis]].at(axis)


def _places(evaluation, shape, layout):
    """The place of each element of a part among those of the whole, in C order."""
    places = jnp.zeros(layout.shape(shape), jnp.uint32)
    for k in range(len(shape)):
        along = jax.lax.broadcasted_iota(jnp.uint32, places.shape, k)
        if k == layout.axis:
            along = along + layout.first(evaluation.devices.here).astype(jnp.uint32)
        places = places + along * jnp.uint32(math.prod(shape[k + 1 :]))
    return places
