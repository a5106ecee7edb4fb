"""Locations: places on branches, named, spaced, drawn at random, or nearest to a point."""

from __future__ import annotations

from functools import partial
from typing import Any

import brainunit as u
import numpy as np
from numpy.typing import ArrayLike

from brainsim._units import QuantityLike, in_unit
from brainsim.cells.compartments.compartments import Compartments
from brainsim.cells.places.regions import branches_of
from brainsim.cells.places.where import Locset, Region, RegionLike, fraction_of, region


def at(branch: int | str, x: ArrayLike) -> Locset:
    """A place on a branch, or several.

    Parameters
    ----------
    branch : int or str
        Index or name of the branch; a type or a label stands for each of its branches.
    x : float or array (k,)
        Fraction of the branch's length, from 0 at the end nearer to the root to 1.

    Returns
    -------
    Locset
        For each branch, each x; in every cell that has the branch.

    Raises
    ------
    ValueError
        For a fraction outside [0, 1]; names the branch.
    """
    fractions = np.array([fraction_of(branch, one) for one in np.atleast_1d(x).tolist()], float)
    said = f"{fractions[0]:g}" if np.ndim(x) == 0 else f"[{', '.join(f'{one:g}' for one in fractions)}]"
    return Locset(f"at({branch!r}, {said})", partial(_at, branch, fractions))


def root() -> Locset:
    """The start of every tree.

    Returns
    -------
    Locset
        One place for each branch without a parent.
    """
    return Locset("root()", _root)


def tips() -> Locset:
    """The far ends of all branches that nothing grows from there; not of a root that branches grow from.

    Returns
    -------
    Locset
        One place for each tip.
    """
    return Locset("tips()", _tips)


def branch_points() -> Locset:
    """Where branches meet: an end that several grow from, and every place along a branch that one grows from.

    Returns
    -------
    Locset
        One place for each, on the branch that the others grow from.
    """
    return Locset("branch_points()", _branch_points)


def every(spacing: QuantityLike, within: RegionLike = "all") -> Locset:
    """Places at equal steps of path length from the root: spacing / 2, then one every ``spacing``.

    Parameters
    ----------
    spacing : Quantity
        Path length between neighbours. They lie alike whatever the branches and compartments.
    within : Region or str
        Only the places whose compartments belong to it.

    Returns
    -------
    Locset
        In the order of branches.
    """
    step = float(in_unit(spacing, u.um, "every: spacing"))
    if not 0 < step < np.inf:
        raise ValueError(f"every: the spacing must be positive, given {step:g} um.")
    chosen = region(within)
    return Locset(f"every({step:g} um, {chosen})", partial(_every, step, chosen))


def uniform(n: int, within: RegionLike = "all", seed: int = 0, *, by: str = "length") -> Locset:
    """Places drawn at random, the same for the same seed.

    Parameters
    ----------
    n : int
        Number of places, in every cell.
    within : Region or str
        Where they lie.
    seed : int
        Seed; each cell draws on its own.
    by : str
        ``"length"`` or ``"area"``: what equal amounts of get equal numbers on average.

    Returns
    -------
    Locset
        In the order they are drawn.
    """
    if by not in ("length", "area"):
        raise ValueError(f"uniform: by is 'length' or 'area', given {by!r}.")
    if n < 0:
        raise ValueError(f"uniform: the number of places is 0 or more, given {n}.")
    chosen = region(within)
    said = "" if by == "length" else f", by={by!r}"
    return Locset(f"uniform({n}, {chosen}, {seed}{said})", partial(_uniform, n, chosen, seed, by))


def centres(within: RegionLike = "all") -> Locset:
    """The centre of every compartment.

    Parameters
    ----------
    within : Region or str
        Of the compartments of this region.

    Returns
    -------
    Locset
        In the order of compartments.
    """
    chosen = region(within)
    return Locset(f"centres({chosen})", partial(_centres, chosen))


def nearest(xyz: Any) -> Locset:
    """The place on the axis of a branch that is nearest to a point.

    Parameters
    ----------
    xyz : Quantity (3,) or (k, 3)
        Points in the coordinates of the morphology.

    Returns
    -------
    Locset
        One for each point, in every cell.
    """
    points = np.atleast_2d(np.asarray(in_unit(xyz, u.um, "nearest: xyz"), float))
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise ValueError(f"nearest: points have three finite coordinates, given {xyz}.")
    said = ", ".join("[" + ", ".join(f"{c:g}" for c in point) + "]" for point in points)
    return Locset(f"nearest({said} um)", partial(_nearest, points))


def point(*ids: int) -> Locset:
    """Points of the file that the morphology was read from.

    Parameters
    ----------
    *ids : int
        Their ids, as in the file.

    Returns
    -------
    Locset
        One place for each id, in every cell that has it; it refuses an id that none has, on the compartments.
    """
    return Locset(f"point({', '.join(map(str, ids))})", partial(_point, ids))


