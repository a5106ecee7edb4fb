"""How well spikes keep to the phase of a rhythm."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ._events import check_times, number


class PhaseLocking(NamedTuple):
    """Vector ``strength`` (0 to 1), mean ``phase`` in radians (-pi to pi), and ``p_value`` of Rayleigh's test of
    uniform phases.
    """

    strength: float
    phase: float
    p_value: float


def vector_strength(times: ArrayLike, frequency: float, origin: float = 0.0) -> PhaseLocking:
    r"""Length of the mean of the spikes' phases as unit vectors: 0 for no locking, 1 for perfect locking.

    .. math::

        r\, e^{i \bar\varphi} = \frac1N \sum_k e^{i \varphi_k}, \qquad \varphi_k = 2 \pi f (t_k - t_0), \qquad
        p \approx \exp\!\Big(\sqrt{1 + 4N + 4N^2 (1 - r^2)} - (1 + 2N)\Big)

    p is the probability of at least that strength if phases were uniform and spikes independent.

    Parameters
    ----------
    times : array [spikes]
        Spike times in seconds, in any order.
    frequency : float
        Frequency f of the rhythm in hertz.
    origin : float
        A time :math:`t_0` in seconds at which the rhythm has phase 0.

    Returns
    -------
    PhaseLocking
        ``(strength, phase, p_value)``; NaN without spikes.

    Raises
    ------
    ValueError, TypeError
        For times that are not finite or not one-dimensional, a frequency that is not positive, or a quantity with a
        unit.

    References
    ----------
    Goldberg and Brown (1969), Response of binaural neurons of dog superior olivary complex to dichotic tonal stimuli,
    Journal of Neurophysiology 32:613.

    Zar (2010), Biostatistical Analysis, 5th edition, section 27.1 (the approximation of p).
    """
    times, _ = check_times("times", times)
    frequency = number("frequency", frequency, above=0)
    origin = number("origin", origin)
    n = times.size
    if n == 0:
        return PhaseLocking(float("nan"), float("nan"), float("nan"))
    mean = np.exp(2j * np.pi * np.mod(frequency * (times - origin), 1.0)).mean()
    strength = min(float(np.abs(mean)), 1.0)
    p_value = np.exp(np.sqrt(1 + 4 * n + 4 * n**2 * (1 - strength**2)) - (1 + 2 * n))
    return PhaseLocking(strength, float(np.angle(mean)), float(min(p_value, 1.0)))
