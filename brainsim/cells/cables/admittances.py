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


def levels_of(parent: np.ndarray) -> list[np.ndarray]:
    """The nodes by their depth: the roots, what is next to them, and so on."""
    by_parent = np.argsort(parent, kind="stable")
    first = np.searchsorted(parent[by_parent], np.arange(-1, len(parent) + 1))
    levels = [by_parent[: first[1]]]
    while len(levels[-1]):
        start, number = first[levels[-1] + 1], first[levels[-1] + 2] - first[levels[-1] + 1]
        before = np.cumsum(number) - number
        levels.append(by_parent[np.arange(number.sum()) + np.repeat(start - before, number)])
    return levels[:-1]


def admittances(parent: np.ndarray, levels: list[np.ndarray], own: np.ndarray, coupling: np.ndarray) -> Admittances:
    """Two sweeps: from the tips what lies below each node, from the roots what lies beyond its parent.

    Parameters
    ----------
    parent : array of int (nodes,)
        The tree; -1 for roots.
    levels : list of arrays of int
        Its nodes by depth.
    own : array (nodes, f)
        Admittance of each node to ground.
    coupling : array (nodes,)
        Conductance between each node and its parent.

    Returns
    -------
    Admittances
        In the unit of ``own``.
    """
    total, coupling = own.copy(), coupling[:, None]
    through, down, up = np.zeros_like(own), np.ones_like(own), np.ones_like(own)
    for i in levels[:0:-1]:
        below = total[i]
        down[i] = coupling[i] / (coupling[i] + below)
        through[i] = below * down[i]
        np.add.at(total, parent[i], through[i])
    for i in levels[1:]:
        rest = total[parent[i]] - through[i]
        up[i] = coupling[i] / (coupling[i] + rest)
        total[i] += rest * up[i]
    return Admittances(total, down, up)


def spread(
    parent: np.ndarray,
    levels: list[np.ndarray],
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
    parent : array of int (nodes,)
        The tree; -1 for roots.
    levels : list of arrays of int
        Its nodes by depth.
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
    fixed = np.zeros((len(parent), len(sources), 1), bool)
    node, k = sources, np.arange(len(sources))
    value[node, k], fixed[node, k] = start, True
    while len(node):
        inner = parent[node] >= 0
        node, k = node[inner], k[inner]
        value[parent[node], k] = combine(value[node, k], up[node])
        node = parent[node]
        fixed[node, k] = True
    for i in levels[1:]:
        value[i] = np.where(fixed[i], value[i], combine(value[parent[i]], down[i][:, None]))
    return value
