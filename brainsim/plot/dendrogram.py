"""Dendrograms: which branch grows from which, and how far from the root."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import brainunit as u
import numpy as np
from numpy.typing import ArrayLike

from brainsim._units import NumberLike

from ._paint import paint
from ._style import axes, size_in_points, values_and_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def dendrogram(
    parents: ArrayLike,
    distances: NumberLike,
    ax: Axes | None = None,
    *,
    at: ArrayLike | None = None,
    diameters: ArrayLike | None = None,
    kinds: Sequence[str] | np.ndarray | None = None,
    values: NumberLike | None = None,
    color: Any = None,
    colormap: Any = "viridis",
    limits: tuple[NumberLike, NumberLike] | None = None,
    name: str = "",
    unit: u.Unit | None = None,
    legend: bool = True,
) -> Axes:
    """Every branch as a line from its start to its end, upward along the distance from the root.

    Parameters
    ----------
    parents : array of int (branches,)
        Index of the branch that each grows from, which comes before it; -1 for roots.
    distances : quantity or array (branches, 2)
        Distances of both ends of every branch from the root (quantity, or µm).
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.
    at : array (branches,), optional
        Where on its parent each grows, from 0 to 1; at the end if not given.
    diameters : array (branches,), optional
        Diameters in µm, for the widths of the lines.
    kinds, values, color, colormap, limits, name, unit, legend
        As for :func:`shape`, for each branch.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For arrays whose sizes differ.
    """
    from matplotlib.collections import LineCollection

    parents = np.asarray(parents, int)
    heights, text = values_and_unit("distances", distances, u.um if isinstance(distances, u.Quantity) else "µm")
    count = len(parents)
    at = np.ones(count) if at is None else np.asarray(at, float)
    wide = np.ones(count) if diameters is None else np.asarray(diameters, float)
    if heights.shape != (count, 2) or at.shape != (count,) or wide.shape != (count,):
        raise ValueError(
            f"distances, at, diameters: got shapes {heights.shape}, {at.shape} and {wide.shape} for {count} parents."
        )
    x = _columns(parents, at)
    ax = axes(ax, (min(3 + 0.06 * x.max(), 9), 4.5))
    upright = np.stack([np.repeat(x[:, None], 2, 1), heights], axis=2)
    grown = np.flatnonzero(parents >= 0)
    beside = np.stack([np.stack([x[parents[grown]], x[grown]], 1), np.repeat(heights[grown, :1], 2, 1)], axis=2)
    room = 0.9 * size_in_points(ax)[0] / (x.max() + 1)
    widths = np.clip(1.2 * wide / max(np.median(wide), 1e-12), 0.6, max(0.6, min(0.8 * room, 8)))
    ax.add_collection(LineCollection(list(beside), linewidths=0.6, colors="#999999", zorder=1))
    drawn = LineCollection(list(upright), linewidths=widths, capstyle="butt", zorder=2)
    paint(drawn, ax, count, kinds, values, None, color, colormap, limits, name, unit, legend)
    ax.add_collection(drawn)
    ax.set_xlim(-1, x.max() + 1)
    ax.set_ylim(-0.01 * heights.max(), 1.03 * heights.max())
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)
    ax.set_ylabel(f"distance from the root ({text})", fontsize=9)
    return ax


def _columns(parents, at):
    """Where each branch stands: what ends has a place of its own, others stand amid what grows from their end, and roots
    amid all that grows from them.
    """
    children: list[list[int]] = [[] for _ in parents]
    for k, p in enumerate(parents.tolist()):
        if p >= 0:
            children[p].append(k)
    order: list[int] = []
    stack = np.flatnonzero(parents < 0)[::-1].tolist()
    while stack:
        k = stack.pop()
        order.append(k)
        stack += reversed(children[k])
    x = np.full(len(parents), np.nan)
    amid = [[child for child in grown if at[child] == 1 or parents[k] < 0] for k, grown in enumerate(children)]
    ends = [k for k in order if not amid[k]]
    x[ends] = np.arange(len(ends))
    for k in range(len(parents) - 1, -1, -1):
        if amid[k]:
            x[k] = np.mean(x[amid[k]])
    return x
