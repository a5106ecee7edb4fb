"""Strong and weak orders of the methods for stochastic equations, on geometric Brownian motion."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim.integrators import METHODS, SDEMethod, integrate

SDE = {name: method for name, method in METHODS.items() if isinstance(method, SDEMethod)}
MU, SIGMA = 0.6, 0.5
every = pytest.mark.parametrize("method", SDE.values(), ids=SDE)


def f(t, y):
    return MU * y


def g(t, y):
    return SIGMA * y


def drift_of_log(method):
    return MU - SIGMA**2 / 2 if method.interpretation == "ito" else MU


@every
def test_strong_order(method):
    """Mean distance at t = 1 to the exact solution on the same 4,000 Brownian paths."""
    finest, paths = 512, 4000
    dw = np.random.default_rng(1).normal(size=(finest, paths)) / np.sqrt(finest)
    w = jnp.asarray(np.concatenate([np.zeros((1, paths)), np.cumsum(dw, 0)]))
    exact = np.exp(drift_of_log(method) + SIGMA * w[-1])

    @jax.jit
    def run(n):
        def step(i, y):
            increment = w[(i + 1) * (finest // n)] - w[i * (finest // n)]
            return method(f, g, 0.0, y, 1 / n, increment * jnp.sqrt(n))

        return jax.lax.fori_loop(0, n, step, jnp.ones(paths))

    steps = np.array([16, 32, 64, 128, 256, 512])
    errors = [np.mean(np.abs(run(n) - exact)) for n in steps]
    measured = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert measured == pytest.approx(method.strong_order, abs=0.2)


@every
def test_weak_order(method):
    """Error of the second moment at t = 1, free of sampling noise.

    One step multiplies y by a polynomial of the noise, so its moment is a Gauss-Hermite sum and that of n steps a power.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    steps = np.array([64, 128, 256, 512])
    factors = [method(f, g, 0.0, jnp.ones(12), 1 / n, nodes) for n in steps]
    moments = [(np.asarray(x) ** 2 @ weights / weights.sum()) ** n for x, n in zip(factors, steps, strict=True)]
    errors = np.abs(np.array(moments) - np.exp(2 * drift_of_log(method) + 2 * SIGMA**2))
    measured = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert measured == pytest.approx(method.weak_order, abs=0.2)


@every
def test_without_noise_it_is_an_ordinary_method(method):
    y = jnp.array([0.3, 2.0])
    silent = method(f, lambda t, y: 0.0, 0.0, y, 1e-3, y)
    np.testing.assert_allclose(silent, y * np.exp(MU * 1e-3), rtol=1e-6)


@every
def test_integrate_gives_independent_standard_noise(method):
    """dy = dW: the variance after 1 is 1 for every leaf and element, and leaves are uncorrelated."""
    zero = (jnp.zeros(4000), jnp.zeros(4000))
    f0, g1 = (lambda t, y: (0.0, 0.0)), (lambda t, y: (1.0, 1.0))
    _, ys = integrate(f0, zero, 1.0, 0.1, method, diffusion=g1, key=jax.random.key(0), save_every=10)
    covariance = np.cov(np.stack([y[-1] for y in ys]))
    np.testing.assert_allclose(covariance, np.eye(2), atol=5 * np.sqrt(2 / 4000))
