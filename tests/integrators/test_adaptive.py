"""Methods that choose their own steps: their orders at fixed steps, tolerances, dense output, units, derivatives."""

import brainunit as u
import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from brainsim import integrators
from brainsim.integrators import (
    ADAPTIVE,
    RKF45,
    AdaptiveMethod,
    EmbeddedTableau,
    get,
    get_adaptive,
    integrate,
    integrate_adaptive,
)


def fitzhugh_nagumo(t, y):
    v, w = y
    return jnp.stack([v - v**3 / 3 - w + 0.5 * jnp.cos(t), 0.3 * (v + 0.7 - 0.8 * w)])


def exact(times, y0=(-1.0, 0.5)):
    return solve_ivp(
        jax.jit(fitzhugh_nagumo), (0, max(times)), y0, t_eval=times, rtol=1e-12, atol=1e-13, method="DOP853"
    ).y.T


def test_all_that_is_exported_is_found_by_name():
    exported = {id(x) for name in integrators.__all__ if isinstance(x := getattr(integrators, name), AdaptiveMethod)}
    assert exported == {id(method) for method in ADAPTIVE.values()}
    assert get_adaptive("dopri5") is get_adaptive("Dormand-Prince") is ADAPTIVE["dormand_prince"]


@pytest.mark.parametrize("method", [m for m in ADAPTIVE.values() if m.name != "kvaerno5"], ids=lambda m: m.name)
def test_order_at_fixed_steps(method):
    """The solution that advances has the order stated, whatever the controller does. (An implicit solver needs a
    controller.)
    """
    goal = exact([4.0])[-1]
    steps = (16, 32) if method.order == 8 else (64, 128)

    @jax.jit
    def run(n):
        term = diffrax.ODETerm(lambda t, y, _: fitzhugh_nagumo(t, y))
        y0 = jnp.array([-1.0, 0.5])
        return diffrax.diffeqsolve(
            term, method.solver(), 0.0, 4.0, 4.0 / n, y0, max_steps=None, adjoint=diffrax.ForwardMode()
        ).ys[-1]

    errors = [np.max(np.abs(run(n) - goal)) for n in steps]
    # at order 8 rounding is near
    assert np.log2(errors[0] / errors[1]) == pytest.approx(method.order, abs=0.2 if method.order < 8 else 0.3)


def test_tables_are_verified_when_made():
    table = RKF45.source
    with pytest.raises(ValueError, match="Order 5 needs"):
        EmbeddedTableau(table.a, table.b_embedded, table.c, 5, table.b, 4)
    with pytest.raises(ValueError, match="Order 5 needs"):
        EmbeddedTableau(table.a, table.b, table.c, 5, table.b_embedded, 5)


@pytest.mark.parametrize("name", ["rkf45", "dopri5", "kvaerno5"])
def test_tolerance_steps_and_dense_output(name):
    """Errors at times in between stay within 100 tolerances, and a thousand times the tolerance takes fewer steps."""

    @jax.jit
    def run(rtol):
        solution = integrate_adaptive(
            fitzhugh_nagumo, jnp.array([-1.0, 0.5]), 20.0, name, rtol=rtol, atol=1e-9, dense=True
        )
        return solution, solution(jnp.linspace(0.0, 20.0, 41))

    fine, dense = run(1e-8)
    coarse, _ = run(1e-5)
    np.testing.assert_allclose(dense, exact(np.linspace(0, 20, 41)), atol=1e-5 if name == "rkf45" else 2e-6)
    assert int(coarse.steps) < int(fine.steps) / 2
    assert fine.times.shape == (2,) and fine.ys.shape == (2, 2)
    np.testing.assert_allclose(fine.ys[-1], dense[-1], rtol=1e-12)
    assert np.isnan(fine(21.0)).all() and fine(jnp.ones((2, 3))).shape == (2, 3, 2)


def test_units_pytrees_and_tolerances_of_each_leaf():
    def f(t, y):
        return {"v": (-65 * u.mV - y["v"]) / (10 * u.ms), "w": -y["w"] / (0.02 * u.second)}

    y0 = {"v": jnp.array([-60.0, -70.0], np.float32) * 1e-3 * u.volt, "w": 1.0}
    times, ys = integrate(
        f, y0, 0.02 * u.second, 5 * u.ms, "cash_karp", save_every=2, rtol=1e-5, atol={"v": 1e-6 * u.mV, "w": 1e-6}
    )
    assert times.unit == u.ms and ys["v"].unit == u.volt and ys["v"].mantissa.dtype == np.float32
    np.testing.assert_allclose(times.mantissa, [0.0, 10.0, 20.0], rtol=1e-6)
    decay = np.exp(-np.arange(3))[:, None]
    np.testing.assert_allclose(ys["v"].to_decimal(u.mV), -65 + np.array([5.0, -5.0]) * decay, rtol=3e-5)
    np.testing.assert_allclose(ys["w"], np.exp(-np.arange(3) / 2), rtol=1e-4)


