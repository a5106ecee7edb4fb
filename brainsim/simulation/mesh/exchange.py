"""What devices tell each other: all parts of a value to everyone, spikes as one bit each."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainsim.simulation.mesh.collectives import device_number, gathered
from brainsim.simulation.mesh.layout import OWN, Layout, Part


@dataclasses.dataclass
class Sent:
    """Something that every device sends to all others in a step.

    Parameters
    ----------
    what : str
        The primitive that asks for it.
    shape : tuple of int
        Of the whole.
    n_bytes : int
        What one device sends.
    every : int
        Steps from one time to the next.
    """

    what: str
    shape: tuple[int, ...]
    n_bytes: int
    every: int = 1


class Devices:
    """The devices of a mesh as seen from one of them, inside a program.

    Parameters
    ----------
    count : int
    tables : callable
        ``tables(name)`` gives an array of this device by name: see :class:`brainsim.simulation.mesh.division.Division`;
        ``tables(name, rows)`` one of these, one for each device.
    """

    def __init__(self, count: int, tables: Callable[..., Any]):
        self.count, self.tables = count, tables
        self.sent: list[Sent] = []
        self.asking = "step"  # which primitive is evaluated
        self.arriving: dict[str, Callable[[], jax.Array]] = {}  # what makes the whole of what leaves a line, by path

    @property
    def here(self) -> jax.Array:
        """Number of this device."""
        return device_number(self.count)

    # -- from parts to the whole -------------------------------------------------------------------------------------------

    def whole(self, part: Part) -> jax.Array:
        """The whole of a value."""
        if part.make is not None:
            return part.make(part.shape)
        if part.layout is None:
            return part.array
        if part.layout == OWN:
            raise NotImplementedError(f"mesh: {self.asking} of what only a delivery knows how to read.")
        made = part.replica() if part.replica is not None else self._gathered(part)
        part.replica, part.free = lambda: made, True
        return made

    def _gathered(self, part: Part) -> jax.Array:
        layout: Layout = part.layout
        if layout.synapses:
            there = self.told_to_all(jnp.moveaxis(part.array, layout.axis, 0), part.shape)
            flat = there.reshape(-1, *there.shape[2:])[self.tables(f"{layout.synapses}:inverse")]
            return jnp.moveaxis(flat, 0, layout.axis).reshape(part.shape)
        rows = jnp.moveaxis(part.array, layout.axis, -1)
        if rows.dtype == bool:
            words = self.told_to_all(jnp.packbits(rows, axis=-1, bitorder="little"), part.shape)
            there = jnp.unpackbits(words, axis=-1, count=rows.shape[-1], bitorder="little").astype(bool)
        else:
            there = self.told_to_all(rows, part.shape)
        flat = layout.joined(there.reshape(self.count, *rows.shape[:-1], layout.rows, layout.size))
        if layout.begins:  # or it would be added up piece by piece
            flat = jax.lax.optimization_barrier(flat)
        return jnp.moveaxis(flat.reshape(*rows.shape[:-1], -1), -1, layout.axis)

    def told_to_all(self, array: jax.Array, shape: tuple[int, ...], every: int = 1) -> jax.Array:
        """An array of every device, (devices, ...), once in ``every`` steps; ``shape`` is that of what it is part of."""
        n_bytes = math.prod(array.shape) * np.dtype(array.dtype).itemsize
        self.sent.append(Sent(self.asking, tuple(shape), n_bytes, every))
        return gathered(array, self.count)

    # -- from the whole to parts -------------------------------------------------------------------------------------------

    def laid(self, part: Part, layout: Layout | str | None) -> jax.Array:
        """What this device holds of a value in another layout."""
        if part.layout == layout and part.make is None:
            return part.array
        if layout is None or not isinstance(layout, Layout):
            return self.whole(part)
        if part.make is not None:
            return part.make(layout.shape(part.shape))
        return self._part(self.whole(part), layout)

    def _part(self, whole: jax.Array, layout: Layout) -> jax.Array:
        axis = layout.axis
        if layout.synapses:
            shape = (*whole.shape[:axis], layout.n, *whole.shape[axis + layout.span :])
            return jnp.take(whole.reshape(shape), self.tables(f"{layout.synapses}:order"), axis=axis)
        rows = whole.reshape(*whole.shape[:axis], layout.rows, layout.n, *whole.shape[axis + 1 :])
        edge = [(0, 0)] * rows.ndim
        edge[axis + 1] = (0, layout.room(self.count) - layout.n)
        longer = jnp.pad(rows, edge, mode="edge") if edge[axis + 1][1] else rows
        part = jax.lax.dynamic_slice_in_dim(longer, layout.first(self.here), layout.size, axis + 1)
        return part.reshape(layout.shape(whole.shape))

    def among_all(self, part: jax.Array, layout: Layout, shape: tuple[int, ...]) -> jax.Array:
        """An array as long as the whole, with this device's part in its place and zeros elsewhere."""
        before, behind, axis = shape[: layout.axis], shape[layout.axis + 1 :], layout.axis + 1
        none = jnp.zeros((*before, layout.rows, layout.room(self.count), *behind), part.dtype)
        rows = part.reshape(*before, layout.rows, layout.size, *behind)
        placed = jax.lax.dynamic_update_slice_in_dim(none, rows, layout.first(self.here), axis)
        return jax.lax.slice_in_dim(placed, 0, layout.n, axis=axis).reshape(shape)
