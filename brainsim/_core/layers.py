"""Modules of flax nnx that a network carries as they are: applied inside a step, with randomness that belongs to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import jax
import jax.numpy as jnp
from flax import nnx

from brainsim import events
from brainsim._core.dynamics import Dynamics
from brainsim._units import float_dtype


def is_layer(thing: object) -> bool:
    """Whether it is a module of flax nnx, and none of ours."""
    return isinstance(thing, nnx.Module) and not isinstance(thing, Dynamics)


def in_the_float_type(module: nnx.Module) -> None:
    """Keep the single-precision numbers of a module in the float type of this process, as all numbers are."""
    for _, node in nnx.iter_graph(module):
        if isinstance(node, nnx.Variable) and getattr(node.get_value(), "dtype", None) == jnp.float32:
            node.set_value(node.get_value().astype(float_dtype()))


def applied(module: nnx.Module, x: jax.Array, key: jax.Array) -> jax.Array:
    """``module(x)``; what it draws follows from ``key`` alone, and what else it changes is changed in it."""
    streams = (node for _, node in nnx.iter_graph(module) if isinstance(node, nnx.RngStream))
    for k, stream in enumerate(streams):
        own = jax.random.fold_in(key, k)
        typed = jnp.issubdtype(stream.key.get_value().dtype, jax.dtypes.prng_key)
        stream.key.set_value(jax.random.wrap_key_data(own) if typed else own)
        stream.count.set_value(stream.count.get_value() * 0)
    with _products_by_events(module):
        return module(x)


@contextlib.contextmanager
def _products_by_events(module: nnx.Module) -> Iterator[None]:
    """Let the dense layers of a module multiply as :func:`brainsim.events.spike_matmul` does."""
    layers = [node for _, node in nnx.iter_graph(module) if isinstance(node, nnx.Linear)]
    layers = [layer for layer in layers if layer.dot_general is jax.lax.dot_general]
    for layer in layers:
        layer.dot_general = _dot_general
    try:
        yield
    finally:
        for layer in layers:
            layer.dot_general = jax.lax.dot_general


def _dot_general(x, kernel, dimension_numbers, precision=None, preferred_element_type=None, out_sharding=None):
    plain = dimension_numbers == (((x.ndim - 1,), (0,)), ((), ())) and x.dtype == kernel.dtype
    if plain and precision is None and preferred_element_type is None and out_sharding is None:
        return events.spike_matmul(x, kernel)
    options = {"precision": precision, "preferred_element_type": preferred_element_type, "out_sharding": out_sharding}
    return jax.lax.dot_general(x, kernel, dimension_numbers, **options)


def looked_at(module: nnx.Module, x: jax.Array, key: jax.Array) -> jax.Array:
    """As :func:`applied`; the module stays as it is."""
    return applied(nnx.clone(module), x, key)


def result_of(module: nnx.Module, shape: tuple[int, ...], dtype) -> jax.ShapeDtypeStruct:
    """Shape and type of ``module(x)`` for an x of ``shape`` and ``dtype``, without calculating it."""
    graphdef, state = nnx.split(module)
    x, key = jax.ShapeDtypeStruct(shape, dtype), jax.random.PRNGKey(0)
    return jax.eval_shape(lambda state, x: applied(nnx.merge(graphdef, state), x, key), state, x)


def _changing(module: nnx.Module) -> list[nnx.Variable]:
    return [
        node for _, node in nnx.iter_graph(module) if isinstance(node, nnx.Variable) and not isinstance(node, nnx.Param)
    ]


def changing_values(module: nnx.Module) -> tuple:
    """Values of what a module changes and does not train, such as running statistics."""
    return tuple(variable.get_value() for variable in _changing(module))


def change_back(module: nnx.Module, values: tuple) -> None:
    """Put back what :func:`changing_values` gave."""
    for variable, value in zip(_changing(module), values):
        variable.set_value(value)


def number_of_parameters(module: nnx.Module) -> int:
    """How many numbers of a module are trained."""
    return sum(array.size for array in jax.tree.leaves(nnx.state(module, nnx.Param)))
