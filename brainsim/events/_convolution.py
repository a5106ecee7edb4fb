"""The primitive of convolutions: connectivity whose synapses share weights, as all places of a window do.

As in :mod:`brainsim.events._contract` it has three faces, the derivatives of one form towards each of its arguments, so that the
primitive is closed under differentiation: images are *pre*, the kernel is the weight, what is made of the images is *post*.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import mlir

from brainsim.events import _backends as backends
from brainsim.events._primitive import REAL, Batch, Operation, is_zero, no_tangent, undefined, zeros_of
from brainsim.events._shared import Axis, Convolution, Role

PRE, WEIGHT, POST = Role
KEPT = 1 << 17  # numbers of a kernel that stay in a processor's second cache


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Window:
    """A window that moves over images.

    Parameters
    ----------
    space, size, strides, dilation : tuple of int
        Along each axis: pixels, taps of the window, its steps, and the steps between the pixels that it sees.
    pads : tuple of (int, int)
        Zeros before and after each axis.
    groups : int
        Of channels, each with features of its own.
    """

    space: tuple[int, ...]
    size: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int

    @property
    def places(self) -> tuple[int, ...]:
        """Where it stands, along each axis."""
        sides = zip(self.space, self.size, self.strides, self.pads, self.dilation, strict=True)
        spread = [(n + sum(pads) - (d * (k - 1) + 1), stride) for n, k, stride, pads, d in sides]
        return tuple(max(0, rest // stride + 1) for rest, stride in spread)

    def convolved(self, x: jax.Array, kernel: jax.Array) -> jax.Array:
        """What it makes of ``[images, *space, channels]`` with ``[*size, channels of a group, features]``."""
        last, space = x.ndim - 1, range(1, x.ndim - 1)
        numbers = jax.lax.ConvDimensionNumbers((0, last, *space), (last, last - 1, *range(last - 1)), (0, last, *space))
        facts = {"rhs_dilation": self.dilation, "dimension_numbers": numbers, "feature_group_count": self.groups}
        return jax.lax.conv_general_dilated(x, kernel, self.strides, self.pads, **facts)


def roles_of(towards: int) -> tuple[int, ...]:
    """Of the operands."""
    return (*(role for role in Role if role != towards), towards)


def convolve_one(shared, static, a, b, into):
    """Definition, without a batch: XLA's convolution, or what it is linear in transposed."""
    (window,), towards = shared, static[0]
    if towards == POST:
        return (into + window.convolved(a, b),)
    if towards == PRE:
        along = lambda x: window.convolved(x, a)  # noqa: E731
    else:
        along = lambda kernel: window.convolved(a, kernel)  # noqa: E731
    return (into + jax.linear_transpose(along, into)(b)[0],)


def highest_part(towards: int, taps: int, channels: int, features: int) -> int:
    """Up to which part of 256 numbers may be spikes for the work to go with them, as measured; of a group's channels and
    features.
    """
    if channels < 8:  # a place has its own costs
        return 8
    if taps * channels * features > KEPT:  # rows come from further away
        return 32
    if towards == WEIGHT:
        return 46 if features >= 32 else 20
    return 64 if features >= 64 else 32


def by_kernel(window: Window, towards: int, alone: bool, a, b, into):
    """The same by the compiled kernel; ``alone``: where ``into`` is known to be zero."""
    images, kernel = (into, a) if towards == PRE else (a, into if towards == WEIGHT else b)
    channels, features = kernel.shape[-2], kernel.shape[-1] // window.groups
    part = highest_part(towards, math.prod(window.size), channels, features)
    axes = zip(
        window.space,
        window.places,
        window.size,
        window.strides,
        window.dilation,
        (before for before, _ in window.pads),
        strict=True,
    )
    numbers = Convolution(towards, len(images), channels, features, window.groups, part, alone, len(window.space))
    numbers = (*numbers, *(n for axis in axes for n in Axis(*axis)))
    return _call_p.bind(a, b, *(() if alone else (into,)), numbers=numbers, shape=into.shape)


def over_batch(one: Callable, each: Callable, towards: int, operands, batch: Batch):
    """``one(a, b, into)`` over all batch levels: of those that the kernel has ``each(function, axes)``, the others are more
    images. The result is summed over those that it lacks.
    """
    at = roles_of(towards).index(WEIGHT)
    level = next((k for k, flag in enumerate(batch.masks[at]) if flag), None)
    if level is None:
        return _in_images(one, towards, *operands, batch=batch)
    without = lambda x: (*x[:level], *x[level + 1 :])  # noqa: E731
    rest = Batch(without(batch.extents), tuple(map(without, batch.masks)))
    axes = [sum(mask[:level]) if mask[level] else None for mask in batch.masks]
    inner = lambda *operands: over_batch(one, each, towards, operands, rest)  # noqa: E731
    if axes[2] is not None:
        return jnp.moveaxis(each(inner, axes)(*operands), 0, axes[2])
    a, b, into = operands
    return into + each(inner, axes)(a, b, jnp.zeros_like(into)).sum(0)


