"""Plain-JAX delivery whose work goes with the synapses of the neurons that spike."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeGuard

import jax
import jax.numpy as jnp

from brainsim.events.formats import CSR, FixedFanOut, Format

SMALLEST, LARGEST = 256, 1 << 16  # synapses in a block: the first bounds the number of blocks, the second their memory


def has_rows(conn: Format) -> TypeGuard[CSR | FixedFanOut]:
    """Whether the format lists the synapses of each neuron one after the other."""
    return isinstance(conn, CSR | FixedFanOut)


def in_blocks(block: Callable, count, size: int, into):
    """``into = block(begin, into)`` for the blocks of ``size`` that hold ``count`` things.

    The loop counts blocks and not things: XLA takes a loop from 0 to 1 in larger steps for one that is never entered, where
    it knows these numbers (openxla/xla pull request 48454).
    """
    blocks = -(-count // size)

    def step(carry):
        k, into = carry
        return k + 1, block(k * size, into)

    return jax.lax.while_loop(lambda carry: carry[0] < blocks, step, (jnp.zeros((), jnp.int32), into))[1]


def parts_of(conn: CSR | FixedFanOut, spikes) -> tuple[jax.Array, jax.Array]:
    """Where the row of each neuron begins, and how long it is: 0 where there is no spike."""
    n = conn.n_pre
    if isinstance(conn, CSR):
        begins, lengths = conn.indptr[:-1], jnp.diff(conn.indptr)
    else:
        lengths = jnp.full(n, conn.indices.shape[1], jnp.int32)
        begins = jnp.arange(n, dtype=jnp.int32) * conn.indices.shape[1]
    return begins, jnp.where(spikes != 0, lengths, 0)


def add_spiking_rows(conn: CSR | FixedFanOut, spikes, weight, into, address: Callable) -> jax.Array:
    """Add ``spikes[pre] * weight`` of every synapse whose neuron spikes to ``into[address(synapse, target)]``."""
    factor = lambda row: spikes[row].astype(into.dtype)  # noqa: E731
    return add_parts(conn, *parts_of(conn, spikes), factor, weight, into, address)


def add_parts(conn: CSR | FixedFanOut, begins, lengths, factor: Callable, weight, into, address: Callable) -> jax.Array:
    """Add ``factor(part) * weight`` of the synapses of some parts of rows to ``into[address(synapse, target)]``."""
    weight = jnp.ravel(weight)

    def add(into, part, synapse, target, here):
        value = factor(part) * (weight[synapse] if weight.size > 1 else weight[0])
        return into.at[address(synapse, target)].add(jnp.where(here, value, 0))

    return in_parts(conn, begins, lengths, into, add)


def in_reached_rows(conn: CSR | FixedFanOut, spikes, carry, change: Callable):
    """As :func:`in_parts`, of the rows of the neurons that spike."""
    return in_parts(conn, *parts_of(conn, spikes), carry, change)


def in_parts(conn: CSR | FixedFanOut, begins, lengths, carry, change: Callable):
    """``carry = change(carry, part, synapse, target, here)`` for the synapses of some parts of rows, many at a time.

    Part k has ``lengths[k]`` synapses from ``begins[k]`` on. All parts are laid end to end, and that list is worked through
    in blocks of fixed size: a block finds the part of each of its places by bisection in the cumulated lengths. Places
    behind the last are not ``here``, and number synapse 0.
    """
    n, targets = lengths.shape[0], conn.targets().ravel()
    if targets.size == 0 or n == 0:
        return carry
    ends = jnp.cumsum(lengths, dtype=jnp.int32)
    size = int(min(max(targets.size // 64, SMALLEST), LARGEST))

    def block(begin, carry):
        place = begin + jnp.arange(size, dtype=jnp.int32)
        part = jnp.minimum(jnp.searchsorted(ends, place, side="right"), n - 1).astype(jnp.int32)
        here = place < ends[-1]
        synapse = jnp.where(here, begins[part] + lengths[part] - (ends[part] - place), 0)
        return change(carry, part, synapse, targets[synapse], here)

    return in_blocks(block, ends[-1], size, carry)
