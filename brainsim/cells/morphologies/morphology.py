"""Morphologies: branches of points with radii, joined to trees. Plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import brainunit as u
import numpy as np

from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import in_unit
from brainsim.cells.morphologies.cones import Cones
from brainsim.cells.morphologies.edits import Edits, Place
from brainsim.cells.morphologies.measures import Measures
from brainsim.cells.morphologies.pictures import Pictures
from brainsim.cells.morphologies.spines import Spines

#: What the type ids of SWC files stand for; further ones are called ``"type 5"`` and so on.
TYPES: Mapping[int, str] = {0: "undefined", 1: "soma", 2: "axon", 3: "dend", 4: "apic"}


@dataclass(frozen=True, eq=False)
class Branch:
    """An unbranched piece of neurite: a chain of truncated cones.

    Parameters
    ----------
    xyz : array (k, 3)
        Points (quantity, or µm), from the end that is nearer to the root; at least two.
    radius : array (k,)
        Radii at the points (quantity, or µm), positive.
    type : str
        What it is: ``"soma"``, ``"axon"``, ``"dend"``, ``"apic"``, or a name of one's own. A region of this name exists.
    parent : int
        Index of the branch that it grows from; -1 for the root of a tree.
    at : float
        Where on the parent it grows, as a fraction of the parent's length: 1 for its far end, 0.5 for the middle.
    name : str, optional
        Name of its own, such as ``"dend[3]"``.
    source : array of int (k,), optional
        Id that each point had in the file it was read from; -1 for points that were added.
    spine_area : float
        Membrane of spines per length, in µm²/µm; stands beside the branch's own.
    area_factor : float
        What the branch's own membrane is multiplied by for all that its points do not show.
    """

    xyz: np.ndarray
    radius: np.ndarray
    type: str = "dend"
    parent: int = -1
    at: float = 1.0
    name: str = ""
    source: np.ndarray | None = None
    spine_area: float = 0.0
    area_factor: float = 1.0

    def __post_init__(self):
        for name in ("xyz", "radius"):
            value = getattr(self, name)
            plain = in_unit(value, u.um, f"Branch: {name}") if isinstance(value, u.Quantity) else value
            array = np.array(plain, float)
            array.setflags(write=False)  # what is measured on a morphology is kept
            object.__setattr__(self, name, array)

    @property
    def steps(self) -> np.ndarray:
        """Lengths of the cones, in µm: (k - 1,)."""
        return np.linalg.norm(np.diff(self.xyz, axis=0), axis=1)

    @property
    def length_um(self) -> float:
        """Length along the points, in µm."""
        return float(self.steps.sum())

    @property
    def fractions(self) -> np.ndarray:
        """Where the points are, as fractions of the length: (k,), from 0 to 1."""
        arc = np.concatenate([[0.0], np.cumsum(self.steps)])
        return arc / arc[-1]


@dataclass(frozen=True, eq=False)
class Morphology(Edits, Spines, Pictures):
    """The shape of a cell: one tree of branches, or several.

    Nothing changes it: edits (:class:`~brainsim.cells.morphologies.edits.Edits`,
    :class:`~brainsim.cells.morphologies.spines.Spines`) return a new one. ``measures`` holds what can be measured
    (:class:`Measures`), ``plot`` and ``movie`` draw it (:class:`~brainsim.cells.morphologies.pictures.Pictures`).

    Parameters
    ----------
    branches : sequence of Branch
        Parents come before their children.
    labels : mapping from str to array of int, optional
        Named groups of branches, by their indices: regions beside those of the types.

    Raises
    ------
    ValueError
        For a branch of fewer than two points, coordinates that are not finite, a radius or a length that is not
        positive, and a parent that does not come first. Names the branch and the point.
    """

    branches: tuple[Branch, ...]
    labels: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __init__(self, branches: Sequence[Branch], labels: Mapping[str, Sequence[int] | np.ndarray] | None = None):
        object.__setattr__(self, "branches", tuple(branches))
        groups = {name: np.unique(np.asarray(ids, int)) for name, ids in (labels or {}).items()}
        object.__setattr__(self, "labels", groups)
        if not self.branches:
            raise ValueError("Morphology: it has no branch.")
        if not _sound(self.branches):
            for index, branch in enumerate(self.branches):
                _check(branch, index)
        for name, ids in groups.items():
            if len(ids) and not (ids[0] >= 0 and ids[-1] < len(self.branches)):
                raise ValueError(f"Morphology: label {name!r} names branch {ids[-1]}; there are {len(self.branches)}.")

    def __len__(self) -> int:
        return len(self.branches)

    def __iter__(self) -> Iterator[Branch]:
        return iter(self.branches)

    def __getitem__(self, index: int | str) -> Branch:
        """A branch by its index or name."""
        if isinstance(index, str):
            names = {branch.name: branch for branch in self.branches if branch.name}
            if index not in names:
                raise UnknownNameError(f"Morphology: there is no branch {index!r}.{suggestion(index, names)}")
            return names[index]
        return self.branches[index]

    def which(self, *places: Place) -> np.ndarray:
        """Indices of branches, in ascending order.

        Parameters
        ----------
        *places : str, int or sequence of int
            Types, labels, names and indices of branches; all branches if none is given.

        Raises
        ------
        UnknownNameError, IndexError
        """
        if not places:
            return np.arange(len(self))
        found = [self._which(place) for place in places]
        return np.unique(np.concatenate(found))

    def _which(self, place):
        if not isinstance(place, str):
            indices = np.atleast_1d(np.asarray(place))
            if indices.dtype.kind not in "iu" or ((indices < -len(self)) | (indices >= len(self))).any():
                raise IndexError(f"Morphology: there are {len(self)} branches, given {place}.")
            return indices % len(self)
        if place in self.labels:
            return self.labels[place]
        own = [k for k, branch in enumerate(self.branches) if place in (branch.type, branch.name)]
        if not own:
            known = {*self.types, *self.labels, *(branch.name for branch in self.branches if branch.name)}
            raise UnknownNameError(f"Morphology: there is no branch {place!r}.{suggestion(place, known)}")
        return np.array(own)

    @property
    def types(self) -> tuple[str, ...]:
        """The types of branches that occur, in the order of their first."""
        return tuple(dict.fromkeys(branch.type for branch in self.branches))

    @property
    def parents(self) -> np.ndarray:
        """Index of every branch's parent; -1 for roots."""
        return np.array([branch.parent for branch in self.branches], int)

    @property
    def roots(self) -> np.ndarray:
        """Indices of the branches without a parent."""
        return np.flatnonzero(self.parents < 0)

    @property
    def lengths(self) -> u.Quantity:
        """Length of every branch."""
        return self.measures.lengths

    @cached_property
    def cones(self) -> Cones:
        """The truncated cones of all branches, as arrays."""
        return Cones.of(self.branches)

    @cached_property
    def measures(self) -> Measures:
        """Areas, volumes, distances, orders, Sholl's intersections."""
        return Measures(self)

    def __repr__(self) -> str:
        kinds = ", ".join(f"{sum(b.type == kind for b in self.branches)} {kind}" for kind in self.types)
        total = sum(branch.length_um for branch in self.branches)
        return f"Morphology({len(self.branches)} branches: {kinds}; {total:,.0f} um long)"


