"""How a neuron's rate depends on the current into it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._events import number, plain


class FICurve(NamedTuple):
    """The f-I curve and what characterises it.

    ``currents`` [k], ascending, and ``rate`` [k] in hertz. ``rheobase``, in the unit of the currents: between the
    strongest current without spikes and the weakest with. ``onset_rate``, in hertz, at the weakest current with spikes.
    ``gain``, in hertz per unit of current: the slope of the straight line through all currents with spikes.
    ``excitability``: 1 where the rate sets in from near zero, 2 where it jumps, 0 where the currents do not tell.
    """

    currents: np.ndarray
    rate: np.ndarray
    rheobase: float
    onset_rate: float
    gain: float
    excitability: int


def fi_curve(currents: ArrayLike, counts: ArrayLike, duration: float = 1.0) -> FICurve:
    r"""Firing rate over input current, with rheobase, gain and Hodgkin's class of excitability.

    .. math:: f(I) = N(I) / T

    The class is a hint from the first currents above the rheobase. Near a saddle-node on a limit cycle (class 1)
    :math:`f \propto \sqrt{I - I_0}`, so that the line through :math:`f^2` at the first two currents with spikes meets
    zero about where spikes set in; where it meets zero more than two and a half steps of the current below, the rate
    has jumped (class 2).

    Parameters
    ----------
    currents : array [k]
        Currents in any one unit, all different, in any order.
    counts : array [k] or [k, ...]
        Spikes at each current; further axes (neurons, trials) are averaged.
    duration : float
        Time counted over, in seconds. At the default of one second counts are rates in hertz.

    Returns
    -------
    FICurve
        ``(currents, rate, rheobase, onset_rate, gain, excitability)``; NaN where the currents do not tell.

    Raises
    ------
    ValueError, TypeError
        For currents and counts of different length, NaN, negative counts, or a quantity with a unit.

    Examples
    --------
    Over a sweep, without the first 200 ms, in which the rate adapts::

        I = np.linspace(0, 500, 26) * u.pA
        result = bs.sweep(net, {"E.drive.amplitude": I}, 1.2 * u.second, record="E.spikes")
        rates = result.map(lambda rec: rec.spikes["E"].rate(start=200 * u.ms))
        curve = bs.analysis.fi_curve(I.to_decimal(u.pA), rates.to_decimal(u.Hz))

    References
    ----------
    Hodgkin (1948), The local electric changes associated with repetitive action in a non-medullated axon, Journal of
    Physiology 107:165.

    Rinzel and Ermentrout (1998), Analysis of neural excitability and oscillations, in Methods in Neuronal Modeling, MIT
    Press.
    """
    currents, counts = (
        plain("currents", currents, "pA").astype(np.float64),
        plain("counts", counts, "Hz").astype(np.float64),
    )
    if (
        currents.ndim != 1
        or currents.size == 0
        or np.unique(currents).size != currents.size
        or not np.isfinite(currents).all()
    ):
        raise ValueError(f"currents: got {currents}; accepted are finite currents [k], all different.")
    if counts.shape[:1] != currents.shape or counts.size == 0:
        raise ValueError(
            f"counts: got shape {counts.shape} with {currents.size} currents; accepted is [k] or [k, ...]."
        )
    if not (np.isfinite(counts).all() and (counts >= 0).all()):
        raise ValueError("counts: got negative, NaN or infinite entries; accepted are spike counts.")
    order = np.argsort(currents)
    currents = currents[order]
    rate = counts.reshape(currents.size, -1).mean(axis=1)[order] / number("duration", duration, above=0)
    firing = np.flatnonzero(rate > 0)
    if firing.size == 0:
        nan = float("nan")
        return FICurve(currents, rate, nan, nan, nan, 0)
    first = firing[0]
    rheobase = float(currents[first - 1 : first + 1].mean()) if first else float("nan")
    gain = float(np.polyfit(currents[firing], rate[firing], 1)[0]) if firing.size > 1 else float("nan")
    return FICurve(currents, rate, rheobase, float(rate[first]), gain, _excitability(currents, rate, first))


def _excitability(currents, rate, first):
    if first == 0 or first + 1 >= rate.size or rate[first + 1] == 0:
        return 0
    rise = rate[first + 1] ** 2 - rate[first] ** 2
    reach = 2.5 * (currents[first] - currents[first - 1])
    jumped = rate[first] ** 2 * (currents[first + 1] - currents[first]) > reach * rise
    return 2 if jumped else 1
