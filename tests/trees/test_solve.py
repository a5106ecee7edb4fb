"""The solver over forests against dense matrices, finite differences and the analytic cable."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from brainsim import events
from brainsim.trees import Tree, solve
from tests.trees.forests import SHAPES, dense, forest, numbers


@pytest.fixture(params=["kernel", "plain"])
def implementation(request):
    if request.param == "kernel" and not events.kernels()["tree"]:
        pytest.skip("the kernels are not compiled")
    with events.served_by(request.param):
        yield request.param


def each_cell(parent, couplings, *rest):
    """The dense solution of each column."""
    cells = range(rest[0].shape[1])
    columns = [c if c.ndim > 1 else np.repeat(c[:, None], len(cells), 1) for c in (couplings, *rest)]
    return np.stack([dense(parent, *(c[:, k] for c in columns)) for k in cells], 1)


def test_it_is_the_dense_solution(implementation):
    names = SHAPES if implementation == "kernel" else ("one", "spiny", "forest")  # which compile for long
    trees = {name: Tree(*forest(name)) for name in names}
    given = {name: numbers(*forest(name)) for name in names}

    def all_of(given):
        both = lambda tree, s, v, e, r: (solve(tree, s, v, e, r), solve(tree, s, None, e, r))  # noqa: E731
        return {name: both(trees[name], *given[name]) for name in names}

    found = jax.jit(all_of)(given)
    with jax.enable_x64(False):
        single = jax.jit(all_of)(jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), given))
    for name, (s, v, e, r) in given.items():
        parent = np.asarray(trees[name].parent)
        right = dense(parent, s, v, e, r), dense(parent, s, 0 * e, e, r)
        np.testing.assert_allclose(found[name], right, rtol=1e-10, atol=1e-12, err_msg=name)
        np.testing.assert_allclose(single[name], right, rtol=1e-5, atol=3e-6, err_msg=name)
        assert single[name][0].dtype == np.float32


@pytest.mark.parametrize("cells", [5, 45])  # a part of a block of lanes, and more than one
def test_cells_of_one_structure(cells, implementation):
    parent, n_compartments = forest("random")
    tree = Tree(parent, n_compartments)
    s, v, e, r = numbers(parent, n_compartments, (cells,))
    one = s[:, 0]

    @jax.jit
    def ways(s, one, v, e, r):
        own, shared = [solve(tree, s, v, e, r)], [solve(tree, one, v, e, r)]
        for axis in (0, 1):  # and as a batch
            turned = [jnp.moveaxis(x, 1, axis) for x in (s, v, e, r)]
            own.append(jax.vmap(lambda *x: solve(tree, *x), in_axes=axis, out_axes=1)(*turned))
            shared.append(jax.vmap(lambda *x: solve(tree, one, *x), in_axes=axis, out_axes=1)(*turned[1:]))
        return own, shared

    own, shared = ways(s, one, v, e, r)
    for found in own:
        np.testing.assert_allclose(found, each_cell(parent, s, v, e, r), rtol=1e-10, atol=1e-12)
    for found in shared:
        np.testing.assert_allclose(found, each_cell(parent, one, v, e, r), rtol=1e-10, atol=1e-12)


def test_batches_of_batches_of_cells(implementation):
    """Each level stands at some arguments only."""
    parent, n_compartments = forest("forest")
    tree = Tree(parent, n_compartments)
    s, v, e, r = numbers(parent, n_compartments, (3,))
    one = s[:, 0]
    right = np.stack([[each_cell(parent, (1 + k) * one, v, e + m, r) for m in range(4)] for k in range(2)])

    @jax.jit
    def run(couplings):
        inner = lambda s: jax.vmap(lambda e: solve(tree, s, v, e, r))(jnp.stack([e + m for m in range(4)]))  # noqa: E731
        return jax.vmap(inner)(couplings)

    np.testing.assert_allclose(run(np.stack([one, 2 * one])), right, rtol=1e-10, atol=1e-12)


def test_derivatives():
    """Of first and second order in both modes, with respect to all that is a number, against finite differences; of batches of
    the first.
    """
    parent, n_compartments = forest("forest")
    tree = Tree(parent, n_compartments)
    given = numbers(parent, n_compartments)
    check_grads(jax.jit(lambda *x: solve(tree, *x)), given, 2, rtol=1e-6, atol=1e-6)
    cells = numbers(parent, n_compartments, (3,))

    def batch(s, shared, v, e, r):  # each level at some arguments only
        ones = jax.vmap(lambda e: solve(tree, shared, v, e, r))(jnp.stack([e, 2 * e]))
        return ones, solve(tree, s, None, e, r), jax.vmap(lambda s: solve(tree, s, v[:, 0], e[:, 0], r[:, 0]), 1)(s)

    check_grads(jax.jit(batch), (cells[0], given[0], *cells[1:]), 1, ["rev"], rtol=1e-6, atol=1e-6)


def test_derivatives_against_the_dense_ones(implementation):
    parent, n_compartments = forest("random")
    tree, given = Tree(parent, n_compartments), numbers(parent, n_compartments)
    below = np.flatnonzero(parent >= 0)
    spread = np.zeros((len(parent), len(parent)))  # edges
    spread[below, below], spread[below, parent[below]] = 1.0, -1.0
    weights = np.random.default_rng(5).normal(size=n_compartments)

    def by_matrix(s, v, e, r):
        matrix = spread.T @ (s[:, None] * spread)
        a, b, c = matrix[:n_compartments, :n_compartments], matrix[:n_compartments, n_compartments:], n_compartments
        matrix = a - b @ jnp.linalg.solve(matrix[c:, c:], b.T)
        return jnp.linalg.solve(jnp.diag(e) + matrix, r - matrix @ v)

    of = lambda f: jax.jit(jax.grad(lambda x: weights @ f(*x) ** 2))(tuple(map(jnp.asarray, given)))  # noqa: E731
    for found, right in zip(of(lambda *x: solve(tree, *x)), of(by_matrix)):
        np.testing.assert_allclose(found, right, rtol=1e-10, atol=1e-10)


def test_a_sealed_cable(implementation):
    """Steady state of a cable with current into one end: V(x) = V(0) cosh((l - x) / lambda) / cosh(l / lambda)."""
    n, length = 2000, 2.0  # in length constants
    h = length / n
    tree = Tree(np.arange(-1, n - 1))
    current = jnp.zeros(n).at[0].set(1.0)
    x = (np.arange(n) + 0.5) * h
    right = np.cosh(length - x) / np.sinh(length)
    v = solve(tree, jnp.full(n, 1 / h), None, jnp.full(n, h), current)
    np.testing.assert_allclose(v, right, rtol=1e-3)  # the current enters in the middle of the first compartment
    np.testing.assert_allclose(v[1:] / v[1], right[1:] / right[1], rtol=1e-6)
    # one step from there without a change: float32 keeps what the sums of couplings, 1,000 times larger, would drown
    with jax.enable_x64(False):
        s, e, current, v = (jnp.asarray(x, jnp.float32) for x in (jnp.full(n, 1 / h), jnp.full(n, h), current, v))
        assert float(jnp.abs(solve(tree, s, v, e, current - e * v)).max()) < 1e-4 * float(v.max())


def test_steps_of_crank_nicolson_are_of_second_order():
    """A cable that relaxes from one mode, cos(pi x): its rate is 1 + (the coupling's) per time constant."""
    n = 64
    tree, shape = Tree(np.arange(-1, n - 1)), jnp.cos(jnp.pi * (jnp.arange(n) + 0.5) / n)
    s = 30.0
    rate = 1 + s * (2 - 2 * np.cos(np.pi / n))

    def error(steps, theta):
        dt = 1.0 / steps

        def step(v, _):
            return v + solve(tree, jnp.full(n, s), v, jnp.full(n, 1 / (theta * dt) + 1), -v) / theta, None

        return float(jnp.abs(jax.lax.scan(step, shape, None, steps)[0] - np.exp(-rate) * shape).max())

    assert 1.95 < np.log2(error(10, 0.5) / error(20, 0.5)) < 2.05
    assert 0.9 < np.log2(error(10, 1.0) / error(20, 1.0)) < 1.1


def test_the_structure_is_an_argument():
    """Another tree of the same size is no other program, and the program holds no tree."""
    traced = []

    @jax.jit
    def run(tree, *given):
        traced.append(tree.n)
        return solve(tree, *given)

    rng = np.random.default_rng(0)
    for name in ("chain", "star"):
        parent = forest(name)[0][:29]
        given = numbers(parent, 29, seed=rng.integers(9))
        np.testing.assert_allclose(run(Tree(parent), *given), dense(parent, *given), rtol=1e-10)
    big = Tree(np.arange(-1, 9999))
    text = jax.jit(solve).lower(big, *map(jnp.asarray, numbers(np.asarray(big.parent), 10_000))).as_text()
    assert len(text) < 20_000


def test_arguments_that_do_not_fit_are_refused():
    tree = Tree([-1, 0, 0], 2)
    good = {"coupling": np.ones(3), "v": np.zeros(2), "e": np.ones(2), "r": np.zeros(2)}
    solve(tree, **good)
    for name, value, message in [
        ("r", np.zeros(3), r"r is a float array \[2\] or \[2, cells\]"),
        ("r", np.zeros(2, int), r"int64\[2\]"),
        ("e", np.ones((2, 1)), r"e is float64\[2\] as r is; got float64\[2, 1\]"),
        ("v", np.zeros(2, np.float32), r"v is float64\[2\] as r is; got float32\[2\]"),
        ("coupling", np.ones(2), r"coupling is float64\[3\], one value for each node; got float64\[2\]"),
        ("coupling", np.array([1.0, 0.0, 1.0]), r"of node 1 to its parent 0 is 0\.0"),
    ]:
        with pytest.raises(ValueError, match=message):
            solve(tree, **good | {name: value})
    with pytest.raises(TypeError, match="trees.Tree; got list"):
        solve([-1, 0, 0], **good)
