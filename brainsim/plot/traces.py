"""Quantities over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import brainunit as u
import numpy as np

from brainsim._units import NumberLike

from ._style import COLORS, GREY, axes, evenly, label, seconds, time_axis, values_and_unit, window

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def traces(
    times: NumberLike,
    values: NumberLike,
    ax: Axes | None = None,
    *,
    name: str | None = None,
    labels: Sequence[str] | None = None,
    unit: u.Unit | str | None = None,
    color: Any = None,
    stacked: bool | None = None,
    max_traces: int = 12,
    start: u.Quantity | float | None = None,
    stop: u.Quantity | float | None = None,
    time_unit: str | None = None,
) -> Axes:
    """Values over time: up to three in one frame, more of them stacked above each other with a scale bar.

    Parameters
    ----------
    times : array [steps]
        Times (quantity, or seconds).
    values : array [steps] or [steps, k]
        What to draw (quantity, or plain numbers), one column per trace.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.
    name : str, optional
        What the values are, for the axis: "V", "membrane potential".
    labels : sequence of k str, optional
        What each trace is; its number if not given.
    unit : brainunit Unit or str, optional
        Unit to draw in. For plain numbers, the unit that they are in.
    color : matplotlib colour, optional
        One colour for all traces, in shades where they share a frame; a colour for each if not given.
    stacked : bool, optional
        Whether traces get a row each; more than three do if not given.
    max_traces : int
        With more traces than this, as many evenly spaced ones are drawn, and the axis says so.
    start, stop : float or quantity, optional
        Window to show; everything if not given.
    time_unit : {"s", "ms"}, optional
        Unit of the time axis; by duration if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError, TypeError
        For shapes that do not fit, an empty window, or a unit of another dimension.
    """
    times = seconds("times", times)
    values, unit = values_and_unit("values", values, unit)
    columns = values[:, None] if values.ndim == 1 else values
    if times.ndim != 1 or columns.ndim != 2 or columns.shape[0] != times.size or columns.size == 0:
        raise ValueError(
            f"values: got shape {values.shape} with times of shape {times.shape}; accepted is [steps] or [steps, k]."
        )
    count = columns.shape[1]
    if labels is not None and len(labels) != count:
        raise ValueError(f"labels: got {len(labels)} for {count} traces; give one for each.")
    start, stop = window(start, stop, times)
    ax = axes(ax)
    scale = time_axis(ax, start, stop, time_unit)

    shown = evenly(count, max_traces)
    title = (name or "") + (f" ({shown.size} of {count} shown)" if shown.size < count else "")
    texts = [str(i) if labels is None else str(labels[i]) for i in shown]
    seen = (times >= start) & (times <= stop)
    x, columns = times[seen] * scale, columns[seen][:, shown]
    stacked = shown.size > 3 if stacked is None else stacked
    if color is None:
        colors = [COLORS[k % len(COLORS)] for k in range(shown.size)]
    else:
        colors = [color] * shown.size if stacked else _shades(color, shown.size)
    if stacked:
        _stack(ax, x, columns, texts, colors, unit)
        ax.set_ylabel(title, fontsize=9)
        return ax
    for column, text, each in zip(columns.T, texts, colors, strict=True):
        ax.plot(x, column, color=each, label=text, linewidth=1, rasterized=x.size > 50_000)
    ax.set_ylabel(label(title, unit) if title else unit or "", fontsize=9)
    if labels is not None:
        ax.legend(
            fontsize=8, frameon=False, ncols=shown.size, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0
        )
    return ax


def _stack(ax, x, columns, texts, colors, unit):
    """One row per trace, the first on top, all at one scale that a bar at the right gives."""
    low = np.nanmin(columns, axis=0) if x.size else np.zeros(len(texts))
    reach = float(np.nanmax(columns - low)) if x.size else 1.0
    reach = reach if reach > 0 else 1.0
    room = 1.15 * reach
    base = room * np.arange(len(texts))[::-1]
    for column, text, each, floor, lift in zip(columns.T, texts, colors, low, base, strict=True):
        ax.plot(x, column - floor + lift, color=each, label=text, linewidth=0.8, rasterized=x.size > 50_000)
    ax.set_yticks(base + 0.3 * reach, texts)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(-0.1 * room, base[0] + room)
    bar = _round_down(0.6 * reach)
    right = ax.get_yaxis_transform()
    ax.plot([1.01, 1.01], [0, bar], color=GREY, linewidth=2, transform=right, clip_on=False, solid_capstyle="butt")
    text = f"{bar:g} {unit}" if unit else f"{bar:g}"
    ax.text(1.02, bar / 2, text, transform=right, va="center", fontsize=8, color=GREY)


def _shades(color, count):
    """``count`` shades of one colour, from itself towards white."""
    from matplotlib.colors import to_rgb

    full = np.array(to_rgb(color))
    return [tuple(1 - (1 - full) * (1 - 0.65 * k / count)) for k in range(count)]


def _round_down(value):
    """The largest of 1, 2 and 5 times a power of ten that is not above ``value``."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(max(step * power for step in (1, 2, 5) if step * power <= value * (1 + 1e-9)))
