"""What all plots share: colours, axes, units and the time axis."""

import io
import re
from typing import Any

import brainunit as u
import numpy as np

# Okabe and Ito (2008), Color Universal Design; a grey stands for their yellow, which is too light for dots and lines.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
GREY = "#666666"

_TIME_SCALE = {"s": 1.0, "ms": 1e3}


def axes(ax, figsize=(7, 3)):
    """``ax``, or the axes of a new figure, without the frame's top and right."""
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=figsize, layout="constrained")
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8, length=3)
    return ax


def shown_once(figure):
    """``figure``, which a notebook shows once: at the end of a cell it shows every open figure, and the value of its last
    line.
    """

    def display():
        import matplotlib
        from matplotlib import pyplot

        if "inline" in matplotlib.get_backend() and pyplot.fignum_exists(figure.number):
            return  # it is about to be shown
        from IPython.display import Image  # type: ignore  # there where this is called
        from IPython.display import display as show  # type: ignore

        content = io.BytesIO()
        figure.savefig(content, format="png")
        show(Image(content.getvalue()))

    figure._ipython_display_ = display
    return figure


def seconds(name: str, value: Any) -> np.ndarray:
    """Times in seconds, from a quantity or from plain numbers that are seconds already; keeps their precision."""
    if isinstance(value, u.Quantity):
        try:
            value = value.to_decimal(u.second)
        except u.UnitMismatchError:
            raise TypeError(f"{name}: got a quantity in {value.unit}; accepted are times.") from None
    return np.asarray(value)


def values_and_unit(name: str, value: Any, unit: u.Unit | str | None) -> tuple[np.ndarray, str | None]:
    """Plain values, and the unit to write beside them: the one asked for, or the quantity's own."""
    if not isinstance(value, u.Quantity):
        return np.asarray(value, dtype=np.float64), None if unit is None else unit_text(unit)
    if isinstance(unit, str):
        raise TypeError(f"unit: got {unit!r} for {name} in {value.unit}; accepted is a brainunit unit, such as u.mV.")
    unit = value.unit if unit is None else unit
    try:
        return np.asarray(value.to_decimal(unit), dtype=np.float64), unit_text(unit)
    except u.UnitMismatchError:
        raise TypeError(f"unit: got {unit} for {name} in {value.unit}; the dimensions differ.") from None


def unit_text(unit):
    """A unit as it is printed: µA/cm², MΩ; nothing for a pure number."""
    if isinstance(unit, str):
        return unit
    text = re.sub(r"\bu(?=[A-Za-z])", "µ", str(unit)).replace("ohm", "Ω").replace(" / ", "/").replace(" * ", " ")
    text = re.sub(r"\^(\d)", lambda m: "⁰¹²³⁴⁵⁶⁷⁸⁹"[int(m[1])], text)
    return None if text == "1" else text


def label(text, unit):
    return f"{text} ({unit})" if unit else text


def time_axis(ax, start, stop, time_unit):
    """Limits and label of the time axis; returns what a time in seconds is multiplied by."""
    if time_unit is None:
        time_unit = "ms" if stop - start < 1.05 else "s"
    if time_unit not in _TIME_SCALE:
        raise ValueError(f"time_unit: got {time_unit!r}; accepted are 's', 'ms' and None (chosen by duration).")
    scale = _TIME_SCALE[time_unit]
    ax.set_xlim(start * scale, stop * scale)
    ax.set_xlabel(f"time ({time_unit})", fontsize=9)
    return scale


def window(start, stop, *all_times):
    """The window to show: what is given, else from 0 (or the first time, if that is late) to the last time."""
    start = None if start is None else float(seconds("start", start))
    stop = None if stop is None else float(seconds("stop", stop))
    present = [t for t in all_times if t.size]
    first = min((float(t.min()) for t in present), default=0.0)
    last = max((float(t.max()) for t in present), default=first + 1.0)
    if start is None:
        start = 0.0 if 0 <= first <= last / 2 else first
    if stop is None:
        stop = last + 1e-3 * (last - start) if last > start else start + 1.0
    if not stop > start:
        raise ValueError(f"stop: got {stop!r} s with start={start!r} s; accepted is stop > start.")
    return start, stop


def evenly(n, at_most):
    """Which of ``n`` things to show when at most so many fit: all, or evenly spaced ones."""
    if n <= at_most:
        return np.arange(n)
    return (np.arange(at_most) * n) // at_most


def size_in_points(ax):
    """Width and height of the axes, as far as they are known before the figure is laid out."""
    figure = ax.get_figure(root=True)
    box = ax.get_position()
    return box.width * figure.get_figwidth() * 72, box.height * figure.get_figheight() * 72
