"""Bursts: stretches of a spike train that are much denser than the rest."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._events import check_events, integer, number


class Bursts(NamedTuple):
    """Bursts sorted by neuron and then by time, one entry each.

    ``neuron``; ``start`` and ``stop``, the times of its first and last spike in seconds; ``spikes``, how many it has;
    ``surprise``, the Poisson surprise S of it.
    """

    neuron: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    spikes: np.ndarray
    surprise: np.ndarray


def interval_bursts(
    times: ArrayLike,
    indices: ArrayLike,
    n: int,
    interval: float,
    *,
    end_interval: float | None = None,
    gap: float = 0.0,
    duration: float = 0.0,
    min_spikes: int = 3,
) -> Bursts:
    r"""Bursts by the intervals between spikes: the maximum interval method.

    A burst begins where an interval is at most ``interval`` and goes on while intervals are at most ``end_interval``.
    Then bursts of a neuron less than ``gap`` apart are joined, and those that are shorter than ``duration`` or have
    fewer than ``min_spikes`` spikes are dropped.

    Parameters
    ----------
    times, indices : array [spikes]
        Spike times in seconds and the neuron of each, in any order.
    n : int
        Number of neurons.
    interval : float
        Longest interval that begins a burst, in seconds.
    end_interval : float, optional
        Longest interval within a burst, at least ``interval``, which it is if not given.
    gap : float
        Shortest time between two bursts, in seconds.
    duration : float
        Shortest burst, in seconds.
    min_spikes : int
        Fewest spikes of a burst, at least 2.

    Returns
    -------
    Bursts
        ``(neuron, start, stop, spikes, surprise)``, each with one entry per burst.

    Raises
    ------
    ValueError, TypeError
        For events of unequal length, indices outside ``0..n-1``, limits that contradict each other, or a quantity with
        a unit.

    References
    ----------
    Cotterill, Charlesworth, Thomas, Paulsen and Eglen (2016), A comparison of computational methods for detecting
    bursts in neuronal spike trains, Journal of Neurophysiology 116:306.
    """
    times, indices, n, slack = check_events(times, indices, n)
    interval = number("interval", interval, above=0)
    longest = interval if end_interval is None else number("end_interval", end_interval, above=0)
    gap, duration = number("gap", gap), number("duration", duration)
    min_spikes = integer("min_spikes", min_spikes, least=2)
    if longest < interval:
        raise ValueError(f"end_interval: got {end_interval!r}; accepted is at least interval={interval!r}.")
    found = []
    for neuron, train in _trains(times, indices):
        spans = []
        for first, last in _runs(np.diff(train) <= longest + slack):
            begins = np.flatnonzero(np.diff(train[first : last + 1]) <= interval + slack)
            if begins.size == 0:
                continue
            first += int(begins[0])
            if spans and train[first] - train[spans[-1][1]] < gap - slack:
                spans[-1] = spans[-1][0], last
            else:
                spans.append((first, last))
        for first, last in spans:
            if last - first + 1 >= min_spikes and train[last] - train[first] >= duration - slack:
                found.append((neuron, train, first, last))
    return _bursts(found)


def surprise_bursts(
    times: ArrayLike, indices: ArrayLike, n: int, min_surprise: float = 10.0, min_spikes: int = 3
) -> Bursts:
    r"""Bursts that a Poisson train of the neuron's own mean rate would hardly show: the Poisson surprise method.

    .. math:: S = -\ln P, \qquad P = e^{-rT} \sum_{k=m}^{\infty} \frac{(rT)^k}{k!}

    S of m spikes in the time T from the first to the last, r being the mean rate of the neuron from its first spike to
    its last. A candidate is ``min_spikes`` spikes with intervals below half of the mean; it takes in later spikes, each
    with an interval below the mean, as far as they raise S (looking up to ten spikes ahead), and drops its first spikes
    if S is higher without them. S takes no account of that search: in a Poisson train one spike in 400 begins a burst
    of S > 10.

    Parameters
    ----------
    times, indices : array [spikes]
        Spike times in seconds and the neuron of each, in any order.
    n : int
        Number of neurons.
    min_surprise : float
        Smallest S of a burst.
    min_spikes : int
        Fewest spikes of a burst, at least 3.

    Returns
    -------
    Bursts
        ``(neuron, start, stop, spikes, surprise)``, each with one entry per burst.

    Raises
    ------
    ValueError, TypeError
        For events of unequal length, indices outside ``0..n-1``, or a quantity with a unit.

    References
    ----------
    Legéndy and Salcman (1985), Bursts and recurrences of bursts in the spike trains of spontaneously active striate
    cortex neurons, Journal of Neurophysiology 53:926.
    """
    times, indices, n, _ = check_events(times, indices, n)
    min_surprise = number("min_surprise", min_surprise)
    min_spikes = integer("min_spikes", min_spikes, least=3)
    found = []
    for neuron, train in _trains(times, indices):
        if train.size < min_spikes or train[-1] == train[0]:
            continue
        intervals, mean = np.diff(train), (train[-1] - train[0]) / (train.size - 1)
        dense = intervals < mean / 2
        at = 0
        while at + min_spikes <= train.size:
            if not dense[at : at + min_spikes - 1].all():
                at += 1
                continue
            first, last = _grow(train, intervals < mean, mean, at, at + min_spikes - 1, min_spikes)
            if _surprise(train, mean, first, last) >= min_surprise:
                found.append((neuron, train, first, last))
            at = last + 1
    return _bursts(found)


def _grow(train, near, mean, first, last, min_spikes):
    """The most surprising end of a candidate within reach, and then its most surprising beginning."""
    while True:
        reach = np.flatnonzero(~near[last : last + 10])
        ends = last + np.arange((reach[0] if reach.size else near[last : last + 10].size) + 1)
        best = int(ends[np.argmax(_surprise(train, mean, first, ends))])
        if best == last:
            break
        last = best
    starts = np.arange(first, last - min_spikes + 2)
    return int(starts[np.argmax(_surprise(train, mean, starts, last))]), last


def _surprise(train, mean, first, last):
    from scipy.special import gammainc, gammaln, hyp1f1

    spikes, expected = last - first + 1.0, (train[last] - train[first]) / mean
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        direct = -np.log(gammainc(spikes, expected))
        # Where P underflows, expected << spikes: its first term, and the ratio of the sum to that.
        series = expected + gammaln(spikes + 1) - spikes * np.log(expected) - np.log(hyp1f1(1.0, spikes + 1, expected))
    return np.where(direct < 600, direct, series)


def _trains(times, indices):
    order = np.lexsort((times, indices))
    times, indices = times[order], indices[order]
    edges = np.flatnonzero(np.diff(indices)) + 1
    return [(part_of[0], part) for part, part_of in zip(np.split(times, edges), np.split(indices, edges)) if part.size]


def _runs(close):
    """First and last spike of each unbroken run of close intervals."""
    step = np.diff(np.concatenate([[0], close.astype(np.int8), [0]]))
    return zip(np.flatnonzero(step == 1).tolist(), np.flatnonzero(step == -1).tolist())


def _bursts(found):
    def surprise(train, first, last):
        whole = train[-1] - train[0]
        return float(_surprise(train, whole / (train.size - 1), first, last)) if whole > 0 else float("nan")

    return Bursts(
        np.array([neuron for neuron, *_ in found], np.intp),
        np.array([train[first] for _, train, first, _ in found], np.float64),
        np.array([train[last] for _, train, _, last in found], np.float64),
        np.array([last - first + 1 for *_, first, last in found], np.intp),
        np.array([surprise(train, first, last) for _, train, first, last in found], np.float64),
    )
