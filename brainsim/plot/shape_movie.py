"""Shapes of cells whose colours change in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import brainunit as u
import numpy as np
from numpy.typing import ArrayLike

from brainsim._units import NumberLike

from ._paint import span
from ._style import seconds, values_and_unit
from .shape import checked, polygons_of, shape

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.axes import Axes


def shape_movie(
    ends: ArrayLike,
    radii: ArrayLike,
    times: NumberLike,
    values: NumberLike,
    ax: Axes | None = None,
    *,
    which: ArrayLike | None = None,
    frames: int = 200,
    fps: float = 25.0,
    limits: tuple[NumberLike, NumberLike] | None = None,
    unit: u.Unit | None = None,
    **settings: Any,
) -> FuncAnimation:
    """Values on a cell over time, such as the potential of every compartment.

    Parameters
    ----------
    ends, radii : array (cones, 2, 3), (cones, 2)
        As for :func:`shape`.
    times : array (steps,)
        Times (quantity, or seconds).
    values : quantity or array (steps, k)
        What the colours show.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.
    which : array of int (cones,), optional
        The column of ``values`` that each cone shows; one for each cone if not given.
    frames : int
        With more steps than this, as many evenly spaced ones are shown.
    fps : float
        Frames per second.
    limits : (low, high), optional
        Values at the ends of the colour map; the least and the largest of all times if not given.
    unit : Unit, optional
        Unit to show the values in.
    **settings
        As for :func:`shape`: ``plane``, ``colormap``, ``name``.

    Returns
    -------
    matplotlib.animation.FuncAnimation
        ``.save("cell.gif")`` writes it; in a notebook ``.to_jshtml()`` shows it.

    Raises
    ------
    ValueError
        For arrays whose sizes differ.
    """
    from matplotlib.animation import FuncAnimation

    moments = seconds("times", times)
    plain, _ = values_and_unit("values", values, unit)
    if plain.ndim != 2 or moments.shape != plain.shape[:1] or not len(moments):
        raise ValueError(
            f"values: got shape {plain.shape} with times of shape {moments.shape}; accepted is (steps, k)."
        )
    steps = np.unique(np.linspace(0, len(moments) - 1, min(frames, len(moments))).astype(int))
    low, high = limits or span(plain)
    if isinstance(values, u.Quantity):
        unit = values.unit if unit is None else unit
        low, high = (x if isinstance(x, u.Quantity) else u.Quantity(x, unit=unit) for x in (low, high))
    first = u.Quantity(plain[0], unit=unit) if isinstance(values, u.Quantity) else plain[0]
    rows = np.arange(len(np.asarray(ends))) if which is None else np.asarray(which)
    ax = shape(ends, radii, ax, values=first, which=rows, limits=(low, high), unit=unit, **settings)
    drawn: Any = ax.collections[-1]
    order = polygons_of(*checked(ends, radii), settings.get("plane", "xy"))[1]
    title = ax.text(0.5, 1.0, "", transform=ax.transAxes, ha="center", va="bottom", fontsize=9)

    def show(frame):
        drawn.set_array(plain[steps[frame], rows][order])
        title.set_text(f"{moments[steps[frame]] * 1e3:.1f} ms")
        return drawn, title

    figure: Any = ax.get_figure(root=True)
    return FuncAnimation(figure, show, frames=len(steps), interval=1000 / fps, blit=False)
