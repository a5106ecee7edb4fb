"""Rodas5P against an equation with a known solution, and the elimination behind it against dense solutions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim.integrators import rodas
from brainsim.integrators.elimination import Factors, colours, dependence

STIFF = 3.0


def rates(t, y):
    """y = (sin t, 1 / (1 + t)), coupled, with a fast first one (Prothero and Robinson 1974)."""
    a, b = y
    return [STIFF * (jnp.sin(t) - a) + jnp.cos(t) + a * (b * (1 + t) - 1), -b * b + jnp.sin(t) - a]


def exact(t):
    return np.stack([np.sin(t), 1 / (1 + t)])


def steps(n, end=1.0):
    """The solution after n steps, and in the middle of the last."""
    h, y = end / n, [jnp.asarray(x) for x in exact(0.0)]
    for k in range(n):
        t = jnp.asarray(k * h)
        jacobian = jnp.array(jax.jacfwd(lambda y, t=t: rates(t, y))(y))
        W = jnp.eye(2) / (rodas.GAMMA * h) - jacobian
        by_time = jax.jvp(lambda t, y=y: rates(t, y), (t,), (1.0,))[1]
        found = rodas.step(rates, lambda r, W=W: list(jnp.linalg.solve(W, jnp.stack(r))), by_time, t, y, h)
        before, y = y, found.after
    between = [rodas.interpolated(a, b, c, jnp.asarray(0.37)) for a, b, c in zip(before, y, found.between)]
    return np.stack(y), np.stack(between), end - 0.63 * h, np.stack(found.error)


def test_a_step_has_order_5_and_what_is_between_its_ends_order_4():
    coarse, fine = steps(8), steps(16)
    ends = [np.abs(found[0] - exact(1.0)).max() for found in (coarse, fine)]
    inside = [np.abs(found[1] - exact(found[2])).max() for found in (coarse, fine)]
    assert ends[1] < 1e-8
    assert np.log2(ends[0] / ends[1]) > 4.5  # measured: 5.0
    assert np.log2(inside[0] / inside[1]) > 3.7
    assert ends[1] < np.abs(fine[3]).max() < 1e5 * ends[1]  # the estimate is that of order 4


def test_which_variable_depends_on_which_is_seen_through_calls_and_conditions():
    inner = jax.jit(lambda a, b: (a * 2, b + 1))

    def f(y):
        a, b = inner(y[0], y[2])
        return [a, jnp.where(y[1] > 0, b, 0.0), jax.lax.cond(True, jnp.sin, jnp.cos, y[2]), jnp.ones(3)]

    found = dependence(f, [jnp.ones(3)] * 3)
    expected = [[1, 0, 0], [0, 1, 1], [0, 0, 1], [0, 0, 0]]
    np.testing.assert_array_equal(found, np.array(expected, bool))


@pytest.mark.parametrize("last", [0, 2])
def test_elimination_solves_what_dense_solution_does(last):
    rng = np.random.default_rng(3)
    k, n = 6, 4
    depends = rng.random((k, k)) < 0.4
    depends[last] = depends[:, last] = True
    np.fill_diagonal(depends, True)
    W = np.where(depends[..., None], rng.normal(size=(k, k, n)), 0.0) + 6 * np.eye(k)[..., None]
    r = rng.normal(size=(k, n))
    factors = Factors(depends, {(i, j): jnp.asarray(W[i, j]) for i in range(k) for j in range(k)}, last)
    x = factors.solve(list(jnp.asarray(r)), lambda r: r / factors.left)
    expected = np.stack([np.linalg.solve(W[..., s], r[:, s]) for s in range(n)], 1)
    np.testing.assert_allclose(np.stack(x), expected, rtol=1e-12)


def test_columns_of_one_colour_share_no_row():
    depends = np.eye(5, dtype=bool)
    depends[0] = True
    assert colours(depends) == [[0], [1], [2], [3], [4]]
    depends[0] = False
    assert colours(depends) == [[0, 1, 2, 3, 4]]
