"""Potentials of currents in a conducting volume: from points, and from lines."""

from __future__ import annotations

import numpy as np

from brainsim.cells.compartments.compartments import Compartments


def segments(cut: Compartments) -> np.ndarray:
    """Where each compartment begins and ends along its branch: (n, 2, 3), in µm."""
    found, first = [], 0
    for shape in cut.morphologies:
        for branch in shape.branches:
            pieces = int(cut.first[first + 1] - cut.first[first])
            borders = np.arange(pieces + 1) / pieces
            points = np.stack([np.interp(borders, branch.fractions, x) for x in branch.xyz.T], 1)
            found.append(np.stack([points[:-1], points[1:]], 1))
            first += 1
    return np.concatenate(found)


def of_points(at: np.ndarray, centres: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    r""":math:`1 / r`, the potential of unit currents times :math:`4 \pi \sigma`.

    Parameters
    ----------
    at : array (3,)
        Where it is measured.
    centres : array (n, 3)
        Where currents enter.
    nearest : array (n,)
        Distances that are as near as any: the radii of compartments.

    Returns
    -------
    array (n,)
    """
    return 1 / np.maximum(np.linalg.norm(centres - at, axis=1), nearest)


def of_lines(at: np.ndarray, ends: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    r"""The mean of :math:`1 / r` over lines from one end to the other (Holt and Koch 1999).

    .. math:: \frac1L \int_0^L \frac{ds}{r(s)} = \frac2L \operatorname{artanh} \frac{L}{r_1 + r_2}

    with the distances :math:`r_1, r_2` to the ends: the logarithm of the paper, in a form that loses no digits far away.
    The distance to the axis is at least ``nearest``.

    Parameters
    ----------
    at : array (3,)
        Where it is measured.
    ends : array (n, 2, 3)
        Both ends of each line.
    nearest : array (n,)
        Least distance to the axis: the radii of compartments.

    Returns
    -------
    array (n,)

    References
    ----------
    G. R. Holt, C. Koch, J. Comput. Neurosci. 6:169 (1999).
    """
    along = ends[:, 1] - ends[:, 0]
    length = np.linalg.norm(along, axis=1)
    unit = along / np.where(length > 0, length, 1)[:, None]
    from_start = at - ends[:, 0]
    before = (from_start * unit).sum(1)
    away = np.maximum(np.linalg.norm(from_start - before[:, None] * unit, axis=1), nearest)
    total = np.hypot(before, away) + np.hypot(length - before, away)
    point = length < 1e-9 * total  # of no length: what is left is 1 / r
    return np.where(point, 2 / total, 2 * np.arctanh(length / total) / np.where(point, 1, length))
