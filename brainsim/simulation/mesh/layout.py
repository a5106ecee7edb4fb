"""How an array is divided among devices, and what a device holds of it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


@dataclasses.dataclass(frozen=True)
class Layout:
    """One axis of an array in parts, one for each device.

    Neurons are divided in blocks: device d holds those from ``d * size`` on, and the last devices may hold fewer, or none;
    what lies behind the last neuron repeats it. Synapses go where their targets are, in the order that they had. Compartments
    go where their cells are: an axis may have all cells of the first compartment, then all of the second, and so on.

    Parameters
    ----------
    axis : int
        Which axis is divided.
    n : int
        How many units it has as a whole.
    size : int
        How many each part has.
    synapses : str
        Path of the projection whose synapses they are; empty for blocks of neurons.
    span : int
        How many axes of the whole become the one that is divided: synapses may be arranged as a matrix.
    rows : int
        How many times all units follow each other along the axis, which is this many times as long.
    """

    axis: int
    n: int
    size: int
    synapses: str = ""
    span: int = 1
    rows: int = 1

    def shape(self, whole: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a part of an array of shape ``whole``."""
        return (*whole[: self.axis], self.rows * self.size, *whole[self.axis + self.span :])

    def at(self, axis: int) -> Layout:
        """The same along another axis."""
        return dataclasses.replace(self, axis=axis)

    def of_length(self, length: int) -> Layout | None:
        """The same of an axis of another length; None where it does not have all units once or several times."""
        rows, rest = divmod(length, self.n)
        return dataclasses.replace(self, rows=rows) if rows and not rest else None


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
        Path of the projection whose targets it says.
    free : bool
        Whether ``replica`` asks nothing of other devices.
    """

    shape: tuple[int, ...]
    array: Any = None
    layout: Any = None
    replica: Callable[[], jax.Array] | None = None
    make: Callable[[tuple[int, ...]], Any] | None = None
    of: str = ""
    free: bool = False

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
        ):
            return dataclasses.replace(layout, axis=axis, rows=rows)
    return None
