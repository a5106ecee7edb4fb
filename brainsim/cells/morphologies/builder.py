"""Morphologies built branch by branch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import count

import brainunit as u
import numpy as np

from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import QuantityLike, in_unit
from brainsim.cells.morphologies._layout import Straight, placed
from brainsim.cells.morphologies.morphology import Branch, Morphology


class Builder:
    """Build a morphology branch by branch.

    Branches are straight. Where no direction is given they fan out in the plane, so that a picture shows them all:
    every subtree gets a wedge as wide as its share of the tips. Positions have no effect on the electrical model.

    Parameters
    ----------
    start : Morphology, optional
        What to add to.

    Examples
    --------
    >>> import brainunit as u
    >>> from brainsim.cells import Builder
    >>> cell = Builder()
    >>> soma = cell.add(20 * u.um, 20 * u.um, type="soma")
    >>> trunk = cell.add(300 * u.um, [3, 2] * u.um, type="apic", parent=soma)
    >>> tuft = [cell.add(150 * u.um, 1 * u.um, type="apic", parent=trunk) for _ in range(2)]
    >>> cell.build()
    Morphology(4 branches: 1 soma, 3 apic; 620 um long)
    """

    def __init__(self, start: Morphology | None = None):
        self._branches: list[Branch | Straight] = [] if start is None else list(start.branches)
        self._labels: dict[str, list[int]] = {} if start is None else {k: v.tolist() for k, v in start.labels.items()}
        self._named = {branch.name: k for k, branch in enumerate(self._branches) if branch.name}
        self._count = Counter(branch.type for branch in self._branches)

    def add(
        self,
        length: QuantityLike,
        diameter: QuantityLike,
        *,
        type: str = "dend",
        parent: int | str | None = None,
        at: float = 1.0,
        name: str = "",
        direction: Sequence[float] | None = None,
        labels: Sequence[str] = (),
    ) -> int:
        """Add a branch.

        Parameters
        ----------
        length : quantity
            Its length.
        diameter : quantity, scalar or (k,)
            Its diameter, or diameters at k evenly spaced points from its start to its end.
        type : str
            ``"soma"``, ``"axon"``, ``"dend"``, ``"apic"`` or a name of one's own.
        parent : int or str, optional
            Index or name of the branch that it grows from; without it the branch is the root of a tree.
        at : float
            Where on the parent, as a fraction of the parent's length.
        name : str, optional
            Its name; ``"dend[3]"`` for the fourth of its type if not given.
        direction : 3 floats, optional
            Where it points.
        labels : sequence of str, optional
            Named groups that it belongs to.

        Returns
        -------
        int
            Its index, for ``parent`` of others.

        Raises
        ------
        ValueError, UnitError, UnknownNameError
            For lengths or diameters that are not positive or no lengths, and a parent that does not exist.
        """
        index = len(self._branches)
        what = f"Builder: branch {name or index}"
        names = self._named
        arc = positive(length, f"{what}: length", (0,))
        radius = np.atleast_1d(positive(diameter, f"{what}: diameter", (0, 1))) / 2
        radius = np.repeat(radius, 2) if len(radius) == 1 else radius
        if isinstance(parent, str):
            if parent not in names:
                raise UnknownNameError(f"{what}: there is no branch {parent!r}.{suggestion(parent, names)}")
            parent = names[parent]
        if parent is not None and not 0 <= parent < index:
            raise ValueError(f"{what}: its parent must be one of the {index} branches so far, given {parent}.")
        if not 0 <= at <= 1:
            raise ValueError(f"{what}: grows at a fraction of its parent's length from 0 to 1, given {at}.")
        if name in names:
            raise ValueError(f"{what}: another branch has this name.")
        heading = None if direction is None else np.asarray(direction, float)
        if heading is not None and (heading.shape != (3,) or not 0 < np.linalg.norm(heading) < np.inf):
            raise ValueError(f"{what}: direction must be three numbers, not all zero, given {direction}.")
        if not name:
            name = next(n for k in count(self._count[type]) if (n := f"{type}[{k}]") not in names)
        arc = np.linspace(0, arc, len(radius))
        where = -1 if parent is None else int(parent)
        self._branches.append(Straight(arc, radius, type, where, float(at), name, heading))
        self._named[name] = index
        self._count[type] += 1
        for label in labels:
            self._labels.setdefault(label, []).append(index)
        return index

    def build(self) -> Morphology:
        """The morphology as it stands; more branches may be added after."""
        return Morphology(placed(self._branches), self._labels)


def positive(value: QuantityLike, what: str, dimensions: tuple[int, ...]) -> np.ndarray:
    """A positive length in µm, or a row of such."""
    number = np.asarray(in_unit(value, u.um, what), float)
    if number.ndim not in dimensions or not number.size or not (np.isfinite(number) & (number > 0)).all():
        shape = " or a row of such" if 1 in dimensions else ""
        raise ValueError(f"{what} must be a positive length{shape}, given {value}.")
    return number
