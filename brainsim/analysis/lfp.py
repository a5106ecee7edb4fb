"""The local field potential that point neurons would make."""

import numpy as np
from numpy.typing import ArrayLike

from ._events import number, plain


def lfp_proxy(
    ampa: ArrayLike,
    gaba: ArrayLike,
    dt: float,
    *,
    delay_ampa: float = 6e-3,
    delay_gaba: float = 0.0,
    ratio: float = 1.65,
    normalise: bool = True,
) -> np.ndarray:
    r"""Local field potential as a weighted sum of the synaptic currents of the pyramidal cells.

    .. math:: \mathrm{LFP}(t) \propto \sum_i |I^{AMPA}_i(t - \tau_A)| + \alpha \sum_i |I^{GABA}_i(t - \tau_G)|

    Excitatory and inhibitory currents have opposite signs but feed dipoles of the same direction, because they enter at
    the apical and the somatic end; so their magnitudes add. The defaults are those of the paper's reference weighted
    sum (RWS), which explains about 90 % of the variance of the potential of morphologically detailed cells. The sign of
    a real potential depends on the depth of the electrode; the proxy's is fixed.

    Parameters
    ----------
    ampa, gaba : array [steps] or [steps, n]
        Synaptic currents of the excitatory (pyramidal) neurons, in any one unit; columns are summed. In each the
        currents have one sign.
    dt : float
        Time between samples in seconds.
    delay_ampa, delay_gaba : float
        :math:`\tau_A, \tau_G` in seconds, rounded to samples.
    ratio : float
        Weight :math:`\alpha` of the inhibitory currents.
    normalise : bool
        Subtract the mean and divide by the standard deviation: the proxy predicts the time course, not the amplitude.

    Returns
    -------
    array [steps]
        Without unit if normalised, else in that of the currents. The first ``max(delay)`` of it, for which the currents
        are not known, is NaN.

    Raises
    ------
    ValueError, TypeError
        For currents of different lengths, delays that are negative or as long as the signal, or a quantity with a unit.

    References
    ----------
    Mazzoni, Lindén, Cuntz, Lansner, Panzeri and Einevoll (2015), Computing the local field potential (LFP) from
    integrate-and-fire network models, PLoS Computational Biology 11:e1004584.
    """
    dt = number("dt", dt, above=0)
    ratio = number("ratio", ratio, above=0)
    ampa, gaba = _magnitude("ampa", ampa), _magnitude("gaba", gaba)
    if ampa.shape != gaba.shape:
        raise ValueError(f"gaba: got {gaba.size} steps with ampa of {ampa.size}; they must be equal.")
    steps = [
        round(number(name, delay) / dt) for name, delay in (("delay_ampa", delay_ampa), ("delay_gaba", delay_gaba))
    ]
    if min(steps) < 0 or max(steps) >= ampa.size - 1:
        raise ValueError(
            f"delay_ampa, delay_gaba: got {delay_ampa!r} and {delay_gaba!r}; accepted is 0 to less than the signal,"
            f" {ampa.size * dt:.6g} s."
        )
    first = max(steps)
    delayed = [array[first - k : array.size - k] for array, k in zip((ampa, gaba), steps)]
    known = delayed[0] + ratio * delayed[1]
    if normalise:
        spread = known.std()
        known = (known - known.mean()) / (spread if spread > 1e-12 * np.abs(known).max() else np.nan)
    return np.concatenate([np.full(first, np.nan), known])


def _magnitude(name: str, current: ArrayLike) -> np.ndarray:
    current = plain(name, current, "pA").astype(np.float64)
    if current.ndim not in (1, 2) or current.size == 0:
        raise ValueError(f"{name}: got shape {current.shape}; accepted is [steps] or [steps, n].")
    if not np.isfinite(current).all():
        raise ValueError(f"{name}: got NaN or infinite entries; accepted are finite currents.")
    return np.abs(current) if current.ndim == 1 else np.abs(current).sum(axis=1)
