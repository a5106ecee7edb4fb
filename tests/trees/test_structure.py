"""A tree is plain data: whatever the numbering, the plan is an order from roots to leaves over the same edges."""

import numpy as np
import pytest

from brainsim.trees import Tree
from brainsim.trees.structure import depth_of
from tests.trees.forests import SHAPES, forest


@pytest.mark.parametrize("name", SHAPES)
def test_the_plan_is_the_tree(name):
    parent, n_compartments = forest(name)
    tree = Tree(parent, n_compartments)
    node, up, edge, here, there = np.asarray(tree.plan)
    n = len(parent)
    assert sorted(node) == list(range(n)) and np.all(up < np.arange(n))
    below = up >= 0
    edges = {frozenset((i, p)): i for i, p in enumerate(parent) if p >= 0}
    assert {frozenset((i, p)): s for i, p, s in zip(node[below], node[up[below]], edge[below])} == edges
    assert np.all(here < n_compartments) and np.all(here[node < n_compartments] == node[node < n_compartments])
    assert np.array_equal(there[below], here[up[below]])
    rows = np.asarray(tree.rows)
    depth, _ = depth_of(up)
    assert sorted(rows[rows < n]) == list(range(n)) and rows.size <= 3 * n + rows.shape[1]
    for row, after in zip(rows, rows[1:]):
        assert len({*depth[row[row < n]]}) == 1 and depth[row[0]] <= depth[after[0]]


def test_a_cable_is_rooted_at_its_centre():
    tree = Tree(np.arange(-1, 999))
    assert depth_of(np.asarray(tree.plan)[1])[0].max() == 500
    assert len(tree.rows) == 501


@pytest.mark.parametrize(
    "parent, n_compartments, message",
    [
        ([-1, 2, 3, 1], None, r"node (1|2|3) is its own ancestor, by way of (1 -> 2 -> 3 -> 1|2 -> 3 -> 1 -> 2|3 -> 1 -> 2 -> 3)\."),
        ([0], None, r"node 0 is its own ancestor, by way of 0 -> 0\."),
        ([-1, 0, 7], None, r"0 to 2, or -1 for a root; that of node 2 is 7"),
        ([-1, -2], None, r"that of node 1 is -2"),
        ([-1, -1, 1], 1, r"the tree of node 1 has no compartment"),
        ([-1, 0], 3, r"n_compartments is a number of nodes from 1 to 2, all that there are; got 3"),
        ([-1, 0], 0, r"from 1 to 2"),
        ([], None, r"one for each of 1 node or more; got float64\[0\]"),
        ([[-1]], None, r"int64\[1, 1\]"),
        ([-1.0], None, r"array of integers"),
    ],
)  # fmt: skip
def test_what_is_no_tree_is_refused(parent, n_compartments, message):
    with pytest.raises(ValueError, match=message):
        Tree(np.array(parent), n_compartments)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_couplings_that_are_not_positive_are_refused(value):
    tree, coupling = Tree([-1, 0, 1]), np.array([value, 1.0, 1.0])
    tree.check_couplings(coupling)  # of a root: not read
    coupling[[1, 2]] = 1.0, value
    with pytest.raises(ValueError, match=r"of node 2 to its parent 1 is"):
        tree.check_couplings(coupling)
    with pytest.raises(ValueError, match=r"of node 2 of cell 1 to its parent 1 is"):
        tree.check_couplings(np.stack([np.ones(3), coupling], 1))
