"""Regions around a presynaptic neuron: which displacements to a partner are possible."""

from __future__ import annotations

import abc
import math
from dataclasses import Field, dataclass, fields
from typing import Any

import brainunit as u
import numpy as np

from brainsim._errors import NamesArguments
from brainsim._units import NumberLike, in_unit, split_quantity

_ROUNDING = 1e-9  # relative: neighbours on a grid of spacing 0.1 are at 0.30000000000000004


def _fields(mask: Any) -> tuple[Field, ...]:
    return fields(mask)  # each mask is a dataclass


class Mask(metaclass=NamesArguments):
    """A region of displacements from the presynaptic to the postsynaptic neuron; its border belongs to it.

    Lengths are the fields of the dataclass, all of one dimension. A new mask says :meth:`inside` and :meth:`reach`.
    """

    @property
    def unit(self) -> u.Unit:
        """Unit of the mask's lengths."""
        value = getattr(self, _fields(self)[0].name)
        return split_quantity(value[0] if isinstance(value, list | tuple) else value)[1]

    def length(self, name: str) -> np.ndarray:
        """The field ``name`` as plain numbers in the mask's unit."""
        return np.asarray(in_unit(getattr(self, name), self.unit, f"{type(self).__name__}: {name}"), np.float64)

    @abc.abstractmethod
    def inside(self, x: np.ndarray) -> np.ndarray:
        """Which plain displacements, (n, d), lie in the region."""

    @abc.abstractmethod
    def reach(self, dimensions: int) -> float:
        """Longest displacement of the region, plain."""

    def _refuse(self, bad: bool, accepted: str) -> None:
        if bad:
            given = ", ".join(f"{f.name} = {getattr(self, f.name)}" for f in _fields(self))
            raise ValueError(f"{type(self).__name__}: given {given}; {accepted}")


@dataclass(frozen=True)
class _Round(Mask):
    """All within one radius, in one norm."""

    radius: NumberLike

    @abc.abstractmethod
    def _norm(self, x: np.ndarray) -> np.ndarray:
        """Lengths of displacements."""

    def __post_init__(self):
        radius = self.length("radius")
        self._refuse(
            radius.ndim > 0 or not (math.isfinite(radius) and radius >= 0), "give one finite length, 0 or larger"
        )

    def inside(self, x):
        return self._norm(x) <= self.length("radius") * (1 + _ROUNDING)

    def reach(self, dimensions):
        return float(self.length("radius"))


@dataclass(frozen=True)
class Disc(_Round):
    r"""All within a distance: an interval, a disc or a ball.

    .. math:: \sqrt{\textstyle\sum_a x_a^2} \le r

    Parameters
    ----------
    radius : quantity or float
        Radius :math:`r`.
    """

    def _norm(self, x):
        return np.sqrt(np.einsum("...a,...a", x, x))


@dataclass(frozen=True)
class VonNeumann(_Round):
    r"""The von Neumann neighbourhood of a grid: so many steps along the axes (4 neighbours for one step in 2-D).

    .. math:: \textstyle\sum_a |x_a| \le r

    Parameters
    ----------
    radius : quantity or float
        Radius :math:`r`: the number of steps times the grid's spacing.
    """

    def _norm(self, x):
        return np.abs(x).sum(-1)


@dataclass(frozen=True)
class Moore(_Round):
    r"""The Moore neighbourhood of a grid: diagonal steps count as one (8 neighbours for one step in 2-D).

    .. math:: \max_a |x_a| \le r

    Parameters
    ----------
    radius : quantity or float
        Radius :math:`r`: the number of steps times the grid's spacing.
    """

    def _norm(self, x):
        return np.abs(x).max(-1)

    def reach(self, dimensions):
        return float(self.length("radius")) * math.sqrt(dimensions)


@dataclass(frozen=True)
class Annulus(Mask):
    r"""All between two distances: a ring, a shell.

    .. math:: r_1 \le \sqrt{\textstyle\sum_a x_a^2} \le r_2

    Parameters
    ----------
    inner, outer : quantity or float
        Radii :math:`r_1 \le r_2`.
    """

    inner: NumberLike
    outer: NumberLike

    def __post_init__(self):
        inner, outer = self.length("inner"), self.length("outer")
        self._refuse(
            inner.ndim > 0 or outer.ndim > 0 or not 0 <= inner <= outer < math.inf,
            "give finite lengths 0 <= inner <= outer",
        )

    def inside(self, x):
        r = np.sqrt(np.einsum("...a,...a", x, x))
        return (r >= self.length("inner") * (1 - _ROUNDING)) & (r <= self.length("outer") * (1 + _ROUNDING))

    def reach(self, dimensions):
        return float(self.length("outer"))


@dataclass(frozen=True)
class Box(Mask):
    r"""A rectangle or box between two corners, which need not contain the presynaptic neuron.

    .. math:: \mathrm{low}_a \le x_a \le \mathrm{high}_a

    Parameters
    ----------
    low, high : quantity or array, () or (d,)
        Corners, relative to the presynaptic neuron; one number stands for all axes.
    """

    low: NumberLike
    high: NumberLike

    def __post_init__(self):
        low, high = self.length("low"), self.length("high")
        ok = (
            low.ndim < 2
            and high.ndim < 2
            and np.isfinite(low).all()
            and np.isfinite(high).all()
            and (low <= high).all()
        )
        self._refuse(not ok, "give finite corners, low <= high along each axis")

    def inside(self, x):
        low, high = self.length("low"), self.length("high")
        slack = _ROUNDING * np.maximum(abs(low), abs(high))
        return ((x >= low - slack) & (x <= high + slack)).all(-1)

    def reach(self, dimensions):
        farthest = np.maximum(abs(self.length("low")), abs(self.length("high")))
        return float(np.linalg.norm(np.broadcast_to(farthest, (dimensions,))))
