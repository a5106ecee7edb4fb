"""Strong and weak orders of the methods for stochastic equations, where the solution is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim.integrators import METHODS, SDEMethod, integrate

SDE = {name: method for name, method in METHODS.items() if isinstance(method, SDEMethod)}
MULTIPLICATIVE = {name: method for name, method in SDE.items() if not method.additive_only}
MU, SIGMA = 0.6, 0.5
every = pytest.mark.parametrize("method", SDE.values(), ids=SDE)


def f(t, y):
    return MU * y


def g(t, y):
    return SIGMA * y


def drift_of_log(method):
    return MU - SIGMA**2 / 2 if method.interpretation == "ito" else MU


class Paths:
    """Wiener paths on [0, 1] and their time integrals, as the standard normal numbers of any number of steps."""

    def __init__(self, finest, shape, seed=1):
        first, second = np.random.default_rng(seed).normal(size=(2, finest, *shape))
        h = 1 / finest
        dw = np.sqrt(h) * first
        self.w = np.concatenate([np.zeros((1, *shape)), np.cumsum(dw, 0)])
        area = h * self.w[:-1] + h / 2 * (dw + np.sqrt(h / 3) * second)
        self.area = np.concatenate([np.zeros((1, *shape)), np.cumsum(area, 0)])
        self.finest = finest

    def normals(self, method, n):
        """(n, *shape), or (n, 2, *shape) for methods that need the integral too."""
        every = self.finest // n
        dw = np.diff(self.w[::every], axis=0)
        if method.normals == 1:
            return jnp.asarray(dw * np.sqrt(n))
        integral = np.diff(self.area[::every], axis=0) - self.w[:-1:every] / n  # of W over the step, from its start
        return jnp.asarray(np.stack([dw * np.sqrt(n), (2 * n * integral - dw) * np.sqrt(3 * n)], 1))


def final(method, f, g, y, noise):
    """y at t = 1 by as many steps as there is noise."""
    n = len(noise)

    def step(y, i_and_noise):
        i, noise = i_and_noise
        return method(f, g, i / n, y, 1 / n, noise), None

    return jax.jit(lambda y, noise: jax.lax.scan(step, y, (jnp.arange(n), noise))[0])(y, noise)


def slope(steps, errors):
    return -np.polyfit(np.log(steps), np.log(errors), 1)[0]


@pytest.mark.parametrize("method", MULTIPLICATIVE.values(), ids=MULTIPLICATIVE)
def test_strong_order_on_geometric_brownian_motion(method):
    """Mean distance at t = 1 to the exact solution on the same 4,000 Wiener paths."""
    paths = Paths(256, (4000,))
    exact = np.exp(drift_of_log(method) + SIGMA * paths.w[-1])
    steps = [16, 64, 256]
    errors = [np.mean(np.abs(final(method, f, g, jnp.ones(4000), paths.normals(method, n)) - exact)) for n in steps]
    assert slope(steps, errors) == pytest.approx(method.strong_order, abs=0.2)


SYSTEMS = {
    # Variables that drive each other, each with its own noise; one noise for both; additive noise that changes in time
    "sriw1-diagonal": (
        SDE["sriw1"],
        lambda t, y: jnp.array([0.4 + 0.8 * jnp.cos(2 * y[0]), 0.5 * jnp.sin(2 * t) + 0.8 * y[1]]),
        (2,),
    ),
    "sriw1-scalar": (
        type(SDE["sriw1"])(noise="scalar"),
        lambda t, y: jnp.array([0.4 * y[1], 0.3 + 0.3 * jnp.sin(y[0])]),
        (),
    ),
    "sra1-general": (
        type(SDE["sra1"])(noise="general", processes=2),
        lambda t, y: jnp.array([[1.5, jnp.sin(3 * t)], [-1.0, 1.5]]),
        (2,),
    ),
}


@pytest.mark.parametrize("case", SYSTEMS)
def test_strong_order_three_halves_on_systems(case):
    """Against the same method with 16 times as many steps as the finest; order 1 would not reach the window."""
    method, diffusion, shape = SYSTEMS[case]
    paths = Paths(1024, (300, *shape))

    def drift(t, y):
        return jnp.array([jnp.sin(3 * y[1]) - y[0], jnp.cos(3 * y[0]) - y[1] + jnp.cos(2 * t)])

    batched = lambda y, noise: jax.vmap(lambda y, n: final(method, drift, diffusion, y, n), (0, 1))(y, noise)  # noqa: E731
    y0 = jnp.tile(jnp.array([1.0, 0.5]), (300, 1))

    def run(n):
        noise = jnp.moveaxis(paths.normals(method, n), 2, 1)
        return batched(y0, noise)

    exact, steps = run(1024), [16, 32, 64]
    errors = [np.mean(np.linalg.norm(run(n) - exact, axis=-1)) for n in steps]
    assert slope(steps, errors) == pytest.approx(1.5, abs=0.2)


def moment_factor(method, n, quadrature):
    nodes, weights = quadrature
    y = np.asarray(method(f, g, 0.0, jnp.ones(len(weights)), 1 / n, jnp.asarray(nodes)))
    return y**2 @ weights


def gauss_hermite(method):
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    weights = weights / weights.sum()
    if method.normals == 1:
        return nodes, weights
    return np.stack([a.ravel() for a in np.meshgrid(nodes, nodes)]), np.outer(weights, weights).ravel()


@pytest.mark.parametrize("method", MULTIPLICATIVE.values(), ids=MULTIPLICATIVE)
def test_weak_order(method):
    """Error of the second moment at t = 1, free of sampling noise.

    One step multiplies y by a polynomial of the noise, so its moment is a Gauss-Hermite sum and that of n steps a
    power. (The tamed drift is not linear: the sum over one path of moments is taken for its linear part, a step at y =
    1, which has the same order.)
    """
    steps = np.array([64, 128, 256, 512])
    moments = [moment_factor(method, n, gauss_hermite(method)) ** n for n in steps]
    errors = np.abs(np.array(moments) - np.exp(2 * drift_of_log(method) + 2 * SIGMA**2))
    assert slope(steps, errors) == pytest.approx(method.weak_order, abs=0.2)


def test_weak_order_with_additive_noise():
    """Ornstein-Uhlenbeck: a step is a y + b xi, so the second moment follows its own recursion."""
    method, steps = SDE["sra1"], np.array([8, 16, 32])
    errors = []
    for n in steps:
        step = lambda y, noise, n=n: method(lambda t, y: -y, lambda t, y: 0.8, 0.0, y, 1 / n, jnp.array(noise))  # noqa: E731
        a, b = float(step(1.0, [0.0, 0.0])), [float(step(0.0, x)) for x in ([1.0, 0.0], [0.0, 1.0])]
        moment = 4.0
        for _ in range(n):
            moment = a**2 * moment + b[0] ** 2 + b[1] ** 2
        errors.append(abs(moment - (4 * np.exp(-2) + 0.32 * (1 - np.exp(-2)))))
    assert slope(steps, errors) == pytest.approx(method.weak_order, abs=0.2)


@every
def test_without_noise_it_is_an_ordinary_method(method):
    y = jnp.array([0.3, 2.0])
    noise = y if method.normals == 1 else jnp.stack([y, y])
    silent = method(f, lambda t, y: 0.0, 0.0, y, 1e-3, noise)
    np.testing.assert_allclose(silent, y * np.exp(MU * 1e-3), rtol=2e-6)


@every
def test_integrate_gives_independent_standard_noise(method):
    """dy = dW: the variance after 1 is 1 for every leaf and element, and leaves are uncorrelated."""
    zero = (jnp.zeros(4000), jnp.zeros(4000))
    f0, g1 = (lambda t, y: (0.0, 0.0)), (lambda t, y: (1.0, 1.0))
    _, ys = integrate(f0, zero, 1.0, 0.1, method, diffusion=g1, key=jax.random.key(0), save_every=10)
    covariance = np.cov(np.stack([y[-1] for y in ys]))
    np.testing.assert_allclose(covariance, np.eye(2), atol=5 * np.sqrt(2 / 4000))


def test_tamed_euler_holds_where_euler_maruyama_explodes():
    """dy = -y**5 dt + y dW from 4 with dt = 1/16: the drift throws Euler-Maruyama from 4 to -60 and beyond. E y(1)**2 <
    4**2 e.
    """
    paths = Paths(2048, (2000,))
    args = (lambda t, y: -(y**5), lambda t, y: y, jnp.full(2000, 4.0))
    explicit, tamed = SDE["euler_maruyama"], SDE["tamed_euler"]
    assert not np.isfinite(final(explicit, *args, paths.normals(explicit, 16))).any()
    coarse, fine, exact = (np.asarray(final(tamed, *args, paths.normals(tamed, n))) for n in (16, 128, 2048))
    assert np.mean(coarse**2) < 16 * np.e
    assert np.mean(np.abs(fine - exact)) < np.mean(np.abs(coarse - exact)) / 2 < 0.5
