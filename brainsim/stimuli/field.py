"""Random fields: numbers that are alike where units are near to each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from brainsim.connectivity.geometry import Positions, Space

REST = 1e-10  # variance that is left out, of 1
MOST = 2**28  # numbers of a factor


def known_positions(population: Any, what: str) -> Positions:
    """Where the units of a population are.

    Raises
    ------
    ValueError
        For units with several places each, and for positions that are drawn anew with every seed.
    """
    if population.sites != population.count:
        raise ValueError(
            f"{what}: length is of the positions of units, and those of {population.path} have several places each."
        )
    try:
        return population._aside.layout.place(population.size)
    except TypeError:
        raise ValueError(
            f"{what}: length is of positions that are known, and {population.path} has random ones; give it coordinates,"
            " positions=np.random.default_rng(0).random((n, 2)) * u.mm."
        ) from None


def factor(positions: Positions, length: float, what: str) -> np.ndarray:
    r"""F with :math:`F F^T = C`, :math:`C_{ij} = e^{-d_{ij}^2 / 2 \ell^2}`, of the units' distances: white noise behind a Gaussian
    kernel of width :math:`\ell/\sqrt 2`, with variance 1 everywhere.

    By a Cholesky decomposition that takes the unit of the largest variance next, until none is left: a field that is
    smooth over many units needs few numbers.

    Parameters
    ----------
    positions : Positions
    length : float
        :math:`\ell`, in their unit.
    what : str
        For errors.

    Returns
    -------
    float array, (n, r)

    Raises
    ------
    ValueError
        For a field that has too many numbers, or that there is not.

    References
    ----------
    H. Harbrecht, M. Peters, R. Schneider, Appl. Numer. Math. 62:428 (2012).
    """
    space, n = Space(positions, positions), len(positions)
    found, rows, left = 0, np.empty((min(n, 64), n)), np.ones(n)
    while left.max() > REST and found < n:
        if found * n >= MOST:
            raise ValueError(
                f"{what}: a field of {n} units with length={length:g} has more than {MOST // n} numbers of its own; take a longer"
                " length, or independent noise."
            )
        if found == len(rows):
            rows = np.concatenate([rows, np.empty((min(found, n - found), n))])
        pivot, known = int(left.argmax()), rows[:found]
        covariance = np.exp(-0.5 * np.square(space.distances(np.full(n, pivot), np.arange(n)) / length))
        rows[found] = (covariance - known[:, pivot] @ known) / np.sqrt(left[pivot])
        left = np.maximum(left - np.square(rows[found]), 0.0)
        found += 1
    variance = np.square(rows[:found]).sum(0)
    if np.abs(variance - 1).max() > 1e-6:
        raise ValueError(
            f"{what}: length={length:g} is too long for a space that closes upon itself after {space.period.min():g}: there is no"
            " such field. Take a tenth of the period at most."
        )
    return rows[:found].T.copy()
