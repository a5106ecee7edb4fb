"""Trees of nodes as plain data, and the order in which they are solved."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from brainsim.events._frozen import Frozen

CHUNK = 4096  # nodes of whole trees that are solved together: what they need stays in the cache


class Tree(Frozen):
    """A tree of nodes, or a forest of them: cells of any shapes behind each other.

    Nodes are numbered with the compartments first, which have a membrane; those after them are branch points, which have
    no state. Any node may be the parent of any other. How the nodes are renumbered for the solver is its own affair: trees
    are rooted at their centres there, which halves the way from the leaves to the root.

    Parameters
    ----------
    parent : int array ``[n]``
        Parent of each node; -1 for the root of each tree.
    n_compartments : int, optional
        How many nodes are compartments; all by default.

    Raises
    ------
    ValueError
        Where a parent does not exist, nodes are their own ancestors, or a tree has no compartment; the first node is named.
    """

    parent: jax.Array
    n_compartments: int = field(default=None)  # type: ignore[assignment]
    plan: jax.Array = field(init=False, repr=False)
    rows: jax.Array = field(init=False, repr=False)

    if TYPE_CHECKING:

        def __init__(self, parent: Any, n_compartments: int | None = None) -> None: ...

    def __post_init__(self) -> None:
        parent = _parents(self.parent)
        count = len(parent) if self.n_compartments is None else self.n_compartments
        if not isinstance(count, int | np.integer) or isinstance(count, bool) or not 0 < count <= len(parent):
            raise ValueError(
                f"Tree: n_compartments is a number of nodes from 1 to {len(parent)}, all that there are; got {count!r}."
            )
        plan, rows = _planned(parent, int(count))
        self._set(parent=_kept(parent), n_compartments=int(count), plan=_kept(plan), rows=_kept(rows))

    @property
    def n(self) -> int:
        """Number of nodes."""
        return self.parent.shape[0]

    def check_couplings(self, coupling: Any) -> None:
        """Refuse couplings that are not positive numbers.

        Parameters
        ----------
        coupling : float array ``[n]`` or ``[n, cells]``
            Between each node and its parent; those of roots are not read.

        Raises
        ------
        ValueError
            Names the first node with such a coupling.
        """
        values, parent = np.asarray(coupling), np.asarray(self.parent)
        bad = np.argwhere(~((values > 0) & np.isfinite(values)) & (parent >= 0).reshape(-1, *[1] * (values.ndim - 1)))
        if len(bad):
            at: list[int] = bad[0].tolist()
            cell = f" of cell {at[1]}" if len(at) > 1 else ""
            raise ValueError(
                f"Tree: couplings are positive and finite; that of node {at[0]}{cell} to its parent {parent[at[0]]} is"
                f" {values[tuple(at)]} ({len(bad)} in all are not)."
            )


def _kept(x: np.ndarray) -> jax.Array:
    return jax.device_put(np.ascontiguousarray(x, np.int32))


def _parents(given: Any) -> np.ndarray:
    parent = np.asarray(given)
    if parent.ndim != 1 or parent.size == 0 or not np.issubdtype(parent.dtype, np.integer):
        raise ValueError(
            f"Tree: parent is an array of integers [n], one for each of 1 node or more; got {parent.dtype}{list(parent.shape)}."
        )
    bad = np.flatnonzero((parent < -1) | (parent >= len(parent)))
    if len(bad):
        raise ValueError(
            f"Tree: parents are nodes from 0 to {len(parent) - 1}, or -1 for a root; that of node {bad[0]} is {parent[bad[0]]}."
        )
    return parent.astype(np.int64)


def depth_of(parent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many nodes are above each, and which root; by jumps of twice the length each time.

    Parameters
    ----------
    parent : int array ``[n]``

    Returns
    -------
    depth, root : int arrays ``[n]``

    Raises
    ------
    ValueError
        Where nodes are their own ancestors.
    """
    nodes = np.arange(len(parent))
    up, depth = np.where(parent < 0, nodes, parent), (parent >= 0).astype(np.int64)
    for _ in range(len(parent).bit_length() + 1):
        above = depth[up]
        if not above.any():
            return depth, up
        depth, up = depth + above, up[up]
    node = int(np.flatnonzero(parent[up] >= 0)[0])
    loop = [node := int(up[node])]
    while (node := int(parent[node])) != loop[0]:
        loop.append(node)
    shown = " -> ".join(map(str, [*loop[:6], *(["..."] if len(loop) > 6 else []), loop[0]]))
    raise ValueError(
        f"Tree: node {loop[0]} is its own ancestor, by way of {shown}. A tree has a root, whose parent is -1."
    )


