"""Junctions inside the implicit step, against dense matrices and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from brainsim.trees import Tree, solve, solve_coupled
from tests.trees.forests import forest, laplacian, numbers

PAIRS = np.array([[0, 20], [3, 11], [7, 24], [24, 0], [5, 6]])


def case(strength=1.0, cells=()):
    parent, n_compartments = forest("forest")
    g = strength * np.random.default_rng(7).uniform(0.1, 3, len(PAIRS))
    return parent, Tree(parent, n_compartments), numbers(parent, n_compartments, cells), g


def dense(parent, s, v, e, r, g, pairs=PAIRS):
    matrix = laplacian(parent, s, len(e))
    for (a, b), k in zip(pairs, g):
        matrix[[a, b], [a, b]] += k
        matrix[[a, b], [b, a]] -= k
    return np.linalg.solve(np.diag(e) + matrix, r - matrix @ v)


@pytest.mark.parametrize("strength", [1e-3, 1.0, 100.0])
def test_it_is_the_dense_solution(strength):
    parent, tree, given, g = case(strength)
    found, right = jax.jit(lambda *x: solve_coupled(tree, *x, PAIRS, g))(*given), dense(parent, *given, g)
    np.testing.assert_allclose(found, right, rtol=1e-9, atol=1e-10)
    with jax.enable_x64(False):
        single = [jnp.asarray(x, jnp.float32) for x in given]
        found = solve_coupled(tree, *single, PAIRS, jnp.asarray(g, jnp.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-5 * max(1, np.sqrt(strength)))


def test_without_junctions_it_is_the_tree():
    _, tree, given, _ = case()
    for pairs, g in ((np.zeros((0, 2), int), np.zeros(0)), ([], 1.0), (PAIRS, 0.0)):
        np.testing.assert_allclose(solve_coupled(tree, *given, pairs, g), solve(tree, *given), rtol=1e-12)


def test_derivatives():
    _, tree, given, g = case()
    check_grads(jax.jit(lambda g, *x: solve_coupled(tree, *x, PAIRS, g)), (g, *given), 2, ["rev"], rtol=1e-5, atol=1e-5)


def test_cells_side_by_side_and_batches():
    parent, tree, (s, v, e, r), g = case(cells=(3,))
    one, n, size = s[:, 0], len(parent), len(e)
    across = np.array([[0, 4], [7, 35]])  # from one cell to another, in v.ravel()
    whole = np.concatenate([np.where(parent < 0, -1, parent + n * k) for k in range(3)])
    order = np.concatenate([np.arange(size) + n * k for k in range(3)])  # compartments first
    rest = np.setdiff1d(np.arange(3 * n), order)
    number = np.empty(3 * n, int)
    number[[*order, *rest]] = np.arange(3 * n)
    moved, couplings = np.empty(3 * n, int), np.empty(3 * n)
    moved[number], couplings[number] = np.where(whole < 0, -1, number[whole]), np.tile(one, 3)
    right = dense(moved, couplings, *(x.T.ravel() for x in (v, e, r)), g[:2], (across % 3) * size + across // 3)
    np.testing.assert_allclose(solve_coupled(tree, one, v, e, r, across, g[:2]), right.reshape(3, size).T, rtol=1e-9)
    batch = jax.vmap(lambda v, g: solve_coupled(tree, one, v, e[:, 0], r[:, 0], PAIRS, g), (1, 0))(
        v, np.outer([1, 2, 3], g)
    )
    for k in range(3):
        np.testing.assert_allclose(batch[k], dense(parent, one, v[:, k], e[:, 0], r[:, 0], (1 + k) * g), rtol=1e-8)


def test_what_does_not_fit_is_refused():
    _, tree, given, g = case()
    for pairs, conductance, message in [
        ([[0, 99]], 1.0, r"compartments lie in 0 to 24; pair 0 is \[0, 99\]"),
        ([0, 1], 1.0, r"pairs is an array of integers \[k, 2\]; got int64\[2\]"),
        (PAIRS, g[:2], r"one for each of 5 pairs; got \[2\]"),
        (PAIRS, -g, "conductances are not negative"),
    ]:
        with pytest.raises(ValueError, match=message):
            solve_coupled(tree, *given, pairs, conductance)
    assert np.isnan(solve_coupled(tree, *given, PAIRS, 1e3 * g, most=1)).all()
