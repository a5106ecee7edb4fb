"""Writing SWC files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from brainsim._errors import a_or_an
from brainsim._files import replacing
from brainsim.cells.files._points import Points
from brainsim.cells.files._sections import in_order
from brainsim.cells.morphologies.morphology import TYPES, Morphology


def write_swc(path: str | os.PathLike[str], morphology: Morphology) -> None:
    """Write a morphology to an SWC file, in µm.

    What :func:`read_swc` has read comes back, with ids counted anew. SWC holds points only: names, labels and spines are
    lost, branches of one type that only follow each other come back as one, and one that grows from between two points
    makes a point there. A branch that begins thinner or thicker than the point that it grows from gets a point of its
    own there.

    Parameters
    ----------
    path : str or path
    morphology : Morphology
        Types that SWC has no number for (``"type 7"`` has) get 5, 6 and so on; the header says which.

    Raises
    ------
    TypeError
        For what is no morphology.
    """
    if not isinstance(morphology, Morphology):
        raise TypeError(
            f"write_swc: expected write_swc(path, morphology), given {a_or_an(type(morphology).__name__)} second."
        )
    numbers = _type_numbers(morphology)
    header = [f"# type {n} is {kind}" for kind, n in numbers.items() if n not in TYPES and kind != f"type {n}"]
    points = in_order(_points(morphology, numbers))
    ids = np.arange(1, len(points) + 1)
    columns = (ids, points.types, *points.xyz.T, points.radius, np.where(points.parent < 0, -1, points.parent + 1))
    rows = (" ".join(map(repr, row)) for row in zip(*(column.tolist() for column in columns), strict=True))
    with replacing(Path(path)) as beside:
        beside.write_text("\n".join([*header, "# id type x y z radius parent", *rows, ""]), encoding="utf-8")


def _points(morphology, numbers):
    """The points that a file of the morphology has."""
    anchors, added = _anchors(morphology)
    xyz, radius, types, parents = [], [], [], []
    rows: list[np.ndarray] = []  # which point each point of a branch is
    count = 0
    for k, branch in enumerate(morphology):
        points, r = _with_points(branch, added[k])
        above = rows[branch.parent][anchors[k]] if branch.parent >= 0 else -1
        skip = branch.parent >= 0 and _begins_at(branch, morphology[branch.parent], anchors[k], added[branch.parent])
        own = np.r_[[above] * skip, count + np.arange(len(points) - skip)].astype(int)
        if branch.parent < 0 and _is_point(morphology, k):
            points, r, own = points[1:2], r[1:2], np.full(3, count)
        else:
            points, r = points[int(skip) :], r[int(skip) :]
        xyz.append(points)
        radius.append(r)
        types.append(np.full(len(r), numbers[branch.type]))
        parents.append(np.r_[above, count + np.arange(len(r) - 1)])
        rows.append(own)
        count += len(r)
    ids = np.arange(1, count + 1)
    kinds, points, r, above = (np.concatenate(column) for column in (types, xyz, radius, parents))
    return Points(ids, kinds, points, r, above, ids)


def _type_numbers(morphology):
    """A number for every type: its own in SWC, else a free one from 5 on."""
    standard = {kind: n for n, kind in TYPES.items()}
    numbers = {k: standard.get(k) if k in standard else _number(k) for k in morphology.types}
    free = (n for n in range(5, 10_000) if n not in numbers.values())
    return {kind: next(free) if n is None else n for kind, n in numbers.items()}


def _number(kind):
    word, _, number = kind.partition(" ")
    return int(number) if word == "type" and number.lstrip("-").isdigit() else None


def _anchors(morphology):
    """For every branch, the row of its parent's point that it grows from; and the points that parents need for it.

    It grows from the point where it begins, if the parent has one there, else from the point at its fraction. On a soma
    any point between the ends will do, as all of these mean its middle.
    """
    anchors: list[int] = [-1] * len(morphology)
    added: list[np.ndarray] = [np.empty(0)] * len(morphology)
    children: dict[int, list[int]] = {}
    for k, branch in enumerate(morphology):
        children.setdefault(branch.parent, []).append(k)
    for p, grown in children.items():
        if p < 0:
            continue
        parent = morphology[p]
        places = parent.fractions
        wanted: dict[int, float] = {}
        for k in grown:
            at = morphology[k].at
            here = np.flatnonzero((parent.xyz == morphology[k].xyz[0]).all(1))
            if parent.type == "soma" != morphology[k].type and 0 < at < 1 and not len(here):
                here = np.arange(1, len(places) - 1)
            there = here if len(here) else np.flatnonzero(np.abs(places - at) < 1e-9)
            wanted[k] = places[there[np.argmin(np.abs(places[there] - at))]] if len(there) else at
        added[p] = np.setdiff1d(list(wanted.values()), places)
        places = np.sort(np.r_[places, added[p]])
        for k, at in wanted.items():
            side = "right" if at == 1 else "left"
            anchors[k] = int(np.searchsorted(places, at, side)) - (side == "right")
    return anchors, added


def _with_points(branch, fractions):
    """Points of a branch and further ones at fractions of its length."""
    if not len(fractions):
        return branch.xyz, branch.radius
    places = np.sort(np.r_[branch.fractions, fractions])
    xyz = np.stack([np.interp(places, branch.fractions, x) for x in branch.xyz.T], axis=1)
    return xyz, np.interp(places, branch.fractions, branch.radius)


def _begins_at(branch, parent, anchor, added):
    """Whether its first point need not be written: it is that of the parent, or as wide as the next on a soma."""
    xyz, radius = _with_points(parent, added)
    if (xyz[anchor] != branch.xyz[0]).any():
        return False
    if parent.type == "soma" != branch.type:
        direct = branch.at in (0, 1) or len(branch.xyz) == 2  # several points at the middle begin at the first of them
        return bool(direct and branch.radius[0] == branch.radius[1])
    return bool(branch.radius[0] == radius[anchor])


def _is_point(morphology, k):
    """Whether a root is what one point stands for: as long as wide, and all else grows from its middle."""
    root = morphology[k]
    if len(root.xyz) != 3 or (root.radius != root.radius[1]).any():
        return False
    if (root.xyz != root.xyz[1] + root.radius[0] * np.array([[-1.0, 0, 0], [0, 0, 0], [1, 0, 0]])).any():
        return False
    return all(branch.at == 0.5 for branch in morphology if branch.parent == k)
