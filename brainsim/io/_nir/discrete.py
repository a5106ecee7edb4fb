r"""Euler steps as exact ones.

A leaky variable that is stepped by Euler, :math:`y \leftarrow y + \frac{dt}{\tau} (x - y)`, keeps :math:`1 - dt/\tau` of
itself. So does one that decays exactly, with a time constant :math:`\tau'` of :math:`-dt / \ln(1 - dt/\tau)`.
"""

from __future__ import annotations

import numpy as np


def exact_tau(tau: np.ndarray, dt: float) -> np.ndarray:
    """The time constant of an exact decay that keeps as much in ``dt`` as an Euler step of ``tau`` does.

    Raises
    ------
    ValueError
        For a time constant of ``dt`` or less, of which nothing is kept.
    """
    if np.any(tau <= dt * (1 + 1e-9)):
        raise ValueError(
            f"a time constant of {np.min(tau):.3g} s keeps nothing from one step of {dt:.3g} s to the next; take a smaller"
            " dt."
        )
    return -dt / np.log1p(-dt / tau)


def euler_tau(tau: np.ndarray, dt: float) -> np.ndarray:
    """The time constant whose Euler step keeps as much as an exact decay with ``tau`` does in ``dt``."""
    return dt / -np.expm1(-dt / tau)
