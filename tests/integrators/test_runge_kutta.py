import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim.integrators import RK2, RK4, ButcherTableau, Euler, Heun, Midpoint, RungeKutta


def test_exponential_is_its_taylor_polynomial():
    """On dy/dt = y a step multiplies by sum(dt**k / k!), k up to the order."""
    for method in (Euler, Midpoint, Heun, RK2, RK4):
        expected = sum(0.3**k / np.prod(np.arange(1.0, k + 1)) for k in range(method.order + 1))
        assert method(lambda t, y: y, 0.0, 1.0, 0.3) == pytest.approx(expected, rel=1e-15)


def test_quadrature_is_exact_to_the_degree_of_the_rule():
    """dy/dt = t**n: Simpson's rule for RK4, the midpoint and trapezoidal rules for the others."""
    assert RK4(lambda t, y: t**3, 1.0, 0.0, 2.0) == pytest.approx((3**4 - 1) / 4, rel=1e-14)
    assert Midpoint(lambda t, y: t, 1.0, 0.0, 2.0) == pytest.approx(4.0, rel=1e-15)
    assert Heun(lambda t, y: t**2, 1.0, 0.0, 2.0) == pytest.approx(10.0, rel=1e-15)
    assert RK2(lambda t, y: t**2, 0.0, 0.0, 3.0) == pytest.approx(9.0, rel=1e-15)  # Ralston: exact for t**2 too


def test_euler_adds_nothing_to_the_program():
    jaxpr = jax.make_jaxpr(lambda y: Euler(lambda t, y: -y, 0.0, y, 0.1))(jnp.ones(3))
    assert [eqn.primitive.name for eqn in jaxpr.eqns] == ["neg", "mul", "add"]


@pytest.mark.parametrize(
    ("tableau", "message"),
    [
        (dict(a=((), (0.5,)), b=(0.0, 1.0), c=(0.0, 0.4), order=2), r"Row 1 of a must sum to c\[1\] = 0.4, got 0.5"),
        (dict(a=((), (0.5,)), b=(0.5, 0.6), c=(0.0, 0.5), order=1), r"Order 1 needs sum\(b\) = 1, got 1.1"),
        (dict(a=((), (0.5,)), b=(0.5, 0.5), c=(0.0, 0.5), order=2), r"Order 2 needs b·c = 0.5, got 0.25"),
        (dict(a=((), (0.5, 0.0)), b=(0.0, 1.0), c=(0.0, 0.5), order=2), "strictly below the diagonal"),
        (dict(a=((),), b=(0.0, 1.0), c=(0.0, 0.5), order=2), "one row per stage"),
        (dict(a=((), (0.5,)), b=(0.0, 1.0), c=(0.0, 0.5), order=3), "2 stages has an order of 1 to 2, got 3"),
        (
            dict(
                a=((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), b=(0.25, 0.25, 0.25, 0.25), c=(0.0, 0.5, 0.5, 1.0), order=4
            ),
            "Order 4 needs b·c² = 0.3333, got 0.375",
        ),
    ],
)
def test_a_wrong_tableau_is_refused(tableau, message):
    with pytest.raises(ValueError, match=message):
        ButcherTableau(**tableau)


def test_a_method_of_ones_own_is_a_tableau():
    """The three-eighths rule (Kutta 1901), usable at once."""
    a = ((), (1 / 3,), (-1 / 3, 1.0), (1.0, -1.0, 1.0))
    method = RungeKutta("three_eighths", ButcherTableau(a, (1 / 8, 3 / 8, 3 / 8, 1 / 8), (0.0, 1 / 3, 2 / 3, 1.0), 4))
    assert method(lambda t, y: y, 0.0, 1.0, 0.1) == pytest.approx(np.exp(0.1), abs=1e-7)
