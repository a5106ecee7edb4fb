"""Morphologies from a few numbers: cylinders, cables, ball and stick, trees by the 3/2 rule."""

from __future__ import annotations

import brainunit as u
import numpy as np

from brainsim._units import QuantityLike
from brainsim.cells.morphologies.builder import Builder, positive
from brainsim.cells.morphologies.morphology import Morphology


def cylinder(length: QuantityLike, diameter: QuantityLike, *, type: str = "soma") -> Morphology:
    """One branch of constant diameter, or tapered where several diameters are given.

    Parameters
    ----------
    length : quantity
    diameter : quantity, scalar or (k,)
        At k evenly spaced points.
    type : str
        Type of the branch.
    """
    return cable(length, diameter, type=type)


def cable(length: QuantityLike, diameter: QuantityLike, *, type: str = "dend", branches: int = 1) -> Morphology:
    """A cable, as one branch or as several in a row.

    Parameters
    ----------
    length : quantity
        Length of the whole.
    diameter : quantity, scalar or (k,)
        Diameter, or diameters at k evenly spaced points of the whole.
    type : str
        Type of the branches.
    branches : int
        How many branches of equal length follow each other.
    """
    if branches < 1:
        raise ValueError(f"cable: branches must be at least 1, given {branches}.")
    long = float(positive(length, "cable: length", (0,)))
    given = np.atleast_1d(positive(diameter, "cable: diameter", (0, 1)))
    builder = Builder()
    places = np.linspace(0, 1, len(given)) if len(given) > 1 else np.zeros(1)
    per = max(2, int(np.ceil((len(given) - 1) / branches)) + 1)
    for k in range(branches):
        at = np.linspace(k, k + 1, per) / branches
        builder.add(
            long / branches * u.um,
            np.interp(at, places, given) * u.um,
            type=type,
            parent=k - 1 if k else None,
            direction=(1.0, 0.0, 0.0),
        )
    return builder.build()


def ball_and_stick(
    soma: QuantityLike = 20.0 * u.um, length: QuantityLike = 500.0 * u.um, diameter: QuantityLike = 2.0 * u.um
) -> Morphology:
    """A soma and one dendrite that grows from its end.

    Parameters
    ----------
    soma : quantity
        Diameter and length of the soma: a cylinder with the area of the sphere.
    length, diameter : quantity
        Those of the dendrite.
    """
    builder = Builder()
    ball = builder.add(soma, soma, type="soma", direction=(1.0, 0.0, 0.0))
    builder.add(length, diameter, type="dend", parent=ball, direction=(1.0, 0.0, 0.0))
    return builder.build()


def rall_tree(
    depth: int,
    *,
    diameter: QuantityLike = 16.0 * u.um,
    length: QuantityLike = 32.0 * u.um,
    children: int = 2,
    exponent: float = 1.5,
    soma: QuantityLike | None = None,
    type: str = "dend",
) -> Morphology:
    r"""A tree that is equivalent to one cylinder.

    .. math:: d_\text{parent}^{3/2} = \sum d_\text{child}^{3/2},\qquad l \propto \sqrt d

    All branches have the same electrotonic length, so that the tree seen from its trunk is a cylinder of the trunk's
    diameter, ``depth`` times as long. The default is that of Rallpack 2 with ``depth=10``: 1,023 branches.

    Parameters
    ----------
    depth : int
        Levels, the trunk included: :math:`2^\text{depth} - 1` branches.
    diameter, length : quantity
        Those of the trunk.
    children : int
        Branches that grow from each end.
    exponent : float
        The 3/2 of the rule.
    soma : quantity, optional
        Diameter of a soma that the trunk grows from.
    type : str
        Type of the branches.

    References
    ----------
    Rall (1962), Ann. N. Y. Acad. Sci. 96. Bhalla, Bilitch and Bower (1992), Trends Neurosci. 15 (Rallpacks).
    """
    if depth < 1 or children < 1:
        raise ValueError(f"rall_tree: depth and children must be at least 1, given {depth} and {children}.")
    if not exponent > 0:
        raise ValueError(f"rall_tree: exponent must be positive, given {exponent}.")
    trunk = float(positive(diameter, "rall_tree: diameter", (0,)))
    long = float(positive(length, "rall_tree: length", (0,)))
    builder = Builder()
    level: list[int | None] = [None if soma is None else builder.add(soma, soma, type="soma")]
    for k in range(depth):
        ratio = children ** (-k / exponent)
        size = long * np.sqrt(ratio) * u.um, trunk * ratio * u.um
        growing = level if k == 0 else [parent for parent in level for _ in range(children)]
        level = [builder.add(*size, type=type, parent=parent) for parent in growing]
    return builder.build()
