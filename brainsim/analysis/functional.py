"""Functional connectivity: which signals go together, and how that changes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._events import integer, number, plain
from .correlation import Correlation, pearson


class FunctionalDynamics(NamedTuple):
    """Functional connectivity over time: window centres in seconds [w], the matrices [w, k, k], and their similarity
    [w, w].
    """

    times: np.ndarray
    matrices: np.ndarray
    similarity: np.ndarray


def functional_connectivity(signals: ArrayLike) -> Correlation:
    r"""Pearson correlation of every pair of signals.

    .. math:: FC_{ij} = \frac{\mathrm{Cov}_t(x_i, x_j)}{\sqrt{\mathrm{Var}_t x_i\,\mathrm{Var}_t x_j}}

    Parameters
    ----------
    signals : array [steps, k]
        One column per region or neuron: BOLD, rates, voltages. Of spikes, see :func:`correlation`.

    Returns
    -------
    Correlation
        ``(mean, matrix [k, k])``. A signal that does not vary has no correlation: NaN, and not in the mean, which is
        over the pairs of different signals.

    Raises
    ------
    ValueError, TypeError
        For fewer than 2 steps, NaN, or a quantity with a unit.
    """
    return pearson(_signals(signals, least=2))


def functional_dynamics(signals: ArrayLike, dt: float, window: float, shift: float | None = None) -> FunctionalDynamics:
    r"""Functional connectivity in sliding windows, and how much the windows resemble each other (FCD).

    .. math:: FCD(t_1, t_2) = \mathrm{corr}_{i<j}\big(FC_{ij}(t_1),\, FC_{ij}(t_2)\big)

    Parameters
    ----------
    signals : array [steps, k]
        One column per region, k >= 3.
    dt : float
        Time between samples in seconds.
    window : float
        Length of a window in seconds; 30 to 60 s is usual for BOLD.
    shift : float, optional
        From one window to the next, in seconds; a third of the window if not given.

    Returns
    -------
    FunctionalDynamics
        ``(times [w], matrices [w, k, k], similarity [w, w])``; ``times`` are the window centres, the first sample being
        at 0.

    Raises
    ------
    ValueError, TypeError
        For windows of fewer than 3 samples or longer than the signal, NaN, or a quantity with a unit.

    References
    ----------
    Hansen, Battaglia, Spiegler, Deco and Jirsa (2015), Functional connectivity dynamics: modeling the switching
    behavior of the resting state, NeuroImage 105:525.
    """
    signals = _signals(signals, least=3)
    steps, k = signals.shape
    if k < 3:
        raise ValueError(f"signals: got {k} columns; accepted are at least 3, for two pairs to compare.")
    dt = number("dt", dt, above=0)
    length = round(number("window", window, above=0) / dt)
    if not 3 <= length <= steps:
        raise ValueError(f"window: got {window!r}; accepted is {3 * dt:.6g} to {steps * dt:.6g} s (the signals).")
    stride = integer(
        "shift", max(length // 3, 1) if shift is None else round(number("shift", shift, above=0) / dt), least=1
    )
    first = np.arange(0, steps - length + 1, stride)
    matrices = np.stack([pearson(signals[at : at + length]).matrix for at in first])
    pairs = matrices[:, *np.triu_indices(k, 1)]
    similarity = pearson(pairs.T).matrix
    return FunctionalDynamics((first + (length - 1) / 2) * dt, matrices, similarity)


def _signals(signals: ArrayLike, least: int) -> np.ndarray:
    signals = plain("signals", signals, "<its unit>")
    if signals.ndim != 2 or signals.shape[0] < least or signals.shape[1] == 0:
        raise ValueError(f"signals: got shape {signals.shape}; accepted is [steps, k], steps >= {least}.")
    signals = signals.astype(np.float64)
    if not np.isfinite(signals).all():
        raise ValueError("signals: got NaN or infinite entries; accepted are finite samples.")
    return signals
