"""The neurons of both sides of a projection, as functions of pairs see them."""

from __future__ import annotations

import functools
from collections.abc import Callable

import brainunit as u
import numpy as np

from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import with_unit

from .geometry import Positions, Space


class Placed:
    """Where the neurons of two views are, found only when something asks for it.

    Parameters
    ----------
    pre, post : callable
        Give the :class:`Positions` of the two views.
    """

    def __init__(self, pre: Callable[[], Positions], post: Callable[[], Positions]):
        self._sides = pre, post

    @classmethod
    def of(cls, space: Space) -> Placed:
        """The same neurons."""
        pre, post = (Positions._made(side, space.unit, space.period) for side in (space.pre, space.post))
        return cls(lambda: pre, lambda: post)

    @functools.cached_property
    def pre(self) -> Positions:
        """Positions of the presynaptic view."""
        return self._sides[0]()

    @functools.cached_property
    def post(self) -> Positions:
        """Positions of the postsynaptic view."""
        return self._sides[1]()

    @functools.cached_property
    def space(self) -> Space:
        """Both in one space.

        Raises
        ------
        ValueError, UnitError
            If they lie in spaces of different dimension, unit or period.
        """
        return Space(self.pre, self.post)

    @property
    def transposed(self) -> Placed:
        """The same seen from the postsynaptic side."""
        return Placed(lambda: self.post, lambda: self.pre)

    def part(self, pre: np.ndarray, post: np.ndarray) -> Placed:
        """Some of the neurons of each view, by their places in it."""
        return Placed(lambda: self.pre[pre], lambda: self.post[post])


class Side:
    """The presynaptic or the postsynaptic neurons of some pairs, as a function of pairs sees them.

    Attributes
    ----------
    index : ndarray of int, (n,)
        Number of each neuron within its view, counted from 0.
    x, y, z : quantity or ndarray, (n,)
        Its coordinates, in the unit of the population's positions.
    position : quantity or ndarray, (n, d)
        All of them.
    """

    def __init__(self, index: np.ndarray, positions: Callable[[], Positions] | None):
        self.index, self._positions = index, positions

    def __len__(self) -> int:
        return len(self.index)

    @property
    def position(self) -> u.Quantity | np.ndarray:
        """Coordinates of each neuron, (n, d)."""
        placed = self._placed()
        return with_unit(placed.coordinates[self.index], placed.unit)

    @property
    def x(self) -> u.Quantity | np.ndarray:
        """First coordinate, (n,)."""
        return self._axis(0, "x")

    @property
    def y(self) -> u.Quantity | np.ndarray:
        """Second coordinate, (n,)."""
        return self._axis(1, "y")

    @property
    def z(self) -> u.Quantity | np.ndarray:
        """Third coordinate, (n,)."""
        return self._axis(2, "z")

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        known = ("index", "x", "y", "z", "position")
        raise UnknownNameError(f"a function of pairs asks for {name!r} of a neuron.{suggestion(name, known)}")

    def _axis(self, k: int, name: str):
        placed = self._placed()
        if placed.dimensions <= k:
            raise ValueError(f"positions are {placed.dimensions}-dimensional; there is no {name}.")
        return with_unit(placed.coordinates[self.index, k], placed.unit)

    def _placed(self) -> Positions:
        if self._positions is None:
            raise ValueError("positions are not known here; give space=Space(positions_pre, positions_post).")
        return self._positions()
