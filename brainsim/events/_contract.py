"""One primitive for delivery, its transpose and the gradient of the weights.

All three are derivatives of one form, :math:`T(s, W, v) = \\sum_{k} s_{pre(k)} W_k v_{post(k)}` over synapses k, with
respect to one of its arguments: towards *post* it delivers spikes, towards *pre* it carries values back, towards
*weight* it gives the gradient of the weights. The derivatives of each are again the other two, so the primitive is
closed under differentiation of any order. With delays, the postsynaptic side is a ring ``[depth, n_post]``.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.interpreters import mlir

from brainsim.events import _backends as backends
from brainsim.events._dense import are_rows, are_rows_back, in_rows, product, rows_back
from brainsim.events._primitive import Batch, Operation, is_zero, no_tangent, undefined, zeros_of
from brainsim.events._procedural import contract_procedural, numbers_procedural
from brainsim.events._rows import add_spiking_rows, has_rows
from brainsim.events._shared import Contract, Role
from brainsim.events.formats import Block, Dense, Format
from brainsim.events.unstored import Unstored

PRE, WEIGHT, POST = Role


class Face(NamedTuple):
    """Which derivative of T; with a ring, its ``depth``; ``alone``: where it is added to nothing but zeros."""

    towards: int
    depth: int = 0
    alone: bool = False


def others(towards: int) -> tuple[int, ...]:
    """The two arguments of T that are given, in the order of the operands."""
    return tuple(role for role in (PRE, WEIGHT, POST) if role != towards)


def addresses(conn: Format, delays: tuple, depth: int):
    """Where each synapse finds its target on the postsynaptic side."""
    if not delays:
        return conn.targets()
    delay, step = delays
    return (step + delay) % depth, conn.targets()  # a tuple indexes slot and neuron


def add_at(into: jax.Array, address, values: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """``into`` with one value per synapse added at its target."""
    address = jax.tree.map(lambda x: jnp.broadcast_to(x, shape), address)
    return into.at[address].add(jnp.broadcast_to(values, shape))


def times(s: jax.Array, x: jax.Array) -> jax.Array:
    """``s * x`` where s is not zero."""
    return jnp.where(s != 0, s.astype(x.dtype) * x, jnp.zeros((), x.dtype))


def contract_one(shared, static, a, b, into):
    """Definition, without a batch."""
    conn, *delays = shared
    towards, depth, _ = static
    if isinstance(conn, Dense) and not delays:
        return (into + dense_product(towards, a, b, into.ndim > 0),)
    if isinstance(conn, Block) and not delays:
        parts: dict[int, Any] = {PRE: conn.pre, WEIGHT: slice(None), POST: conn.post}
        a, b = (x[parts[role]] if role != WEIGHT else x for x, role in zip((a, b), others(towards)))
        product = dense_product(towards, a, b, into.ndim > 0)
        return (into + product if towards == WEIGHT else into.at[parts[towards]].add(product),)
    address = addresses(conn, tuple(delays), depth)
    if towards == POST:
        return (add_at(into, address, times(conn.spread(a), b), conn.weight_shape),)
    values = b[address]
    if towards == PRE:
        return (into + (conn.sum_rows(a * values) if a.ndim else a * conn.sum_rows(values)),)
    gradient = times(conn.spread(a), values)
    return (into + (jnp.broadcast_to(gradient, conn.weight_shape) if into.ndim else conn.total(gradient)),)


def dense_product(towards, a, b, each):
    """T towards one argument where every pair is connected; ``each``: towards the weight of each synapse, not one for
    all.

    One weight for all makes it a sum, which is then the same for every neuron.
    """
    dot = functools.partial(jnp.dot, precision=jax.lax.Precision.HIGHEST)
    if towards == POST:
        a = a.astype(b.dtype)
        return dot(a, b) if b.ndim else b * a.sum()
    if towards == PRE:
        return dot(a, b) if a.ndim else a * b.sum()
    a = a.astype(b.dtype)
    return jnp.outer(a, b) if each else a.sum() * b.sum()


def numbers(shared, static):
    layout = shared[0].layout
    return None if layout is None else (*layout, *Contract(static.towards, static.depth))


class _Contract(Operation):
    def serves(self, shared, operands, static, batch: Batch) -> bool:
        """Through a dense connectivity, a batch is a matrix product and one weight for all a sum: XLA has the better
        ones.
        """
        one_weight = sorted(zip((*others(static[0]), static[0]), operands))[WEIGHT][1].ndim == 0
        dense = isinstance(shared[0], Dense) and len(shared) == 1 and (batch.extents or one_weight)
        return not dense and super().serves(shared, operands, static, batch)

    def _lower(self, platform, context, *arguments, tree, static, batch, served_by):
        n = tree.num_leaves
        kernel = (
            backends.lowering(platform, "rows", served_by) is not None
        )  # else a product of matrices is the better one
        if kernel and are_rows(tree.unflatten(context.avals_in[:n]), context.avals_in[n:], static, batch):
            rows = functools.partial(in_rows, static.towards, static.alone)
            return mlir.lower_fun(lambda *operands: [rows(*operands[n:])], multiple_results=True)(context, *arguments)
        parameters = {"tree": tree, "static": static, "batch": batch, "served_by": served_by}
        return super()._lower(platform, context, *arguments, **parameters)

    def plain(self, shared, operands, static, batch: Batch):
        """Also sums over the levels that the result lacks."""
        a, b, into = operands
        conn, *delays = shared
        if static[0] == POST and has_rows(conn) and not delays and not batch.extents:
            return (add_spiking_rows(conn, a, b, into, lambda synapse, target: target),)
        masks, kept = batch.masks, batch.masks[2]
        if are_rows_back(shared, operands, static, batch):
            return (into + rows_back(a, b).reshape(into.shape),)
        if all(kept):
            return super().plain(shared, operands, static, batch)
        if are_rows(shared, operands, static, batch):
            return (product(static[0], *(x.reshape(-1, x.shape[-1]) for x in operands)),)
        core = jnp.zeros(into.shape[sum(kept) :], into.dtype)
        each = batch.lift(lambda a, b: self.definition(shared, static, a, b, core)[0], masks[:2])(a, b)
        return (into + each.sum([level for level, flag in enumerate(kept) if not flag]),)


contract_p = _Contract(
    "contract",
    definition=contract_one,
    numbers=numbers,
    results=lambda shared, static, *operands: (None,),
    in_place={2: 0},
    real=(2,),
)

procedural_p = _Contract(
    "procedural",
    definition=contract_procedural,
    numbers=numbers_procedural,
    results=lambda shared, static, *operands: (None,),
    in_place={2: 0},
    real=(2,),
)


def operation(shared) -> Operation:
    """The primitive that serves a connectivity."""
    return procedural_p if isinstance(shared[0], Unstored) else contract_p


def contract(towards, shared, a, b, into=None, *, like=None, depth=0, batch=None) -> jax.Array:
    """The derivative of T ``towards`` one argument, given the two others, added to ``into`` or alone, and then in the shape of
    ``like``.
    """
    face, into = Face(towards, depth, into is None), zeros_of(like) if into is None else into
    return operation(shared)(shared, a, b, into, static=face, batch=batch)[0]


def _jvp(shared, operands, tangents, *, static, batch):
    a, b, into = operands
    da, db, dinto = tangents
    result = operation(shared)(shared, a, b, into, static=static, batch=batch)
    if all(is_zero(t) for t in tangents):
        return result, [no_tangent(result[0])]
    total = None if is_zero(dinto) else dinto
    for changed, pair in ((da, (da, b)), (db, (a, db))):
        if not is_zero(changed):
            total = contract(static.towards, shared, *pair, total, like=into, depth=static.depth, batch=batch)
    return result, [total]


def backwards(cotangent, towards, shared, values, masks, *, depth, extents):
    """Cotangents of the arguments of T that are undefined in ``values``, ``{role: (value, mask)}``."""
    roles = {role: value for role, value in values.items() if role != towards}
    given, mask = {**roles, towards: cotangent}, masks
    for role, value in roles.items():
        if not undefined(value):
            continue
        first, second = others(role)
        batch = Batch(extents, (mask[first], mask[second], mask[role]))
        yield role, contract(role, shared, given[first], given[second], like=value, depth=depth, batch=batch)


def _transpose(cotangents, shared, operands, *, static, batch):
    (cotangent,) = cotangents
    towards, depth, _ = static
    first, second = others(towards)
    if is_zero(cotangent):
        return [None, None, None]
    values = {first: operands[0], second: operands[1]}
    masks = {first: batch.masks[0], second: batch.masks[1], towards: batch.masks[2]}
    found = dict(backwards(cotangent, towards, shared, values, masks, depth=depth, extents=batch.extents))
    return [found.get(first), found.get(second), cotangent if undefined(operands[2]) else None]


for primitive in (contract_p, procedural_p):
    primitive.def_jvp(_jvp)
    primitive.def_transpose(_transpose)
