"""Sweeps over a tree of conductances: admittances in series and in parallel, and how potentials divide."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Admittances(NamedTuple):
    """Admittances seen from the nodes of a tree, and ratios of potentials between neighbours: (nodes, f) each."""

    total: np.ndarray  # from each node to ground, over the whole tree
    down: np.ndarray  # V[i] / V[parent of i] where current enters on the parent's side
    up: np.ndarray  # V[parent of i] / V[i] where it enters on the side of i


def from_roots(parent: np.ndarray) -> np.ndarray:
    """The nodes in an order in which parents come before their children."""
    by_parent = np.argsort(parent, kind="stable")
    first = np.searchsorted(parent[by_parent], np.arange(-1, len(parent) + 1))
    found = by_parent[: first[1]].tolist()
    for node in found:  # it grows while it is gone through
        found.extend(by_parent[first[node + 1] : first[node + 2]].tolist())
    return np.array(found, int)


def admittances(parent: np.ndarray, order: np.ndarray, own: np.ndarray, coupling: np.ndarray) -> Admittances:
    """Two sweeps: from the tips what lies below each node, from the roots what lies beyond its parent.

    Parameters
    ----------
    parent, order : array of int (nodes,)
        The tree, and an order from its roots.
    own : array (nodes, f)
        Admittance of each node to ground.
    coupling : array (nodes,)
        Conductance between each node and its parent.

    Returns
    -------
    Admittances
        In the unit of ``own``.
    """
    below = own.copy()
    through = np.zeros_like(own)  # from the parent into each node
    down = np.ones_like(own)
    for i in order[::-1].tolist():
        p = parent[i]
        if p >= 0:
            down[i] = coupling[i] / (coupling[i] + below[i])
            through[i] = below[i] * down[i]
            below[p] += through[i]
    total, up = below, np.ones_like(own)
    for i in order.tolist():
        p = parent[i]
        if p >= 0:
            rest = total[p] - through[i]
            up[i] = coupling[i] / (coupling[i] + rest)
            total[i] += rest * up[i]
    return Admittances(total, down, up)


def spread(
    parent: np.ndarray,
    order: np.ndarray,
    sources: np.ndarray,
    up: np.ndarray,
    down: np.ndarray,
    combine: Callable[[np.ndarray, np.ndarray], np.ndarray],
    start: float,
    elsewhere: float,
) -> np.ndarray:
    """From sources over the whole tree: up to the root, then down all other branches.

    Parameters
    ----------
    parent, order : array of int (nodes,)
        The tree, and an order from its roots.
    sources : array of int (k,)
        Nodes where it begins.
    up, down : array (nodes, f)
        What a step from a node to its parent does, and one from the parent to the node.
    combine : callable
        How steps add to what has come so far: ``np.multiply`` for ratios, ``np.add`` for lengths.
    start, elsewhere : float
        The value at a source, and the one in other trees.

    Returns
    -------
    array (nodes, k, f)
        The value at every node, for every source.
    """
    value = np.full((len(parent), len(sources), up.shape[1]), elsewhere, up.dtype)
    fixed = np.zeros((len(parent), len(sources)), bool)
    for k, node in enumerate(sources.tolist()):
        value[node, k] = start
        fixed[node, k] = True
        while parent[node] >= 0:
            value[parent[node], k] = combine(value[node, k], up[node])
            node = int(parent[node])
            fixed[node, k] = True
    for i in order.tolist():
        if parent[i] >= 0:
            free = ~fixed[i]
            value[i, free] = combine(value[parent[i], free], down[i])
    return value
