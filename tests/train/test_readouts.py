"""Readouts are the solutions of the normal equations, and a chaotic network is forced to draw a sine."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs

RNG = np.random.default_rng(0)
X, Y = RNG.normal(2, 1, (40, 5)), RNG.normal(0, 1, (40, 2))


def solved(x, y, penalty):
    """By the normal equations, with a bias that is free."""
    mean, level = x.mean(0), y.mean(0)
    weight = np.linalg.solve((x - mean).T @ (x - mean) + penalty * np.eye(x.shape[1]), (x - mean).T @ (y - level))
    return weight, level - mean @ weight


def test_ridge_solves_the_normal_equations():
    found = bs.train.ridge(X, Y, 0.3)
    weight, bias = solved(X, Y, 0.3 * 40 * X.var(0).mean())
    np.testing.assert_allclose(found.weight, weight, rtol=1e-9)
    np.testing.assert_allclose(found.bias, bias, rtol=1e-9)
    np.testing.assert_allclose(found(X), X @ weight + bias, rtol=1e-9)


def test_of_several_strengths_that_which_leaves_out_best():
    """Against leaving out one by one, with the penalty of the whole."""
    y = X[:, :1] + RNG.normal(0, 1.5, (40, 1))
    strengths, errors = (1e-3, 0.3, 10.0), []
    for strength in strengths:
        penalty, each = strength * 40 * X.var(0).mean(), []
        for k in range(40):
            weight, bias = solved(np.delete(X, k, 0), np.delete(y, k, 0), penalty)
            each.append((X[k] @ weight + bias - y[k]) ** 2)
        errors.append(np.mean(each))
    assert bs.train.ridge(X, y, strengths).strength == strengths[int(np.argmin(errors))]


def test_ridge_tells_classes_apart_and_refuses():
    labels = np.arange(60) % 3
    x = np.eye(3)[labels] + RNG.normal(0, 0.2, (60, 3))
    assert np.mean(bs.train.ridge(x, labels)(x).argmax(1) == labels) > 0.95
    for x, y, strength, message in (
        (X, Y[:3], 1.0, "features \\(examples, n\\)"),
        (X, Y, 0.0, "must be positive, given 0"),
        (X, -np.arange(40), 1.0, "0 or above"),
        (X * np.nan, Y, 1.0, "finite"),
    ):
        with pytest.raises(ValueError, match=message):
            bs.train.ridge(x, y, strength)


def test_recursive_least_squares_are_those_of_all_steps():
    for forget in (1.0, 0.95):
        force = bs.train.Force(alpha=0.5, forget=forget)
        step = lambda s, now, force=force: (force(s, *now)[0], None)
        found, _ = jax.lax.scan(step, force.first(5, 2), (jnp.asarray(X), jnp.asarray(Y)))
        counts = forget ** np.arange(39, -1, -1)[:, None]
        penalty = 0.5 * forget**40 * np.eye(5)
        expected = np.linalg.solve(X.T @ (counts * X) + penalty, X.T @ (counts * Y))
        np.testing.assert_allclose(found.weight, expected, rtol=2e-3, atol=2e-4)
    with pytest.raises(ValueError, match="alpha > 0"):
        bs.train.Force(0.0)


def test_force_tames_chaos():
    """A rate network of gain 1.5 learns a sine in closed loop and goes on with it alone (Sussillo and Abbott, figure 2)."""
    n, dt, rng = 150, 0.1, np.random.default_rng(1)
    J = jnp.asarray(1.5 * rng.normal(0, 1 / np.sqrt(n), (n, n)))
    back, x0 = jnp.asarray(rng.uniform(-1, 1, n)), jnp.asarray(0.5 * rng.normal(size=n))
    force, t = bs.train.Force(1.0), np.arange(12_000) * dt
    wave = jnp.asarray(np.sin(2 * np.pi * t / 12.0))
    learn = jnp.asarray((t < 960) & (np.arange(len(t)) % 2 == 0))

    def step(carry, now):
        x, z, solved = carry
        x = x + dt * (-x + J @ jnp.tanh(x) + back * z)
        r = jnp.tanh(x)
        better = force(solved, r, now[0][None])[0]
        solved = jax.tree.map(lambda a, b: jnp.where(now[1], a, b), better, solved)
        z = (r @ solved.weight)[0]
        return (x, z, solved), z

    start = (x0.astype(J.dtype), jnp.zeros((), J.dtype), force.first(n))
    _, z = jax.jit(lambda start: jax.lax.scan(step, start, (wave, learn)))(start)
    alone, wanted = np.asarray(z)[9600:], np.asarray(wave)[9600:]
    assert np.sqrt(np.mean((alone - wanted) ** 2)) < 0.1


def test_units_vote_for_the_class_that_they_answer_most():
    counts = np.array([[9, 0, 1, 0], [7, 2, 0, 0], [0, 5, 0, 0], [1, 4, 6, 0]])  # by hand; the last unit is silent
    found = bs.train.votes(counts, np.array([0, 0, 2, 2]))
    np.testing.assert_array_equal(found.weight, [[1, 0, 0], [0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
    np.testing.assert_array_equal(found(counts), [[9, 0, 0.5], [7, 0, 1], [0, 0, 2.5], [1, 0, 5]])
    for x, labels, message in (
        (counts, np.zeros(3, int), "features \\(examples, n\\) and labels \\(examples,\\), given \\(4, 4\\), \\(3,\\)"),
        (counts, np.zeros(4), "whole numbers"),
        (counts, np.array([0, 1, -1, 0]), "0 or above; given int64, -1"),
        (np.full((4, 4), np.inf), np.zeros(4, int), "finite"),
    ):
        with pytest.raises(ValueError, match=message):
            bs.train.votes(x, labels)
