"""What can be measured on a morphology: areas, volumes, distances, orders, Sholl's intersections."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import brainunit as u
import numpy as np

from brainsim._units import NumberLike, in_unit

if TYPE_CHECKING:
    from brainsim.cells.morphologies.morphology import Morphology


class Measures:
    r"""Measures of a morphology; ``morphology.measures`` gives them.

    A branch is a chain of truncated cones with radii r and s at the ends and height h:

    .. math::

        A = \sum \pi (r + s) \sqrt{h^2 + (r - s)^2},\qquad V = \sum \tfrac{\pi}{3} h\,(r^2 + r s + s^2)

    Distances along the path count from the start of the tree's root. Straight ones count from the centre: the middle of
    the root where it is a soma, else its start.

    Parameters
    ----------
    morphology : Morphology
    """

    def __init__(self, morphology: Morphology):
        self._branches = morphology.branches
        self._cones = morphology.cones
        self._parents = morphology.parents
        self._at = np.array([branch.at for branch in self._branches])
        self._types = np.array([branch.type for branch in self._branches])

    def _sum(self, values):
        return np.bincount(self._cones.branch, values, len(self._branches))

    @cached_property
    def lengths(self) -> u.Quantity:
        """Length of every branch along its points: (branches,)."""
        return _of(self._sum(self._cones.length), u.um)

    @cached_property
    def areas(self) -> u.Quantity:
        """Area of every branch's membrane, without its ends: (branches,)."""
        _, _, _, r, s, h = self._cones
        return _of(self._sum(np.pi * (r + s) * np.hypot(h, r - s)), u.um**2)

    @cached_property
    def volumes(self) -> u.Quantity:
        """Volume of every branch: (branches,)."""
        _, _, _, r, s, h = self._cones
        return _of(self._sum(np.pi / 3 * h * (r * r + r * s + s * s)), u.um**3)

    @cached_property
    def diameters(self) -> u.Quantity:
        """Mean diameter over the length of every branch: (branches,)."""
        _, _, _, r, s, h = self._cones
        return _of(self._sum((r + s) * h) / _plain(self.lengths), u.um)

    @property
    def area(self) -> u.Quantity:
        """Area of the whole."""
        return _of(_plain(self.areas).sum(), u.um**2)

    @property
    def volume(self) -> u.Quantity:
        """Volume of the whole."""
        return _of(_plain(self.volumes).sum(), u.um**3)

    @property
    def length(self) -> u.Quantity:
        """Length of all branches together."""
        return _of(_plain(self.lengths).sum(), u.um)

    @cached_property
    def by_type(self) -> dict[str, dict[str, Any]]:
        """For every type of branch: ``branches`` (how many), ``length``, ``area`` and ``volume``."""
        return {
            kind: {"branches": int(own.sum())}
            | {
                name: _of(_plain(all_of)[own].sum(), all_of.unit)
                for name, all_of in (("length", self.lengths), ("area", self.areas), ("volume", self.volumes))
            }
            for kind in dict.fromkeys(self._types.tolist())
            for own in [self._types == kind]
        }

    @cached_property
    def path_distances(self) -> u.Quantity:
        """Length of the path from the start of the root to both ends of every branch: (branches, 2)."""
        lengths = _plain(self.lengths)
        starts: list[float] = []
        for p, at in zip(self._parents.tolist(), self._at.tolist(), strict=True):
            starts.append(0.0 if p < 0 else starts[p] + at * lengths[p])
        start = np.array(starts)
        return _of(np.stack([start, start + lengths], axis=1), u.um)

    @cached_property
    def centers(self) -> u.Quantity:
        """Centre of the tree that each branch belongs to: (branches, 3)."""
        centers = np.zeros((len(self._branches), 3))
        for k, branch in enumerate(self._branches):
            if branch.parent >= 0:
                centers[k] = centers[branch.parent]
            elif branch.type == "soma":
                centers[k] = [np.interp(0.5, branch.fractions, x) for x in branch.xyz.T]
            else:
                centers[k] = branch.xyz[0]
        return _of(centers, u.um)

    @cached_property
    def distances(self) -> u.Quantity:
        """Straight distance from the centre to both ends of every branch: (branches, 2)."""
        ends = np.array([branch.xyz[[0, -1]] for branch in self._branches])
        return _of(np.linalg.norm(ends - _plain(self.centers)[:, None], axis=2), u.um)

    @cached_property
    def tortuosity(self) -> np.ndarray:
        """Length of every branch over the straight distance between its ends: (branches,)."""
        chords = np.array([np.linalg.norm(branch.xyz[-1] - branch.xyz[0]) for branch in self._branches])
        with np.errstate(divide="ignore"):
            return _plain(self.lengths) / chords

    @cached_property
    def _grown(self):
        """How many branches grow from the same place as each, on the same parent."""
        places = np.stack([self._parents, self._at], axis=1)
        _, which, count = np.unique(places, axis=0, return_inverse=True, return_counts=True)
        return count[which.reshape(-1)]

    @cached_property
    def order(self) -> np.ndarray:
        """Number of branchings between the root and every branch: (branches,).

        What only goes on from the end of a branch of its type is of the same order.
        """
        goes_on = (self._grown == 1) & (self._at == 1) & (self._types == self._types[self._parents])
        order: list[int] = []
        for p, same in zip(self._parents.tolist(), goes_on.tolist(), strict=True):
            order.append(0 if p < 0 else order[p] + (not same))
        return np.array(order)

    @cached_property
    def strahler(self) -> np.ndarray:
        """Strahler number of every branch: (branches,).

        1 for tips; else the largest of what grows from it, one more where two or more have the largest.

        References
        ----------
        Strahler (1952), Geol. Soc. Am. Bull. 63.
        """
        number = np.zeros(len(self._branches), int)
        largest = np.zeros(len(self._branches), int)
        repeated = np.zeros(len(self._branches), bool)
        for k in range(len(number) - 1, -1, -1):
            number[k] = max(1, largest[k] + repeated[k])
            p = self._parents[k]
            if p >= 0:
                repeated[p] = number[k] == largest[p] or (repeated[p] and number[k] < largest[p])
                largest[p] = max(largest[p], number[k])
        return number

    @cached_property
    def tips(self) -> np.ndarray:
        """Indices of the branches that nothing grows from."""
        return np.setdiff1d(np.arange(len(self._branches)), self._parents)

    @cached_property
    def bifurcations(self) -> np.ndarray:
        """Indices of the branches, other than somata, from whose far end two or more grow."""
        parents = self._parents[(self._grown > 1) & (self._at == 1) & (self._parents >= 0)]
        parents = np.unique(parents)
        return parents[self._types[parents] != "soma"]

    @cached_property
    def extent(self) -> u.Quantity:
        """Width, height and depth of the box around all points: (3,)."""
        xyz = np.concatenate([branch.xyz for branch in self._branches])
        return _of(np.ptp(xyz, axis=0), u.um)

    def sholl(self, radii: NumberLike, *, type: str | None = None) -> np.ndarray:
        """How often neurites cross spheres around the centre.

        Parameters
        ----------
        radii : quantity (k,)
            Radii of the spheres.
        type : str, optional
            Count this type only; all but the soma if not given.

        Returns
        -------
        array of int (k,)

        Raises
        ------
        ValueError
            For radii that are not finite, or negative.

        References
        ----------
        Sholl (1953), J. Anat. 87.
        """
        spheres = np.atleast_1d(np.asarray(in_unit(radii, u.um, "sholl: radii"), float))
        if not (np.isfinite(spheres) & (spheres >= 0)).all():
            raise ValueError(f"sholl: radii must be finite and not negative, given {radii}.")
        cones = self._cones
        kinds = self._types[cones.branch]
        kept = kinds != "soma" if type is None else kinds == type
        a = cones.a[kept] - _plain(self.centers)[cones.branch[kept]]
        step = cones.b[kept] - cones.a[kept]
        # |a + t step|^2 = R^2 has its roots at middle +- half; a crossing is a root in [0, 1).
        long = (step**2).sum(1)
        a, step, long = a[long > 0], step[long > 0], long[long > 0]
        middle = -(a * step).sum(1) / long
        counts = []
        for radius in spheres:
            half = np.sqrt(np.maximum(middle**2 - ((a**2).sum(1) - radius**2) / long, 0))
            roots = np.stack([middle - half, middle + half])
            counts.append(int(((roots >= 0) & (roots < 1) & (half > 0)).sum()))
        return np.array(counts)

    def __repr__(self) -> str:
        lines = [f"{'':12}{'branches':>9}{'length (um)':>13}{'area (um^2)':>13}{'volume (um^3)':>15}"]
        for kind, found in self.by_type.items():
            numbers = [float(_plain(found[name])) for name in ("length", "area", "volume")]
            lines.append(f"{kind:12}{found['branches']:>9}{numbers[0]:>13,.1f}{numbers[1]:>13,.1f}{numbers[2]:>15,.1f}")
        lines.append(
            f"{len(self.tips)} tips, {len(self.bifurcations)} bifurcations, order up to {self.order.max()}, "
            f"Strahler number {self.strahler.max()}"
        )
        return "\n".join(lines)


def _of(array, unit):
    return u.Quantity(array, unit=unit)


def _plain(quantity) -> np.ndarray:
    return np.asarray(quantity.mantissa)
