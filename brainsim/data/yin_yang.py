"""The Yin-Yang data set: three classes in the plane that no linear network separates."""

from __future__ import annotations

import numpy as np


def yin_yang(n: int, seed: int = 0, *, radius: float = 0.5, dot: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Points of the Yin-Yang symbol, its two halves and its dots, as many of each.

    Parameters
    ----------
    n : int
        Number of points.
    seed : int
        Of another seed are other points: take three for training, validation and test.
    radius, dot : float
        Radius of the symbol, whose middle is at (radius, radius), and of the dots.

    Returns
    -------
    inputs : float64 array, (n, 4)
        :math:`(x, y, 1 - x, 1 - y)`.
    labels : int array, (n,)
        0 and 1 for the halves, 2 for the dots.

    References
    ----------
    L. Kriener, J. Göltz, M. A. Petrovici, The Yin-Yang dataset, NICE (2022).
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(f"yin_yang: n is the number of points, 1 or more, given {n!r}.")
    rng = np.random.default_rng(seed)
    wanted = rng.integers(0, 3, n)
    points = np.empty((n, 2))
    missing = np.arange(n)
    while missing.size:
        tried = rng.uniform(0, 2 * radius, (missing.size, 2))
        inside = np.hypot(*(tried - radius).T) <= radius
        found = inside & (half_of(tried, radius, dot) == wanted[missing])
        points[missing[found]] = tried[found]
        missing = missing[~found]
    return np.concatenate([points, 1 - points], axis=1), wanted


def half_of(points: np.ndarray, radius: float, dot: float) -> np.ndarray:
    """Class of points (n, 2) within the symbol."""
    right = np.hypot(points[:, 0] - 1.5 * radius, points[:, 1] - radius)
    left = np.hypot(points[:, 0] - 0.5 * radius, points[:, 1] - radius)
    yin = (right <= dot) | ((left > dot) & (left <= 0.5 * radius)) | ((points[:, 1] > radius) & (right > 0.5 * radius))
    return np.where((right < dot) | (left < dot), 2, yin.astype(int))
