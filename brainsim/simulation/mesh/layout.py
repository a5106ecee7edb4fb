"""How an array is divided among devices, and what a device holds of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainsim._mesh import size_of

#: Places of a block at least, where there are as many units: XLA unrolls shorter loops, and may round them in another way.
LEAST = 8


@dataclasses.dataclass(frozen=True)
class Layout:
    """One axis of an array in parts, one for each device.

    Neurons are divided in blocks: device d holds those from ``d * own`` on, and the last devices may hold fewer, or none;
    what lies behind the last neuron of a block repeats it. Synapses go where their targets are, in the order that they had. Compartments
    go where their cells are: an axis may have all cells of the first compartment, then all of the second, and so on. Where
    cells have several shapes, blocks are uneven: what lies behind the last of a block repeats that.

    Parameters
    ----------
    axis : int
        Which axis is divided.
    n : int
        How many units it has as a whole.
    size : int
        How many places each part has: of blocks, no fewer than the largest has units.
    synapses : str
        Path of the projection whose synapses they are; empty for blocks of neurons.
    span : int
        How many axes of the whole become the one that is divided: synapses may be arranged as a matrix.
    rows : int
        How many times all units follow each other along the axis, which is this many times as long.
    begins : tuple of int
        Of uneven blocks, with which unit each begins, and ``n`` at the end; empty for even ones.
    own : int
        Of even blocks, how many units each has.
    """

    axis: int
    n: int
    size: int
    synapses: str = ""
    span: int = 1
    rows: int = 1
    begins: tuple[int, ...] = ()
    own: int = 0

    @classmethod
    def even(cls, n: int, devices: int) -> Layout:
        """Blocks of as many units each."""
        own = size_of(n, devices)
        return cls(0, n, max(own, min(n, LEAST)), own=own)

    @classmethod
    def uneven(cls, begins: Iterable[int]) -> Layout:
        """Blocks that begin with these units, the number of all at the end.

        None has a single place: of an array with one element XLA makes a number.
        """
        begins = tuple(map(int, begins))
        return cls(0, begins[-1], max(2, min(begins[-1], LEAST), int(np.diff(begins).max())), begins=begins)

    @property
    def most(self) -> int:
        """Units of the largest block."""
        return int(np.diff(self.begins).max()) if self.begins else self.own

    def first(self, device: Any) -> Any:
        """With which unit the block of a device begins."""
        if not self.begins:
            return device * self.own
        if isinstance(device, int):
            return self.begins[device]
        begins = jnp.asarray(self.begins, jnp.int32)
        return jax.lax.dynamic_slice(begins, (device,), (1,)).reshape(())

    def end(self, device: Any) -> Any:
        """Where the block of a device ends."""
        if self.begins:
            return self.first(device + 1)
        xp: Any = np if isinstance(device, int) else jnp
        return xp.minimum((device + 1) * self.own, self.n)

    def room(self, devices: int) -> int:
        """How many units there must be for a block of the same length for each device."""
        return self.n + self.size if self.begins else devices * self.own + self.size

    def places(self, device: Any) -> Any:
        """The units that a device has; the last again behind it."""
        own = isinstance(device, int)
        xp: Any = np if own else jnp
        return xp.minimum(self.first(device) + xp.arange(self.size), xp.maximum(self.end(device) - 1, 0))

    def is_here(self, device: jax.Array) -> jax.Array:
        """Which elements of a block are units of the device, and do not lie behind its last."""
        return jnp.tile(self.first(device) + jnp.arange(self.size) < self.end(device), self.rows)

    def joined(self, parts: Any) -> Any:
        """The units of all devices, (..., n), of their blocks, (devices, ..., size)."""
        if self.begins:
            join: Any = np.concatenate if isinstance(parts, np.ndarray) else jnp.concatenate
            return join([part[..., :n] for part, n in zip(parts, np.diff(self.begins).tolist(), strict=True)], -1)
        moved = np.moveaxis if isinstance(parts, np.ndarray) else jnp.moveaxis
        rows = moved(parts[..., : self.own], 0, -2)
        return rows.reshape(*rows.shape[:-2], -1)[..., : self.n]

    def shape(self, whole: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a part of an array of shape ``whole``."""
        return (*whole[: self.axis], self.rows * self.size, *whole[self.axis + self.span :])

    def at(self, axis: int) -> Layout:
        """The same along another axis."""
        return dataclasses.replace(self, axis=axis)

    def of_length(self, length: int) -> Layout | None:
        """The same of an axis of another length; None where it does not have all units once or several times."""
        rows, rest = divmod(length, self.n)
        fits = rows and not rest and (rows == self.rows or not self.begins)
        return dataclasses.replace(self, rows=rows) if fits else None


# What a device has a version of its own of, which nothing but the operation that it belongs to can read
OWN = "own"


@dataclasses.dataclass(eq=False)
class Part:
    """What a device holds of a value.

    Parameters
    ----------
    shape : tuple of int
        Of the whole.
    array : array
        The part; the whole where it is not divided.
    layout : Layout, OWN or None
        How it is divided; None for the whole.
    replica : callable, optional
        Makes the whole at little cost: from spikes, which are a bit each, or from what all devices have.
    make : callable, optional
        In place of ``array``, where all elements are equal: makes an array of any shape.
    of : str
        Path of the projection whose targets it says, or of the numbers of places of cells that it is.
    free : bool
        Whether ``replica`` asks nothing of other devices.
    joined : tuple of Part
        What it was made of, one behind the other.
    """

    shape: tuple[int, ...]
    array: Any = None
    layout: Any = None
    replica: Callable[[], jax.Array] | None = None
    make: Callable[[tuple[int, ...]], Any] | None = None
    of: str = ""
    free: bool = False
    joined: tuple[Part, ...] = ()

    @classmethod
    def whole(cls, array: Any) -> Part:
        """A value that every device has."""
        return cls(jnp.shape(array), array)

    @property
    def divided(self) -> bool:
        return self.layout is not None

    @property
    def uniform(self) -> bool:
        return self.make is not None

    @property
    def known(self) -> bool:
        """Whether every device can make the whole by itself."""
        return self.layout is None or self.free

    @property
    def cheap(self) -> bool:
        """Whether the whole costs little."""
        bits = isinstance(self.layout, Layout) and not self.layout.synapses and self.array.dtype == bool
        return self.layout is None or self.replica is not None or bits


def same_axis(before: tuple[int, ...], after: tuple[int, ...], layout: Layout) -> Layout | None:
    """The layout of an array that is given another shape; None where its divided axis is not an axis any more."""
    lead = math.prod(before[: layout.axis])
    for axis in range(len(after)):
        above = math.prod(after[:axis])
        if layout.synapses:
            for span in (1, 2):
                if above == lead and math.prod(after[axis : axis + span]) == layout.n and axis + span <= len(after):
                    return dataclasses.replace(layout, axis=axis, span=span)
        elif (
            above
            and lead * layout.rows % above == 0
            and after[axis] == (rows := lead * layout.rows // above) * layout.n
            and (rows == 1 or not layout.begins)
        ):
            return dataclasses.replace(layout, axis=axis, rows=rows)
    return None
