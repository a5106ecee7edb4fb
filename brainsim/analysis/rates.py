"""Firing rates and spike counts."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._events import Bins, PerNeuron, check_events, check_times, check_window, inside, integer, number


class PopulationRate(NamedTuple):
    """Rate of a population over time: bin centres in seconds, spikes per neuron and second in hertz; both [bins]."""

    times: np.ndarray
    rate: np.ndarray


def firing_rate(times: ArrayLike, indices: ArrayLike, n: int, start: float, stop: float) -> PerNeuron:
    """Firing rate of each neuron, and their mean.

    .. math:: r_i = N_i / (t_{stop} - t_{start})

    Parameters
    ----------
    times, indices : array [spikes]
        Spike times in seconds and the neuron of each, in any order.
    n : int
        Number of neurons, silent ones included.
    start, stop : float
        Window in seconds, half open.

    Returns
    -------
    PerNeuron
        ``(mean, per_neuron [n])`` in hertz.

    Raises
    ------
    ValueError, TypeError
        For events of unequal length, indices outside ``0..n-1``, an empty window or a quantity with a unit.
    """
    times, indices, n, slack = check_events(times, indices, n)
    start, stop = check_window(start, stop)
    rate = np.bincount(indices[inside(times, start, stop, slack)], minlength=n) / (stop - start)
    return PerNeuron(float(rate.mean()), rate)


def binned_counts(times: ArrayLike, indices: ArrayLike, n: int, bin: float, start: float, stop: float) -> np.ndarray:
    """Spike count of every neuron in every bin.

    The window holds as many whole bins as fit; spikes in a shorter last piece are left out.

    Parameters
    ----------
    times, indices, n, start, stop
        As in :func:`firing_rate`.
    bin : float
        Width of a bin in seconds.

    Returns
    -------
    array [bins, n] of int
    """
    times, indices, n, slack = check_events(times, indices, n)
    bins = Bins.of(bin, start, stop)
    which, kept = bins.locate(times, slack)
    return np.bincount(which[kept] * n + indices[kept], minlength=bins.count * n).reshape(bins.count, n)


def population_counts(times: ArrayLike, bin: float, start: float, stop: float) -> np.ndarray:
    """Spike count of the whole population in every bin.

    Parameters
    ----------
    times : array [spikes]
        Spike times in seconds, in any order.
    bin : float
        Width of a bin in seconds.
    start, stop : float
        Window in seconds. It holds as many whole bins as fit.

    Returns
    -------
    array [bins] of int
    """
    times, slack = check_times("times", times)
    bins = Bins.of(bin, start, stop)
    which, kept = bins.locate(times, slack)
    return np.bincount(which[kept], minlength=bins.count)


def population_rate(
    times: ArrayLike, n: int, bin: float, start: float, stop: float, smooth: float | None = None
) -> PopulationRate:
    r"""Rate per neuron of a population over time.

    .. math:: r(t) = \frac{N(t, t + \Delta)}{n \Delta}

    Parameters
    ----------
    times : array [spikes]
        Spike times of the population in seconds, in any order.
    n : int
        Number of neurons.
    bin : float
        Bin width :math:`\Delta` in seconds.
    start, stop : float
        Window in seconds. It holds as many whole bins as fit.
    smooth : float, optional
        Standard deviation in seconds of a Gaussian that smooths the rate. The window's ends reflect, so the
        mean rate is kept.

    Returns
    -------
    PopulationRate
        ``(times [bins], rate [bins])``: bin centres in seconds, rate in hertz.
    """
    n = integer("n", n, least=1)
    counts = population_counts(times, bin, start, stop)
    bins = Bins.of(bin, start, stop)
    rate = counts / (n * bins.width)
    if smooth is not None:
        from scipy.ndimage import gaussian_filter1d

        rate = gaussian_filter1d(rate, number("smooth", smooth, above=0) / bins.width, mode="reflect")
    return PopulationRate(bins.centers, rate)
