"""Layers of flax nnx: made by name, in a chain, and those that see all examples of a batch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, cast

import jax
import jax.numpy as jnp
from flax import nnx

from brainsim._units import float_dtype

MOST_SLICES = 64  # of a window that is taken apart
BATCH = "batch"  # name of the axis of examples that are trained on together


def new_layer(kind: str, *args: Any, key: jax.Array, gain: float = 1.0, **options: Any) -> nnx.Module:
    """A layer of flax by its name, with kernels drawn from a normal distribution of variance ``gain**2 / fan_in``."""
    initial = jax.nn.initializers.variance_scaling(gain**2, "fan_in", "normal")
    return getattr(nnx, kind)(*args, kernel_init=initial, rngs=nnx.Rngs(key), **options)


def new_embedding(number: int, features: int, key: jax.Array) -> nnx.Module:
    """flax's table of vectors."""
    return nnx.Embed(number, features, rngs=nnx.Rngs(key))


def dropout(rate: float, key: jax.Array) -> nnx.Module:
    """flax's dropout."""
    return nnx.Dropout(rate, rngs=nnx.Rngs(key))


def chain(modules: Sequence[nnx.Module]) -> nnx.Module:
    """Modules one after the other; one alone as it is."""
    return modules[0] if len(modules) == 1 else nnx.Sequential(*modules)


def in_order(module: Any) -> list[Any]:
    """The modules of a chain."""
    if not isinstance(module, nnx.Sequential):
        return [module]
    return [own for layer in module.layers for own in in_order(layer)]


def set_mode(module: nnx.Module, training: bool) -> None:
    """Let the layers of flax in a module train or evaluate."""
    module.train() if training else module.eval()


def compute_in(module: nnx.Module, dtype: Any) -> list:
    """Let the layers of flax in a module compute in a type; gives ``(layer, type)`` as they were."""
    nodes = [node for _, node in nnx.iter_graph(module) if isinstance(node, nnx.Module) and "dtype" in vars(node)]
    before = [(node, node.dtype) for node in nodes]  # type: ignore[attr-defined]
    for node in nodes:
        node.dtype = dtype  # type: ignore[attr-defined]
    return before


def normalises_alone(module: nnx.Module) -> bool:
    """Whether it holds a batch normalisation of flax that would see one example at a time."""
    found = (node for _, node in nnx.iter_graph(module) if isinstance(node, nnx.BatchNorm))
    return any(node.axis_name != BATCH for node in found)


class Flat(nnx.Module):
    """All numbers in a row."""

    def __call__(self, x):
        return x.ravel()


class Whole(nnx.Module):
    """Floats as the whole numbers that they stand for."""

    def __call__(self, x):
        return jnp.round(x).astype(jnp.int32)


class Moved(nnx.Module):
    """An axis in another place."""

    def __init__(self, source: int, destination: int):
        self.source, self.destination = source, destination

    def __call__(self, x):
        return jnp.moveaxis(x, self.source, self.destination)


class Scaled(nnx.Module):
    """Each number times one of its own."""

    def __init__(self, scale: Any):
        self.scale = nnx.Param(jnp.asarray(scale, float_dtype()))

    def __call__(self, x):
        return x * self.scale.get_value()


def _largest(x: jax.Array, window: tuple[int, ...], strides: tuple[int, ...], padding: Any) -> jax.Array:
    """As ``nnx.max_pool``, whose way back takes ten times as long on a CPU: slices of all windows, of which the first of
    equal ones has the gradient, and one that is no number stays.
    """
    if math.prod(window) > MOST_SLICES:
        return nnx.max_pool(x, window, strides, padding)
    lead = x.ndim - len(window) - 1
    space = x.shape[lead:-1]
    pads = jax.lax.padtype_to_pads(space, window, strides, padding) if isinstance(padding, str) else list(padding)
    sizes = [(n + sum(pad) - k) // stride + 1 for n, pad, k, stride in zip(space, pads, window, strides, strict=True)]
    if any(map(any, pads)):
        x = jnp.pad(x, [*[(0, 0)] * lead, *pads, (0, 0)], constant_values=-jnp.inf)
    largest = None
    for place in itertools.product(*map(range, window)):
        ends = [b + (n - 1) * stride + 1 for b, n, stride in zip(place, sizes, strides, strict=True)]
        begins = (*[0] * lead, *place, 0)
        seen = jax.lax.slice(x, begins, (*x.shape[:lead], *ends, x.shape[-1]), (*[1] * lead, *strides, 1))
        largest = seen if largest is None else jnp.where((largest >= seen) | jnp.isnan(largest), largest, seen)
    return cast(jax.Array, largest)


class Pool(nnx.Module):
    """Maximum, mean or sum over windows; the last axis are features."""

    def __init__(self, how: str, window: tuple[int, ...], strides: tuple[int, ...], padding: Any):
        self.how, self.window, self.strides, self.padding = how, window, strides, padding

    def __call__(self, x):
        if self.how == "max":
            return _largest(x, self.window, self.strides, self.padding)
        size = 1
        for k in self.window:
            size *= k
        pooled = nnx.avg_pool(x, self.window, self.strides, self.padding)
        return pooled if self.how == "mean" else pooled * size
