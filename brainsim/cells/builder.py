"""Morphologies from numbers: cylinders, cables, ball and stick, trees by the 3/2 rule, and branch by branch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import brainunit as u
import numpy as np

from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import QuantityLike, in_unit
from brainsim.cells.morphology import Branch, Morphology

#: The angle that the branches of one end may fan out over.
_FAN = np.deg2rad(150.0)


@dataclass(frozen=True, eq=False)
class _Straight:
    """A branch that has no place yet: arc lengths and radii of its points, in µm."""

    arc: np.ndarray
    radius: np.ndarray
    type: str
    parent: int
    at: float
    name: str
    direction: np.ndarray | None


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
        self._branches: list[Branch | _Straight] = [] if start is None else list(start.branches)
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
        arc = _positive(length, f"{what}: length", (0,))
        radius = np.atleast_1d(_positive(diameter, f"{what}: diameter", (0, 1))) / 2
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
        self._branches.append(_Straight(arc, radius, type, where, float(at), name, heading))
        self._named[name] = index
        self._count[type] += 1
        for label in labels:
            self._labels.setdefault(label, []).append(index)
        return index

    def build(self) -> Morphology:
        """The morphology as it stands; more branches may be added after."""
        return Morphology(_placed(self._branches), self._labels)


def _positive(value, what, dimensions):
    number = np.asarray(in_unit(value, u.um, what), float)
    if number.ndim not in dimensions or not number.size or not (np.isfinite(number) & (number > 0)).all():
        shape = " or a row of such" if 1 in dimensions else ""
        raise ValueError(f"{what} must be a positive length{shape}, given {value}.")
    return number


def _placed(branches):
    """Branches with positions, for those that have none."""
    parents = np.array([branch.parent for branch in branches], int)
    tips = np.ones(len(branches))
    tips[parents[parents >= 0]] = 0
    for k in range(len(branches) - 1, -1, -1):
        if parents[k] >= 0:
            tips[parents[k]] += tips[k]
    children: dict[int, list[int]] = {}
    for k, p in enumerate(parents.tolist()):
        children.setdefault(p, []).append(k)
    placed: list[Branch] = []
    wedge: dict[int, tuple[float, float]] = {}  # middle and width of the angles of a branch and what grows from it
    width = max((float(np.ptp(b.xyz[:, 0])) for b in branches if isinstance(b, Branch)), default=0.0)
    for k, branch in enumerate(branches):
        if isinstance(branch, _Straight):
            parent = placed[branch.parent] if branch.parent >= 0 else None
            middle, fan = wedge.get(k, (np.pi / 2, _FAN))
            direction = branch.direction
            if direction is None:
                direction = np.array([np.cos(middle), np.sin(middle), 0.0])
            direction = direction / np.linalg.norm(direction)
            if parent is None:
                start = np.array([width, 0.0, 0.0]) if placed else np.zeros(3)
            else:
                start = parent.xyz[-1] if branch.at == 1 else _along(parent, branch.at)
                if parent.type == "soma" and 0 < branch.at < 1:
                    start = start + direction * np.interp(branch.at, [0, 1], parent.radius[[0, -1]])
            xyz = start + branch.arc[:, None] * direction
            branch = Branch(xyz, branch.radius, branch.type, branch.parent, branch.at, branch.name)
            width = max(width, xyz[:, 0].max()) + (2.0 * branch.length_um if parent is None else 0.0)
        else:
            fan = _FAN
        placed.append(branch)
        axis = branch.xyz[-1] - branch.xyz[0]
        _divide(wedge, children.get(k, []), branches, tips, np.arctan2(axis[1], axis[0]), fan)
    return placed


def _along(branch, at):
    """The place at a fraction of the length."""
    return np.array([np.interp(at, branch.fractions, x) for x in branch.xyz.T])


def _divide(wedge, children, branches, tips, axis, fan):
    """Give every child its share of the angles: around the axis ahead, behind, and at both sides in between."""
    inside = [k for k in children if 0 < branches[k].at < 1]
    groups = (
        ([k for k in children if branches[k].at == 1], axis),
        ([k for k in children if branches[k].at == 0], axis + np.pi),
        (inside[::2], axis - np.pi / 2),
        (inside[1::2], axis + np.pi / 2),
    )
    for group, middle in groups:
        edge = middle - fan / 2
        for k in group:
            share = fan * tips[k] / sum(tips[g] for g in group)
            wedge[k] = edge + share / 2, share
            edge += share


def cylinder(length: QuantityLike, diameter: QuantityLike, *, type: str = "soma") -> Morphology:
    """One branch of constant diameter, or tapered where several diameters are given.

    Parameters
    ----------
    length : quantity
    diameter : quantity, scalar or (k,)
        At k evenly spaced points.
    type : str
        Type of the branch.
    """
    return cable(length, diameter, type=type)


def cable(length: QuantityLike, diameter: QuantityLike, *, type: str = "dend", branches: int = 1) -> Morphology:
    """A cable, as one branch or as several in a row.

    Parameters
    ----------
    length : quantity
        Length of the whole.
    diameter : quantity, scalar or (k,)
        Diameter, or diameters at k evenly spaced points of the whole.
    type : str
        Type of the branches.
    branches : int
        How many branches of equal length follow each other.
    """
    if branches < 1:
        raise ValueError(f"cable: branches must be at least 1, given {branches}.")
    long = float(_positive(length, "cable: length", (0,)))
    given = np.atleast_1d(_positive(diameter, "cable: diameter", (0, 1)))
    builder = Builder()
    places = np.linspace(0, 1, len(given)) if len(given) > 1 else np.zeros(1)
    per = max(2, int(np.ceil((len(given) - 1) / branches)) + 1)
    for k in range(branches):
        at = np.linspace(k, k + 1, per) / branches
        builder.add(
            long / branches * u.um,
            np.interp(at, places, given) * u.um,
            type=type,
            parent=k - 1 if k else None,
            direction=(1.0, 0.0, 0.0),
        )
    return builder.build()


def ball_and_stick(
    soma: QuantityLike = 20.0 * u.um, length: QuantityLike = 500.0 * u.um, diameter: QuantityLike = 2.0 * u.um
) -> Morphology:
    """A soma and one dendrite that grows from its end.

    Parameters
    ----------
    soma : quantity
        Diameter and length of the soma: a cylinder with the area of the sphere.
    length, diameter : quantity
        Those of the dendrite.
    """
    builder = Builder()
    ball = builder.add(soma, soma, type="soma", direction=(1.0, 0.0, 0.0))
    builder.add(length, diameter, type="dend", parent=ball, direction=(1.0, 0.0, 0.0))
    return builder.build()


def rall_tree(
    depth: int,
    *,
    diameter: QuantityLike = 16.0 * u.um,
    length: QuantityLike = 32.0 * u.um,
    children: int = 2,
    exponent: float = 1.5,
    soma: QuantityLike | None = None,
    type: str = "dend",
) -> Morphology:
    r"""A tree that is equivalent to one cylinder.

    .. math:: d_\text{parent}^{3/2} = \sum d_\text{child}^{3/2},\qquad l \propto \sqrt d

    All branches have the same electrotonic length, so that the tree seen from its trunk is a cylinder of the trunk's
    diameter, ``depth`` times as long. The default is that of Rallpack 2 with ``depth=10``: 1,023 branches.

    Parameters
    ----------
    depth : int
        Levels, the trunk included: :math:`2^\text{depth} - 1` branches.
    diameter, length : quantity
        Those of the trunk.
    children : int
        Branches that grow from each end.
    exponent : float
        The 3/2 of the rule.
    soma : quantity, optional
        Diameter of a soma that the trunk grows from.
    type : str
        Type of the branches.

    References
    ----------
    Rall (1962), Ann. N. Y. Acad. Sci. 96. Bhalla, Bilitch and Bower (1992), Trends Neurosci. 15 (Rallpacks).
    """
    if depth < 1 or children < 1:
        raise ValueError(f"rall_tree: depth and children must be at least 1, given {depth} and {children}.")
    if not exponent > 0:
        raise ValueError(f"rall_tree: exponent must be positive, given {exponent}.")
    trunk = float(_positive(diameter, "rall_tree: diameter", (0,)))
    long = float(_positive(length, "rall_tree: length", (0,)))
    builder = Builder()
    level: list[int | None] = [None if soma is None else builder.add(soma, soma, type="soma")]
    for k in range(depth):
        ratio = children ** (-k / exponent)
        size = long * np.sqrt(ratio) * u.um, trunk * ratio * u.um
        growing = level if k == 0 else [parent for parent in level for _ in range(children)]
        level = [builder.add(*size, type=type, parent=parent) for parent in growing]
    return builder.build()