@pytest.mark.parametrize("adjoint", ["checkpoint", "direct", "forward", "backsolve"])
def test_derivatives_and_vmap(adjoint):
    def end(rate, y0):
        if adjoint == "backsolve":  # what it differentiates must come in with the state
            f, y0 = (lambda t, y: jnp.stack([-y[1] * y[0], 0.0])), jnp.stack([y0, rate])
            return integrate_adaptive(f, y0, 1.0, rtol=1e-9, adjoint=adjoint).ys[-1, 0]
        return integrate_adaptive(lambda t, y: -rate * y, y0, 1.0, rtol=1e-9, adjoint=adjoint).ys[-1]

    derivative = jax.jacfwd if adjoint == "forward" else jax.grad
    rates = jnp.array([0.5, 2.0])
    np.testing.assert_allclose(
        jax.jit(jax.vmap(derivative(end), (0, None)))(rates, 3.0), -3 * np.exp(-rates), rtol=1e-6
    )


def test_a_stiff_system_and_a_step_of_current():
    """tau = 1 ms for 1 s by an implicit pair in few steps; the input jumps at 0.4 s."""
    f = lambda t, y: (jnp.where(t < 0.4, 1.0, 3.0) - y) * 1e3  # noqa: E731
    solution = integrate_adaptive(
        f, jnp.float64(0.0), 1.0, "kvaerno5", save_at=jnp.array([0.2, 0.39, 1.0]), jumps=jnp.array([0.4])
    )
    np.testing.assert_allclose(solution.ys, [1.0, 1.0, 3.0], rtol=1e-6)
    assert int(solution.steps) < 200


@pytest.mark.parametrize(
    ("error", "message", "change"),
    [
        (ValueError, "'dopri6' is not an adaptive integration method. Did you mean 'dopri8'", dict(method="dopri6")),
        (TypeError, "a name, an AdaptiveMethod or a solver of diffrax, got 5", dict(method=5)),
        (ValueError, r"atol of y must be a positive number, got -1.0", dict(atol=-1.0)),
        (
            ValueError,
            "atol must be a plain number, in the unit of each leaf, or have the structure of y",
            dict(atol=(1.0, 2.0)),
        ),
        (u.UnitMismatchError, "atol of y has the wrong unit. Expected 'mV', got 'ms'", dict(atol=1 * u.ms)),
        (ValueError, "rtol must not be negative", dict(rtol=-1e-3)),
        (ValueError, "save_at must increase from 0 to 20 at most", dict(save_at=jnp.array([0.0, 30.0]) * u.ms)),
        (
            u.UnitMismatchError,
            "save_at has the wrong unit. Expected 'ms', got a plain number",
            dict(save_at=jnp.array([0.0])),
        ),
        (u.UnitMismatchError, "t has the wrong unit", dict(t0=3.0)),
        (ValueError, "adjoint must be one of 'checkpoint'.*got 'x'", dict(adjoint="x")),
        (ValueError, "max_steps must be a positive integer, got 0", dict(max_steps=0)),
    ],
)
def test_bad_arguments_are_refused_by_name(error, message, change):
    with pytest.raises(error, match=message):
        integrate_adaptive(lambda t, y: -y / u.ms, 1.0 * u.mV, 20 * u.ms, **change)


def test_too_few_steps_are_an_error():
    with pytest.raises(RuntimeError, match="maximum number of solver steps"):
        integrate_adaptive(lambda t, y: -y, 1.0, 20.0, max_steps=2)


def test_without_dense_output_a_solution_cannot_be_called():
    solution = integrators.Solution(jnp.zeros(2), jnp.zeros(2), jnp.int32(1), jnp.int32(0))
    with pytest.raises(ValueError, match="integrate with dense=True"):
        solution(0.5)


@pytest.mark.parametrize(
    ("error", "message", "change"),
    [
        (ValueError, "has a fixed step and needs `dt`; adaptive methods are heun_euler", dict()),
        (ValueError, "has a fixed step and takes no `rtol`", dict(dt=0.1, rtol=1e-3)),
        (ValueError, "or `save_at`, not both", dict(method="dopri5", dt=0.1, save_at=jnp.array([0.0]))),
        (ValueError, "takes no `diffusion` or `key`", dict(method="dopri5", key=1)),
    ],
)
def test_integrate_refuses_what_does_not_fit(error, message, change):
    with pytest.raises(error, match=message):
        integrate(lambda t, y: -y, 1.0, 1.0, **change)


def test_a_population_takes_no_adaptive_method():
    with pytest.raises(ValueError, match="'dopri5' chooses its own steps"):
        get("dopri5")
