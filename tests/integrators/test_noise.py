"""Structures of noise: diagonal, scalar and general, commutative and not."""

import dataclasses

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim.integrators import METHODS, SRIW1, EulerMaruyama, Milstein, SDEMethod, integrate

SDE = {name: method for name, method in METHODS.items() if isinstance(method, SDEMethod)}
GENERAL = {name: method for name, method in SDE.items() if "general" in method.accepts}
general = pytest.mark.parametrize("method", GENERAL.values(), ids=GENERAL)


def with_noise(method, **structure):
    return dataclasses.replace(method, **structure)


def drift(t, y):
    return (y[1] - y[0], -y[0] * y[1])


def noise_of(method, *shape):
    return jnp.asarray(np.random.default_rng(0).normal(size=(method.normals, *shape) if method.normals > 1 else shape))


@general
def test_one_process_is_scalar_noise(method):
    g = lambda t, y: (0.3 * y[1], 0.2 + 0.1 * y[0] ** 2)  # noqa: E731
    y = (jnp.float64(0.7), jnp.float64(-0.4))
    noise = noise_of(method, 1)
    one = with_noise(method, noise="general", processes=1)(
        drift, lambda t, y: tuple(x[None] for x in g(t, y)), 0.0, y, 0.1, noise
    )
    scalar = with_noise(method, noise="scalar")(drift, g, 0.0, y, 0.1, noise[..., 0])
    np.testing.assert_allclose(one, scalar, rtol=1e-13)


@general
def test_a_diagonal_matrix_is_diagonal_noise(method):
    g = lambda t, y: (0.3 * y[0], 0.2 + 0.1 * y[1] ** 2)  # noqa: E731
    y = (jnp.float64(0.7), jnp.float64(-0.4))
    noise = noise_of(method, 2)
    matrix = lambda t, y: (jnp.array([g(t, y)[0], 0.0]), jnp.array([0.0, g(t, y)[1]]))  # noqa: E731
    whole = with_noise(method, noise="general", processes=2)(drift, matrix, 0.0, y, 0.1, noise)
    diagonal = method(drift, g, 0.0, y, 0.1, (noise[..., 0], noise[..., 1]))
    np.testing.assert_allclose(whole, diagonal, rtol=1e-13)


