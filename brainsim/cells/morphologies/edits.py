"""Changes of a morphology. Every one returns a new morphology; the old one stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import brainunit as u
import numpy as np

from brainsim._units import NumberLike, QuantityLike, in_unit

if TYPE_CHECKING:
    from brainsim.cells.morphologies.morphology import Branch

Place: TypeAlias = str | int | Sequence[int] | np.ndarray  # type, label or name of branches, or their indices


class Edits:
    """The edits of a :class:`Morphology`. ``places`` are types, labels, names and indices, as ``which`` takes them."""

    branches: tuple[Branch, ...]
    labels: Mapping[str, np.ndarray]
    measures: Any
    which: Any

    def _with(self, branches, labels=None) -> Self:
        return type(self)(branches, self.labels if labels is None else labels)  # type: ignore[call-arg]

    def _changed(self, places, change) -> Self:
        chosen = set(self.which(*places).tolist())
        return self._with([change(b) if k in chosen else b for k, b in enumerate(self.branches)])

    def cut(self, *places: Place, at: float = 0.0) -> Self:
        """Cut branches off, with all that grows from what is cut.

        Parameters
        ----------
        *places : str, int or sequence of int
            The branches.
        at : float
            Where they are cut, as a fraction of their length: 0 takes them whole.

        Raises
        ------
        ValueError
            If nothing is left.
        """
        if not 0 <= at <= 1:
            raise ValueError(f"cut: at must be a fraction of the length from 0 to 1, given {at}.")
        kept = np.ones(len(self.branches))
        kept[self.which(*places)] = at
        return self._cut(kept)

    def cut_beyond(self, distance: QuantityLike, *places: Place) -> Self:
        """Cut off what is further from the root than a distance along the path.

        Parameters
        ----------
        distance : quantity
            Along the path from the start of the root.
        *places : str, int or sequence of int
            Only these branches, and what grows from what is cut of them; all if none is given.
        """
        limit = float(in_unit(distance, u.um, "cut_beyond: distance"))
        start, stop = np.asarray(self.measures.path_distances.mantissa).T
        fraction = np.clip((limit - start) / (stop - start), 0, 1)
        kept = np.ones(len(self.branches))
        chosen = self.which(*places)
        kept[chosen] = fraction[chosen]
        return self._cut(kept)

    def _cut(self, kept) -> Self:
        """Keep the first ``kept`` of every branch."""
        number: dict[int, int] = {-1: -1}
        branches = []
        for k, branch in enumerate(self.branches):
            p = branch.parent
            whole = 1.0 if p < 0 else kept[p]
            if p not in number or branch.at > whole or kept[k] <= 0:
                continue
            number[k] = len(branches)
            at = branch.at if p < 0 else branch.at / whole
            branches.append(replace(_first_part(branch, kept[k]), parent=number[p], at=min(at, 1.0)))
        if not branches:
            raise ValueError("cut: nothing is left of the morphology.")
        labels = {name: [number[k] for k in ids.tolist() if k in number] for name, ids in self.labels.items()}
        return self._with(branches, labels)

    def join(self, other: Self, *, to: str | int | None = None, at: float = 1.0, move: bool = True) -> Self:
        """One morphology of both, this one and another.

        Parameters
        ----------
        other : Morphology
            What is joined; its branches come after those of this one, and are renamed where a name is taken.
        to : str or int, optional
            Branch that the roots of ``other`` grow from; without it they stay roots.
        at : float
            Where on that branch, as a fraction of its length.
        move : bool
            Whether ``other`` is moved so that its first point lies there.

        Raises
        ------
        UnknownNameError, ValueError
            For a branch that does not exist, a name that several have, and a place that is none on it.
        """
        if isinstance(at, bool) or not isinstance(at, int | float | np.number) or not 0 <= at <= 1:
            raise ValueError(f"join: at is a fraction of the branch's length, from 0 to 1, given {at!r}.")
        if to is None and at != 1.0:
            raise ValueError(f"join: at={at!r} is a place on a branch; say on which, by to=...")
        size = len(self.branches)
        roots, offset = -1, np.zeros(3)
        if to is not None:
            found = self.which(to).tolist()
            if len(found) != 1:
                raise ValueError(f"join: to is one branch, and {to!r} names {len(found)}; give its name or number.")
            (roots,) = found
            if move:
                stem = self.branches[roots]
                place = np.array([np.interp(at, stem.fractions, x) for x in stem.xyz.T])
                offset = place - other.branches[0].xyz[0]
        added = [
            replace(branch, xyz=branch.xyz + offset, parent=branch.parent + size)
            if branch.parent >= 0
            else replace(branch, xyz=branch.xyz + offset, parent=roots, at=1.0 if to is None else at)
            for branch in other.branches
        ]
        labels = {name: ids.tolist() for name, ids in self.labels.items()}
        for name, ids in other.labels.items():
            labels[name] = labels.get(name, []) + (ids + size).tolist()
        return self._with(_renamed([*self.branches, *added]), labels)

    def scale(self, factor: float | Sequence[float], *places: Place, diameters: float | None = None) -> Self:
        """Stretch or shrink, away from the origin.

        Parameters
        ----------
        factor : float or 3 floats
            One for all directions, or one each along x, y and z.
        *places : str, int or sequence of int
            Change the diameters of these branches only; points move in all.
        diameters : float, optional
            Factor of the diameters: ``factor`` if that is one number, else 1.
        """
        each = np.asarray(factor, float)
        if each.shape not in ((), (3,)) or not (each > 0).all():
            raise ValueError(f"scale: factor must be positive, one number or three, given {factor}.")
        wide = (float(each) if each.ndim == 0 else 1.0) if diameters is None else diameters
        if not wide > 0:
            raise ValueError(f"scale: diameters must be positive, given {diameters}.")
        moved = self._with([replace(b, xyz=b.xyz * each) for b in self.branches])
        return moved._changed(places, lambda b: replace(b, radius=b.radius * wide))

    def translate(self, offset: NumberLike) -> Self:
        """Move by an offset: quantity (3,)."""
        step = np.asarray(in_unit(offset, u.um, "translate: offset"), float)
        if step.shape != (3,):
            raise ValueError(f"translate: offset must be three lengths, given shape {step.shape}.")
        return self._with([replace(b, xyz=b.xyz + step) for b in self.branches])

    def rotate(self, angle: float, axis: Sequence[float] = (0.0, 0.0, 1.0)) -> Self:
        """Turn around the start of the first root.

        Parameters
        ----------
        angle : float
            In radians, counterclockwise seen from where the axis points.
        axis : 3 floats
            Direction of the axis; z if not given.
        """
        along = np.asarray(axis, float)
        if along.shape != (3,) or not np.linalg.norm(along) > 0:
            raise ValueError(f"rotate: axis must be three numbers, not all zero, given {axis}.")
        x, y, z = along / np.linalg.norm(along)
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        turn = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross  # Rodrigues
        center = self.branches[0].xyz[0]
        return self._with([replace(b, xyz=(b.xyz - center) @ turn.T + center) for b in self.branches])

    def resample(self, step: QuantityLike, *places: Place) -> Self:
        """Evenly spaced points, at most ``step`` apart along every branch; its ends stay.

        Radii are interpolated. Where the old points wind between the new ones, the branch becomes shorter.
        """
        most = float(in_unit(step, u.um, "resample: step"))
        if not most > 0:
            raise ValueError(f"resample: step must be positive, given {step}.")

        def change(branch):
            pieces = max(1, int(np.ceil(branch.length_um / most - 1e-9)))
            return _at_fractions(branch, np.linspace(0, 1, pieces + 1))

        return self._changed(places, change)

    def taper(self, start: QuantityLike | None, stop: QuantityLike | None, *places: Place) -> Self:
        """Make the diameter of branches change linearly along their length.

        Parameters
        ----------
        start, stop : quantity, optional
            Diameters at their ends; what they have there if None.
        *places : str, int or sequence of int
        """
        given = [None if d is None else np.asarray(in_unit(d, u.um, "taper: diameter"), float) for d in (start, stop)]
        if any(d is not None and d.ndim for d in given):
            raise ValueError(
                f"taper: give one diameter for each end, taper(start, stop, ...), given {start} and {stop}."
            )
        ends = [None if d is None else float(d) / 2 for d in given]
        if any(r is not None and not r > 0 for r in ends):
            raise ValueError(f"taper: diameters must be positive, given {start} and {stop}.")

        def change(branch):
            first, last = (own if r is None else r for r, own in zip(ends, branch.radius[[0, -1]], strict=True))
            return replace(branch, radius=first + (last - first) * branch.fractions)

        return self._changed(places, change)

    def relabel(self, kind: str, *places: Place) -> Self:
        """Give branches another type; names such as ``"dend[3]"`` are counted anew."""
        changed = self._changed(places, lambda b: replace(b, type=kind, name="" if _counted(b) else b.name))
        return self._with(_renamed(changed.branches))

    def label(self, name: str, *places: Place) -> Self:
        """Name a group of branches; a group of this name is replaced."""
        return self._with(self.branches, {**self.labels, name: self.which(*places)})


def _first_part(branch, fraction):
    """The branch up to a fraction of its length."""
    if fraction >= 1:
        return branch
    inside = np.flatnonzero(branch.fractions < fraction)
    end = _at_fractions(branch, np.array([fraction]))
    source = None if branch.source is None else np.append(branch.source[inside], -1)
    xyz, radius = np.vstack([branch.xyz[inside], end.xyz]), np.append(branch.radius[inside], end.radius)
    return replace(branch, xyz=xyz, radius=radius, source=source)


def _at_fractions(branch, fractions):
    """The branch with points at these fractions of its length; ids of the file stay where a point stays."""
    places = branch.fractions
    xyz = np.stack([np.interp(fractions, places, x) for x in branch.xyz.T], axis=1)
    radius = np.interp(fractions, places, branch.radius)
    source = None
    if branch.source is not None:
        at = np.clip(np.searchsorted(places, fractions), 0, len(places) - 1)
        source = np.where(np.abs(places[at] - fractions) < 1e-9, branch.source[at], -1)
    return replace(branch, xyz=xyz, radius=radius, source=source)


def _counted(branch):
    return branch.name == "" or re.fullmatch(re.escape(branch.type) + r"\[\d+\]", branch.name) is not None


def _renamed(branches):
    """Branches whose names differ: those that are a type and a number are counted anew where they have to be."""
    taken: set[str] = set()
    count: dict[str, int] = {}
    named = []
    for branch in branches:
        name = branch.name
        if not name or name in taken:
            k = count.get(branch.type, 0)
            while (name := f"{branch.type}[{k}]") in taken:
                k += 1
            count[branch.type] = k + 1
        taken.add(name)
        named.append(branch if name == branch.name else replace(branch, name=name))
    return named