def _in_images(one: Callable, towards: int, a, b, into, *, batch: Batch):
    def folded(x, mask):
        core = x.shape[sum(mask) :]
        x = x.reshape(*(n if flag else 1 for n, flag in zip(batch.extents, mask)), *core)
        return jnp.broadcast_to(x, (*batch.extents, *core)).reshape(count * core[0], *core[1:])

    roles, masks, count = roles_of(towards), batch.masks, math.prod(batch.extents)
    a, b = (x if role == WEIGHT else folded(x, mask) for x, role, mask in zip((a, b), roles, masks))
    if towards == WEIGHT:
        return one(a, b, into)
    if all(masks[2]):
        return one(a, b, folded(into, masks[2])).reshape(into.shape)
    core = into.shape[sum(masks[2]) :]
    made = one(a, b, jnp.zeros((count * core[0], *core[1:]), into.dtype))
    lacking = tuple(k for k, flag in enumerate(masks[2]) if not flag)
    return into + made.reshape(*batch.extents, *core).sum(lacking)


def _mapped(function: Callable, axes):
    """As ``jax.vmap``, one after the other."""

    def run(*operands):
        moving = [jnp.moveaxis(x, axis, 0) for x, axis in zip(operands, axes) if axis is not None]

        def one(moving):
            rest = iter(moving)
            return function(*(x if axis is None else next(rest) for x, axis in zip(operands, axes)))

        return jax.lax.map(one, moving)

    return run


class _Convolve(Operation):
    def serves(self, shared, operands, static, batch: Batch) -> bool:
        return len({x.dtype for x in operands}) == 1 and operands[2].dtype in REAL

    def plain(self, shared, operands, static, batch):
        one = lambda *operands: self.definition(shared, static, *operands)[0]  # noqa: E731
        return (over_batch(one, jax.vmap, static[0], operands, batch),)

    def _lower(self, platform, context, *arguments, tree, static, batch, served_by):
        shared = tree.unflatten(())
        kernel = backends.lowering(platform, self.name, served_by) is not None
        if not kernel or not self.serves(shared, context.avals_in, static, batch):
            parameters = {"tree": tree, "static": static, "batch": batch, "served_by": served_by}
            return super()._lower(platform, context, *arguments, **parameters)
        one = functools.partial(by_kernel, *shared, *static)
        rows = lambda *operands: [over_batch(one, _mapped, static[0], operands, batch)]  # noqa: E731
        return mlir.lower_fun(rows, multiple_results=True)(context, *arguments)


convolution_p = _Convolve(
    "convolution",
    definition=convolve_one,
    numbers=lambda shared, static: None,
    results=lambda shared, static, *operands: (None,),
    in_place={2: 0},
    real=(2,),
)


def convolution(window: Window, towards: int, a, b, into=None, *, like=None, batch: Batch | None = None) -> jax.Array:
    """One face, added to ``into`` or alone, and then in the shape of ``like``."""
    static, into = (towards, into is None), zeros_of(like) if into is None else into
    return convolution_p((window,), a, b, into, static=static, batch=batch)[0]


def _jvp(shared, operands, tangents, *, static, batch):
    (window,), (a, b, into), (da, db, total) = shared, operands, tangents
    result = convolution_p(shared, a, b, into, static=static, batch=batch)
    if all(map(is_zero, tangents)):
        return result, [no_tangent(result[0])]
    total = None if is_zero(total) else total
    for changed, pair in ((da, (da, b)), (db, (a, db))):
        if not is_zero(changed):
            total = convolution(window, static[0], *pair, total, like=into, batch=batch)
    return result, [total]


def _transpose(cotangents, shared, operands, *, static, batch):
    (window,), (cotangent,), roles = shared, cotangents, roles_of(static[0])
    if is_zero(cotangent):
        return [None, None, None]
    given = dict(zip(roles, (*operands[:2], cotangent)))
    masks = dict(zip(roles, batch.masks))
    found: list = [None, None, cotangent if undefined(operands[2]) else None]
    for k, x in enumerate(operands[:2]):
        if undefined(x):
            first, second, _ = roles_of(roles[k])
            turned = Batch(batch.extents, (masks[first], masks[second], masks[roles[k]]))
            found[k] = convolution(window, roles[k], given[first], given[second], like=x, batch=turned)
    return found


convolution_p.def_jvp(_jvp)
convolution_p.def_transpose(_transpose)


def _lower_call(lowering, context, *arguments, numbers, shape):
    header, aliases = [0, 0, *(0 for _ in arguments)], {2: 0} if len(arguments) > 2 else {}
    return lowering(context, *arguments, numbers=np.array([*header, *numbers], np.int64), aliases=aliases)


_call_p = Primitive("brainsim_convolution_call")  # inside a lowering only
_call_p.def_abstract_eval(lambda a, *_, numbers, shape: a.update(shape=shape, weak_type=False))
for platform, lowering in backends.of("convolution").items():
    mlir.register_lowering(_call_p, functools.partial(_lower_call, lowering), platform=platform)