def _sound(branches):
    """Whether all is as it must be, at one glance; ``_check`` says what is not."""
    sizes = np.array([len(branch.radius) for branch in branches])
    if any(np.shape(b.xyz) != (k, 3) or k < 2 or np.ndim(b.radius) != 1 for b, k in zip(branches, sizes, strict=True)):
        return False
    xyz, radius = (np.concatenate([getattr(branch, name) for branch in branches]) for name in ("xyz", "radius"))
    steps = np.abs(np.diff(xyz, axis=0)).sum(1)
    starts = np.cumsum(sizes) - sizes
    steps[starts[1:] - 1] = 0  # from one branch to the next
    lengths = np.add.reduceat(np.append(steps, 0), starts)
    if not (np.isfinite(xyz).all() and (radius > 0).all() and np.isfinite(radius).all() and (lengths > 0).all()):
        return False
    rest = [(b.parent, b.at, b.spine_area, b.area_factor) for b in branches]
    parent, at, spines, factor = np.array(rest, float).T
    whole = all(isinstance(b.parent, int | np.integer) for b in branches)
    placed = whole and (parent >= -1).all() and (parent < np.arange(len(branches))).all()
    return (
        placed and ((at >= 0) & (at <= 1) & (spines >= 0) & (spines < np.inf) & (factor > 0) & (factor < np.inf)).all()
    )


def _check(branch, index):
    what = f"Morphology: branch {index}" + (f" ({branch.name})" if branch.name else "")
    xyz, radius = np.asarray(branch.xyz), np.asarray(branch.radius)
    if xyz.ndim != 2 or xyz.shape[1:] != (3,) or len(xyz) < 2:
        raise ValueError(f"{what}: needs two points of three coordinates at least, given shape {xyz.shape}.")
    if radius.shape != (len(xyz),):
        raise ValueError(f"{what}: has {len(xyz)} points, given radii of shape {radius.shape}.")
    for name, bad in (
        ("coordinates must be finite", ~np.isfinite(xyz).all(1)),
        ("the radius must be positive", ~((radius > 0) & np.isfinite(radius))),
    ):
        if bad.any():
            k = int(np.flatnonzero(bad)[0])
            raise ValueError(f"{what}, point {k}: {name}, given xyz={xyz[k].tolist()}, radius={radius[k]}.")
    if not branch.length_um > 0:
        raise ValueError(f"{what}: its length is zero.")
    if not (isinstance(branch.parent, int | np.integer) and -1 <= branch.parent < index):
        raise ValueError(f"{what}: its parent must be a branch that comes before it, or -1, given {branch.parent}.")
    if not (0 <= branch.spine_area < np.inf and 0 < branch.area_factor < np.inf):
        raise ValueError(
            f"{what}: spine_area must not be negative and area_factor must be positive, given {branch.spine_area} and "
            f"{branch.area_factor}."
        )
    if not 0 <= branch.at <= 1:
        raise ValueError(f"{what}: grows at a fraction of its parent's length from 0 to 1, given {branch.at}.")
