"""Interspike intervals and how irregular they are."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._events import Bins, PerNeuron, check_events, check_window, inside, integer


class Intervals(NamedTuple):
    """Interspike intervals, sorted by neuron and then by time: ``values`` in seconds and the ``owner`` of each."""

    values: np.ndarray
    owner: np.ndarray


def interspike_intervals(
    times: ArrayLike, indices: ArrayLike, n: int, start: float | None = None, stop: float | None = None
) -> Intervals:
    """Intervals between successive spikes of the same neuron.

    Parameters
    ----------
    times, indices : array [spikes]
        Spike times in seconds and the neuron of each, in any order.
    n : int
        Number of neurons.
    start, stop : float, optional
        Window in seconds, half open; both or neither. Without it all spikes count.

    Returns
    -------
    Intervals
        ``(values, owner)``, each with one entry per interval; ``values[owner == i]`` are neuron i's, in order of time.

    Raises
    ------
    ValueError, TypeError
        For events of unequal length, indices outside ``0..n-1``, an empty window or a quantity with a unit.
    """
    times, indices, n, slack = check_events(times, indices, n)
    if (start is None) != (stop is None):
        raise ValueError(f"start, stop: got start={start!r}, stop={stop!r}; give both or neither.")
    if start is not None and stop is not None:
        kept = inside(times, *check_window(start, stop), slack)
        times, indices = times[kept], indices[kept]
    order = np.lexsort((times, indices))
    times, indices = times[order], indices[order]
    same = indices[1:] == indices[:-1]
    return Intervals(np.diff(times)[same], indices[1:][same])


def cv(
    times: ArrayLike,
    indices: ArrayLike,
    n: int,
    min_spikes: int = 6,
    start: float | None = None,
    stop: float | None = None,
) -> PerNeuron:
    r"""Coefficient of variation of the interspike intervals: 0 for a clock, 1 for a Poisson process.

    .. math:: CV_i = \frac{\sqrt{\langle (I - \langle I \rangle)^2 \rangle}}{\langle I \rangle}

    A rate that drifts within the window raises it; :func:`cv2` compares neighbouring intervals only.

    Parameters
    ----------
    times, indices, n, start, stop
        As in :func:`interspike_intervals`.
    min_spikes : int
        Neurons with fewer spikes have no value (NaN) and do not enter the mean. At least 3.

    Returns
    -------
    PerNeuron
        ``(mean, per_neuron [n])``.
    """
    min_spikes = integer("min_spikes", min_spikes, least=3)
    values, owner = interspike_intervals(times, indices, n, start, stop)
    count = np.bincount(owner, minlength=n)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(owner, values, n) / count
        variance = np.bincount(owner, (values - mean[owner]) ** 2, n) / count
        return _per_neuron(np.sqrt(variance) / mean, count + 1 >= min_spikes)


def cv2(
    times: ArrayLike,
    indices: ArrayLike,
    n: int,
    min_spikes: int = 6,
    start: float | None = None,
    stop: float | None = None,
) -> PerNeuron:
    r"""Local irregularity of the interspike intervals, blind to slow changes of the rate; 1 for a Poisson process.

    .. math:: CV2_i = \Big\langle \frac{2\,|I_{k+1} - I_k|}{I_{k+1} + I_k} \Big\rangle_k

    Parameters
    ----------
    times, indices, n, min_spikes, start, stop
        As in :func:`cv`.

    Returns
    -------
    PerNeuron
        ``(mean, per_neuron [n])``.

    References
    ----------
    Holt, Softky, Koch and Douglas (1996), Journal of Neurophysiology 75:1806.
    """
    min_spikes = integer("min_spikes", min_spikes, least=3)
    values, owner = interspike_intervals(times, indices, n, start, stop)
    total = values[1:] + values[:-1]
    pair = (owner[1:] == owner[:-1]) & (total > 0)
    ratio = 2 * np.abs(np.diff(values))[pair] / total[pair]
    first = owner[1:][pair]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(first, ratio, n) / np.bincount(first, minlength=n)
    return _per_neuron(mean, np.bincount(owner, minlength=n) + 1 >= min_spikes)


def fano_factor(times: ArrayLike, indices: ArrayLike, n: int, bin: float, start: float, stop: float) -> PerNeuron:
    r"""Variance over mean of each neuron's spike count in bins: 1 for a Poisson process at any bin width.

    .. math:: F_i = \frac{\mathrm{Var}_b(N_{ib})}{\langle N_{ib} \rangle_b}

    The variance is the unbiased one (bins - 1), for which the expectation over Poisson trains is exactly 1.

    Parameters
    ----------
    times, indices, n
        As in :func:`interspike_intervals`.
    bin : float
        Width of a bin in seconds; the window must hold at least two.
    start, stop : float
        Window in seconds. It holds as many whole bins as fit.

    Returns
    -------
    PerNeuron
        ``(mean, per_neuron [n])``; NaN for neurons that do not fire.
    """
    times, indices, n, slack = check_events(times, indices, n)
    bins = Bins.of(bin, start, stop)
    if bins.count < 2:
        raise ValueError(f"bin: got {bin!r}, one bin in the window; accepted is at most half of stop - start.")
    which, kept = bins.locate(times, slack)
    cells, counts = np.unique(indices[kept] * bins.count + which[kept], return_counts=True)
    neuron = cells // bins.count
    total = np.bincount(neuron, counts, n)
    squares = np.bincount(neuron, counts.astype(np.float64) ** 2, n)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = (squares - total**2 / bins.count) / (bins.count - 1)
        return _per_neuron(variance / (total / bins.count), total > 0)


def _per_neuron(values, valid):
    values = np.where(valid & np.isfinite(values), values, np.nan)
    present = values[~np.isnan(values)]
    return PerNeuron(float(present.mean()) if present.size else float("nan"), values)
