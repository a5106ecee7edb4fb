"""Spike rasters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import brainunit as u
import numpy as np
from numpy.typing import ArrayLike

from brainsim._units import NumberLike

from ..analysis._events import check_events
from ._style import COLORS, axes, evenly, seconds, size_in_points, time_axis, window

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def raster(
    times: NumberLike,
    indices: ArrayLike,
    ax: Axes | None = None,
    *,
    n: int | None = None,
    start: u.Quantity | float | None = None,
    stop: u.Quantity | float | None = None,
    color: Any = COLORS[0],
    max_rows: int = 2000,
    time_unit: str | None = None,
) -> Axes:
    """Raster of one population: a mark for every spike, time to the right, neurons upward.

    A few neurons get ticks, many get dots, which shrink and then turn transparent as spikes become more, so that
    the shade still shows the rate at a million spikes. Marks are pixels also in a PDF or SVG.

    Parameters
    ----------
    times, indices : array [spikes]
        Spike times (quantity, or seconds) and the neuron of each, in any order.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.
    n : int, optional
        Number of neurons; the largest index + 1 if not given.
    start, stop : float or quantity, optional
        Window to show; all spikes if not given.
    color : matplotlib colour
        Colour of the marks.
    max_rows : int
        With more neurons than this, as many evenly spaced ones are drawn, and the axis says so.
    time_unit : {"s", "ms"}, optional
        Unit of the time axis; by duration if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError
        For events of unequal length, indices outside ``0..n-1``, an empty window or a quantity that is not a time.
    """
    if n is None:
        n = int(np.max(indices)) + 1 if np.size(indices) else 1
    times, indices, n, _ = check_events(seconds("times", times), indices, n)
    start, stop = window(start, stop, times)
    ax = axes(ax)
    scale = time_axis(ax, start, stop, time_unit)
    rows = evenly(n, max_rows)
    kept = select(times, indices, n, rows, start, stop)
    mark(ax, times[kept] * scale, indices[kept], color, rows=rows.size, spikes=kept.size)
    ax.set_ylim(-0.5, n - 0.5)
    locator: Any = ax.yaxis.get_major_locator()
    locator.set_params(integer=True)
    ax.set_ylabel(rows_label(rows.size, n), fontsize=9)
    return ax


def select(times, indices, n, rows, start, stop):
    """Which events are in the window and of the neurons that are drawn."""
    drawn = np.zeros(n, bool)
    drawn[rows] = True
    return np.flatnonzero(drawn[indices] & (times >= start) & (times <= stop))


def rows_label(rows, n):
    """What the axis of neurons is called."""
    return "neuron" if rows == n else f"neuron ({rows:,} of {n:,} shown)"


def mark(ax, x, y, color, *, rows, spikes, size=None):
    """Draw marks whose size suits the room for a row, and for all the ``spikes`` of the axes together."""
    width, height = size or size_in_points(ax)
    row = height / rows
    if row >= 3:
        style = {"marker": "|", "markersize": min(0.75 * row, 14), "markeredgewidth": 0.9}
    else:
        # Dots that together cover about a third of the axes; below a visible size, transparency takes over.
        wanted = np.sqrt(0.35 * width * height / max(spikes, 1))
        dot = float(np.clip(wanted, 0.6, 2.2))
        alpha = float(np.clip((wanted / dot) ** 2, 0.08, 1.0))
        style = {"marker": "o", "markersize": dot, "markeredgewidth": 0, "alpha": alpha}
    return ax.plot(x, y, linestyle="none", color=color, rasterized=True, **style)[0]
