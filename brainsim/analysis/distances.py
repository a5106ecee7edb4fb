"""Distances between two spike trains."""

import numpy as np
from numpy.typing import ArrayLike

from ._events import check_times, number


def victor_purpura_distance(times_a: ArrayLike, times_b: ArrayLike, cost: float) -> float:
    r"""Least cost of turning one spike train into the other by moving, adding and removing spikes.

    .. math::

        D_{ij} = \min\big(D_{i-1,j} + 1,\; D_{i,j-1} + 1,\; D_{i-1,j-1} + q\,|t^a_i - t^b_j|\big)

    Adding or removing a spike costs 1, moving it by :math:`\Delta t` costs :math:`q |\Delta t|`. With q = 0 it is the
    difference of the spike counts; spikes further apart than 2/q are never moved onto each other. Time grows with the
    product of the counts.

    Parameters
    ----------
    times_a, times_b : array [spikes of a], [spikes of b]
        Spike times in seconds, in any order.
    cost : float
        q in 1/second, at least 0.

    Returns
    -------
    float
        A metric, without unit.

    Raises
    ------
    ValueError, TypeError
        For times that are not finite or not one-dimensional, a negative cost, or a quantity with a unit.

    References
    ----------
    Victor and Purpura (1996), Nature and precision of temporal coding in visual cortex, Journal of Neurophysiology
    76:1310.
    """
    a, b = np.sort(check_times("times_a", times_a)[0]), np.sort(check_times("times_b", times_b)[0])
    cost = number("cost", cost)
    if cost < 0:
        raise ValueError(f"cost: got {cost!r}; accepted is one finite number >= 0.")
    columns = np.arange(b.size + 1.0)
    row = columns.copy()
    for time in a:
        best = row + 1
        best[1:] = np.minimum(best[1:], row[:-1] + cost * np.abs(time - b))
        # What comes from the left in the same row, D[j - 1] + 1, as a running minimum.
        row = np.minimum.accumulate(best - columns) + columns
    return float(row[-1])


def van_rossum_distance(times_a: ArrayLike, times_b: ArrayLike, tau: float) -> float:
    r"""Distance of two spike trains after each spike has become a decaying exponential.

    .. math::

        D^2 = \frac{1}{\tau} \int_0^\infty \big(f_a - f_b\big)^2 dt = \tfrac12 \sum_{k,l} s_k s_l\, e^{-|t_k - t_l| / \tau},
        \qquad f(t) = \sum_{t_k \le t} e^{-(t - t_k) / \tau}

    with :math:`s = +1` for the spikes of a and -1 for those of b. One spike more gives :math:`D^2 = 1/2`, one spike
    moved by :math:`\Delta t` gives :math:`1 - e^{-|\Delta t| / \tau}`. The double sum is evaluated exactly by one pass
    over the spikes.

    Parameters
    ----------
    times_a, times_b : array [spikes of a], [spikes of b]
        Spike times in seconds, in any order.
    tau : float
        Time constant in seconds: short compares the timing, long the counts.

    Returns
    -------
    float
        D, a metric, without unit.

    Raises
    ------
    ValueError, TypeError
        For times that are not finite or not one-dimensional, a tau that is not positive, or a quantity with a unit.

    References
    ----------
    van Rossum (2001), A novel spike distance, Neural Computation 13:751.

    Houghton and Kreuz (2012), On the efficient calculation of van Rossum distances, Network 23:48.
    """
    a, b = check_times("times_a", times_a)[0], check_times("times_b", times_b)[0]
    tau = number("tau", tau, above=0)
    times, sign = np.concatenate([a, b]), np.repeat([1.0, -1.0], [a.size, b.size])
    order = np.argsort(times, kind="stable")
    times, sign = times[order], sign[order]
    decay = np.exp(-np.diff(times, prepend=times[:1]) / tau)
    total, trace = 0.0, 0.0
    # Trace: the difference of the two filtered trains just before the spike
    for s, d in zip(sign.tolist(), decay.tolist()):
        trace *= d
        total += 0.5 + s * trace
        trace += s
    return float(np.sqrt(max(total, 0.0)))
