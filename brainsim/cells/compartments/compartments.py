"""Compartments: what the equations of a cell are solved on. Plain arrays; functions of a morphology and a rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import brainunit as u
import numpy as np
from numpy.typing import ArrayLike

from brainsim._units import NumberLike, in_unit, split_quantity
from brainsim.cells.compartments.branch_tree import BranchTree
from brainsim.cells.morphologies.morphology import Morphology


@dataclass(frozen=True, eq=False, repr=False)
class Compartments:
    r"""A cell, or several, cut into n compartments that m branch points join.

    Nodes 0 to n - 1 are the compartments: those of a branch stand together, from the end that is nearer to the root
    outwards, branches in the order of the morphology. Nodes n to n + m - 1 are the branch points: they have no membrane
    and are made only where several branches meet at the end of one. Made by :func:`discretise`. Lengths are in µm.

    Parameters
    ----------
    parent : array of int (n + m,)
        Node that lies next to each on the way to the root of its tree; -1 for roots.
    r_own, r_parent : array (n + m,)
        Integrals :math:`\int dx / \pi r^2` in 1/µm, from the node's centre to its border with the parent, and from there
        to the parent's centre. Zero for a branch point, and on the parent's side where a branch grows from the
        middle of another's compartment.
    area : array (n,)
        Area of the membrane, in µm², spines included.
    length, diameter : array (n,)
        Length, and mean of the diameter over it.
    branch : array of int (n,)
        Index of the branch in the morphology (counted on over the cells that are joined).
    x : array (n,)
        Centre, as a fraction of the branch's length.
    type : array of str (n,)
        Type of the branch.
    distance : array (n,)
        Length of the path from the start of the tree's root to the centre.
    order : array of int (n,)
        Number of branchings on the way from the root: 0 in its branch. What only continues a branch of the same type does
        not count.
    xyz : array (n, 3)
        Place of the centre.
    spines : array (n,)
        Area over that of the cones: what spines add (Holmes and Woody 1989). ``area`` has it in, lengths and
        resistances do not.
    cell : array of int (n,)
        Index of the cell.
    morphologies : tuple of Morphology
        The shape of each cell.
    """

    parent: np.ndarray
    r_own: np.ndarray
    r_parent: np.ndarray
    area: np.ndarray
    length: np.ndarray
    diameter: np.ndarray
    branch: np.ndarray
    x: np.ndarray
    type: np.ndarray
    distance: np.ndarray
    order: np.ndarray
    xyz: np.ndarray
    spines: np.ndarray
    cell: np.ndarray
    morphologies: tuple[Morphology, ...]

    def __len__(self) -> int:
        return len(self.area)

    @property
    def n_nodes(self) -> int:
        """Compartments and branch points."""
        return len(self.parent)

    @property
    def roots(self) -> np.ndarray:
        """The compartment at the root of each tree."""
        return np.flatnonzero(self.parent < 0)

    @property
    def types(self) -> tuple[str, ...]:
        """The types of branches that occur, in the order of their first."""
        return tuple(dict.fromkeys(kind for shape in self.morphologies for kind in shape.types))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the morphologies."""
        return tuple(dict.fromkeys(name for shape in self.morphologies for name in shape.labels))

    @cached_property
    def first_branch(self) -> np.ndarray:
        """Index of each cell's first branch: (cells,)."""
        return np.cumsum([0, *(len(shape) for shape in self.morphologies)])[:-1]

    @cached_property
    def tree(self) -> BranchTree:
        """The tree of branches, of all cells."""
        return BranchTree.of(self.morphologies)

    @cached_property
    def first(self) -> np.ndarray:
        """Index of each branch's first compartment, and n at the end: (branches + 1,)."""
        branches = sum(len(shape) for shape in self.morphologies)
        return np.searchsorted(self.branch, np.arange(branches + 1))

    def index(self, branch: ArrayLike, x: ArrayLike) -> np.ndarray:
        """The compartments that hold places.

        Parameters
        ----------
        branch : array of int
            Index of each branch, counted on over cells.
        x : array
            Fraction of its length, from 0 to 1. Where two compartments meet it is the further one.

        Returns
        -------
        array of int
        """
        branch = np.asarray(branch, int)
        n = self.first[branch + 1] - self.first[branch]
        return self.first[branch] + np.minimum((np.asarray(x) * n).astype(int), n - 1)

    def describe(self, index: int) -> str:
        """Where a compartment is, for people: ``"dend[3](0.5)"``, with the cell if there are several."""
        cell, branch = int(self.cell[index]), int(self.branch[index])
        within = branch - int(self.first_branch[cell])
        one = self.morphologies[cell][within]
        name = one.name or f"branch {within}, {one.type} "
        return (f"cell {cell}, " if len(self.morphologies) > 1 else "") + f"{name}({self.x[index]:.3g})"

    def coupling(self, R_a: NumberLike) -> u.Quantity:
        """Axial conductance between every node and its parent: 1 / (R_a[i] r_own[i] + R_a[parent] r_parent[i]).

        Parameters
        ----------
        R_a : Quantity (), (n,) or (..., n)
            Axial resistivity, one for all or one per compartment; of numpy or of JAX, differentiable.

        Returns
        -------
        Quantity (n + m,) or (..., n + m)
            In µS; 0 at roots.
        """
        resistivity, _ = split_quantity(in_unit(R_a, u.ohm * u.cm, "Compartments.coupling: R_a"))
        if isinstance(resistivity, int | float | list | tuple):
            resistivity = np.asarray(resistivity, float)
        shape, n = np.shape(resistivity), len(self)
        if shape and shape[-1] != n:
            raise ValueError(
                f"Compartments.coupling: R_a is one value or one for each of {n} compartments, given {shape}."
            )
        dtype = resistivity.dtype if np.issubdtype(resistivity.dtype, np.floating) else float
        couples, r_own, r_parent = (
            np.asarray(a, dtype).reshape((1,) * (len(shape) - 1) + (-1,))
            for a in (self.parent >= 0, self.r_own, self.r_parent)
        )
        # ohm cm / um is 1e4 ohm, and its inverse 100 uS. Nothing couples a root.
        return u.Quantity(100 * couples / resistances(resistivity, self.parent, r_own, r_parent), unit=u.uS)

    def with_spines(self, factor: Any) -> Compartments:
        """The same with the area of the membrane times a factor, on top of what the morphology has.

        Parameters
        ----------
        factor : float, array (n,) or ByPlace
            Area with spines over area without: 1 where there are none.

        Raises
        ------
        ValueError
            For a factor below 1.
        """
        factor = factor.on(self) if hasattr(factor, "on") else factor
        factor = np.asarray(factor, float)
        if factor.shape not in ((), (len(self),)):
            raise ValueError(
                f"with_spines: one factor or one for each of {len(self)} compartments, given {factor.shape}."
            )
        bad = ~(np.isfinite(factor) & (factor >= 1))
        if bad.any():
            raise ValueError(
                f"with_spines: spines do not make the area smaller, given the factor {factor[bad].flat[0]}."
            )
        return replace(self, area=self.area * factor, spines=self.spines * factor)

    @staticmethod
    def join(parts: Sequence[Compartments]) -> Compartments:
        """Several as one, in order, compartments first and all branch points after; cells and branches are counted on."""
        if not parts:
            raise ValueError("Compartments.join: there is nothing to join.")
        sizes = np.array([len(part) for part in parts])
        points = np.array([part.n_nodes for part in parts]) - sizes
        compartments_before, points_before = np.cumsum(sizes) - sizes, np.cumsum(points) - points
        total = int(sizes.sum())

        def nodes(name: str, change=lambda array, k: array) -> np.ndarray:
            arrays = [change(getattr(part, name), k) for k, part in enumerate(parts)]
            return np.concatenate([a[:n] for a, n in zip(arrays, sizes)] + [a[n:] for a, n in zip(arrays, sizes)])

        def renumbered(parent, k):
            ahead = np.where(parent < sizes[k], compartments_before[k], total + points_before[k] - sizes[k])
            return np.where(parent < 0, -1, parent + ahead)

        def counted(name: str, amounts) -> np.ndarray:
            before = np.cumsum(amounts) - amounts
            return np.concatenate([getattr(part, name) + k for part, k in zip(parts, before)])

        shapes = [part.morphologies for part in parts]
        special: dict[str, Any] = {
            "parent": nodes("parent", renumbered),
            "r_own": nodes("r_own"),
            "r_parent": nodes("r_parent"),
            "branch": counted("branch", np.array([sum(len(one) for one in some) for some in shapes])),
            "cell": counted("cell", np.array([len(some) for some in shapes])),
            "morphologies": sum(shapes, ()),
        }
        for name in (f.name for f in fields(Compartments) if f.name not in special):
            special[name] = np.concatenate([getattr(part, name) for part in parts])
        return Compartments(**special)

    def __repr__(self) -> str:
        cells = f" of {len(self.morphologies)} cells" if len(self.morphologies) > 1 else ""
        return (
            f"Compartments({len(self)}{cells}, {self.n_nodes - len(self)} branch points; "
            f"{self.length.sum():,.0f} um long, {self.area.sum():,.0f} um2)"
        )


def resistances(R_a: Any, parent: Any, r_own: Any, r_parent: Any) -> Any:
    """Resistance between each node and its parent, in ohm cm / um; that of a root means nothing.

    Parameters
    ----------
    R_a : float array () or (..., n), of numpy or JAX
        Axial resistivity in ohm cm, of all compartments or each: nodes 0 to n - 1.
    parent, r_own, r_parent : arrays (nodes,)
        As of :class:`Compartments`.

    Returns
    -------
    float array (nodes,) or (..., nodes)
    """
    if not np.ndim(R_a):
        return R_a * (r_own + r_parent)
    # Branch points have no way of their own: any compartment stands for them
    n, nodes = R_a.shape[-1], np.arange(len(parent))
    inside = (parent >= 0) & (parent < n)
    return R_a[..., np.where(nodes < n, nodes, 0)] * r_own + R_a[..., parent * inside] * r_parent
