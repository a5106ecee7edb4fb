"""Spikes as a list of events."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from brainsim.events import _check
from brainsim.events._primitive import Operation
from brainsim.events._shared import Append


def append_events(
    buffer_index: jax.Array,
    buffer_step: jax.Array,
    count: jax.Array,
    spikes: jax.Array | Sequence[jax.Array],
    step: jax.Array | int,
    offset: jax.Array | int | Sequence[jax.Array | int] = 0,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Append the neurons that spike, and the step, to buffers of events.

    Where the buffers are full, events are counted and not stored: a count beyond the capacity tells how many there
    were. The buffers are changed in place.

    Parameters
    ----------
    buffer_index, buffer_step : int32 ``[capacity]``
        Index and step of the events so far.
    count : int32 ``[]``
        Number of events so far.
    spikes : bool or float ``[n]``, or a list of them
        Which neurons spike; of one population, or of each of several.
    step : int
        Number of this step.
    offset : int, or a list of them
        What is added to the indices of each population.

    Returns
    -------
    buffer_index, buffer_step : int32 ``[capacity]``
    count : int32 ``[]``

    Raises
    ------
    ValueError
        Where a shape or dtype does not fit.
    """
    index, when = jnp.asarray(buffer_index), jnp.asarray(buffer_step)
    if index.ndim != 1 or index.shape != when.shape or index.dtype != jnp.int32 or when.dtype != jnp.int32:
        raise ValueError(
            "events.append_events: buffer_index and buffer_step are int32 arrays of one shape [capacity]; "
            f"got {index.dtype}{list(index.shape)} and {when.dtype}{list(when.shape)}."
        )
    fired = list(spikes) if isinstance(spikes, list | tuple) else [spikes]
    offsets = list(offset) if isinstance(offset, list | tuple) else [offset]
    if len(fired) != len(offsets):
        raise ValueError(f"events.append_events: one offset for each population; got {len(offsets)} for {len(fired)}.")
    count, step = (_check.integer("append_events", name, x) for name, x in (("count", count), ("step", step)))
    populations = []
    for first, who in zip(offsets, fired):
        who = jnp.asarray(who)
        populations.append(_check.integer("append_events", "offset", first))
        populations.append(_check.spikes("append_events", who, who.shape[0] if who.ndim == 1 else -1))
    index, when, count = append_events_p((), index, when, count, step, *populations, static=(len(fired),))
    return index, when, count


def _append(shared, static, index, when, count, step, *populations):
    for offset, spikes in zip(populations[::2], populations[1::2]):
        index, when, count = _append_one(index, when, count, step, offset, spikes != 0)
    return index, when, count


def _append_one(index, when, count, step, offset, spikes):
    capacity, total = index.shape[0], jnp.cumsum(spikes, dtype=jnp.int32)
    position = jnp.where(spikes, count + total - 1, capacity)
    position = jnp.where(position < 0, capacity, position)  # a negative index would count from the end
    neurons = offset + jnp.arange(spikes.shape[0], dtype=jnp.int32)
    events = jnp.stack([neurons, jnp.full_like(neurons, step)])
    # One scatter: two with the same positions abort XLA's CPU compiler where it fuses them (jaxlib 0.10.2).
    index, when = jnp.stack([index, when]).at[:, position].set(events, mode="drop")
    return index, when, count + spikes.sum(dtype=jnp.int32)


append_events_p = Operation(
    "append_events",
    definition=_append,
    numbers=lambda shared, static: Append(*static),
    results=lambda shared, static, *operands: (None, None, None),
    in_place={0: 0, 1: 1, 2: 2},
)
