"""Orders of the methods for ordinary equations, measured against scipy at a tight tolerance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from brainsim.integrators import METHODS, ODEMethod

ODE = {name: method for name, method in METHODS.items() if isinstance(method, ODEMethod)}


def fitzhugh_nagumo(t, y):
    v, w = y
    return (v - v**3 / 3 - w + 0.5 * jnp.cos(t), 0.3 * (v + 0.7 - 0.8 * w))


def lotka_volterra(t, y):
    x, p = y
    return (x * (1.1 - 0.4 * p), p * (0.1 * x - 0.4 * (1 + 0.2 * jnp.sin(2 * t))))


PROBLEMS = {
    "fitzhugh_nagumo": (fitzhugh_nagumo, (-1.0, 0.5), 2.0),
    "lotka_volterra": (lotka_volterra, (10.0, 5.0), 2.0),
}


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("method", ODE.values(), ids=ODE)
def test_order_of_convergence(method, problem):
    f, y0, duration = PROBLEMS[problem]
    f_scipy = jax.jit(lambda t, y: jnp.stack(f(t, y)))
    exact = solve_ivp(f_scipy, (0, duration), y0, rtol=1e-12, atol=1e-13, method="DOP853").y[:, -1]

    @jax.jit
    def run(steps):
        dt = duration / steps
        return jax.lax.fori_loop(0, steps, lambda i, y: method(f, i * dt, y, dt), tuple(map(jnp.float64, y0)))

    steps = np.array([32, 64, 128, 256]) * (1 if method.order > 2 else 8)
    errors = [np.max(np.abs(np.array(run(n)) - exact)) for n in steps]
    measured = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert measured == pytest.approx(method.order, abs=0.2)
