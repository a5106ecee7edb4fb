"""A whole recording in one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import brainunit as u
import numpy as np

from ..analysis import population_rate
from ..analysis._events import check_events
from ._style import COLORS, GREY, axes, evenly, seconds, shown_once, time_axis, window
from .raster import mark, rows_label, select
from .traces import traces as draw_traces

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def overview(
    populations: Mapping[str, tuple],
    traces: Mapping[str, tuple] | None = None,
    *,
    start: u.Quantity | float | None = None,
    stop: u.Quantity | float | None = None,
    rates: bool = True,
    bin: u.Quantity | float | None = None,
    smooth: u.Quantity | float | None = None,
    max_rows: int = 2000,
    time_unit: str | None = None,
    title: str | None = None,
    figsize: tuple[float, float] | None = None,
    labels: Mapping[str, Sequence[str]] | None = None,
    colored: Mapping[str, str] | None = None,
) -> Figure:
    """Raster of all populations, their rates below, and traces below those, on one time axis.

    Parameters
    ----------
    populations : dict of str to (times [spikes], indices [spikes], n)
        Spikes of each population: times (quantity, or seconds), the neuron of each, the number of neurons. The first
        population is on top; each has a colour, which its rate shares.
    traces : dict of str to (times [steps], values [steps] or [steps, k], unit)
        One panel for each entry, as :func:`traces` draws it; the unit (or None) may be left out. A name that begins
        with a population's, as "E.V", takes its colour.
    start, stop : float or quantity, optional
        Window to show; everything if not given.
    rates : bool
        Whether to draw the population rates.
    bin : float or quantity, optional
        Bin width of the rates; from 1/400 of the window to 1/40 where spikes are few, if not given.
    smooth : float or quantity, optional
        Standard deviation of a Gaussian that smooths the rates.
    max_rows : int
        With more neurons than this in all, as many evenly spaced ones are drawn, and the axis says so.
    time_unit : {"s", "ms"}, optional
        Unit of the time axis; by duration if not given.
    title : str, optional
    figsize : (float, float), optional
        Width and height in inches.
    labels : dict of str to sequence of k str, optional
        What to call the columns of a trace; their numbers if not given.
    colored : dict of str to str, optional
        The population whose colour a trace takes; by default the part of its name before the first dot.

    Returns
    -------
    matplotlib Figure
        Its axes are, from the top, the raster, the rates and one for each trace.

    Raises
    ------
    ValueError, TypeError
        For nothing to draw, events that do not fit their population, an empty window, or a quantity of a wrong
        dimension. The message names the population or trace.
    """
    events = {name: _named(name, _events, entry) for name, entry in populations.items()}
    panels = {name: _named(name, _trace, entry) for name, entry in (traces or {}).items()}
    if not events and not panels:
        raise ValueError("populations, traces: both are empty; give at least one.")
    start, stop = window(start, stop, *(e[0] for e in events.values()), *(p[0] for p in panels.values()))
    colors = {name: COLORS[k % len(COLORS)] for k, name in enumerate(events)}

    heights = [3.2] * bool(events) + [1.1] * bool(events and rates)
    heights += [1.1 if np.ndim(values) == 1 or np.shape(values)[1] <= 3 else 2.2 for _, values, _ in panels.values()]
    from matplotlib import pyplot

    figsize = figsize or (7.0, sum(heights) + 0.6)
    figure, column = pyplot.subplots(
        len(heights),
        sharex=True,
        squeeze=False,
        figsize=figsize,
        layout="constrained",
        gridspec_kw={"height_ratios": heights},
    )
    try:
        remaining = iter([axes(ax) for ax in column[:, 0]])
        if events:
            height = 72 * (figsize[1] - 0.6) * heights[0] / sum(heights)
            size = (0.85 * 72 * figsize[0], height)
            _rasters(next(remaining), events, colors, start, stop, max_rows, time_unit, size)
        if events and rates:
            bin = _default_bin(stop - start, events) if bin is None else float(seconds("bin", bin))
            smooth = None if smooth is None else float(seconds("smooth", smooth))
            _rates(next(remaining), events, colors, start, stop, bin, smooth, time_unit)
        for name, (times, values, unit) in panels.items():
            color = colors.get((colored or {}).get(name, name.split(".")[0]))
            called = (labels or {}).get(name)
            own = {} if called is None else {"labels": called}
            settings = {"start": start, "stop": stop, "time_unit": time_unit, **own}
            _named(name, draw_traces, times, values, next(remaining), name=name, unit=unit, color=color, **settings)
    except BaseException:
        pyplot.close(figure)
        raise
    for ax in column[:-1, 0]:
        ax.set_xlabel("")
    if title is not None:
        column[0, 0].set_title(title, fontsize=10)
    figure.align_ylabels(column[:, 0])
    return shown_once(figure)


def _named(name, function, /, *args, **kwargs):
    """Call, and say in an error which population or trace it came from."""
    try:
        return function(*args, **kwargs)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name!r}: {error}") from error


def _events(entry):
    if not isinstance(entry, (tuple, list)) or len(entry) != 3:
        raise ValueError("got something else than a tuple of three; accepted is (times, indices, n).")
    times = seconds("times", entry[0])
    return times, *check_events(times, *entry[1:])[1:3]


def _trace(entry):
    if not isinstance(entry, (tuple, list)) or len(entry) not in (2, 3):
        raise ValueError("got something else than a tuple of two or three; accepted is (times, values, unit).")
    return seconds("times", entry[0]), entry[1], entry[2] if len(entry) == 3 else None


def _rasters(ax, events, colors, start, stop, max_rows, time_unit, size):
    scale = time_axis(ax, start, stop, time_unit)
    sizes = [n for _, _, n in events.values()]
    edges = np.cumsum([0, *sizes])
    rows = evenly(edges[-1], max_rows)
    selected = []
    for (times, indices, n), first in zip(events.values(), edges, strict=False):
        mine = rows[(rows >= first) & (rows < first + n)] - first
        selected.append(select(times, indices, n, mine, start, stop))
    spikes = sum(kept.size for kept in selected)
    for (name, (times, indices, _)), first, kept in zip(events.items(), edges, selected, strict=False):
        x, y = times[kept] * scale, first + indices[kept]
        mark(ax, x, y, colors[name], rows=rows.size, spikes=spikes, size=size).set_label(name)
    for edge in edges[1:-1]:
        ax.axhline(edge - 0.5, color=GREY, linewidth=0.5)
    ax.set_ylim(edges[-1] - 0.5, -0.5)
    ax.set_ylabel(rows_label(rows.size, int(edges[-1])), fontsize=9)
    _band_labels(ax, events, colors, edges, edges[-1] / size[1])


def _band_labels(ax, events, colors, edges, per_point):
    """Each population's name beside its band, moved apart where bands are thinner than the text."""
    line = 11 * per_point
    at = (edges[:-1] + edges[1:] - 1) / 2
    at = np.maximum.accumulate(at - line * np.arange(at.size)) + line * np.arange(at.size)
    bottom = edges[-1] - line * np.arange(at.size)[::-1]
    ax.set_yticks(np.minimum(at, np.maximum(bottom, 0)), [f"{name}  {n:,}" for name, (_, _, n) in events.items()])
    ax.tick_params(axis="y", length=0)
    for text, color in zip(ax.get_yticklabels(), colors.values(), strict=True):
        text.set_color(color)


def _rates(ax, events, colors, start, stop, bin, smooth, time_unit):
    scale = time_axis(ax, start, stop, time_unit)
    for name, (times, _, n) in events.items():
        centers, rate = population_rate(times, n, bin, start, stop, smooth)
        ax.plot(centers * scale, rate, color=colors[name], linewidth=1, label=name)
    ax.set_ylim(bottom=0)
    ax.set_ylabel("rate (Hz)", fontsize=9)
    note = f"{1e3 * bin:g} ms bins" + (f", smoothed {1e3 * smooth:g} ms" if smooth else "")
    ax.text(1, 1, note, transform=ax.transAxes, ha="right", va="bottom", fontsize=7, color=GREY)


def _default_bin(duration, events):
    """About 1/400 of the window; wider, up to 1/40, until a bin holds some four spikes of a typical population."""
    typical = sum(times.size for times, _, _ in events.values()) / len(events)
    wanted = max(min(4 * duration / max(typical, 1), duration / 40), duration / 400, 1e-3)
    power = 10.0 ** np.floor(np.log10(wanted) + 1e-9)
    return min(max(step * power for step in (1, 2, 5) if step * power <= wanted * (1 + 1e-9)), duration)