def _rerooted(parent: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Parents where each tree is rooted at its centre; and the node whose coupling is that of each node to its parent."""
    up, edge = parent.tolist(), list(range(len(parent)))
    longest, second, child = [0] * len(up), [0] * len(up), [-1] * len(up)
    best: dict[int, tuple[int, int]] = {}
    for i in np.argsort(-depth, kind="stable").tolist():
        p, high = up[i], longest[i] + 1
        if p < 0:
            continue
        if high > longest[p]:
            longest[p], second[p], child[p] = high, longest[p], i
        elif high > second[p]:
            second[p] = high
    _, root = depth_of(parent)
    across = np.array(longest) + np.array(second)
    order = np.lexsort((across, root))  # the last of each root is where its longest path turns
    last = np.append(np.flatnonzero(np.diff(root[order])), len(order) - 1)
    best = {int(root[order[k]]): (int(order[k]), int(across[order[k]])) for k in last}
    for node, _ in best.values():
        for _ in range((longest[node] - second[node]) // 2):
            node = child[node]
        above, own = up[node], edge[node]  # the way up from the centre is turned around
        up[node] = -1
        while above >= 0:
            after, after_edge = up[above], edge[above]
            up[above], edge[above] = node, own
            node, above, own = above, after, after_edge
    return np.array(up), np.array(edge)


def _stand_ins(up: np.ndarray, order: np.ndarray, n_compartments: int, root: np.ndarray) -> np.ndarray:
    """The compartment nearest to each node upwards, or else somewhere below it."""
    near = [i if i < n_compartments else -1 for i in range(len(up))]
    above, down = up.tolist(), order.tolist()

    def from_above():
        for i in down:
            if near[i] < 0 <= above[i]:
                near[i] = near[above[i]]

    from_above()
    for i in reversed(down):
        if above[i] >= 0 > near[above[i]]:
            near[above[i]] = near[i]
    from_above()
    alone = [i for i in down if near[i] < 0]
    if alone:
        raise ValueError(
            f"Tree: the tree of node {root[alone[0]]} has no compartment: all its nodes are branch points, from"
            f" {n_compartments} on."
        )
    return np.array(near)


def _planned(parent: np.ndarray, n_compartments: int) -> tuple[np.ndarray, np.ndarray]:
    """The plan of the solver, and rows of positions of which none is above another."""
    n, (old_depth, old_root) = len(parent), depth_of(parent)
    up, edge = _rerooted(parent, old_depth)
    depth, _ = depth_of(up)
    sizes = np.bincount(old_root, minlength=n)
    chunk = (np.cumsum(sizes) - sizes)[old_root] // CHUNK
    order = np.lexsort((depth, chunk))
    near = _stand_ins(up, order, n_compartments, old_root)
    position = np.empty(n + 1, np.int64)
    position[order], position[n] = np.arange(n), -1
    above = up[order]
    plan = np.stack([order, position[above], edge[order], near[order], near[np.where(above < 0, order, above)]])
    return plan, _in_rows(depth[order])


def _in_rows(depth: np.ndarray) -> np.ndarray:
    """Positions by depth, in rows of one length; places that are left over hold the position after the last."""
    n, counts = len(depth), np.bincount(depth)
    width = min(int(counts.max()), max(1, 2 * n // len(counts)))
    rows_of = -(-counts // width)
    first_row = np.cumsum(rows_of) - rows_of
    order = np.argsort(depth, kind="stable")
    within = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = np.full((rows_of.sum(), width), n)
    rows[np.repeat(first_row, counts) + within // width, within % width] = order
    return rows
