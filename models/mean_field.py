"""Rates of leaky integrate-and-fire neurons with noisy input, and of networks of them, in mean-field theory.

References
----------
A. J. F. Siegert, Phys. Rev. 81:617 (1951); synaptic filtering to first order in the root of its time constant:
N. Fourcaud, N. Brunel, Neural Comput. 14:2057 (2002).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import erfcx

NODES, WEIGHTS = np.polynomial.legendre.leggauss(200)
SHIFT = math.sqrt(2) * 1.4603545088095868 / 2  # |zeta(1/2)| is 1.46
LONGEST = (
    25.0  # distances of the threshold from the mean, in standard deviations times root 2, beyond which nothing fires
)


def siegert(
    mean: np.ndarray, std: np.ndarray, *, tau: float, tau_syn: float, refractory: float, threshold: float, reset: float
) -> np.ndarray:
    r"""Rate of a leaky integrate-and-fire neuron.

    .. math::

        \nu = \Big(t_{ref} + \tau\sqrt\pi \int_{(V_{reset} - \mu)/\sigma + \gamma}^{(V_{th} - \mu)/\sigma + \gamma}
        e^{u^2} (1 + \mathrm{erf}\,u)\, du\Big)^{-1},\qquad \gamma = \frac{|\zeta(1/2)|}{\sqrt 2} \sqrt{\tau_{syn} / \tau}

    Parameters
    ----------
    mean, std : array
        :math:`\mu` and :math:`\sigma` (mV): input of rate :math:`\lambda` and jumps :math:`J` adds :math:`\tau\lambda J` to
        the one and :math:`\tau\lambda J^2` to the square of the other.
    tau, tau_syn, refractory : float
        ms.
    threshold, reset : float
        mV, of the resting potential.

    Returns
    -------
    array
        Hz.
    """
    shift = SHIFT * math.sqrt(tau_syn / tau)
    low, high = (reset - mean) / std + shift, (threshold - mean) / std + shift
    half = (np.minimum(high, LONGEST) - low) / 2
    at = low + half * (1 + NODES.reshape(-1, *(1,) * np.ndim(low)))
    integral = math.sqrt(math.pi) * half * np.tensordot(WEIGHTS, erfcx(-at), 1)
    return np.where(high < LONGEST, 1e3 / (refractory + tau * integral), 0.0)


def fixed_point(rates_of: Callable[[np.ndarray], np.ndarray], n: int, tolerance: float = 1e-6) -> np.ndarray:
    """The rates (Hz) that ``rates_of`` gives back, reached from silence as by a slow population.

    Raises
    ------
    ArithmeticError
        Where they do not settle.
    """
    rates = np.zeros(n)
    for _ in range(5000):
        change = rates_of(rates) - rates
        if np.abs(change).max() < tolerance:
            return rates
        rates = rates + 0.1 * change
    raise ArithmeticError(f"the rates of mean-field theory do not settle: still {np.abs(change).max():.2g} Hz a turn.")
