"""Synapses that spikes reach, a piece of so many at a time: where kernels list them, work goes with them alone.

A cursor says where a piece begins: int32 ``[2]``, a neuron, and how many of the synapses that are reached in its row lie
before. It is that of a synapse that is reached, or the number of neurons and 0 where none is left.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from brainsim.events import _backends as backends
from brainsim.events._primitive import REAL, Operation
from brainsim.events._shared import Put

BLOCK = 1024  # synapses that are looked at together: a spike of few costs as much as one of so many


class Piece(NamedTuple):
    """Some of the synapses that are reached; what is left of the arrays tells of the first synapse, and the value 0."""

    synapse: jax.Array
    target: jax.Array
    value: jax.Array
    found: jax.Array  # how many there are
    cursor: jax.Array  # where the next piece begins
    arrays: tuple[jax.Array, ...]  # what they have, and their targets


class Rows(NamedTuple):
    """What :meth:`Reached.rows` gives, laid end to end."""

    ends: jax.Array
    lengths: jax.Array
    of_rows: tuple[jax.Array, ...]

    @classmethod
    def laid(cls, lengths: jax.Array, *of_rows: jax.Array) -> Rows:
        return cls(jnp.cumsum(lengths, dtype=jnp.int32), lengths, of_rows)

    def at(
        self, place: jax.Array, reached: Any, unrolled: bool = False
    ) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
        """Whether something is reached in these places, and the row, the synapse and the value: synapse 0 for nothing.

        ``unrolled``: rows are looked for without a loop, of which a GPU would launch each turn.
        """
        row = jnp.searchsorted(self.ends, place, side="right", method="scan_unrolled" if unrolled else "scan")
        row = jnp.minimum(row, self.ends.shape[0] - 1).astype(jnp.int32)
        here = place < self.ends[-1]
        offset = jnp.where(here, self.lengths[row] - (self.ends[row] - place), 0)
        synapse, value = reached.locate(offset, *(x[row] for x in self.of_rows))
        return here, row, reached.number(jnp.where(here, synapse, 0)), value

    def begin(self, cursor: jax.Array) -> jax.Array:
        """The place of a cursor."""
        row = jnp.minimum(cursor[0], self.ends.shape[0] - 1)
        return jnp.where(cursor[0] > row, self.ends[-1], self.ends[row] - self.lengths[row] + cursor[1])

    def cursor(self, place: jax.Array) -> jax.Array:
        """The cursor of a place."""
        row = jnp.searchsorted(self.ends, place, side="right").astype(jnp.int32)
        before = jnp.where(place < self.ends[-1], place - self.begin(jnp.stack([row, jnp.zeros_like(row)])), 0)
        return jnp.stack([row, before])


def _taken(reached: Any, room: int, cursor, arrays: Sequence, of_targets: Sequence) -> tuple:
    """The definition of a piece."""
    rows = Rows.laid(*reached.rows())
    begin = rows.begin(cursor)
    here, _, synapse, value = rows.at(begin + jnp.arange(room, dtype=jnp.int32), reached)
    found = jnp.sum(here, dtype=jnp.int32)
    synapse = jnp.where(here, synapse, 0)
    targets = reached.conn.targets().ravel()
    target = targets[synapse % targets.shape[0]]
    there = (*(x[synapse] for x in arrays), *(x[target] for x in of_targets))
    return synapse, target, jnp.where(here, value, 0).astype(value.dtype), found, rows.cursor(begin + found), *there


def take_operation(name: str, kind: Any, operands: int, numbers: Callable) -> Operation:
    """The operation that takes a piece of what is reached.

    Of the fields of a ``kind``, in their order, the last are its ``operands``, the others shared. Behind these operands
    come a cursor, and arrays with an element for each synapse, and for each target. The static numbers are those of the
    kind, how many synapses there is room for, and how many arrays there are of synapses and of targets.
    """

    def definition(shared, static, *given):
        room, of_synapses, _ = static[-3:]
        cursor, *arrays = given[operands:]
        reached = kind(*shared, *given[:operands])
        return _taken(reached, room, cursor, arrays[:of_synapses], arrays[of_synapses:])

    def results(shared, static, *given):
        int32 = functools.partial(jax.ShapeDtypeStruct, dtype=jnp.int32)
        of_room = lambda dtype: jax.ShapeDtypeStruct(static[-3:-2], dtype)  # noqa: E731
        value = kind(*shared, *given[:operands]).dtype
        there = (of_room(x.dtype) for x in given[operands + 1 :])
        return of_room(jnp.int32), of_room(jnp.int32), of_room(value), int32(()), int32((2,)), *there

    return Operation(name, definition=definition, numbers=numbers, results=results)


@functools.cache
def put_operation(arrays: int) -> Operation:
    """Adds to targets, and changes so many arrays of synapses, in place; the places behind those that were found are left."""

    def definition(shared, static, synapse, target, found, added, into, *rest):
        here = jnp.arange(synapse.shape[0], dtype=jnp.int32) < found
        at = jnp.where(here, synapse, static[2])
        own = (old.at[at].set(new, mode="drop") for old, new in zip(rest[:arrays], rest[arrays:], strict=True))
        return into.at[target].add(jnp.where(here, added, 0).astype(into.dtype)), *own

    return Operation(
        "put_reached",
        definition=definition,
        numbers=lambda shared, static: Put(static[0], static[1], static[2], arrays),
        results=lambda shared, static, *operands: (None,) * (1 + arrays),
        in_place={4 + k: k for k in range(1 + arrays)},
        real=(4,),
    )


def are_served(reached: Any, arrays: Sequence, into: jax.Array) -> bool:
    """Whether kernels on the CPU take pieces of arrays like these, and put them back."""
    names = reached.taken_by.name, "put_reached"
    return (
        all(backends.lowering("cpu", name, backends.implementation()) is not None for name in names)
        and reached.conn.layout is not None
        and into.dtype in REAL
        and (reached.dtype == bool or reached.dtype in REAL)
        and all(x.dtype.kind in "biuf" and x.dtype.itemsize <= 8 for x in arrays)
    )


def in_pieces(
    function: Callable, reached: Any, own: tuple, known: tuple, of_targets: tuple, into: jax.Array
) -> tuple[tuple[jax.Array, ...], jax.Array]:
    """What :func:`brainsim.events.visit` gives, one piece after the other, as long as anything is found."""
    conn, n_own = reached.conn, len(own)
    room, each = min(conn.n_synapses, BLOCK), [k for k, x in enumerate(known) if x.ndim]
    put = put_operation(n_own)

    def taken(cursor, own):
        arrays = *own, *(known[k] for k in each)
        shared, operands, static = reached.parts()
        static = *static, room, len(arrays), len(of_targets)
        synapse, target, value, found, cursor, *there = reached.taken_by(
            shared, *operands, cursor, *arrays, *of_targets, static=static
        )
        return Piece(synapse, target, value, found, cursor, tuple(there))

    def step(carry):
        own, into, piece = carry
        there = iter(piece.arrays)
        before = [next(there) for _ in own]
        numbers = [next(there) if x.ndim else x for x in known]
        result, *after = function(piece.value, *before, *numbers, *there)
        after = [jnp.broadcast_to(new, room).astype(old.dtype) for old, new in zip(own, after, strict=True)]
        added = jnp.broadcast_to(result, room).astype(into.dtype)
        static = room, conn.n_post, conn.n_synapses
        into, *own = put((), piece.synapse, piece.target, piece.found, added, into, *own, *after, static=static)
        return tuple(own), into, taken(piece.cursor, own)

    first = own, into, taken(jnp.zeros(2, jnp.int32), own)
    own, into, _ = jax.lax.while_loop(lambda carry: carry[2].found > 0, step, first)
    return own, into