def strong_order(method, f, g, exact, dw, y0):
    """`exact` (paths, d) for the Wiener increments `dw` (finest, paths, processes) on [0, 1]."""
    finest, errors, steps = len(dw), [], [8, 32, 128]
    for n in steps:
        increments = jnp.asarray(dw.reshape(n, finest // n, *dw.shape[1:]).sum(1) * np.sqrt(n))

        def step(y, noise, n=n):
            return jax.vmap(lambda y, noise: method(f, g, 0.0, y, 1 / n, noise))(y, noise), None

        y = jax.jit(lambda noise, step=step: jax.lax.scan(step, jnp.tile(y0, (dw.shape[1], 1)), noise)[0])(increments)
        errors.append(np.mean(np.linalg.norm(y - exact, axis=-1)))
    return -np.polyfit(np.log(steps), np.log(errors), 1)[0]


MULTIPLICATIVE = {name: method for name, method in GENERAL.items() if not method.additive_only}


@pytest.mark.parametrize("method", MULTIPLICATIVE.values(), ids=MULTIPLICATIVE)
def test_strong_order_with_commutative_noise(method):
    """A rotation and a growth, both noisy: dy = mu y dt + s R y dW1 + r y dW2 with R a quarter turn; all matrices
    commute.
    """
    mu, s, r, paths = 0.3, 0.6, 0.4, 1000
    dw = np.random.default_rng(2).normal(size=(128, paths, 2)) / np.sqrt(128)
    turn, grow = dw.sum(0).T
    growth = mu + (s**2 - r**2) / 2 if method.interpretation == "ito" else mu
    exact = (np.exp(growth + r * grow) * np.stack([np.cos(s * turn), np.sin(s * turn)])).T
    g = lambda t, y: jnp.stack([s * jnp.array([-y[1], y[0]]), r * y], -1)  # noqa: E731
    method = with_noise(method, noise="general", processes=2)
    measured = strong_order(method, lambda t, y: mu * y, g, exact, dw, jnp.array([1.0, 0.0]))
    assert measured == pytest.approx(method.strong_order, abs=0.2)


@pytest.mark.parametrize("name", ["milstein", "derivative_free_milstein", "sri1", "stochastic_heun"])
def test_strong_order_is_one_half_where_noise_does_not_commute(name):
    """dy1 = dW1, dy2 = y1 dW2: what is missing is the Lévy area. The exact integral is taken on 32 times as fine a
    path.
    """
    method, paths = with_noise(GENERAL[name], noise="general", processes=2), 1000
    dw = np.random.default_rng(3).normal(size=(4096, paths, 2)) / 64
    w = np.cumsum(dw, 0)
    before = np.concatenate([np.zeros((1, paths)), w[:-1, :, 0]])
    exact = np.stack([w[-1, :, 0], np.sum((before + dw[..., 0] / 2) * dw[..., 1], 0)], -1)
    g = lambda t, y: jnp.array([[1.0, 0.0], [0.0, y[0]]])  # noqa: E731
    measured = strong_order(method, lambda t, y: 0 * y, g, exact, dw, jnp.zeros(2))
    assert measured == pytest.approx(0.5, abs=0.2)


def test_units_and_integrate_with_general_noise():
    """Two cells that share one input and have one each: the covariance after t is g g^T t."""
    matrix = np.array([[1.0, 2.0, 0.0], [1.0, 0.0, 3.0]])
    g = lambda t, y: {"v": jnp.asarray(matrix) * u.mV / u.ms**0.5}  # noqa: E731
    f = lambda t, y: {"v": 0 * y["v"] / u.ms}  # noqa: E731
    method = EulerMaruyama(noise="general", processes=3)

    def run(key):
        return integrate(f, {"v": jnp.zeros(2) * u.mV}, 1 * u.ms, 0.5 * u.ms, method, diffusion=g, key=key)[1]["v"][
            -1
        ].mantissa

    v = np.asarray(jax.vmap(run)(jax.random.split(jax.random.key(0), 4000)))
    np.testing.assert_allclose(np.cov(v.T), matrix @ matrix.T, atol=0.8)


def test_scalar_noise_is_the_same_for_all():
    y = (jnp.zeros(3), jnp.zeros(()))
    one = lambda t, y: (1.0, 1.0)  # noqa: E731
    args = dict(diffusion=one, key=jax.random.key(1))
    _, (a, b) = integrate(lambda t, y: (0.0, 0.0), y, 1.0, 0.1, SRIW1(noise="scalar"), **args)
    np.testing.assert_allclose(a, np.tile(b[:, None], 3), rtol=1e-12)
    assert np.std(b) > 0.05


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SRIW1(noise="general"), "SRIW1 accepts noise 'diagonal', 'scalar', got 'general'"),
        (lambda: EulerMaruyama(noise="white"), "accepts noise 'diagonal', 'scalar', 'general', got 'white'"),
        (lambda: EulerMaruyama(processes=3), "`processes` belongs to noise='general'"),
        (lambda: Milstein(noise="general", processes=0), "processes must be a positive integer, got 0"),
        (lambda: Milstein("strat"), "interpretation must be 'ito' or 'stratonovich', got 'strat'"),
    ],
)
def test_bad_structures_are_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_matrix_or_noise_of_another_shape_is_refused():
    method, y = EulerMaruyama(noise="general", processes=2), jnp.zeros(3)
    with pytest.raises(ValueError, match=r"the diffusion of y has shape \(3, 4\), but it must have shape \(3, 2\)"):
        method(lambda t, y: y, lambda t, y: jnp.ones((3, 4)), 0.0, y, 0.1, jnp.zeros(2))
    with pytest.raises(ValueError, match=r"noise has shape \(3,\), but general noise has shape \(2,\)"):
        method(lambda t, y: y, lambda t, y: jnp.ones((3, 2)), 0.0, y, 0.1, jnp.zeros(3))
