"""How much neurons fire together."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._events import Bins, check_times, number, plain
from .rates import binned_counts, population_counts

_PAIRS_AT_ONCE = 1 << 22


class Correlation(NamedTuple):
    """Pairwise correlation: the mean over pairs, and the matrix [n, n]."""

    mean: float
    matrix: np.ndarray


class Correlogram(NamedTuple):
    """Cross-correlogram: bin centres in seconds, pairs in each bin, and the rate in hertz that they amount to."""

    lags: np.ndarray
    counts: np.ndarray
    rate: np.ndarray


def correlation(times: ArrayLike, indices: ArrayLike, n: int, bin: float, start: float, stop: float) -> Correlation:
    r"""Pearson correlation of the binned spike counts of every pair of neurons.

    .. math:: \rho_{ij} = \frac{\mathrm{Cov}_b(N_{ib}, N_{jb})}{\sqrt{\mathrm{Var}_b N_{ib}\,\mathrm{Var}_b N_{jb}}}

    Work and memory grow with n²; of a large population, take a sample of neurons.

    Parameters
    ----------
    times, indices : array [spikes]
        Spike times in seconds and the neuron of each, in any order.
    n : int
        Number of neurons.
    bin : float
        Width of a bin in seconds.
    start, stop : float
        Window in seconds. It holds as many whole bins as fit.

    Returns
    -------
    Correlation
        ``(mean, matrix [n, n])``. Neurons whose count never changes have no correlation: NaN, and not in the mean,
        which is over the pairs of different neurons.

    Raises
    ------
    ValueError, TypeError
        For events of unequal length, indices outside ``0..n-1``, a bin that is not positive or exceeds the window,
        or a quantity with a unit.
    """
    counts = binned_counts(times, indices, n, bin, start, stop)
    return pearson(counts)


def cross_correlogram(
    times_a: ArrayLike, times_b: ArrayLike | None = None, *, bin: float, max_lag: float
) -> Correlogram:
    r"""Histogram of the lags :math:`t_b - t_a` over all pairs of spikes of two trains.

    Independent trains give a flat ``rate`` equal to the rate of b, tapering by :math:`1 - |lag| / T` in a recording of
    length T. Bins are centred on multiples of ``bin``, so zero lag has its own; for times on a grid take an odd
    multiple of its step, which leaves no lag on an edge.

    Parameters
    ----------
    times_a : array [spikes of a]
        Reference train, in seconds, in any order.
    times_b : array [spikes of b], optional
        The other train. Without it, the autocorrelogram of a: no spike is paired with itself.
    bin : float
        Width of a bin in seconds.
    max_lag : float
        Largest lag in seconds, rounded to whole bins.

    Returns
    -------
    Correlogram
        ``(lags, counts, rate)``, each [2 round(max_lag / bin) + 1]: bin centres in seconds; pairs; and
        ``counts / (spikes of a * bin)``, the rate in hertz of b around a spike of a.
    """
    a, slack = check_times("times_a", times_a)
    b, slack_b = (a, slack) if times_b is None else check_times("times_b", times_b)
    width = number("bin", bin, above=0)
    reach = int(round(number("max_lag", max_lag, above=0) / width))
    edge = (reach + 0.5) * width
    slack = min(max(slack, slack_b), width / 4)
    a, b = np.sort(a), np.sort(b)
    first, last = np.searchsorted(b, a - edge - slack), np.searchsorted(b, a + edge + slack)
    pairs = np.cumsum(last - first)
    counts = np.zeros(2 * reach + 1, np.intp)
    at = 0
    while at < a.size:  # a chunk of reference spikes holds a bounded number of pairs
        done = pairs[at - 1] if at else 0
        end = max(at + 1, int(np.searchsorted(pairs, done + _PAIRS_AT_ONCE, side="right")))
        size = (last - first)[at:end]
        position = np.arange(size.sum()) + np.repeat(first[at:end] - (np.cumsum(size) - size), size)
        which = np.floor((b[position] - np.repeat(a[at:end], size) + slack) / width + 0.5).astype(np.intp) + reach
        counts += np.bincount(which[(which >= 0) & (which < counts.size)], minlength=counts.size)
        at = end
    if times_b is None:
        counts[reach] -= a.size
    rate = counts / (a.size * width) if a.size else np.full(counts.size, np.nan)
    return Correlogram(np.arange(-reach, reach + 1) * width, counts, rate)


def synchrony(times: ArrayLike, bin: float, start: float, stop: float) -> float:
    r"""Variance over mean of the population's spike count in bins: 1 for independent Poisson neurons.

    .. math:: S = \frac{\mathrm{Var}_b(N_b)}{\langle N_b \rangle_b}

    Common firing raises it, up to the number of neurons; the variance is the unbiased one.

    Parameters
    ----------
    times : array [spikes]
        Spike times of the whole population in seconds, in any order.
    bin : float
        Width of a bin in seconds; the window must hold at least two.
    start, stop : float
        Window in seconds. It holds as many whole bins as fit.

    Returns
    -------
    float
        NaN for a silent population.
    """
    counts = population_counts(times, bin, start, stop)
    if Bins.of(bin, start, stop).count < 2:
        raise ValueError(f"bin: got {bin!r}, one bin in the window; accepted is at most half of stop - start.")
    return float(counts.var(ddof=1) / counts.mean()) if counts.any() else float("nan")


def voltage_synchrony(values: ArrayLike) -> float:
    r"""Golomb's :math:`\chi` of membrane potentials: 1 in full synchrony, of order :math:`1/\sqrt n` in asynchrony.

    .. math:: \chi^2 = \frac{\mathrm{Var}_t(\langle V_i \rangle_i)}{\langle \mathrm{Var}_t(V_i) \rangle_i}

    Parameters
    ----------
    values : array [steps, n]
        Membrane potentials, in any one unit.

    Returns
    -------
    float
        NaN where no potential varies.

    References
    ----------
    Golomb (2007), Neuronal synchrony measures, Scholarpedia 2(1):1347.
    """
    values = plain("values", values, "mV")
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"values: got shape {values.shape}; accepted is [steps, n].")
    values = values.astype(np.float64, copy=False)
    single = values.var(axis=0).mean()
    return float(np.sqrt(values.mean(axis=1).var() / single)) if single > 0 else float("nan")


def pearson(columns):
    """Correlation of every pair of columns; those that never change, or hold a NaN, have none."""
    n = columns.shape[1]
    live = np.flatnonzero((columns != columns[0]).any(axis=0) & np.isfinite(columns).all(axis=0))
    deviation = columns[:, live] - columns[:, live].mean(axis=0)
    deviation /= np.linalg.norm(deviation, axis=0)
    among = np.clip(deviation.T @ deviation, -1, 1)
    np.fill_diagonal(among, 1)
    matrix = np.full((n, n), np.nan)
    matrix[np.ix_(live, live)] = among
    pairs = live.size * (live.size - 1)
    return Correlation(float((among.sum() - live.size) / pairs) if pairs else float("nan"), matrix)
