"""Places in space for branches that have lengths and diameters only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brainsim.cells.morphologies.morphology import Branch

#: The angle that the branches of one end may fan out over.
_FAN = np.deg2rad(150.0)


@dataclass(frozen=True, eq=False)
class Straight:
    """A branch that has no place yet: arc lengths and radii of its points, in µm."""

    arc: np.ndarray
    radius: np.ndarray
    type: str
    parent: int
    at: float
    name: str
    direction: np.ndarray | None


def placed(branches):
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
    found: list[Branch] = []
    wedge: dict[int, tuple[float, float]] = {}  # middle and width of the angles of a branch and what grows from it
    width = max((float(np.ptp(b.xyz[:, 0])) for b in branches if isinstance(b, Branch)), default=0.0)
    for k, branch in enumerate(branches):
        if isinstance(branch, Straight):
            parent = found[branch.parent] if branch.parent >= 0 else None
            middle, fan = wedge.get(k, (np.pi / 2, _FAN))
            direction = branch.direction
            if direction is None:
                direction = np.array([np.cos(middle), np.sin(middle), 0.0])
            direction = direction / np.linalg.norm(direction)
            if parent is None:
                start = np.array([width, 0.0, 0.0]) if found else np.zeros(3)
            else:
                start = parent.xyz[-1] if branch.at == 1 else _along(parent, branch.at)
                if parent.type == "soma" and 0 < branch.at < 1:
                    start = start + direction * np.interp(branch.at, [0, 1], parent.radius[[0, -1]])
            xyz = start + branch.arc[:, None] * direction
            branch = Branch(xyz, branch.radius, branch.type, branch.parent, branch.at, branch.name)
            width = max(width, xyz[:, 0].max()) + (2.0 * branch.length_um if parent is None else 0.0)
        else:
            fan = _FAN
        found.append(branch)
        axis = branch.xyz[-1] - branch.xyz[0]
        _divide(wedge, children.get(k, []), branches, tips, np.arctan2(axis[1], axis[0]), fan)
    return found


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
