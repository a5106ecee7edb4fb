"""Shapes of cells: truncated cones in two and three dimensions, coloured by kind or by value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import brainunit as u
import numpy as np
from numpy.typing import ArrayLike

from brainsim._units import NumberLike

from ._paint import paint
from ._style import GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PLANES = {a + b: (i, j, 3 - i - j) for i, a in enumerate("xyz") for j, b in enumerate("xyz") if i != j}


def shape(
    ends: ArrayLike,
    radii: ArrayLike,
    ax: Axes | None = None,
    *,
    kinds: Sequence[str] | np.ndarray | None = None,
    values: NumberLike | None = None,
    which: ArrayLike | None = None,
    plane: str = "xy",
    color: Any = None,
    colormap: Any = "viridis",
    limits: tuple[NumberLike, NumberLike] | None = None,
    name: str = "",
    unit: u.Unit | None = None,
    min_width: float = 0.7,
    scale_bar: bool = True,
    legend: bool = True,
) -> Axes:
    """Truncated cones, projected onto a plane and as wide as they are.

    Parameters
    ----------
    ends : array (cones, 2, 3)
        Both ends of every cone, in µm.
    radii : array (cones, 2)
        Radii at the ends, in µm.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.
    kinds : sequence of str (cones,), optional
        What each cone is; kinds have colours and a legend.
    values : quantity or array (cones,) or (k,), optional
        What the colours show, with a colour bar.
    which : array of int (cones,), optional
        The element of ``values`` that each cone shows; one for each cone if not given.
    plane : str
        Two of x, y and z: what is drawn to the right, and upward. What is in front covers what lies behind.
    color : matplotlib colour, optional
        One colour for all.
    colormap : str or Colormap
        Colours of the values.
    limits : (low, high), optional
        Values at the ends of the colour map; the least and the largest if not given.
    name : str
        What the values are, for the colour bar.
    unit : Unit, optional
        Unit to show the values in.
    min_width : float
        Thinnest line, in points, so that thin neurites are seen.
    scale_bar : bool
        A bar of length instead of axes.
    legend : bool
        Whether kinds get a legend, and values a colour bar.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For arrays whose sizes differ, or an unknown plane.
    """
    from matplotlib.collections import PolyCollection

    ends, radii = checked(ends, radii)
    polygons, order = polygons_of(ends, radii, plane)
    right, up, _ = _PLANES[plane]
    if ax is None:
        from matplotlib import pyplot

        size = np.ptp(ends.reshape(-1, 3)[:, [right, up]], axis=0) + 1e-9
        _, ax = pyplot.subplots(figsize=figure_size(*size), layout="constrained")
    drawn = PolyCollection(polygons, linewidths=min_width, joinstyle="round", capstyle="round")
    paint(drawn, ax, len(ends), kinds, values, which, color, colormap, limits, name, unit, legend, order)
    ax.add_collection(drawn)
    ax.set_aspect("equal")
    ax.autoscale_view()
    if scale_bar:
        _bar(ax, np.concatenate(polygons))
    else:
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_xlabel(f"{plane[0]} (µm)", fontsize=9)
        ax.set_ylabel(f"{plane[1]} (µm)", fontsize=9)
    return ax


def shape_3d(
    ends: ArrayLike,
    radii: ArrayLike,
    ax: Axes | None = None,
    *,
    kinds: Sequence[str] | np.ndarray | None = None,
    values: NumberLike | None = None,
    which: ArrayLike | None = None,
    color: Any = None,
    colormap: Any = "viridis",
    limits: tuple[NumberLike, NumberLike] | None = None,
    name: str = "",
    unit: u.Unit | None = None,
    min_width: float = 0.7,
    legend: bool = True,
) -> Axes:
    """Truncated cones in three dimensions, as lines whose widths are those that they have when first drawn.

    Parameters
    ----------
    ends, radii, kinds, values, which, color, colormap, limits, name, unit, min_width, legend
        As for :func:`shape`.
    ax : matplotlib 3-D axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib Axes3D
        The y axis of the cell points upward.
    """
    from matplotlib import pyplot
    from matplotlib.ticker import MaxNLocator
    from mpl_toolkits.mplot3d.art3d import Line3DCollection

    ends, radii = checked(ends, radii)
    shown: Any = ax
    if shown is None:
        shown = pyplot.subplots(figsize=(6, 6), layout="constrained", subplot_kw={"projection": "3d"})[1]
    points = ends.reshape(-1, 3)[:, [0, 2, 1]]  # up is the third axis of a 3-D plot, and y in reconstructions
    low, size = points.min(0), np.ptp(points, axis=0)
    size = np.maximum(size, 0.05 * size.max())
    per_um = 0.7 * 72 * min(shown.get_figure(root=True).get_size_inches()) / size.max()
    widths = np.maximum(2 * radii.mean(1) * per_um, min_width)
    drawn = Line3DCollection(list(ends[:, :, [0, 2, 1]]), linewidths=widths, capstyle="round")
    paint(drawn, shown, len(ends), kinds, values, which, color, colormap, limits, name, unit, legend)
    shown.add_collection3d(drawn)
    for k, (axis, letter) in enumerate(zip("xyz", "xzy", strict=True)):
        getattr(shown, f"set_{axis}lim")(low[k], low[k] + size[k])
        getattr(shown, f"set_{axis}label")(f"{letter} (µm)", fontsize=8)
        getattr(shown, f"{axis}axis").set_pane_color((1, 1, 1, 0))
        getattr(shown, f"{axis}axis").set_major_locator(MaxNLocator(4))
    shown.tick_params(labelsize=7)
    shown.set_box_aspect(size)
    shown.grid(False)
    return shown


def checked(ends, radii):
    """Arrays of cones, if their shapes fit."""
    ends, radii = np.asarray(ends, float), np.asarray(radii, float)
    if ends.ndim != 3 or ends.shape[1:] != (2, 3) or radii.shape != ends.shape[:2] or not len(ends):
        raise ValueError(
            f"ends, radii: got shapes {ends.shape} and {radii.shape}; accepted are (cones, 2, 3) and (cones, 2)."
        )
    return ends, radii


def polygons_of(ends, radii, plane):
    """What is drawn of projected cones, what is in front last, and the cone that each polygon is of."""
    if plane not in _PLANES:
        raise ValueError(f"plane: got {plane!r}; accepted are {', '.join(sorted(_PLANES))}.")
    right, up, depth = _PLANES[plane]
    flat = ends[:, :, [right, up]]
    bent = _bends(ends, radii, np.ptp(flat, axis=(0, 1)).max() / 300)
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    polygons = [*_outlines(flat, radii), *(flat[bent, :1] + radii[bent, 0, None, None] * circle)]
    cone = np.r_[np.arange(len(ends)), bent]
    towards = 1.0 if plane in ("xy", "yz", "zx") else -1.0
    order = np.argsort(towards * ends[cone, :, depth].mean(1), kind="stable")
    return [polygons[k] for k in order.tolist()], cone[order]


def _bends(ends, radii, visible):
    """Cones that begin where another ends in another direction, and are so thick that the notch between them shows."""
    step = ends[:, 1] - ends[:, 0]
    long = np.linalg.norm(step, axis=1)
    thick = np.flatnonzero((radii[:, 0] > visible) & (long > 0))
    ending = {end.tobytes(): k for k, end in enumerate(ends[:, 1]) if radii[k, 1] > visible}
    bent = []
    for k in thick.tolist():
        before = ending.get(ends[k, 0].tobytes())
        if before is None or min(long[k], long[before]) < radii[k, 0]:
            continue
        if step[k] @ step[before] < 0.998 * long[k] * long[before]:
            bent.append(k)
    return np.array(bent, int)


def figure_size(width, height, most=7.0):
    """Width and height in inches of a figure whose longer side has room for a legend."""
    scale = (most - 1.0) / max(width, height)
    return max(width * scale, 2.0) + 1.0, max(height * scale, 2.0) + 0.6


def _outlines(ends, radii):
    """The four corners of every projected cone: (cones, 4, 2)."""
    step = ends[:, 1] - ends[:, 0]
    long = np.linalg.norm(step, axis=1, keepdims=True)
    along = np.divide(step, long, out=np.tile([1.0, 0.0], (len(step), 1)), where=long > 0)
    across = along[:, ::-1] * [-1.0, 1.0]
    side = across[:, None] * radii[..., None]
    return np.stack(
        [ends[:, 0] + side[:, 0], ends[:, 1] + side[:, 1], ends[:, 1] - side[:, 1], ends[:, 0] - side[:, 0]], 1
    )


def _bar(ax, points):
    """A bar of a round length below the cell, instead of axes."""
    ax.set_axis_off()
    (left, bottom), (right, top) = points.min(0), points.max(0)
    target = max(right - left, top - bottom) / 4
    power = 10.0 ** np.floor(np.log10(target))
    length = float(max(s * power for s in (1, 2, 5) if s * power <= target * (1 + 1e-9)))
    y = bottom - 0.04 * (top - bottom + right - left) / 2
    ax.plot([left, left + length], [y, y], color=GREY, linewidth=2, solid_capstyle="butt")
    text = f"{length / 1000:g} mm" if length >= 1000 else f"{length:g} µm"
    ax.annotate(
        text, (left + length / 2, y), (0, -3), textcoords="offset points", ha="center", va="top", fontsize=8, color=GREY
    )
