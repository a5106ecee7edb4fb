"""One event operation as a JAX primitive: its plain definition, its kernel, and its rules for ``vmap``.

An operation takes *shared* arguments (a pytree of connectivity, delays and the step, never batched) and *operands*.
Each level of ``vmap`` is recorded as an extent, with one flag per operand that says whether it has that level. An
operand without it is read again for each index and never replicated, in the kernel as in the plain definition.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from brainsim.events import _backends as backends

REAL = (np.dtype(np.float32), np.dtype(np.float64))


class Batch(NamedTuple):
    """Extents of the levels of ``vmap``, outermost first, and for each operand whether it has each level."""

    extents: tuple[int, ...] = ()
    masks: tuple[tuple[bool, ...], ...] = ()

    def pushed(self, extent: int, flags: Sequence[bool], at: int = 0) -> Batch:
        """With a level before the one ``at`` this place."""
        return Batch(
            (*self.extents[:at], extent, *self.extents[at:]),
            tuple((*mask[:at], flag, *mask[at:]) for flag, mask in zip(flags, self.masks, strict=True)),
        )

    def place(self, axes: Sequence[int | None], full: frozenset[int]) -> int:
        """Where a new level can stand so that no operand with it, at these ``axes``, needs its elements moved: otherwise 0,
        in front.
        """
        places = {axis for axis in axes if axis is not None}
        place = places.pop() if len(places) == 1 else 0
        having = [mask for i, (axis, mask) in enumerate(zip(axes, self.masks)) if axis is not None or i in full]
        return place if place <= len(self.extents) and all(all(mask[:place]) for mask in having) else 0

    def lift(self, function: Callable, masks: Sequence[tuple[bool, ...]]) -> Callable:
        """``function`` over all levels."""
        for level in reversed(range(len(self.extents))):
            axes = tuple(0 if mask[level] else None for mask in masks)
            function = jax.vmap(function, in_axes=axes, axis_size=self.extents[level])
        return function


class Operation:
    """A primitive on event operands.

    Parameters
    ----------
    name
        Name of the primitive and of its compiled handler.
    definition
        ``definition(shared, static, *operands) -> tuple`` of results, in plain JAX, without a batch.
    results
        ``results(shared, static, *operands) -> tuple`` of shapes and dtypes, without a batch, for results that are not
        kept in place of an operand (``None`` for those).
    numbers
        ``numbers(shared, static) -> tuple`` of the integers that the handler takes; ``None`` where no kernel serves.
    in_place
        Which result takes the buffer of which operand, ``{operand: result}``.
    full
        Operands that take every batch level, beside those kept in place.
    real
        Operands that the kernel takes in float32 or float64 only.
    """

    def __init__(
        self,
        name: str,
        *,
        definition: Callable,
        numbers: Callable,
        results: Callable,
        in_place: dict[int, int] | None = None,
        full: tuple[int, ...] = (),
        real: tuple[int, ...] = (),
    ):
        self.name, self.definition, self.numbers, self.results = name, definition, numbers, results
        self.in_place = in_place or {}
        self.full = frozenset(full) | frozenset(self.in_place)
        self.real = real
        self.primitive = primitive = Primitive(f"brainsim_{name}")
        primitive.multiple_results = True
        primitive.def_impl(self._run)
        primitive.def_abstract_eval(self._shapes)
        batching.primitive_batchers[primitive] = self._batch
        ad.primitive_jvps[primitive] = self._flat
        mlir.register_lowering(primitive, mlir.lower_fun(self._plain, multiple_results=True))
        for platform in backends.BACKENDS:
            mlir.register_lowering(primitive, functools.partial(self._lower, platform), platform=platform)

    def __call__(
        self,
        shared: Any,
        *operands: Any,
        static: tuple = (),
        batch: Batch | None = None,
        implementation: str | None = None,
    ) -> list[jax.Array]:
        """Bind the primitive; ``implementation`` is ``"kernel"`` or ``"plain"``, by default the one chosen here."""
        leaves, tree = jax.tree.flatten(shared)
        if batch is None:
            batch = Batch((), ((),) * len(operands))
        served_by = implementation or backends.implementation()
        return self.primitive.bind(*leaves, *operands, tree=tree, static=static, batch=batch, served_by=served_by)

    def def_jvp(self, rule: Callable) -> None:
        """``rule(shared, operands, tangents, static=, batch=) -> (results, tangents)``; else derivatives are zero."""

        def jvp(primals, tangents, *, tree, static, batch, served_by):
            n = tree.num_leaves
            shared = tree.unflatten(primals[:n])
            with backends.served_by(served_by):  # derivatives are served as what they are derivatives of
                return rule(shared, primals[n:], tangents[n:], static=static, batch=batch)

        ad.primitive_jvps[self.primitive] = jvp

    def def_transpose(self, rule: Callable) -> None:
        """``rule(cotangents, shared, operands, static=, batch=) -> cotangents`` of the operands."""

        def transpose(cotangents, *arguments, tree, static, batch, served_by):
            n = tree.num_leaves
            shared = tree.unflatten(arguments[:n])
            with backends.served_by(served_by):
                return [None] * n + list(rule(cotangents, shared, arguments[n:], static=static, batch=batch))

        ad.primitive_transposes[self.primitive] = transpose

    def _run(self, *arguments, **parameters):
        return _compiled(self, tuple(sorted(parameters.items(), key=lambda item: item[0])))(*arguments)

    def _shapes(self, *arguments, tree, static, batch, served_by):
        n = tree.num_leaves
        shared, operands = tree.unflatten(arguments[:n]), arguments[n:]
        core = [_core_shape(operand, mask) for operand, mask in zip(operands, batch.masks, strict=True)]
        shapes = list(self.results(shared, static, *core))
        make = type(arguments[-1])  # ShapedArray
        full = lambda shape: make((*batch.extents, *shape.shape), shape.dtype)  # noqa: E731
        shapes = [None if shape is None else full(shape) for shape in shapes]  # a shape of nothing counts as False
        for operand, result in self.in_place.items():
            shapes[result] = make(operands[operand].shape, operands[operand].dtype)
        return shapes

    def serves(self, shared, operands, static, batch: Batch) -> bool:
        """Whether kernels take arguments of these shapes and dtypes, and are better than the plain definition."""
        return self.numbers(shared, static) is not None and all(operands[i].dtype in REAL for i in self.real)

    def _plain(self, *arguments, tree, static, batch, served_by):
        n = tree.num_leaves
        shared = tree.unflatten(arguments[:n])
        return self.plain(shared, arguments[n:], static, batch)

    def plain(self, shared, operands, static, batch):
        """The definition over all batch levels."""
        return batch.lift(functools.partial(self.definition, shared, static), batch.masks)(*operands)

    def _lower(self, platform, context, *arguments, tree, static, batch, served_by):
        n = tree.num_leaves
        shared, operands = tree.unflatten(context.avals_in[:n]), context.avals_in[n:]
        lowering = backends.lowering(platform, self.name, served_by)
        if lowering is not None and self.serves(shared, operands, static, batch):
            numbers = [len(batch.extents), *batch.extents, n, *map(bits, batch.masks), *self.numbers(shared, static)]
            aliases = {n + operand: result for operand, result in self.in_place.items()}
            found = lowering(context, *arguments, numbers=np.array(numbers, np.int64), aliases=aliases)
            if found is not None:
                return found
        plain = mlir.lower_fun(self._plain, multiple_results=True)
        return plain(context, *arguments, tree=tree, static=static, batch=batch, served_by=served_by)

    def _batch(self, arguments, axes, *, tree, static, batch, served_by):
        n = tree.num_leaves
        extent = next(x.shape[axis] for x, axis in zip(arguments, axes, strict=True) if axis is not None)
        flags = [axis is not None for axis in axes]
        at = 0 if any(flags[:n]) else batch.place(axes[n:], self.full)
        arguments = [x if axis is None else jnp.moveaxis(x, axis, at) for x, axis in zip(arguments, axes, strict=True)]
        bind = functools.partial(self.primitive.bind, tree=tree, static=static, served_by=served_by)
        if any(flags[:n]):  # the connectivity itself differs: one after the other
            moving = [x for x, flag in zip(arguments, flags, strict=True) if flag]

            def one(moving):
                rest = iter(moving)
                return bind(*(next(rest) if f else x for x, f in zip(arguments, flags, strict=True)), batch=batch)

            results = jax.lax.map(one, moving)
        else:
            for i in self.full:
                if not flags[n + i]:
                    arguments[n + i] = _repeated(arguments[n + i], extent, at)
                    flags[n + i] = True
            results = bind(*arguments, batch=batch.pushed(extent, flags[n:], at))
        return results, [at] * len(results)

    def _flat(self, primals, tangents, **parameters):
        results = self.primitive.bind(*primals, **parameters)
        return results, [no_tangent(x) for x in results]


@functools.cache
def _compiled(operation: Operation, parameters: tuple) -> Callable:
    return jax.jit(functools.partial(operation.primitive.bind, **dict(parameters)))


def _repeated(x, extent: int, at: int):
    """``x`` with a new axis ``at`` this place."""
    shape = (*x.shape[:at], extent, *x.shape[at:])
    return jax.lax.broadcast_in_dim(x, shape, [axis for axis in range(len(shape)) if axis != at])


def bits(mask: Sequence[bool]) -> int:
    """A mask as the bits of a number, level 0 in the lowest."""
    return sum(1 << level for level, flag in enumerate(mask) if flag)


def _core_shape(operand, mask):
    return jax.ShapeDtypeStruct(operand.shape[sum(mask) :], operand.dtype)


def is_zero(tangent) -> bool:
    """Whether a tangent or cotangent is known to be zero (that of a boolean always is)."""
    return isinstance(tangent, ad.Zero) or getattr(tangent, "dtype", None) == jax.dtypes.float0


def no_tangent(x):
    """The tangent of what does not change."""
    return ad.Zero(jax.typeof(x).to_tangent_aval())


def undefined(x) -> bool:
    """Whether an operand is the one to transpose towards."""
    return ad.is_undefined_primal(x)


def zeros_of(x) -> jax.Array:
    """Zeros like a value or like an operand that is transposed towards."""
    aval: Any = x.aval if undefined(x) or isinstance(x, ad.Zero) else x
    return jnp.zeros(aval.shape, aval.dtype)
