"""From a morphology and a rule to compartments: areas, axial resistances and the tree."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from brainsim.cells.compartments.branch_tree import BranchTree
from brainsim.cells.compartments.compartments import Compartments
from brainsim.cells.compartments.rules import DLambda, RuleLike, counts
from brainsim.cells.morphologies.cones import Cones
from brainsim.cells.morphologies.morphology import Morphology


def discretise(morphology: Morphology, rule: RuleLike | None = None) -> Compartments:
    """Cut every branch into compartments of equal length.

    Areas and axial resistances are exact integrals over the truncated cones of each compartment, its two halves apart,
    as NEURON computes them from 3-d points. A branch that grows from the end of another (``at`` 0 or 1) meets the others
    there in a branch point; one that grows between joins the compartment whose range holds ``at``. At the
    start of a branch that has a parent itself, it joins where that branch does. The membrane is the area of the cones times
    the branch's ``area_factor``, and ``spine_area`` per length beside.

    Parameters
    ----------
    morphology : Morphology
        The cell.
    rule : rule, int or array of int (branches,), optional
        How many compartments each branch gets: :class:`PerBranch`, :class:`MaxLength`, :class:`DLambda` (0.1 at 100 Hz,
        the default), the same number for all, or one number per branch.

    Returns
    -------
    Compartments
        In the order of the branches, each from its start outwards.

    Raises
    ------
    ValueError
        For numbers that are not whole and positive; names the branch.
    """
    n = counts(DLambda() if rule is None else rule, morphology)
    cones, lengths = morphology.cones, morphology.cones.of_branches
    first = np.cumsum(n) - n
    branch = np.repeat(np.arange(len(n)), n)
    x = (np.arange(n.sum()) - first[branch] + 0.5) / n[branch]
    area, thickness, resistance = _integrals(cones, lengths, n, first)
    branches = BranchTree.of([morphology])
    tree = _tree(morphology, branches, n, first, resistance)
    length = (lengths / n)[branch]
    factor, spines = np.array([(b.area_factor, b.spine_area) for b in morphology]).T
    membrane = area * factor[branch] + length * spines[branch]
    return Compartments(
        parent=tree.parent,
        r_own=tree.r_own,
        r_parent=tree.r_parent,
        area=membrane,
        length=length,
        diameter=thickness / length,
        branch=branch,
        x=x,
        type=np.array([b.type for b in morphology])[branch],
        distance=branches.start[branch] + x * lengths[branch],
        order=tree.order[branch],
        xyz=_points_at(cones, lengths, branch, x),
        spines=membrane / area,
        cell=np.zeros(len(branch), int),
        morphologies=(morphology,),
    )


def _integrals(cones: Cones, lengths: np.ndarray, n: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, ...]:
    """Area and integral of the diameter of each compartment, and of 1 / (pi r^2) over each half: (n,), (n,), (n, 2).

    Every cone is cut where a half begins or ends. A ring (a cone without length, where the radius jumps) counts to
    the half that begins there.
    """
    stops = cones.stop
    starts = stops - cones.length
    half = (lengths / (2 * n))[cones.branch]
    last = 2 * n[cones.branch] - 1
    lowest = np.minimum(np.floor(starts / half).astype(int), last)
    highest = np.clip(np.ceil(stops / half).astype(int) - 1, lowest, last)
    pieces = highest - lowest + 1
    cone = np.repeat(np.arange(len(half)), pieces)
    number = np.arange(len(cone)) - np.repeat(np.cumsum(pieces) - pieces, pieces) + lowest[cone]

    start, stop = starts[cone], stops[cone]
    a = np.where(number == lowest[cone], start, np.clip(number * half[cone], start, stop))
    b = np.where(number == highest[cone], stop, np.clip((number + 1) * half[cone], start, stop))
    whole = np.where(stop > start, stop - start, 1.0)
    near, far = cones.r_a[cone], cones.r_b[cone]
    r_a = near + (far - near) * (a - start) / whole
    r_b = np.where(b == stop, far, near + (far - near) * (b - start) / whole)

    index = 2 * first[cones.branch[cone]] + number
    size = 2 * int(n.sum())

    def total(values):
        return np.bincount(index, values, size).reshape(-1, 2)

    area = total(np.pi * (r_a + r_b) * np.hypot(b - a, r_b - r_a)).sum(1)
    return area, total((b - a) * (r_a + r_b)).sum(1), total((b - a) / (np.pi * r_a * r_b))


class _Tree(NamedTuple):
    parent: np.ndarray
    r_own: np.ndarray
    r_parent: np.ndarray
    order: np.ndarray  # of the branches


def _tree(
    morphology: Morphology, branches: BranchTree, n: np.ndarray, first: np.ndarray, resistance: np.ndarray
) -> _Tree:
    """Join compartments: along branches, at ends, in branch points and from the side."""
    towards, away = resistance.T
    total = int(n.sum())
    parent = np.arange(total) - 1
    r_own = towards.copy()
    r_parent = np.concatenate([[0.0], away[:-1]])

    on, at = branches.joints()
    grown = np.flatnonzero(on >= 0)  # branches that have a parent
    at_end = grown[(at[grown] == 0) | (at[grown] == 1)]
    ends, which, met = np.unique(2 * on[at_end] + (at[at_end] == 1), return_inverse=True, return_counts=True)
    # The compartment at each end that something grows from, and the half between its centre and the end.
    beyond = ends % 2 == 1
    compartment = np.where(beyond, first[ends // 2] + n[ends // 2] - 1, first[ends // 2])
    remaining = np.where(beyond, away[compartment], towards[compartment])
    is_point = met > 1
    point = total + np.cumsum(is_point) - 1

    parent[first] = -1
    r_parent[first] = 0.0
    parent[first[at_end]] = np.where(is_point, point, compartment)[which]
    r_parent[first[at_end]] = np.where(is_point, 0.0, remaining)[which]
    sides = grown[(at[grown] > 0) & (at[grown] < 1)]
    of = on[sides]
    parent[first[sides]] = first[of] + np.minimum((at[sides] * n[of]).astype(int), n[of] - 1)

    branching = np.ones(len(n), bool)
    branching[at_end] = is_point[which]
    return _Tree(
        np.concatenate([parent, compartment[is_point]]),
        np.concatenate([r_own, np.zeros(is_point.sum())]),
        np.concatenate([r_parent, remaining[is_point]]),
        _orders(morphology, on, branching),
    )


def _orders(morphology: Morphology, on: np.ndarray, branching: np.ndarray) -> np.ndarray:
    orders: list[int] = []
    types = [branch.type for branch in morphology]
    for kind, parent, counts_one in zip(types, on.tolist(), branching.tolist()):
        orders.append(0 if parent < 0 else orders[parent] + (counts_one or kind != types[parent]))
    return np.array(orders, int)


def _points_at(cones: Cones, lengths: np.ndarray, branch: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Coordinates of places on branches: (places, 3)."""
    before = np.cumsum(lengths) - lengths
    along = x * lengths[branch]
    start = cones.stop - cones.length
    k = np.searchsorted(before[cones.branch] + start, before[branch] + along, side="right") - 1
    whole = np.where(cones.length > 0, cones.length, 1.0)[k]
    fraction = np.clip((along - start[k]) / whole, 0, 1)[:, None]
    return cones.a[k] * (1 - fraction) + cones.b[k] * fraction