def compartments_at(
    where: Locset | RegionLike | ArrayLike, compartments: Compartments, what: str = "compartments_at"
) -> np.ndarray:
    """Indices of compartments, whatever way they are told.

    Parameters
    ----------
    where : Locset, Region, str or array of int
        Places, a region (each of its compartments), the name of a region, or indices.
    compartments : Compartments
        The cell, or several.
    what : str
        What is being placed, for errors.

    Returns
    -------
    array of int
        In the order of the places.

    Raises
    ------
    ValueError
        Where there is no compartment: an empty region, an index that does not exist.
    """
    if isinstance(where, Locset | Region | str):
        found = (region(where) if isinstance(where, str) else where).indices(compartments)
        if not len(found):
            raise ValueError(f"{what}: no compartment lies at {where!r} on {compartments!r}.")
        return found
    indices = np.atleast_1d(np.asarray(where))
    if not np.issubdtype(indices.dtype, np.integer):
        raise TypeError(
            f"{what}: places, a region, its name or indices of compartments, given {where!r}; a place on a branch is"
            " at('dend', 0.5), of brainsim.cells, or 'dend(0.5)'."
        )
    bad = (indices < 0) | (indices >= len(compartments))
    if bad.any():
        raise ValueError(
            f"{what}: there is no compartment {indices[bad][0]}; there are {len(compartments)}, from 0 on."
        )
    return indices


def _at(branch, fractions, compartments):
    found = branches_of(branch, compartments, "at")
    return np.repeat(found, len(fractions)), np.tile(fractions, len(found))


def _root(compartments):
    found = np.flatnonzero(compartments.tree.parent < 0)
    return found, np.zeros(len(found))


def _tips(compartments):
    tree = compartments.tree
    has_parent = tree.parent >= 0
    continued = np.zeros(len(tree.parent), bool)
    continued[tree.parent[has_parent & (tree.at == 1)]] = True
    grown_from = np.zeros(len(tree.parent), bool)
    grown_from[tree.parent[has_parent]] = True
    found = np.flatnonzero(~continued & (has_parent | ~grown_from))
    return found, np.ones(len(found))


def _branch_points(compartments):
    on, at_ = compartments.tree.joints()
    grown = on >= 0
    places, met = np.unique(np.stack([on[grown], at_[grown]], 1), axis=0, return_counts=True)
    inside = (places[:, 1] > 0) & (places[:, 1] < 1)
    found = places[inside | (met > 1)]
    return found[:, 0].astype(int), found[:, 1]


def _every(step, chosen, compartments):
    tree = compartments.tree
    before = np.ceil(tree.start / step - 0.5)  # steps that lie before the branch: at (k + 1/2) step
    until = np.ceil((tree.start + tree.length) / step - 0.5)
    number = (until - before).astype(int)
    branch = np.repeat(np.arange(len(number)), number)
    k = np.arange(len(branch)) - np.repeat(np.cumsum(number) - number, number) + before[branch]
    x = np.clip(((k + 0.5) * step - tree.start[branch]) / tree.length[branch], 0, 1)
    keep = chosen.mask(compartments)[compartments.index(branch, x)]
    return branch[keep], x[keep]


def _uniform(n, chosen, seed, by, compartments):
    amount = np.where(chosen.mask(compartments), getattr(compartments, by), 0.0)
    found, places = [], []
    for cell in range(len(compartments.morphologies)):
        here = np.flatnonzero((compartments.cell == cell) & (amount > 0))
        if not len(here) and n:
            raise ValueError(f"uniform: nothing of cell {cell} lies in {chosen}.")
        ends = np.cumsum(amount[here])
        drawn = np.random.default_rng([seed, cell]).random(n) * (ends[-1] if n else 0)
        k = np.minimum(np.searchsorted(ends, drawn, side="right"), len(here) - 1)
        i = here[k]
        part = (drawn - (ends[k] - amount[i])) / amount[i]
        width = compartments.length[i] / compartments.tree.length[compartments.branch[i]]
        found.append(compartments.branch[i])
        places.append(compartments.x[i] + (part - 0.5) * width)
    return np.concatenate(found), np.concatenate(places)


def _centres(chosen, compartments):
    i = chosen.indices(compartments)
    return compartments.branch[i], compartments.x[i]


def _nearest(points, compartments):
    found, places = [], []
    for first, shape in zip(compartments.first_branch.tolist(), compartments.morphologies):
        cones, lengths = shape.cones, shape.cones.of_branches
        along, begins = cones.b - cones.a, cones.stop - cones.length
        for one in points:
            t = np.clip(((one - cones.a) * along).sum(1) / np.maximum(cones.length**2, 1e-300), 0, 1)
            k = int(np.argmin(((cones.a + t[:, None] * along - one) ** 2).sum(1)))
            found.append(first + cones.branch[k])
            places.append(min((begins[k] + t[k] * cones.length[k]) / lengths[cones.branch[k]], 1.0))
    return np.array(found, int), np.array(places)


def _point(ids, compartments):
    found, places, seen = [], [], set()
    for first, shape in zip(compartments.first_branch.tolist(), compartments.morphologies):
        where: dict[int, tuple[int, float]] = {}
        for k, branch in enumerate(shape):
            if branch.source is None:
                continue
            fractions = np.concatenate([[0.0], np.cumsum(branch.steps)]) / branch.length_um
            for number, x in zip(np.asarray(branch.source).tolist(), fractions.tolist()):
                if number >= 0:
                    where.setdefault(number, (first + k, min(x, 1.0)))
        seen |= where.keys()
        found += [where[one][0] for one in ids if one in where]
        places += [where[one][1] for one in ids if one in where]
    for one in ids:
        if one not in seen:
            there = f"ids go from {min(seen)} to {max(seen)}" if seen else "no branch tells the ids of its points"
            raise ValueError(f"point: there is no point {one} in the morphology; {there}.")
    return np.array(found, int), np.array(places)
