"""Where neurons are: positions, and the layouts that make them."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass
from typing import Any

import brainunit as u
import numpy as np

from brainsim._errors import NamesArguments, UnitError
from brainsim._units import NumberLike, in_unit, split_quantity, with_unit


@dataclass(frozen=True, eq=False, init=False)
class Positions:
    """Points in a space of one or more dimensions, in which some axes may be periodic.

    Parameters
    ----------
    points : quantity or array, (n,) or (n, d)
        Coordinates; plain numbers for a space without unit. A vector stands for points on a line.
    period : quantity or float, () or (d,), optional
        Length after which each axis comes back to where it began; ``inf`` for an axis that does not. None: no axis
        does.

    Attributes
    ----------
    coordinates : ndarray of float64, (n, d)
        Plain coordinates.
    unit : Unit
        Their unit.
    period : ndarray of float64, (d,)
        Plain periods; ``inf`` for axes that are not periodic.

    Raises
    ------
    TypeError, ValueError, UnitError
        For what are not finite coordinates, or a period that is not positive or has another dimension.
    """

    coordinates: np.ndarray
    unit: u.Unit
    period: np.ndarray

    def __init__(self, points: NumberLike, period: NumberLike | None = None):
        number, unit = split_quantity(points)
        try:
            coordinates = np.array(number, np.float64)
        except (TypeError, ValueError):
            raise TypeError(
                f"positions: given {type(points).__name__}; give a quantity or an array of shape (n, d)."
            ) from None
        coordinates = coordinates[:, None] if coordinates.ndim == 1 else coordinates
        if coordinates.ndim != 2 or not coordinates.shape[1]:
            raise ValueError(
                f"positions: given shape {coordinates.shape}; give one row of coordinates per neuron, (n, d)."
            )
        if not np.isfinite(coordinates).all():
            raise ValueError("positions: coordinates must be finite.")
        d = coordinates.shape[1]
        plain = np.inf if period is None else np.asarray(in_unit(period, unit, "positions: period"), np.float64)
        if np.ndim(plain) > 1 or (np.ndim(plain) == 1 and np.shape(plain) != (d,)) or not np.all(plain > 0):
            raise ValueError(f"positions: period = {period}; give positive lengths, one for all axes or {d} of them.")
        object.__setattr__(self, "coordinates", coordinates)
        object.__setattr__(self, "unit", unit)
        object.__setattr__(self, "period", np.broadcast_to(plain, (d,)))

    @classmethod
    def _made(cls, coordinates, unit, period) -> Positions:
        self = object.__new__(cls)
        for name, value in (("coordinates", coordinates), ("unit", unit), ("period", period)):
            object.__setattr__(self, name, value)
        return self

    def __len__(self):
        return len(self.coordinates)

    def __getitem__(self, item) -> Positions:
        """Some of the points: ``positions[:100]``, ``positions[permutation]``."""
        return Positions._made(self.coordinates[item], self.unit, self.period)

    @property
    def points(self) -> u.Quantity | np.ndarray:
        """The coordinates with their unit, (n, d)."""
        return with_unit(self.coordinates, self.unit)

    @property
    def dimensions(self) -> int:
        """Number of axes."""
        return self.coordinates.shape[1]

    def to(self, unit: u.Unit) -> Positions:
        """The same positions in another unit of length."""
        if unit == self.unit:
            return self
        factor = float(in_unit(with_unit(1.0, self.unit), unit, "positions"))
        return Positions._made(self.coordinates * factor, unit, self.period * factor)

    def __repr__(self) -> str:
        periodic = "" if np.isinf(self.period).all() else f", period {self.period}"
        return f"Positions(<{len(self)} in {self.dimensions}-D, {self.unit}{periodic}>)"


class Layout(metaclass=NamesArguments):
    """How the neurons of a population are arranged."""

    @abc.abstractmethod
    def place(self, shape: int | tuple[int, ...], rng: np.random.Generator | None = None) -> Positions:
        """Positions of a population of this shape, in the order of its flat index.

        Parameters
        ----------
        shape : int or tuple of int
            Size of the population.
        rng : numpy.random.Generator, optional
            Where the layout is random.

        Returns
        -------
        Positions

        Raises
        ------
        ValueError
            If the layout does not fit the shape.
        """

    def check(self, shape: tuple[int, ...]) -> None:
        """Refuse a shape that the layout does not fit."""


@dataclass(frozen=True)
class Grid(Layout):
    r"""A rectangular grid in as many dimensions as the population's size has.

    .. math:: x_a = i_a\, \Delta_a \qquad\text{or, with an extent,}\qquad x_a = (i_a + \tfrac12)\, L_a / n_a

    Grids of different resolution and equal extent lie over each other.

    Parameters
    ----------
    spacing : quantity or float, () or (d,), optional
        Distance :math:`\Delta` of neighbours; 1, without unit, where no extent is given either.
    extent : quantity or float, () or (d,), optional
        Lengths :math:`L` of the box that the grid fills.
    periodic : bool
        Whether the far ends of each axis are neighbours (a ring, a torus): the period is the extent, :math:`n \Delta`.

    Raises
    ------
    ValueError
        For both a spacing and an extent, or lengths that are not positive.
    """

    spacing: Any = None
    extent: Any = None
    periodic: bool = False

    def __post_init__(self):
        if self.spacing is not None and self.extent is not None:
            raise ValueError("Grid: given spacing and extent; give one of them.")
        for name in ("spacing", "extent"):
            if getattr(self, name) is not None:
                _lengths("Grid", name, getattr(self, name))

    def check(self, shape):
        for name in ("spacing", "extent"):
            given = np.shape(u.get_mantissa(getattr(self, name))) if getattr(self, name) is not None else ()
            if given not in ((), (len(shape),)):
                raise ValueError(
                    f"Grid: {name} has shape {given}; the population's size {shape} has {len(shape)} axes."
                )

    def place(self, shape, rng=None):
        shape = _shape(shape)
        self.check(shape)
        if self.extent is None:
            spacing, unit = _lengths("Grid", "spacing", 1.0 if self.spacing is None else self.spacing)
            first = 0.0
        else:
            extent, unit = _lengths("Grid", "extent", self.extent)
            spacing = extent / np.asarray(shape)
            first = spacing / 2
        index = np.stack(np.unravel_index(np.arange(math.prod(shape)), shape), axis=1)
        period = spacing * np.asarray(shape) if self.periodic else np.full(len(shape), np.inf)
        return Positions._made(index * spacing + first, unit, period)


@dataclass(frozen=True)
class Ring(Layout):
    r"""A ring: a periodic line without end points, whose distance is the shorter arc.

    .. math:: x_i = x_0 + i\, L / n

    Parameters
    ----------
    circumference : quantity or float
        Length :math:`L`. Default :math:`2 \pi`: positions are angles.
    start : quantity or float
        Position :math:`x_0` of the first neuron. Default 0.
    """

    circumference: Any = 2 * math.pi
    start: Any = None

    def __post_init__(self):
        length, unit = _lengths("Ring", "circumference", self.circumference)
        if length.ndim:
            raise ValueError(f"Ring: circumference = {self.circumference}; give one length.")
        if self.start is not None:
            in_unit(self.start, unit, "Ring: start")

    def place(self, shape, rng=None):
        n = math.prod(_shape(shape))
        length, unit = _lengths("Ring", "circumference", self.circumference)
        start = 0.0 if self.start is None else float(in_unit(self.start, unit, "Ring: start"))
        return Positions._made(start + np.arange(n)[:, None] * (length / n), unit, np.array([length]))


@dataclass(frozen=True)
class UniformBox(Layout):
    r"""Independent uniform positions in a box.

    .. math:: x_a \sim \mathcal{U}[0, L_a)

    Parameters
    ----------
    extent : quantity or float, (d,)
        Lengths :math:`L` of the box; their number is the number of dimensions.
    periodic : bool
        Whether opposite faces of the box are joined.
    """

    extent: Any
    periodic: bool = False

    def __post_init__(self):
        _lengths("UniformBox", "extent", self.extent)

    def place(self, shape, rng=None):
        if not isinstance(rng, np.random.Generator):
            raise TypeError(f"UniformBox: rng is {type(rng).__name__}; give a numpy.random.Generator.")
        extent, unit = _lengths("UniformBox", "extent", self.extent)
        extent = np.atleast_1d(extent)
        points = rng.random((math.prod(_shape(shape)), len(extent))) * extent
        return Positions._made(points, unit, extent if self.periodic else np.full(len(extent), np.inf))


@dataclass(frozen=True, eq=False)
class Given(Layout):
    """Positions that are known."""

    positions: Positions

    def check(self, shape):
        n = math.prod(shape)
        if len(self.positions) != n:
            raise ValueError(f"positions: given {len(self.positions)} points; the population has {n} neurons.")

    def place(self, shape, rng=None):
        self.check(_shape(shape))
        return self.positions


def as_layout(positions: Layout | Positions | NumberLike | None) -> Layout:
    """A layout as it is, positions and arrays as those that are given, None as a grid of spacing 1."""
    if positions is None:
        return Grid()
    if isinstance(positions, Layout):
        return positions
    return Given(positions if isinstance(positions, Positions) else Positions(positions))


def _shape(shape) -> tuple[int, ...]:
    return tuple(shape) if isinstance(shape, tuple | list) else (int(shape),)


def _lengths(owner: str, name: str, value) -> tuple[np.ndarray, u.Unit]:
    number, unit = split_quantity(value)
    if isinstance(value, list | tuple) and any(isinstance(v, u.Quantity) for v in value):
        unit = next(v.unit for v in value if isinstance(v, u.Quantity))
        number = in_unit(value, unit, f"{owner}: {name}")
    lengths = np.asarray(number, np.float64)
    if lengths.ndim > 1 or not (np.isfinite(lengths) & (lengths > 0)).all():
        raise ValueError(f"{owner}: {name} = {value}; give positive, finite lengths.")
    return lengths, unit


class Space:
    """The positions of both sides of a projection, in one unit and one space.

    Parameters
    ----------
    pre, post : Positions
        Of the presynaptic and the postsynaptic view.

    Attributes
    ----------
    pre, post : ndarray of float64, (n_pre, d) and (n_post, d)
        Plain coordinates.
    period : ndarray of float64, (d,)
        Period of each axis; ``inf`` where it has none.
    unit : Unit
        Unit of all lengths.

    Raises
    ------
    ValueError, UnitError
        If the two lie in spaces of different dimension, unit or period.
    """

    def __init__(self, pre: Positions, post: Positions):
        if not pre.unit.has_same_dim(post.unit):
            raise UnitError(f"positions: the presynaptic ones are in {pre.unit}, the postsynaptic ones in {post.unit}.")
        if pre.dimensions != post.dimensions:
            raise ValueError(
                f"positions: the presynaptic ones are {pre.dimensions}-dimensional, "
                f"the postsynaptic ones {post.dimensions}-dimensional; give both in one space."
            )
        post = post.to(pre.unit)
        if not np.allclose(pre.period, post.period):
            raise ValueError(f"positions: periods {pre.period} and {post.period} differ between the two sides.")
        self.pre, self.post = pre.coordinates, post.coordinates
        self.period, self.unit = pre.period, pre.unit

    @property
    def transposed(self) -> Space:
        """The same space seen from the postsynaptic side."""
        other = object.__new__(Space)
        other.pre, other.post, other.period, other.unit = self.post, self.pre, self.period, self.unit
        return other

    def displacements(self, i: np.ndarray | np.integer | slice, j: np.ndarray | np.integer | slice) -> np.ndarray:
        """From presynaptic neurons ``i`` to postsynaptic neurons ``j``, the shortest way, (n, d)."""
        x = self.post[j] - self.pre[i]
        for axis in np.flatnonzero(np.isfinite(self.period)):
            L = self.period[axis]
            x[..., axis] -= L * np.round(x[..., axis] / L)
        return x

    def distances(self, i: np.ndarray | np.integer | slice, j: np.ndarray | np.integer | slice) -> np.ndarray:
        """Euclidean distance between presynaptic neurons ``i`` and postsynaptic neurons ``j``."""
        x = self.displacements(i, j)
        return np.sqrt(np.einsum("...a,...a", x, x))

    def length(self, value: NumberLike, what: str) -> np.ndarray:
        """A length as a plain number in this space's unit."""
        return np.asarray(in_unit(value, self.unit, what), np.float64)

    @property
    def extent(self) -> np.ndarray:
        """Longest possible displacement along each axis, (d,)."""
        both = (
            np.concatenate([self.pre, self.post]) if len(self.pre) + len(self.post) else np.zeros((1, len(self.period)))
        )
        return np.minimum(both.max(0) - both.min(0), self.period / 2)
