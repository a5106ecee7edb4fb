"""Starts at once, least squares, curvature and profiles: of functions whose answers are known."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import brainsim as bs
from brainsim import train


def rosenbrock(p):
    return jnp.array([10 * (p["y"] - p["x"] ** 2), 1 - p["x"]])


def half(p):
    return 0.5 * jnp.sum(rosenbrock(p) ** 2)


def spread(count=6):
    x = jnp.linspace(-1.5, 1.5, count)
    return dict(x=x, y=1 - x)


def test_starts_go_on_each_by_itself():
    together = train.minimize(half, spread(), 60, optimizer=optax.adam(0.05), starts=6, progress=False)
    assert together.losses.shape == (60, 6) and together.values["x"].shape == (6,)
    for k in (0, 3):
        alone = train.minimize(
            half, dict(x=spread()["x"][k], y=spread()["y"][k]), 60, optimizer=optax.adam(0.05), progress=False
        )
        np.testing.assert_allclose(together.losses[:, k], alone.losses, rtol=1e-9)
    np.testing.assert_allclose(together.least, together.losses.min(0), rtol=1e-12)
    np.testing.assert_allclose(half(together.best), together.least.min(), rtol=1e-9)
    assert (np.diff(together.least[together.order]) >= 0).all()


def test_a_start_that_fails_does_not_stop_the_others():
    broken = lambda x: jnp.where(x > 2.0, jnp.nan, (x - 1) ** 2)
    found = train.minimize(broken, jnp.array([0.0, 3.0]), 100, optimizer=optax.sgd(0.1), starts=2, progress=False)
    assert found.best == pytest.approx(1, abs=1e-6) and np.isnan(found.losses[:, 1]).all() and found.order[0] == 0
    with pytest.raises(bs.NonFiniteError, match="of 2 starts none"):
        train.minimize(broken, jnp.array([3.0, 4.0]), 5, starts=2, progress=False)
    with pytest.raises(ValueError, match="starts=3 each array has 3"):
        train.minimize(broken, jnp.array([3.0, 4.0]), 5, starts=3, progress=False)
    early = train.minimize(
        broken, jnp.array([0.0, 0.5]), 100, starts=2, until=lambda k, loss: loss.max() < 10, progress=False
    )
    assert early.losses.shape == (1, 2)


@pytest.mark.parametrize("method", ["levenberg_marquardt", "gauss_newton", "dogleg"])
def test_least_squares(method):
    found = train.least_squares(rosenbrock, dict(x=jnp.array(-1.0), y=jnp.array(2.0)), method=method)
    np.testing.assert_allclose([found.best["x"], found.best["y"]], 1, atol=1e-6)
    assert found.converged and found.loss < 1e-12
    several = train.least_squares(rosenbrock, spread(), method=method, starts=6)
    assert several.loss.shape == (6,) and several.loss.max() < 1e-10
    np.testing.assert_allclose(several.best["y"], 1, atol=1e-6)


def test_least_squares_refuses():
    with pytest.raises(bs.UnknownNameError, match="Did you mean 'gauss_newton'"):
        train.least_squares(rosenbrock, spread(), method="gauss-newton")
    with pytest.raises(bs.NonFiniteError, match="where it begins"):
        train.least_squares(lambda x: jnp.log(x), jnp.array([-1.0]))
    with pytest.raises(ValueError, match="starts=4"):
        train.least_squares(rosenbrock, spread(), starts=4)


def test_curvature_of_a_known_minimum():
    at = dict(x=jnp.array(1.0), y=jnp.array(1.0))
    expected = np.array([[401.0, -200], [-200, 100]])  # of Rosenbrock's function at its minimum
    for found in (train.fisher(rosenbrock, at, ["x", "y"]), train.hessian(half, at, ["x", "y"])):
        np.testing.assert_allclose(found.matrix, expected)
        np.testing.assert_allclose(found.covariance, np.linalg.inv(expected), rtol=1e-9)
        np.testing.assert_allclose(found.std**2, [1, 4.01], rtol=1e-9)
        eigenvalues = np.sort(np.linalg.eigvalsh(expected))[::-1]
        np.testing.assert_allclose(found.eigenvalues, eigenvalues)
        assert found.condition == pytest.approx(eigenvalues[0] / eigenvalues[1])
    assert "-0.89 x" in str(found) or "+0.89 x" in str(found)
    with pytest.raises(ValueError, match="2 numbers have 1 labels"):
        train.fisher(rosenbrock, at, ["x"])


def test_what_data_say_nothing_of():
    only_sum = train.fisher(lambda x: jnp.array([x[0] + x[1], 0 * x[2], 3 * x[3]]), jnp.ones(4))
    assert only_sum.condition == np.inf
    np.testing.assert_allclose(only_sum.std, [np.inf, np.inf, np.inf, 1 / 3])


def test_profile_of_a_known_likelihood():
    """With y where it is best, what is left of Rosenbrock's function is (1 - x)^2 / 2."""
    grid = np.linspace(-2, 4, 13)
    found = train.profile(
        half, dict(x=jnp.array(1.0), y=jnp.array(1.0)), "x", grid, 300, optimizer=optax.adam(0.3), progress=False
    )
    np.testing.assert_allclose(found.losses, 0.5 * (1 - grid) ** 2, atol=2e-2)
    low, high = found.interval()
    assert low == pytest.approx(1 - 1.96, abs=0.05) and high == pytest.approx(1 + 1.96, abs=0.05)
    short = train.Profile(grid[4:9], found.losses[4:9], found.found)
    assert short.interval() == (-np.inf, np.inf)
    vector = lambda p: half(dict(x=p["z"][0], y=p["z"][1]))
    held = train.profile(
        vector, dict(z=jnp.ones(2)), "z", [0.0, 1.0], 300, index=0, optimizer=optax.adam(0.3), progress=False
    )
    np.testing.assert_allclose(held.losses, [0.5, 0], atol=1e-4)
    with pytest.raises(ValueError, match="which number is held"):
        train.profile(vector, dict(z=jnp.ones(2)), "z", [0.0], 3)
    with pytest.raises(bs.UnknownNameError, match="Accepted: z"):
        train.profile(vector, dict(z=jnp.ones(2)), "x", [0.0], 3)
