"""Delay equations: orders on solutions in closed form, any delay, derivatives, units."""

import math

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim.integrators import integrate_dde

ORDERS = {"heun": 2, "exponential_euler": 1, "rk4": 4}


def slope(steps, errors):
    return -np.polyfit(np.log(steps), np.log(errors), 1)[0]


def decay(t, tau):
    """y' = -y(t - tau), y = 1 up to 0: a polynomial on each interval of length tau."""
    return sum((-1) ** k * max(t - (k - 1) * tau, 0.0) ** k / math.factorial(k) for k in range(math.ceil(t / tau) + 2))


@pytest.mark.parametrize("tau", [1.0, 0.73])
@pytest.mark.parametrize("method", ["heun", "rk4"])
def test_order_for_a_constant_delay(method, tau):
    """0.73 is a multiple of no step, so the kinks at 0.73, 1.46, ... fall within steps."""
    steps, errors = [20, 80], []
    for n in steps:
        times, ys = integrate_dde(lambda t, y, late: -late, 1.0, 5.0, 1 / n, delays=tau, method=method)
        errors.append(np.max(np.abs(ys - np.array([decay(t, tau) for t in times]))))
    window = 0.2 if tau == 1.0 or method != "rk4" else 0.4  # the steps around a kink shrink irregularly
    assert slope(steps, errors) == pytest.approx(ORDERS[method], abs=window)


@pytest.mark.parametrize("method", ["exponential_euler", "rk4"])
def test_order_for_a_delay_that_depends_on_the_state(method):
    """Feldstein & Neves (1984): y' = y(y - sqrt(2) + 1) / (2 sqrt(t)), y = 1 up to t = 1; a kink at t = 2."""

    def exact(t):
        return np.where(t <= 2, np.sqrt(t), t / 4 + 0.5 + (1 - math.sqrt(0.5)) * np.sqrt(t))

    steps, errors = [16, 64], []
    for n in steps:
        delay = lambda t, y: t - (y - math.sqrt(2) + 1)  # noqa: E731
        times, ys = integrate_dde(
            lambda t, y, late: late / (2 * jnp.sqrt(t)), 1.0, 4.0, 1 / n, delays=delay, t0=1.0, method=method
        )
        errors.append(np.max(np.abs(ys - exact(times))))
    assert slope(steps, errors) == pytest.approx(ORDERS[method], abs=0.2)


def test_a_break_that_is_given_keeps_the_order():
    """The same with steps that miss the kink at t = 2, by rk4."""

    def error(n, **breaks):
        delay = lambda t, y: t - (y - math.sqrt(2) + 1)  # noqa: E731
        f = lambda t, y, late: late / (2 * jnp.sqrt(t))  # noqa: E731
        times, ys = integrate_dde(f, 1.0, 3.3, 3.3 / n, delays=delay, t0=1.0, **breaks)
        return abs(float(ys[-1]) - (4.3 / 4 + 0.5 + (1 - math.sqrt(0.5)) * math.sqrt(4.3)))

    assert np.log2(error(32, breaks=[2.0]) / error(64, breaks=[2.0])) == pytest.approx(4, abs=0.4)
    assert error(64) > 100 * error(64, breaks=[2.0])


def test_mackey_glass_against_a_fine_reference():
    """The chaotic setting (tau = 17): order 4 over the first 100, in nine places of the reference at a quarter of the
    step.
    """

    def run(n):
        return integrate_dde(
            lambda t, y, late: 0.2 * late / (1 + late**10) - 0.1 * y, 1.2, 100.0, 1 / n, delays=17.0, save_every=n
        )[1]

    coarse, middle, fine = run(2), run(4), run(16)
    errors = [np.max(np.abs(y - fine)) for y in (coarse, middle)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.3)
    assert errors[1] < 1e-6 and np.ptp(fine) > 0.5


def test_several_delays_by_name_and_a_history_that_moves():
    """y = sin t solves y' = y(t - 3 pi/2) + y(t - pi) + sin t, as sin(t - 3 pi/2) = cos t and sin(t - pi) = -sin t."""
    f = lambda t, y, late: late["a"] + late["b"] + jnp.sin(t)  # noqa: E731
    _, ys = integrate_dde(f, jnp.sin, 3.0, 0.05, delays={"a": 1.5 * math.pi, "b": lambda t, y: math.pi}, t0=0.3)
    np.testing.assert_allclose(ys, np.sin(0.3 + 0.05 * np.arange(61)), atol=1e-6)


def test_units_pytrees_and_float32():
    y0 = {"v": jnp.array([1.0, 2.0], np.float32) * u.mV}
    f = lambda t, y, late: {"v": -late["v"] / u.ms}  # noqa: E731
    times, ys = integrate_dde(f, y0, 0.002 * u.second, 0.1 * u.ms, delays=1 * u.ms, save_every=10)
    assert times.unit == u.ms and ys["v"].unit == u.mV and ys["v"].mantissa.dtype == np.float32
    np.testing.assert_allclose(ys["v"].mantissa, [[1, 2], [0, 0], [-0.5, -1.0]], atol=1e-6)


def test_derivatives_in_the_delay_and_vmap():
    def end(tau, scale):
        return integrate_dde(lambda t, y, late: -late, scale, 5.0, 0.05, delays=tau)[1][-1]

    numeric = lambda tau: (decay(5.0, tau + 1e-5) - decay(5.0, tau - 1e-5)) / 2e-5  # noqa: E731
    taus = jnp.array([0.73, 0.9])
    value, derivative = jax.jit(jax.vmap(jax.value_and_grad(end), (0, None)))(taus, 1.0)
    np.testing.assert_allclose(value, [decay(5.0, tau) for tau in taus.tolist()], atol=1e-7)
    np.testing.assert_allclose(derivative, [numeric(tau) for tau in taus.tolist()], rtol=1e-5)


@pytest.mark.parametrize(
    ("error", "message", "change"),
    [
        (ValueError, r"delays must be at least the step, got 0.05 with a step of 0.1", dict(delays=0.05)),
        (
            ValueError,
            r"delays\['a'\] is one number for the whole system, got shape \(2,\)",
            dict(delays={"a": jnp.ones(2)}),
        ),
        (
            ValueError,
            r"A delay is one number for the whole system, got shape \(3,\)",
            dict(delays=lambda t, y: jnp.ones(3)),
        ),
        (ValueError, "delays holds no delay", dict(delays=())),
        (u.UnitMismatchError, "delays has the wrong unit. Expected a plain number, got 'ms'", dict(delays=1 * u.ms)),
        (TypeError, "take a method for ordinary equations", dict(delays=1.0, method="milstein")),
        (ValueError, "positive multiple of dt", dict(delays=1.0, dt=0.3)),
    ],
)
def test_bad_arguments_are_refused_by_name(error, message, change):
    with pytest.raises(error, match=message):
        integrate_dde(lambda t, y, late: -y, 1.0, **{"duration": 1.0, "dt": 0.1, **change})
