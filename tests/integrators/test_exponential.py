import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.integrate import solve_ivp

from brainsim.integrators import ExponentialEuler, ExponentialEulerMaruyama, integrate
from brainsim.integrators.exponential import phi1

RATES = np.array([-300.0, -5.0, -1.0, -1e-3, -1e-8, -1e-300, 0.0, 1e-300, 1e-8, 1e-3, 1.0, 3.0])


@pytest.mark.parametrize("staggered", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 5e-6)])
def test_exact_for_linear_equations(staggered, dtype, tolerance):
    """dy/dt = a y + b, for steps as long as one likes; at a = 3 the step multiplies by 400."""
    a, b, y0, dt = RATES.astype(dtype), dtype(0.7), dtype(-1.3), dtype(2.0)
    z = (a * dt).astype(np.longdouble)
    phi = np.where(z == 0, 1, np.expm1(z) / np.where(z == 0, 1, z))
    new = ExponentialEuler(staggered)(lambda t, y: a * y + b, 0.0, jnp.full(a.shape, y0), dt)
    assert new.dtype == dtype
    np.testing.assert_allclose(new, (y0 + dt * phi * (a * y0 + b)).astype(float), rtol=tolerance, atol=tolerance / 10)


def test_float32_follows_a_slow_decay_for_100000_steps():
    """Rounding stays at a few ulp: tau = 20 s at dt = 0.1 ms, where exp(z) itself would be 1 - 84 ulp."""
    f = lambda t, y: (1.0 - y) / jnp.float32(2e4)  # noqa: E731
    _, ys = integrate(f, jnp.float32(0.0), 1e4, 0.1, "exp_euler", save_every=100_000)
    assert float(ys[-1]) == pytest.approx(-np.expm1(-0.5), rel=5e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_phi1_to_the_ulp_stated(dtype):
    magnitude = np.logspace(-30, 2, 4001)
    z = np.concatenate([-magnitude, [0], magnitude]).astype(dtype)
    exact = np.where(z == 0, 1, np.expm1(z.astype(np.longdouble)) / np.where(z == 0, 1, z).astype(np.longdouble))
    ulp = np.abs(np.asarray(jax.jit(phi1)(z)) / exact - 1) / np.finfo(dtype).eps
    assert ulp[z < 1].max() < 5
    assert ulp[z < 10].max() < 200
    assert np.isfinite(phi1(z)).all()
    derivative = jax.jit(jax.vmap(jax.grad(phi1)))(z)
    assert np.isfinite(derivative).all()
    near = np.abs(z) < 1e-2
    x = z[near].astype(np.longdouble)
    taylor = 1 / 2 + x / 3 + x**2 / 8 + x**3 / 30 + x**4 / 144 + x**5 / 840 + x**6 / 5760
    np.testing.assert_allclose(derivative[near], taylor.astype(float), rtol=4 * np.finfo(dtype).eps)


def test_phi1_derivatives():
    z = jnp.array([-40.0, -0.6, -0.5, -0.4, -1e-9, 0.0, 1e-9, 0.4, 0.5, 0.6, 3.0])
    check_grads(jax.jit(phi1), (z,), order=2, modes=["fwd", "rev"], atol=1e-6, rtol=1e-5)


def test_gradient_where_the_rate_is_zero():
    """dy/dt = a y + b at a = 0: d y_next / da = dt y + dt**2 b / 2."""

    def run(a):
        return ExponentialEuler()(lambda t, y: a * y + 3.0, 0.0, 2.0, 0.5)

    assert jax.grad(run)(0.0) == pytest.approx(0.5 * 2 + 0.5**2 * 3 / 2, rel=1e-14)


@pytest.mark.parametrize("leaves", [1, 2, 4])
def test_one_derivative_per_leaf_and_one_transcendental(leaves):
    evaluations = []

    def f(t, y):
        evaluations.append(1)
        return tuple(-x * x for x in y)

    y = tuple(jnp.ones(3) for _ in range(leaves))
    lowered = jax.jit(lambda y: ExponentialEuler()(f, 0.0, y, 0.1)).lower(y)
    assert len(evaluations) == leaves
    hlo = lowered.compile().as_text()
    assert hlo.count(" tanh(") == leaves and " exponential" not in hlo


def test_staggered_goes_from_last_to_first_and_sees_what_has_advanced():
    def f(t, y):
        v, m = y
        return (m - v, 0.5 - m)

    v, m = map(float, ExponentialEuler(staggered=True)(f, 0.0, (1.0, 0.0), 1.0))
    decay = np.exp(-1.0)
    assert m == pytest.approx(0.5 * (1 - decay), rel=1e-14)
    assert v == pytest.approx(m + (1 - m) * decay, rel=1e-14)  # the new m
    v, m = ExponentialEuler()(f, 0.0, (1.0, 0.0), 1.0)
    assert v == pytest.approx(decay, rel=1e-14)  # the old m


def hodgkin_huxley(t, y, current=10.0):
    v, m, h, n = y

    def linoid(x):
        return 1 / phi1(-x)

    alpha_m, beta_m = linoid((v + 40) / 10), 4 * jnp.exp(-(v + 65) / 18)
    alpha_h, beta_h = 0.07 * jnp.exp(-(v + 65) / 20), 1 / (1 + jnp.exp(-(v + 35) / 10))
    alpha_n, beta_n = 0.1 * linoid((v + 55) / 10), 0.125 * jnp.exp(-(v + 65) / 80)
    ionic = 120 * m**3 * h * (v - 50) + 36 * n**4 * (v + 77) + 0.3 * (v + 54.4)
    gates = (alpha_m * (1 - m) - beta_m * m, alpha_h * (1 - h) - beta_h * h, alpha_n * (1 - n) - beta_n * n)
    return (current - ionic, *gates)


def test_gates_first_keeps_spike_times_of_hodgkin_huxley():
    """Seven spikes in 100 ms at dt = 0.025 ms, against scipy at rtol 1e-10."""
    y0 = (-65.0, 0.05, 0.6, 0.32)

    def crossed(t, y):
        return y[0]

    crossed.direction = 1
    f_scipy = jax.jit(lambda t, y: jnp.stack(hodgkin_huxley(t, y)))
    exact = solve_ivp(f_scipy, (0, 100), y0, rtol=1e-10, atol=1e-10, method="LSODA", events=crossed).t_events[0]

    def error(method):
        t, (v, *_) = jax.tree.map(np.asarray, integrate(hodgkin_huxley, y0, 100.0, 0.025, method))
        (i,) = np.nonzero((v[:-1] <= 0) & (v[1:] > 0))
        times = t[i] - v[i] / (v[i + 1] - v[i]) * 0.025
        assert len(times) == len(exact) == 7
        return np.max(np.abs(times - exact))

    plain, staggered = error("exponential_euler"), error("staggered_exponential_euler")
    assert staggered < 0.05  # ms, the seventh spike; V first is 1.2 ms late by then
    assert staggered < plain / 20


@pytest.mark.parametrize("staggered", [False, True])
def test_ornstein_uhlenbeck_is_exact_in_distribution(staggered):
    tau, sigma, dt = 5.0, 0.4, 8.0
    method = ExponentialEulerMaruyama(staggered)
    mean, shifted = (
        method(lambda t, y: (1 - y) / tau, lambda t, y: sigma, 0.0, 3.0, dt, noise) for noise in (0.0, 1.0)
    )
    assert mean == pytest.approx(1 + 2 * np.exp(-dt / tau), rel=1e-14)
    assert (shifted - mean) ** 2 == pytest.approx(sigma**2 * tau / 2 * (1 - np.exp(-2 * dt / tau)), rel=1e-13)
