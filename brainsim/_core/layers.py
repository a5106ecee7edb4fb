"""Modules of flax nnx that a network carries as they are: applied inside a step, with randomness that belongs to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from brainsim import events
from brainsim._core.dynamics import Dynamics
from brainsim._core.norms import TIME, in_step
from brainsim._units import float_dtype


def is_layer(thing: object) -> bool:
    """Whether it is a module of flax nnx, and none of ours."""
    return isinstance(thing, nnx.Module) and not isinstance(thing, Dynamics)


def in_the_float_type(module: nnx.Module) -> None:
    """Keep the single-precision numbers of a module in the float type of this process, as all numbers are."""
    for _, node in nnx.iter_graph(module):
        if isinstance(node, nnx.Variable) and getattr(node.get_value(), "dtype", None) == jnp.float32:
            node.set_value(node.get_value().astype(float_dtype()))


def with_tuples(module: nnx.Module) -> None:
    """Lists of plain numbers that a module keeps, such as a padding, as tuples: a program is kept by what it depends on."""
    for _, node in nnx.iter_graph(module):
        for name, value in list(vars(node).items()) if isinstance(node, nnx.Module) else ():
            if isinstance(value, list | tuple) and (plain := _as_tuple(value)) != value:
                setattr(node, name, plain)


def _as_tuple(value):
    if isinstance(value, list | tuple):
        inner = [_as_tuple(each) for each in value]
        if all(isinstance(each, int | float | str | tuple | None) for each in inner):
            return tuple(inner)
    return value


def applied(module: nnx.Module, x: jax.Array, key: jax.Array, step: Any = 0) -> jax.Array:
    """``module(x)`` in a step of a run; what it draws follows from ``key`` alone, and what else it changes is changed in
    it.
    """
    streams = (node for _, node in nnx.iter_graph(module) if isinstance(node, nnx.RngStream))
    for k, stream in enumerate(streams):
        own = jax.random.fold_in(key, k)
        typed = jnp.issubdtype(stream.key.get_value().dtype, jax.dtypes.prng_key)
        stream.key.set_value(jax.random.wrap_key_data(own) if typed else own)
        stream.count.set_value(stream.count.get_value() * 0)
    with _products_by_events(module), in_step(step):
        return module(x)


@contextlib.contextmanager
def _products_by_events(module: nnx.Module) -> Iterator[None]:
    """Let the dense layers of a module multiply as :func:`brainsim.events.spike_matmul` does, and others convolve as
    :func:`brainsim.events.convolve`.
    """
    changed = []
    for _, node in nnx.iter_graph(module):
        for kind, name, usual, ours in OURS:
            if isinstance(node, kind) and getattr(node, name) is usual:
                changed.append((node, name, usual))
                setattr(node, name, ours)
    try:
        yield
    finally:
        for node, name, usual in changed:
            setattr(node, name, usual)


def _dot_general(x, kernel, dimension_numbers, *, precision=None, preferred_element_type=None, out_sharding=None):
    plain = (precision, preferred_element_type, out_sharding) == (None, None, None) and x.dtype == kernel.dtype
    plain = plain and x.dtype in WIDE
    fits = dimension_numbers == (((x.ndim - 1,), (0,)), ((), ())) and x.shape[-1:] == kernel.shape[:1]
    if plain and fits:
        return events.spike_matmul(x, kernel)
    options = {"precision": precision, "preferred_element_type": preferred_element_type, "out_sharding": out_sharding}
    return jax.lax.dot_general(x, kernel, dimension_numbers, **options)


def _conv_general_dilated(
    x, kernel, strides, padding, *, rhs_dilation, lhs_dilation, feature_group_count, precision, **options
):
    plain = precision is None and options.get("preferred_element_type") is None and options.get("out_sharding") is None
    plain = plain and set(lhs_dilation) == {1} and x.dtype == kernel.dtype in WIDE
    if plain and x.shape[-1] == kernel.shape[-2] * feature_group_count:
        if isinstance(padding, str):
            spread = [d * (w - 1) + 1 for d, w in zip(rhs_dilation, kernel.shape)]
            padding = jax.lax.padtype_to_pads(x.shape[1:-1], spread, strides, padding)
        return events.convolve(x, kernel, strides, padding, rhs_dilation, feature_group_count)
    options |= {"rhs_dilation": rhs_dilation, "lhs_dilation": lhs_dilation, "precision": precision}
    return jax.lax.conv_general_dilated(x, kernel, strides, padding, feature_group_count=feature_group_count, **options)


WIDE = (jnp.float32, jnp.float64)  # what our products are written for
OURS = (
    (nnx.Linear, "dot_general", jax.lax.dot_general, _dot_general),
    (nnx.Conv, "conv_general_dilated", jax.lax.conv_general_dilated, _conv_general_dilated),
)


def over_time(module: nnx.Module, x: jax.Array, steps: jax.Array) -> jax.Array:
    """``module(x)`` at all steps at once; statistics over them are changed in it.

    Parameters
    ----------
    module : flax.nnx.Module
        Changes nothing but statistics over all steps.
    x : array, (n_steps, ...)
    steps : int array, (n_steps,)
        Their numbers.
    """

    def one(x, step):
        own = nnx.clone(module)
        return applied(own, x, jax.random.PRNGKey(0), step), changing_values(own)

    results, after = jax.vmap(one, out_axes=(0, None), axis_name=TIME)(x, steps)
    for variable, value in zip(_changing(module), after):
        variable.set_value(value)
    return results


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
    """Put back what :func:`changing_values` gave; running statistics are learned, and stay."""
    for variable, value in zip(_changing(module), values):
        if not isinstance(variable, nnx.BatchStat):
            variable.set_value(value)


def trained_by_default(part: Dynamics) -> list[str]:
    """Names of the parameters that :meth:`Dynamics.trainable` has made what ``nnx.grad`` selects."""
    return [name for name in part._declared if type(vars(part).get(name)) is nnx.Param]


def multiplications(module: nnx.Module, shape: tuple[int, ...]) -> float:
    """Multiplications with an addition that ``module(x)`` takes for an x of ``shape``, as XLA counts them."""
    graphdef, state = nnx.split(module)
    x, key = jax.ShapeDtypeStruct(shape, float_dtype()), jax.random.PRNGKey(0)
    with events.served_by("plain"):  # XLA counts nothing within a call of a kernel
        lowered = jax.jit(lambda state, x: looked_at(nnx.merge(graphdef, state), x, key)).lower(state, x)
        found = lowered.cost_analysis()
    return float((found or {}).get("flops", 0.0)) / 2


def number_of_parameters(module: nnx.Module) -> int:
    """How many numbers of a module are trained."""
    return sum(array.size for array in jax.tree.leaves(nnx.state(module, nnx.Param)))
