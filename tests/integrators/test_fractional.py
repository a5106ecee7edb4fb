"""Fractional equations against Mittag-Leffler functions and solutions in closed form."""

import math

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim import integrators
from brainsim.integrators import FRACTIONAL, CaputoL1, FractionalMethod, GrunwaldLetnikov, integrate_fractional

every = pytest.mark.parametrize("method", FRACTIONAL.values(), ids=FRACTIONAL)


def mittag_leffler(alpha, x):
    return sum(x**k / math.gamma(alpha * k + 1) for k in range(int(165 / alpha)))


def slope(steps, errors):
    return -np.polyfit(np.log(steps), np.log(errors), 1)[0]


def test_all_that_is_exported_is_found_by_name():
    exported = {
        x
        for name in integrators.__all__
        if isinstance(x := getattr(integrators, name), type) and issubclass(x, FractionalMethod)
    }
    assert {type(method) for method in FRACTIONAL.values()} == exported - {FractionalMethod}


@pytest.mark.parametrize("alpha", [0.4, 0.8])
@pytest.mark.parametrize(
    ("method", "order"),
    [
        ("l1", lambda a: 2 - a),
        ("gl", lambda a: 1),
        (CaputoL1(implicit=False), lambda a: 1),
        (GrunwaldLetnikov(implicit=True), lambda a: 1),
    ],
    ids=["l1", "gl", "l1-explicit", "gl-implicit"],
)
def test_order_for_a_smooth_solution(method, order, alpha):
    """D^a y = -y + t^2 + 2 t^(2 - a) / Gamma(3 - a) from 0 has y = t^2."""
    steps = [40, 160]
    f = lambda t, y: -y + t**2 + 2 / math.gamma(3 - alpha) * t ** (2 - alpha)  # noqa: E731
    errors = [
        abs(float(integrate_fractional(f, 0.0, 1.0, 1 / n, alpha, method, save_every=n)[1][-1]) - 1) for n in steps
    ]
    assert slope(steps, errors) == pytest.approx(order(alpha), abs=0.2)


@pytest.mark.parametrize("alpha", [0.5, 0.9])
@every
def test_relaxation_is_a_mittag_leffler_function(method, alpha):
    """D^a y = -2 y: y = E_a(-2 t^a) rises as t^a, so on an even mesh both schemes have order 1 at a fixed time."""
    steps = [40, 160]
    ends = [
        integrate_fractional(lambda t, y: -2 * y, 1.0, 1.0, 1 / n, alpha, method, save_every=n)[1][-1] for n in steps
    ]
    errors = np.abs(np.array(ends) - mittag_leffler(alpha, -2.0))
    assert errors[-1] < 2e-3
    assert slope(steps, errors) == pytest.approx(1, abs=0.2)


@every
def test_at_order_one_it_is_eulers_method(method):
    factor = 1 / 1.2 if method.implicit else 0.8
    _, ys = integrate_fractional(lambda t, y: -2 * y, jnp.array([1.0, 3.0]), 1.0, 0.1, 1.0, method)
    np.testing.assert_allclose(ys, np.outer(factor ** np.arange(11), [1.0, 3.0]), rtol=1e-11)


def test_weights_sum_to_what_theory_says():
    """GL: 1 + sum of n weights is Gamma(n + 1 - a) / (Gamma(1 - a) n!). L1: 1 + their sum telescopes to (n + 1)^(1 -
    a).
    """
    n, a = 30, 0.6
    gl = math.gamma(n + 1 - a) / (math.gamma(1 - a) * math.factorial(n))
    assert 1 + GrunwaldLetnikov().weights(a, n).sum() == pytest.approx(gl, rel=1e-12)
    assert 1 + CaputoL1().weights(a, n).sum() == pytest.approx((n + 1) ** (1 - a), rel=1e-13)


@every
def test_memory_bounds_the_past(method):
    """All of the past is the same as none forgotten; the error of a short memory falls as it grows."""
    run = lambda memory: integrate_fractional(  # noqa: E731
        lambda t, y: -y, 1.0, 4.0, 0.02, 0.7, type(method)(memory=memory), save_every=200
    )[1][-1]
    whole = run(None)
    np.testing.assert_array_equal(run(200), whole)
    errors = [abs(float(run(memory) - whole)) for memory in (10, 40, 160)]
    assert errors[0] > errors[1] > errors[2] > 0


def test_units_pytrees_and_float32():
    """The unit of f is that of y over time to the power of alpha."""
    y0 = {"v": jnp.array([1.0, 3.0], np.float32) * u.mV}
    f = lambda t, y: {"v": -2 * y["v"] / u.ms**0.5}  # noqa: E731
    times, ys = integrate_fractional(f, y0, 0.001 * u.second, 0.01 * u.ms, 0.5, save_every=50)
    assert times.unit == u.ms and ys["v"].unit == u.mV and ys["v"].mantissa.dtype == np.float32
    np.testing.assert_allclose(ys["v"].mantissa[-1], mittag_leffler(0.5, -2.0) * np.array([1.0, 3.0]), rtol=0.02)
    with pytest.raises(
        u.UnitMismatchError,
        match=r"the derivative of order 0.5 of y\['v'\] has the wrong unit. Expected 'mV / ms\^0.5'",
    ):
        integrate_fractional(lambda t, y: {"v": y["v"] / u.ms}, y0, 1 * u.ms, 0.1 * u.ms, 0.5)


@every
def test_derivatives_in_alpha_and_vmap(method):
    def end(alpha):
        return integrate_fractional(lambda t, y: -2 * y, 1.0, 1.0, 0.1, alpha, method)[1][-1]

    alphas = jnp.array([0.5, 0.9])
    derivative = jax.jit(jax.vmap(jax.grad(end)))(alphas)
    ends = jax.jit(jax.vmap(end))
    np.testing.assert_allclose(derivative, (ends(alphas + 1e-6) - ends(alphas - 1e-6)) / 2e-6, rtol=1e-6)


@pytest.mark.parametrize(
    ("message", "change"),
    [
        ("alpha must be above 0 and at most 1, got 1.5", dict(alpha=1.5)),
        ("Unknown fractional method 'l2'. Did you mean 'l1'", dict(method="l2")),
        ("positive multiple of dt", dict(dt=0.3)),
    ],
)
def test_bad_arguments_are_refused_by_name(message, change):
    with pytest.raises((ValueError, TypeError), match=message):
        integrate_fractional(lambda t, y: -y, 1.0, **{"duration": 1.0, "dt": 0.1, "alpha": 0.5, **change})


def test_a_memory_of_nothing_is_refused():
    with pytest.raises(ValueError, match="memory must be a positive number of steps or None, got 0"):
        CaputoL1(memory=0)
