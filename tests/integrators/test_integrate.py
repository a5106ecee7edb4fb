import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from brainsim.integrators import RK4, integrate


def pendulum(t, y):
    return {"angle": y["speed"], "speed": -jnp.sin(y["angle"]) - 0.1 * y["speed"] + 0.2 * jnp.cos(t)}


Y0 = {"angle": 1.0, "speed": 0.0}


def test_agrees_with_scipy():
    times, ys = integrate(pendulum, Y0, 10.0, 0.01, save_every=100, t0=0.5)
    f = jax.jit(lambda t, y: jnp.stack(list(pendulum(t, {"angle": y[0], "speed": y[1]}).values())))
    exact = solve_ivp(f, (0.5, 10.5), (1.0, 0.0), t_eval=times, rtol=1e-11, atol=1e-12, method="DOP853").y
    np.testing.assert_allclose(times, 0.5 + np.arange(11), rtol=1e-15)
    np.testing.assert_allclose(ys["angle"], exact[0], atol=1e-9)
    np.testing.assert_allclose(ys["speed"], exact[1], atol=1e-9)


def test_keeps_units_and_the_first_state():
    y0 = {"v": jnp.array([-60.0, -70.0]) * u.mV, "w": 1.0}

    def f(t, y):
        return {"v": (-65 * u.mV - y["v"]) / (10 * u.ms), "w": -y["w"] / (0.02 * u.second)}

    times, ys = integrate(f, y0, 0.02 * u.second, 0.1 * u.ms, "exp_euler", save_every=100)
    assert times.unit == u.ms and ys["v"].unit == u.mV
    np.testing.assert_allclose(times.mantissa, [0.0, 10.0, 20.0], rtol=1e-14)
    decay = np.exp(-np.arange(3))[:, None]
    np.testing.assert_allclose(ys["v"].mantissa, -65 + np.array([5.0, -5.0]) * decay, rtol=1e-12)
    np.testing.assert_allclose(ys["w"], np.exp(-np.arange(3) / 2), rtol=1e-12)


def test_two_halves_make_a_whole_and_saving_changes_nothing():
    _, whole = integrate(pendulum, Y0, 2.0, 0.01)
    _, half = integrate(pendulum, Y0, 1.0, 0.01, save_every=10)
    _, rest = integrate(pendulum, {k: v[-1] for k, v in half.items()}, 1.0, 0.01, save_every=100, t0=1.0)
    np.testing.assert_allclose(half["angle"], whole["angle"][:101:10], rtol=1e-15)
    np.testing.assert_allclose(rest["angle"][-1], whole["angle"][-1], rtol=1e-13)


def test_a_longer_run_with_noise_begins_as_a_shorter_one():
    def run(duration, key, save_every=1):
        y0 = jnp.zeros(3, jnp.float32)
        g = lambda t, y: jnp.ones_like(y)  # noqa: E731
        return integrate(
            lambda t, y: -y, y0, duration, 0.1, "euler_maruyama", diffusion=g, key=key, save_every=save_every
        )[1]

    key = jax.random.key(3)
    long = run(2.0, key)
    assert long.dtype == np.float32
    np.testing.assert_array_equal(run(1.0, key), long[:11])
    np.testing.assert_array_equal(run(2.0, key, 5), long[::5])
    assert not np.array_equal(run(1.0, jax.random.key(4)), long[:11])


def test_jit_grad_and_vmap():
    traces = []

    @jax.jit
    def final(rate, y0):
        traces.append(1)
        return integrate(lambda t, y: -rate * y, y0, 1.0, 0.01)[1][-1]

    assert final(2.0, 3.0) == pytest.approx(3 * np.exp(-2), rel=1e-8)
    assert jax.grad(final)(2.0, 3.0) == pytest.approx(-3 * np.exp(-2), rel=1e-7)
    np.testing.assert_allclose(jax.vmap(final, (0, None))(jnp.array([1.0, 2.0]), 1.0), np.exp([-1, -2]), rtol=1e-8)
    before = len(traces)
    final(5.0, 7.0)
    assert len(traces) == before


def test_any_callable_is_a_method():
    calls = []

    def mine(f, t, y, dt):
        calls.append(1)
        return RK4(f, t, y, dt)

    _, ys = integrate(pendulum, Y0, 1.0, 0.1, mine)
    np.testing.assert_array_equal(ys["angle"], integrate(pendulum, Y0, 1.0, 0.1)[1]["angle"])
    assert calls


@pytest.mark.parametrize(
    ("error", "message", "change"),
    [
        (ValueError, r"positive multiple of dt, got 1.0 / 0.3 = 3.3333333", dict(dt=0.3)),
        (ValueError, "positive multiple of dt", dict(duration=0.0)),
        (ValueError, "positive multiple of dt", dict(duration=-1.0)),
        (ValueError, "positive multiple of dt", dict(duration=float("nan"))),
        (ValueError, "divides the 10 steps, got 3", dict(save_every=3)),
        (ValueError, "divides the 10 steps, got 0", dict(save_every=0)),
        (u.UnitMismatchError, "same dimension", dict(duration=1.0 * u.ms)),
        (u.UnitMismatchError, "t0 must have a unit of time", dict(duration=1.0 * u.ms, dt=0.1 * u.ms, t0=3.0)),
        (ValueError, "needs both `diffusion` and `key`", dict(method="euler_maruyama")),
        (ValueError, "takes no `diffusion` or `key`", dict(diffusion=pendulum)),
        (ValueError, "Did you mean 'rk4'", dict(method="rk44")),
    ],
)
def test_bad_arguments_are_refused_by_name(error, message, change):
    with pytest.raises(error, match=message):
        integrate(pendulum, Y0, **{"duration": 1.0, "dt": 0.1, **change})


def test_traced_duration_is_refused():
    with pytest.raises(ValueError, match="must be concrete"):
        jax.jit(lambda dt: integrate(pendulum, Y0, 1.0, dt))(0.1)
