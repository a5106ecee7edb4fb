"""The truncated cones that branches are made of, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

if TYPE_CHECKING:
    from brainsim.cells.morphologies.morphology import Branch


class Cones(NamedTuple):
    """The cones of all branches, one after another: (cones,) each, in µm."""

    branch: np.ndarray  # the branch of each
    a: np.ndarray  # (cones, 3): the end nearer to the root
    b: np.ndarray
    r_a: np.ndarray
    r_b: np.ndarray
    length: np.ndarray

    @classmethod
    def of(cls, branches: Sequence[Branch]) -> Self:
        index = np.repeat(np.arange(len(branches)), [len(branch.radius) for branch in branches])
        xyz = np.concatenate([branch.xyz for branch in branches]).astype(float)
        radius = np.concatenate([branch.radius for branch in branches]).astype(float)
        k = np.flatnonzero(index[1:] == index[:-1])
        length = np.linalg.norm(xyz[k + 1] - xyz[k], axis=1)
        return cls(index[k], xyz[k], xyz[k + 1], radius[k], radius[k + 1], length)

    @property
    def of_branches(self) -> np.ndarray:
        """Length of every branch: (branches,)."""
        return np.bincount(self.branch, self.length)

    @property
    def stop(self) -> np.ndarray:
        """Where on its branch each cone ends, along the branch."""
        first = np.searchsorted(self.branch, self.branch)
        along = np.cumsum(self.length)
        return along - (along[first] - self.length[first])
