"""Colours of what is drawn in many pieces: by kind or by value."""

from __future__ import annotations

from typing import Any

import brainunit as u
import numpy as np

from ._style import COLORS, GREY, label, values_and_unit

#: Colours of the types that reconstructions have; others take the remaining ones in turn.
KINDS = {"soma": "#333333", "axon": COLORS[0], "dend": COLORS[1], "apic": COLORS[2], "undefined": COLORS[7]}
_OTHERS = (COLORS[3], COLORS[4], COLORS[5], "#8C564B", "#9467BD")


def kind_colors(kinds) -> dict[str, Any]:
    """A colour for every kind, in the order of their first."""
    others = [kind for kind in dict.fromkeys(kinds) if kind not in KINDS]
    free = {kind: _OTHERS[k % len(_OTHERS)] for k, kind in enumerate(others)}
    return {kind: KINDS.get(kind, free.get(kind)) for kind in dict.fromkeys(kinds)}


def paint(drawn, ax, count, kinds, values, which, color, colormap, limits, name, unit, legend, order=None):
    """Give a collection of cones its colours, and the axes a legend or a colour bar."""
    order = np.arange(count) if order is None else order
    if values is not None:
        plain, text = values_and_unit("values", values, unit)
        rows = np.arange(count) if which is None else np.asarray(which)
        short = plain.ndim == 1 and (len(plain) != count if which is None else rows.max() >= len(plain))
        if plain.ndim != 1 or short or rows.shape != (count,) or rows.min() < 0:
            raise ValueError(
                f"values: got shape {plain.shape} for {count} cones; give one for each, or `which` of them each shows."
            )
        drawn.set_array(plain[rows][order])
        drawn.set_cmap(colormap)
        shown = values.unit if unit is None and isinstance(values, u.Quantity) else unit
        low, high = (values_and_unit("limits", x, shown)[0] for x in limits) if limits else span(plain)
        drawn.set_clim(float(low), float(high))
        if hasattr(drawn, "get_facecolor") and len(drawn.get_facecolor()):
            drawn.set_edgecolor("face")
        if legend:
            bar = ax.get_figure(root=True).colorbar(drawn, ax=ax, shrink=0.6, aspect=25, pad=0.02)
            bar.set_label(label(name, text) if name else text or "", fontsize=9)
            bar.ax.tick_params(labelsize=8)
            if (plain == np.round(plain)).all():
                bar.ax.yaxis.get_major_locator().set_params(integer=True)
            bar.outline.set_visible(False)
        return
    if kinds is None or color is not None:
        drawn.set_color(color or GREY)
        return
    kinds = np.asarray(kinds)
    if kinds.shape != (count,):
        raise ValueError(f"kinds: got shape {kinds.shape} for {count} cones; give one for each.")
    colors = kind_colors(kinds.tolist())
    drawn.set_color([colors[kind] for kind in kinds[order].tolist()])
    if legend and len(colors) > 1:
        from matplotlib.lines import Line2D

        lines = [Line2D([], [], color=c, linewidth=3, label=kind) for kind, c in colors.items()]
        ax.legend(handles=lines, fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))


def span(values):
    """The least and the largest of what is finite, apart from each other."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else (low - 0.5, low + 0.5)
