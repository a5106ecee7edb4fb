"""Synapses in places, of which each presynaptic neuron has as many: which break, and which vacant elements form new ones."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def _ranks(key: jax.Array, chosen: jax.Array) -> jax.Array:
    """A random rank of each chosen place among those of its row; what is not chosen comes behind."""
    order = jnp.argsort(jnp.where(chosen, jax.random.uniform(key, chosen.shape), 2.0), axis=1)
    return jnp.argsort(order, axis=1)


def break_of_rows(key: jax.Array, targets: jax.Array, excess: jax.Array) -> jax.Array:
    """Targets without ``excess`` synapses of each row, chosen at random; -1 where a place is free."""
    used = targets >= 0
    return jnp.where(used & (_ranks(key, used) >= excess[:, None]), targets, -1)


def break_of_targets(key: jax.Array, targets: jax.Array, excess: jax.Array) -> jax.Array:
    """Targets without ``excess`` synapses onto each neuron, chosen at random."""
    flat = targets.ravel()
    shuffled = jnp.argsort(jax.random.uniform(key, flat.shape))
    order = shuffled[jnp.argsort(flat[shuffled], stable=True)]
    there = flat[order]
    rank = jnp.arange(flat.size) - jnp.searchsorted(there, there, side="left")
    breaks = (there >= 0) & (rank < excess[jnp.maximum(there, 0)])
    return flat.at[order].set(jnp.where(breaks, -1, there)).reshape(targets.shape)


def incoming(targets: jax.Array, n_post: int) -> jax.Array:
    """How many synapses each neuron receives."""
    flat = targets.ravel()
    return jnp.zeros(n_post, jnp.int32).at[jnp.maximum(flat, 0)].add(flat >= 0)


def form(
    key: jax.Array, targets: jax.Array, vacant_pre: jax.Array, vacant_post: jax.Array, *, loops: bool, multiple: bool
) -> tuple[jax.Array, jax.Array]:
    """Pair vacant elements at random, as many as there are on the side that has fewer.

    Parameters
    ----------
    key : random key
    targets : int32 array, (n_pre, capacity)
        -1 where a place is free.
    vacant_pre, vacant_post : int32 arrays, (n_pre,) and (n_post,)
        Vacant elements of each neuron.
    loops, multiple : bool
        Whether a neuron may be connected to the one of its own number, and two neurons twice. Pairs that may not be are left
        vacant.

    Returns
    -------
    targets : int32 array, (n_pre, capacity)
    turned_away : int32 array, ()
        Elements of the presynaptic side that found no free place.
    """
    (n_pre, capacity), n_post = targets.shape, vacant_post.shape[0]
    to_place, to_order, to_post, to_draw = jax.random.split(key, 4)
    free = targets < 0
    open_places = free & (_ranks(to_place, free) < vacant_pre[:, None])
    turned_away = jnp.sum(jnp.maximum(vacant_pre - jnp.sum(free, axis=1), 0))

    # The k-th pair: an open place in random order, and a vacant element of the other side, likewise
    size = n_pre * capacity
    k = jnp.arange(size, dtype=jnp.int32)
    place = jnp.argsort(jnp.where(open_places.ravel(), jax.random.uniform(to_order, (size,)), 2.0)).astype(jnp.int32)
    ends = jnp.cumsum(vacant_post, dtype=jnp.int32)
    there = ends[-1]
    permuted = jnp.argsort(jnp.where(k < there, jax.random.uniform(to_post, (size,)), 2.0)).astype(jnp.int32)
    drawn = jax.random.randint(to_draw, (size,), 0, jnp.maximum(there, 1), jnp.int32)  # there are more than places
    element = jnp.where(there <= size, permuted, drawn)
    pre, post = place // capacity, jnp.searchsorted(ends, element, side="right").astype(jnp.int32)
    forms = (k < jnp.minimum(jnp.sum(open_places), there)) & ~_repeated(element)
    if not loops:
        forms = forms & (pre != post)
    if not multiple:
        rows = jnp.arange(n_pre, dtype=jnp.int32)[:, None]
        known = jnp.sort(jnp.where(free, -1, rows * n_post + targets).ravel())
        pair = jnp.where(forms, pre * n_post + post, -2 - k)  # those that do not form are no repetition
        at = jnp.minimum(jnp.searchsorted(known, pair), size - 1)
        forms = forms & (known[at] != pair) & ~_repeated(pair)
    flat = targets.ravel().at[jnp.where(forms, place, size)].set(post, mode="drop")
    return flat.reshape(targets.shape), turned_away


def _repeated(values: jax.Array) -> jax.Array:
    """Whether a value has stood before."""
    order = jnp.argsort(values, stable=True)
    there = values[order]
    again = jnp.concatenate([jnp.zeros(1, bool), there[1:] == there[:-1]])
    return jnp.zeros(values.shape, bool).at[order].set(again)
