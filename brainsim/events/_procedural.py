"""The definition of the contraction where connectivity is not stored, and what its kernel takes."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from brainsim.events import _shared
from brainsim.events._rows import in_blocks
from brainsim.events._shared import Role
from brainsim.events.unstored import CHUNK

PRE, WEIGHT, POST = Role
ROWS = 64  # rows at a time
BOUNDS = ("n_pre", "n_post", "pre_begin", "pre_end", "post_begin", "post_end", "loops")


def contract_procedural(shared, static, a, b, into):
    """The definition of T towards one argument: rows in blocks, each block until all of its rows are at their end."""
    (conn,) = shared
    towards = static[0]
    dtype = into.dtype
    if towards == PRE:  # every row
        count, row_of = jnp.int32(conn.pre_end - conn.pre_begin), lambda place: place + conn.pre_begin
    else:  # the rows of the neurons that spike
        index = jnp.arange(conn.n_pre, dtype=jnp.int32)
        fires = (a != 0) & (index >= conn.pre_begin) & (index < conn.pre_end)
        before = jnp.cumsum(fires, dtype=jnp.int32)
        count = before[-1] if conn.n_pre else jnp.int32(0)
        row_of = lambda place: jnp.searchsorted(before, place + 1).astype(jnp.int32)  # noqa: E731

    def block(begin, into):
        place = begin + jnp.arange(ROWS, dtype=jnp.int32)
        rows = jnp.clip(row_of(jnp.minimum(place, count - 1)), 0, max(conn.n_pre - 1, 0))

        def chunk(carry):
            at, first, _, into = carry
            at, targets, there, done, weight = conn.synapses(rows, at, first, dtype)
            there = there & (place < count)[:, None]
            targets = jnp.where(there, targets, 0)
            if towards == POST:
                scale = (a[rows].astype(dtype) * b)[:, None]
                into = into.at[targets].add(jnp.where(there, scale * weight, 0))
            elif towards == PRE:
                into = into.at[rows].add(a * jnp.where(there, weight * b[targets], 0).sum(1))
            else:
                into = into + jnp.sum(a[rows].astype(dtype) * jnp.where(there, weight * b[targets], 0).sum(1))
            return at, first + CHUNK, jnp.all(done | (place >= count)), into

        start = conn.start(rows), jnp.uint32(0), jnp.array(False), into
        return jax.lax.while_loop(lambda carry: ~carry[2], chunk, start)[3]

    if conn.post_end == conn.post_begin or not conn.n_pre:
        return (into,)
    return (in_blocks(block, count, ROWS, into),)


def numbers_procedural(shared, static):
    """What the kernel takes as whole numbers, in their order."""
    (conn,) = shared
    rule, parameter = conn.layout
    return _shared.Procedural(
        rule=rule,
        parameter=parameter,
        **{name: getattr(conn, name) for name in BOUNDS},
        most=conn.most,
        weighted=int(conn.weights is not None),
        exponent=0 if conn.weights is None else conn.weights.exponent,
        towards=static[0],
    )
