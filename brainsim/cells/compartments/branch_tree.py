"""The tree of branches under compartments: paths, subtrees, and what lies where on a branch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from brainsim.cells.morphologies.morphology import Morphology


class BranchTree(NamedTuple):
    """Branches of all cells, numbered on: where each joins another and where it begins. Parents come first."""

    parent: np.ndarray
    at: np.ndarray
    length: np.ndarray
    start: np.ndarray  # path from the root of the tree to the branch's start, um
    cell: np.ndarray

    @classmethod
    def of(cls, morphologies: Sequence[Morphology]) -> BranchTree:
        parent, at, length, start, cell = [], [], [], [], []
        for number, shape in enumerate(morphologies):
            before = len(parent)
            for branch, own in zip(shape, shape.cones.of_branches.tolist()):
                parent.append(branch.parent + before if branch.parent >= 0 else -1)
                at.append(float(branch.at))
                length.append(own)
                start.append(start[parent[-1]] + at[-1] * length[parent[-1]] if branch.parent >= 0 else 0.0)
                cell.append(number)
        return cls(np.array(parent), np.array(at), np.array(length), np.array(start), np.array(cell))

    def joints(self) -> tuple[np.ndarray, np.ndarray]:
        """``(on, at)``: what each branch joins and where, -1 for roots.

        What grows from the start of a branch that has a parent joins where that branch does.
        """
        on, at = self.parent.tolist(), self.at.tolist()
        for k, (parent, x) in enumerate(zip(on, at)):
            if parent >= 0 and x == 0 and on[parent] >= 0:
                on[k], at[k] = on[parent], at[parent]
        return np.array(on, int), np.array(at, float)

    def branches_beside(self, branch: int) -> slice:
        """The branches of the same cell."""
        return slice(*np.searchsorted(self.cell, [self.cell[branch], self.cell[branch] + 1]).tolist())

    def paths_from(self, branch: int, x: float) -> tuple[np.ndarray, np.ndarray]:
        """``(base, pivot)`` for the branches of the same cell, infinite in other trees.

        The path from the place to x on branch b is base[b] + |x - pivot[b]| length[b].
        """
        cell = self.branches_beside(branch)
        base, pivot = np.full(cell.stop - cell.start, np.inf), np.zeros(cell.stop - cell.start)
        way, k, path = set(), branch, 0.0
        while k >= 0:
            base[k - cell.start], pivot[k - cell.start] = path, x
            way.add(k)
            path, x, k = path + x * self.length[k], self.at[k], int(self.parent[k])
        for k, (p, at) in enumerate(zip(self.parent[cell].tolist(), self.at[cell].tolist())):
            if p >= 0 and k + cell.start not in way:
                base[k] = base[p - cell.start] + abs(at - pivot[p - cell.start]) * self.length[p]
        return base, pivot

    def below(self, branch: int, x: float) -> np.ndarray:
        """From which fraction on each branch of the same cell lies beyond a place; infinite where none of it does."""
        cell = self.branches_beside(branch)
        begins = np.full(cell.stop - cell.start, np.inf)
        begins[branch - cell.start] = x
        for k in range(branch + 1, cell.stop):
            if self.parent[k] >= 0 and self.at[k] >= begins[self.parent[k] - cell.start]:
                begins[k - cell.start] = 0.0
        return begins

    def above(self, branch: int, x: float) -> np.ndarray:
        """Up to which fraction each branch of the same cell lies on the way from the root to a place; -1 where none does."""
        cell = self.branches_beside(branch)
        ends = np.full(cell.stop - cell.start, -1.0)
        while branch >= 0:
            ends[branch - cell.start] = x
            branch, x = int(self.parent[branch]), self.at[branch]
        return ends
