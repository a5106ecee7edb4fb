"""Training over epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._style import COLORS, axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINES = ("-", "--", ":", "-.")


class LearningAxes(NamedTuple):
    """The axes of the loss, and those of the accuracy (None where there is none)."""

    loss: object
    accuracy: object


def learning_curve(
    losses: ArrayLike | Mapping[str, ArrayLike],
    accuracies: ArrayLike | Mapping[str, ArrayLike] | None = None,
    ax: Axes | None = None,
    *,
    log: bool = False,
) -> LearningAxes:
    """Loss over epochs, and accuracy on an axis at the right.

    Parameters
    ----------
    losses : array [epochs] or dict of str to array [epochs]
        Loss after each epoch; with a dict several curves, as "train" and "test".
    accuracies : array [epochs] or dict of str to array [epochs], optional
        Fractions from 0 to 1, drawn in per cent.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.
    log : bool
        Whether the loss has a logarithmic axis.

    Returns
    -------
    LearningAxes
        ``(loss, accuracy)``.

    Raises
    ------
    ValueError
        For curves that are not [epochs] or accuracies outside 0 to 1.
    """
    curves = _curves("losses", losses)
    fractions = {} if accuracies is None else _curves("accuracies", accuracies)
    for name, curve in fractions.items():
        if np.nanmin(curve) < 0 or np.nanmax(curve) > 1:
            raise ValueError(
                f"accuracies{f'[{name!r}]' if name else ''}: got {np.nanmin(curve):g} to {np.nanmax(curve):g}; "
                "accepted are fractions from 0 to 1."
            )
    ax = axes(ax, (5, 3.2))
    longest = max(curve.size for curve in (*curves.values(), *fractions.values()))
    _draw(ax, curves, COLORS[0], "loss")
    ax.set_xlabel("epoch", fontsize=9)
    ax.set_xlim(1 - 0.02 * longest, longest + 0.02 * longest)
    locator: Any = ax.xaxis.get_major_locator()
    locator.set_params(integer=True)
    if log:
        ax.set_yscale("log")
    else:
        lowest = min(float(np.nanmin(curve)) for curve in curves.values())
        ax.set_ylim(bottom=0 if lowest >= 0 else None)
    if not fractions:
        if len(curves) > 1:
            ax.legend(fontsize=8, frameon=False)
        return LearningAxes(ax, None)
    twin = axes(ax.twinx())
    twin.spines["right"].set_visible(True)
    _draw(twin, {name: 100 * curve for name, curve in fractions.items()}, COLORS[1], "accuracy (%)")
    twin.set_ylim(0, 102)
    for side, color in ((ax, COLORS[0]), (twin, COLORS[1])):
        side.yaxis.label.set_color(color)
        side.tick_params(axis="y", colors=color)
    lines = [*ax.get_lines(), *twin.get_lines()]
    if len(lines) > 2:
        ax.legend(handles=lines, fontsize=8, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return LearningAxes(ax, twin)


def _curves(argument: str, given: ArrayLike | Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    named = given if isinstance(given, Mapping) else {"": given}
    curves = {name: np.asarray(curve, dtype=np.float64) for name, curve in named.items()}
    if not curves:
        raise ValueError(f"{argument}: got an empty dict; give at least one curve.")
    for name, curve in curves.items():
        if curve.ndim != 1 or curve.size == 0:
            which = f"{argument}[{name!r}]" if name else argument
            raise ValueError(f"{which}: got shape {curve.shape}; accepted is [epochs], one or more.")
    return curves


def _draw(ax, curves, color, what):
    for (name, curve), line in zip(curves.items(), _LINES * len(curves), strict=False):
        marker = "o" if curve.size <= 30 else None
        text = f"{name} {what.split()[0]}".strip()
        epochs = np.arange(1, curve.size + 1)
        ax.plot(epochs, curve, line, color=color, marker=marker, markersize=3, linewidth=1.4, label=text)
    ax.set_ylabel(what, fontsize=9)
