"""From points to unbranched branches, by the rules of NEURON's SWC import (read_swc.hoc of NEURON 9)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from brainsim.cells.files._contours import ball
from brainsim.cells.files._points import Points, depth_first

SOMA = 1


@dataclass(frozen=True, eq=False)
class Section:
    """A chain of points of one type; ``source`` holds the ids of the file, -1 where a point was made."""

    xyz: np.ndarray
    radius: np.ndarray
    source: np.ndarray
    type: int
    parent: int
    at: float

    def grown_from(self, parent: int, at: float) -> Section:
        """The same, elsewhere on the tree."""
        return replace(self, parent=parent, at=at)


def sections(points: Points, repairs: list[str]) -> list[Section]:
    """The sections of one tree whose points come after their parents; parents are indices into the list.

    - A section ends where the tree branches or the type changes, and where the next point is not its child. Its first
      point is a copy of the point that it grows from.
    - A soma of one point is a cylinder as long as it is wide; so is one of three points with two at a radius' distance
      from the first. Neurites grow from its middle.
    - A neurite of several points that grows from the inside of a soma, or where the soma branches, begins at its own
      first point. One at the inside is joined to the middle. Any neurite that grows from a soma begins as wide as its
      own first point, not as wide as the soma.
    - Where the first point of a neurite branches, the others grow from the start of the neurite.
    """
    sphere = _three_point_sphere(points)
    if sphere:
        points = replace(points, parent=np.where(np.arange(len(points)) == 2, 1, points.parent))
    points = in_order(points)
    last = np.flatnonzero(_ends(points))
    first = np.r_[0, last[:-1] + 1]
    section = np.repeat(np.arange(len(last)), last - first + 1)
    proximal, soma_kids = _grow_from_start(points), _soma_children(points)
    made = [_root(points, last[0], sphere, repairs)]
    for a, b in zip(first[1:].tolist(), last[1:].tolist(), strict=True):
        p = int(points.parent[a])
        above = int(section[p])
        kind, kind_above = points.types[a], made[above].type
        at, wire = _joint(points, sphere, p, a, b, above, kind_above, last[above], soma_kids[p])
        rows = np.r_[p, a : b + 1]
        radius = points.radius[rows]
        if kind_above == SOMA != kind:
            radius[0] = radius[1]
        rows, radius = rows[wire:], radius[wire:]
        at = 0.0 if proximal[a] else at
        made.append(Section(points.xyz[rows], radius, points.ids[rows], int(kind), above, at))
    return without_empty(made, repairs)


def in_order(points: Points) -> Points:
    """The points as they are, or depth first where one would follow another that is not its parent in a section."""
    before = np.flatnonzero(~_ends(points))
    return points if (points.parent[before + 1] == before).all() else depth_first(points)


def _soma_children(points):
    """How many points of the soma have each point of the soma as their parent."""
    inside = (points.types == SOMA) & (points.parent >= 0)
    inside &= points.types[points.parent] == SOMA
    return np.bincount(points.parent[inside], minlength=len(points))


def _three_point_sphere(points):
    """Whether the soma is the root and two ends of a cylinder as long as it is wide (NeuroMorpho.Org's form)."""
    if (points.types == SOMA).sum() != 3 or len(points) < 3 or (points.types[:3] != SOMA).any():
        return False
    if (points.parent[1:3] != 0).any() or np.isin(points.parent, (1, 2)).any():
        return False
    reach = np.linalg.norm(points.xyz[1:3] - points.xyz[0], axis=1).sum()
    return bool((points.radius[1:3] == points.radius[0]).all() and abs(reach / (2 * points.radius[0]) - 1) < 0.01)


def _grow_from_start(points):
    """Which points grow from the first point of a neurite, and are not what goes on there."""
    index, parent, soma = np.arange(len(points)), points.parent, points.types == SOMA
    starts = ~soma & ((index == 0) | ((index > 1) & (parent >= 0) & soma[parent]))
    return (parent >= 0) & (parent != index - 1) & starts[parent]


def _ends(points):
    """Which points are the last of their section."""
    n, index = len(points), np.arange(len(points))
    parent, types = points.parent, points.types
    follows = np.r_[parent[1:] == index[:-1], False]
    same = follows & np.r_[types[1:] == types[:-1], False]
    ends = ~(same & (np.bincount(parent[parent >= 0], minlength=n) == 1))
    latest = np.zeros(n, int)
    latest[parent[1:]] = index[1:]
    starts = np.unique(parent[_grow_from_start(points)])
    ends[starts] = types[latest[starts]] != types[starts]
    ends[same & (types == SOMA) & ((index == 0) | (_soma_children(points) <= 1))] = False
    return ends


def _joint(points, sphere, p, a, b, above, kind_above, last_above, soma_kids):
    """Where on the section above it grows, and whether it begins at its own first point."""
    neurite, several = points.types[a] != SOMA, b > a
    if above == 0 and kind_above == SOMA and neurite and (sphere or last_above == 0):
        return 0.5, int(several)
    if above == 0 and p == 0:
        return 0.0, int(neurite and soma_kids > 1)
    if kind_above == SOMA and p < last_above:
        return 0.5, int(neurite and several)
    return 1.0, int(kind_above == SOMA and neurite and several and soma_kids > 1)


def _root(points, last, sphere, repairs):
    """The first section; a cylinder as long as it is wide where it is one point, or several at one place."""
    rows = np.arange(last + 1)
    xyz, radius, source = points.xyz[rows], points.radius[rows], points.ids[rows]
    one_place = not np.ptp(xyz, axis=0).any()
    if one_place and last > 0:
        repairs.append("a root of several points at one place was taken as one point")
    if sphere or one_place:
        ends = source[[1, 2]] if sphere else (-1, -1)
        source = np.array([ends[0], source[0], ends[1]])
        xyz, radius = ball(xyz[0], radius[0])
    return Section(xyz, radius, source, int(points.types[0]), -1, 1.0)


def without_empty(made, repairs):
    """Leaves out sections of no length; what grows from them grows from what they grew from."""
    kept: list[Section] = []
    number, moved = {-1: -1}, {}
    for k, each in enumerate(made):
        parent, at = moved.get(each.parent, (each.parent, each.at))
        if not np.ptp(each.xyz, axis=0).any():
            moved[k] = parent, at
            continue
        number[k] = len(kept)
        kept.append(each.grown_from(number[parent], at))
    if moved:
        repairs.append(f"{len(moved)} branches of no length left out")
    return kept
