"""What is under way in a calendar, in plain JAX: which spikes, which synapses they reach now, and what is left after a step.

See :func:`brainsim.events.deliver_sorted` for ``begins``, ``fired`` and ``waiting``.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from brainsim.events.formats import Format

BITS = 32


def _unpacked(waiting, n):
    """One bool for each of n neurons."""
    bits = (waiting[:, None] >> jnp.arange(BITS, dtype=jnp.uint32)[None, :]) & 1
    return (bits != 0).ravel()[:n]


def _packed(bools):
    words = jnp.pad(bools, (0, -bools.shape[0] % BITS)).reshape(-1, BITS)
    return _bits(words.astype(jnp.uint32) << jnp.arange(BITS, dtype=jnp.uint32)[None, :], 1)


def _bits(x, axis):
    return jnp.sum(x, axis, dtype=jnp.uint32)  # of different bits


def _slots(fired, step, depth):
    """The slots of what was fired 1 to ``depth`` steps ago: their words and bits."""
    slot = (step - 1 - jnp.arange(depth, dtype=jnp.int32)) % (BITS * fired.shape[1])
    return slot // BITS, (slot % BITS).astype(jnp.uint32)


def under_way(begins: jax.Array, step: jax.Array, fired: jax.Array, waiting: jax.Array) -> jax.Array:
    """Whether what each neuron sent 1 to depth steps ago is under way, ``[n_pre, depth]``."""
    word, bit = _slots(fired, step, begins.shape[1] - 1)
    bits = (fired[:, word] >> bit[None, :]) & 1
    return (bits != 0) & _unpacked(waiting, fired.shape[0])[:, None]


def due_now(conn: Format, begins: jax.Array, here: jax.Array) -> jax.Array:
    """How many spikes reach each synapse, of ``conn.weight_shape``: 0 or 1."""
    return here[_sources(conn), delays_of(conn, begins) - 1].reshape(conn.weight_shape)


def delays_of(conn: Format, begins: jax.Array) -> jax.Array:
    """Delay of each synapse in steps, int32 ``[n_synapses]``, in the order that ``begins`` is of."""
    depth, size = begins.shape[1] - 1, conn.n_synapses
    marks = jnp.zeros(size + 1, jnp.int32).at[begins.ravel()].add(1)
    # Of the rows before its own all beginnings are passed, of its own as many as its delay
    return jnp.clip(jnp.cumsum(marks)[:size] - (depth + 1) * _sources(conn), 1, depth)


def _sources(conn):
    return jnp.broadcast_to(conn.spread(jnp.arange(conn.n_pre, dtype=jnp.int32)), conn.weight_shape).ravel()


def after_delivery(
    begins: jax.Array, step: jax.Array, here: jax.Array, spikes: jax.Array, fired: jax.Array, waiting: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """What is under way after a step: spikes that reach nothing more are forgotten."""
    depth = here.shape[1]
    last = (jnp.arange(depth) == depth - 1)[None, :]
    return without(last | is_over(begins), step, here, spikes, fired, waiting)


def is_over(begins: jax.Array) -> jax.Array:
    """Whether spikes of each neuron that are 1 to depth steps old reach nothing, now or later."""
    return begins[:, :-1] == begins[:, -1:]


def without(
    over: jax.Array, step: jax.Array, here: jax.Array, spikes: jax.Array, fired: jax.Array, waiting: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """With the spikes of a step, and without those that are over."""
    depth = here.shape[1]
    word, bit = _slots(fired, step, depth)
    alive = jnp.zeros_like(fired).at[:, word].add((here & ~over).astype(jnp.uint32) << bit[None, :])
    waits = _unpacked(waiting, fired.shape[0])
    fired = jnp.where(waits[:, None], alive, fired)
    waits = waits & jnp.any(fired != 0, axis=1)
    now = step % (BITS * fired.shape[1])
    sent = spikes.astype(jnp.uint32) << (now % BITS).astype(jnp.uint32)
    fired = fired.at[:, now // BITS].set(fired[:, now // BITS] | sent)
    return fired, _packed(waits | spikes)
