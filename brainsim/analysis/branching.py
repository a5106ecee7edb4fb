"""How many spikes a spike brings about: the branching ratio of activity, and the branching factor along synapses."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._events import check_events, check_window, inside, integer, number, plain

_PAIRS_AT_ONCE = 1 << 22


class MultistepRegression(NamedTuple):
    """Branching ratio ``m`` from many lags, and what it was fitted to.

    ``timescale`` is :math:`-\\Delta / \\ln m` in the unit of ``bin``; ``amplitude`` and ``offset`` are b and c of the
    fit; ``slopes`` [lags] are the regression slopes :math:`r_k` at ``lags`` = 1, 2, ...
    """

    m: float
    timescale: float
    amplitude: float
    offset: float
    lags: np.ndarray
    slopes: np.ndarray


def branching_ratio(counts: ArrayLike) -> float:
    r"""Branching ratio of fully observed activity: the slope of the regression of each bin's count on the bin before.

    .. math:: \hat m = \frac{\mathrm{Cov}(A_t, A_{t+1})}{\mathrm{Var}(A_t)}

    In a branching process with immigration, :math:`\langle A_{t+1} | A_t \rangle = m A_t + h`. If only a part of the
    neurons is observed the slope is too small, by the ``amplitude`` b that :func:`multistep_regression` finds.

    Parameters
    ----------
    counts : array [bins] or [trials, bins]
        Activity A of the whole population in each bin. Trials are pooled.

    Returns
    -------
    float
        NaN for activity that does not vary.

    Raises
    ------
    ValueError, TypeError
        For fewer than 3 bins, NaN, or a quantity with a unit.

    References
    ----------
    Heyde and Seneta (1972), Estimation theory for growth and immigration rates in a multiplicative process, Journal of
    Applied Probability 9:235.
    """
    return float(_slopes(_activity(counts, least=3), 1)[0])


def multistep_regression(
    counts: ArrayLike, lags: int = 100, bin: float = 1.0, offset: bool = False
) -> MultistepRegression:
    r"""Branching ratio that does not depend on how many of the neurons are observed.

    .. math::

        r_k = \frac{\mathrm{Cov}(A_t, A_{t+k})}{\mathrm{Var}(A_t)}, \qquad (\hat b, \hat m) =
        \operatorname{arg\,min} \sum_{k=1}^{k_{max}} (b\, m^k - r_k)^2

    Observing a part of the neurons scales all slopes :math:`r_k` by one factor b and leaves their decay, so m, alone.

    Parameters
    ----------
    counts : array [bins] or [trials, bins]
        Activity A in each bin; the bin is about the time from one spike to those it causes. Trials are pooled around
        their common mean.
    lags : int
        Number of lags :math:`k_{max}`, at most half of the bins: a few times the timescale.
    bin : float
        Width of a bin, for the timescale: in seconds. By default the timescale is in bins.
    offset : bool
        Fit :math:`b\, m^k + c` instead: for activity whose mean drifts slowly.

    Returns
    -------
    MultistepRegression
        ``(m, timescale, amplitude, offset, lags [k], slopes [k])``. ``m`` is NaN where the activity does not vary or is
        not positively correlated with its past.

    Raises
    ------
    ValueError, TypeError
        For too few bins, NaN, or a quantity with a unit.

    References
    ----------
    Wilting and Priesemann (2018), Inferring collective dynamical states from widely unobserved systems, Nature
    Communications 9:2325.
    """
    lags = integer("lags", lags, least=3)
    counts = _activity(counts, least=2 * lags)
    width = number("bin", bin, above=0)
    slopes, k = _slopes(counts, lags), np.arange(1, lags + 1)
    m, amplitude, constant = _fit_decay(slopes, k, bool(offset)) if np.isfinite(slopes).all() else (np.nan,) * 3
    with np.errstate(divide="ignore"):
        timescale = float(-width / np.log(m)) if m < 1 else float("nan") if np.isnan(m) else float("inf")
    return MultistepRegression(m, timescale, amplitude, constant, k, slopes)


def branching_factor(
    times: ArrayLike,
    indices: ArrayLike,
    n: int,
    pre: ArrayLike,
    post: ArrayLike,
    window: float,
    start: float,
    stop: float,
) -> float:
    r"""Spikes that follow on a spike along its synapses, per spike that went before: 1 at the edge of chaos.

    .. math::

        \beta = \Big\langle \Big\langle \frac{\sum_{j \in \mathrm{post}(i)} N_j(t, t + \Delta]}
        {\max(1, \sum_{j \in \mathrm{pre}(i)} N_j[t - \Delta, t))} \Big\rangle_{t \in i} \Big\rangle_i

    Averaged first over the spikes t of a neuron i, then over the neurons that fired.

    Parameters
    ----------
    times, indices : array [spikes]
        Spike times in seconds and the neuron of each, in any order.
    n : int
        Number of neurons.
    pre, post : array [synapses] of int
        The neurons that each synapse connects, both of the same ``n``.
    window : float
        :math:`\Delta` in seconds: how soon a descendant must fire.
    start, stop : float
        Window in seconds of the spikes averaged over. Their ancestors and descendants may lie outside, so leave
        ``window`` at both ends of a recording.

    Returns
    -------
    float
        NaN if no neuron fired.

    Raises
    ------
    ValueError, TypeError
        For arrays of unequal length, indices outside ``0..n-1``, an empty window or a quantity with a unit.

    References
    ----------
    Ivanov and Michmizos (2021), Increasing liquid state machine performance with edge-of-chaos dynamics organized by
    astrocyte-modulated plasticity, NeurIPS 34:25703.
    """
    times, indices, n, slack = check_events(times, indices, n)
    pre, post = _synapses(pre, post, n)
    window = number("window", window, above=0)
    start, stop = check_window(start, stop)
    order = np.argsort(times, kind="stable")
    times, indices = times[order], indices[order]
    kept = inside(times, start, stop, slack)
    at, owner = times[kept], indices[kept]
    if at.size == 0:
        return float("nan")
    after = np.searchsorted(times, at + slack, "right"), np.searchsorted(times, at + window + slack, "right")
    before = np.searchsorted(times, at - window - slack), np.searchsorted(times, at - slack)
    descendants = _spikes_of_partners(indices, n, owner, *after, pre, post)
    ancestors = _spikes_of_partners(indices, n, owner, *before, post, pre)
    fired = np.bincount(owner, minlength=n)
    ratio = np.bincount(owner, descendants / np.maximum(ancestors, 1), n)
    return float((ratio[fired > 0] / fired[fired > 0]).mean())


def _activity(counts: ArrayLike, least: int) -> np.ndarray:
    counts = plain("counts", counts).astype(np.float64)
    counts = counts[None] if counts.ndim == 1 else counts
    if counts.ndim != 2 or counts.shape[0] == 0 or counts.shape[1] < least:
        raise ValueError(f"counts: got shape {counts.shape}; accepted is [bins] or [trials, bins], bins >= {least}.")
    if not np.isfinite(counts).all():
        raise ValueError("counts: got NaN or infinite entries; accepted are finite numbers.")
    return counts


def _slopes(counts, lags):
    slopes = np.full(lags, np.nan)
    for k in range(1, lags + 1):
        now, later = counts[:, :-k], counts[:, k:]
        deviation = now - now.mean()
        variance = (deviation**2).mean()
        if variance > 1e-24 * max(1.0, now.mean() ** 2):
            slopes[k - 1] = (deviation * (later - later.mean())).mean() / variance
    return slopes


def _fit_decay(slopes, k, offset):
    """``(m, b, c)`` of the least squares fit b m^k + c: b and c are linear, so the search is over the decay alone."""
    from scipy.optimize import minimize_scalar

    def linear(decay):
        basis = np.exp(-decay * k)[:, None]
        basis = np.hstack([basis, np.ones_like(basis)]) if offset else basis
        return basis, np.linalg.lstsq(basis, slopes, rcond=None)[0]

    def misfit(decay):
        basis, weights = linear(decay)
        return ((basis @ weights - slopes) ** 2).sum()

    slowest = 1e-4 / k[-1]
    grid = np.geomspace(slowest, 7.0, 120)
    grid = np.concatenate([-np.geomspace(slowest, np.log(2.0), 40)[::-1], grid])  # growing activity, m > 1, up to 2
    best = int(np.argmin([misfit(decay) for decay in grid]))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)]
    found: Any = minimize_scalar(misfit, bounds=bounds, method="bounded", options={"xatol": 1e-9})
    decay = found.x
    weights = linear(decay)[1]
    if weights[0] <= 0 or decay > grid[-2]:
        return float("nan"), float("nan"), float("nan")
    return float(np.exp(-decay)), float(weights[0]), float(weights[1]) if offset else 0.0


def _synapses(pre, post, n):
    pre, post = plain("pre", pre), plain("post", post)
    for name, array in (("pre", pre), ("post", post)):
        if array.ndim != 1 or array.shape != pre.shape:
            raise ValueError(
                f"{name}: got shape {array.shape} with pre of shape {pre.shape}; accepted is one entry per synapse."
            )
        if array.size and array.dtype.kind not in "iu":
            raise TypeError(f"{name}: got dtype {array.dtype}; accepted are integers.")
        if array.size and (array.min() < 0 or array.max() >= n):
            raise ValueError(f"{name}: got {array.min()} to {array.max()}; accepted with n={n} are 0 to {n - 1}.")
    return pre.astype(np.intp), post.astype(np.intp)


def _spikes_of_partners(indices, n, owner, low, high, source, target):
    """For each spike of ``owner``: spikes of the targets of its synapses among the positions low..high in the order of
    time.
    """
    stride = indices.size + 1
    keys = np.sort(indices * stride + np.arange(indices.size))  # spikes by neuron and then by position in time
    by_source = np.argsort(source, kind="stable")
    target = target[by_source]
    first = np.searchsorted(source[by_source], np.arange(n + 1))
    degree = np.diff(first)[owner]
    pairs = np.cumsum(degree)
    counted = np.zeros(owner.size, np.intp)
    at = 0
    while at < owner.size:  # a chunk of spikes holds a bounded number of (spike, synapse) pairs
        done = pairs[at - 1] if at else 0
        end = max(at + 1, int(np.searchsorted(pairs, done + _PAIRS_AT_ONCE, side="right")))
        size = degree[at:end]
        spike = np.repeat(np.arange(at, end), size)
        partner = (
            target[np.arange(size.sum()) + np.repeat(first[owner[at:end]] - (np.cumsum(size) - size), size)] * stride
        )
        found = np.searchsorted(keys, partner + high[spike]) - np.searchsorted(keys, partner + low[spike])
        counted += np.bincount(spike, found, owner.size).astype(np.intp)
        at = end
    return counted
