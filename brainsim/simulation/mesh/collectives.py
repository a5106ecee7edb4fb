"""What devices that run the same program tell each other, as primitives of JAX.

The devices are replicas of one program, each with arrays of its own. XLA then compiles what a device does in the same way
as the program of one device, and rounds it in the same way; where it partitions a program it rewrites divisions first.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.extend.mlir.dialects import stablehlo
from jax.interpreters import mlir
from jaxlib.mlir import ir

from brainsim.simulation.waiting import DEVICE_NUMBER

_gather_p = Primitive("brainsim_gather")
_number_p = Primitive(DEVICE_NUMBER)


def gathered(array: jax.Array, count: int) -> jax.Array:
    """An array of every one of ``count`` devices, (count, ...)."""
    return _gather_p.bind(array, count=count)


def device_number(count: int) -> jax.Array:
    """Which of ``count`` devices this is, int32."""
    return _number_p.bind(count=count)


@_gather_p.def_abstract_eval
def _gather_shape(array, *, count):
    return type(array)((count, *array.shape), array.dtype)


@_number_p.def_abstract_eval
def _number_shape(*, count):
    return jax.typeof(jnp.zeros((), jnp.int32))


def _lower_gather(context, array, *, count):
    element = ir.RankedTensorType(array.type).element_type
    shape = context.avals_in[0].shape
    row = stablehlo.reshape(ir.RankedTensorType.get((1, *shape), element), array)
    groups = mlir.dense_int_elements([range(count)])
    after = ir.RankedTensorType.get((count, *shape), element)
    return list(stablehlo.AllGatherOp([after], [row], all_gather_dim=0, replica_groups=groups).results)


def _lower_number(context, *, count):
    number = stablehlo.ReplicaIdOp().result
    return [stablehlo.convert(ir.RankedTensorType.get((), ir.IntegerType.get_signless(32)), number)]


mlir.register_lowering(_gather_p, _lower_gather)
mlir.register_lowering(_number_p, _lower_number)
