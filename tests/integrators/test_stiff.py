"""Implicit and exponential methods of coupled variables: linear algebra, stability, exactness, domains."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from jax.test_util import check_grads

import brainsim as bs
from brainsim.integrators import RK4, BackwardEuler, CoupledExponentialEuler, CrankNicolson, ExponentialRosenbrockEuler
from brainsim.integrators.coupled import solve
from brainsim.integrators.rosenbrock import phi_product

COUPLED = [BackwardEuler(), CrankNicolson(), CoupledExponentialEuler(), ExponentialRosenbrockEuler()]
every = pytest.mark.parametrize("method", COUPLED, ids=lambda m: m.name)


def test_elimination_pivots_and_agrees_with_lapack():
    rng = np.random.default_rng(0)
    matrix, right = rng.normal(size=(4, 4, 50)), rng.normal(size=(4, 50))
    matrix[0, 0] = 0
    expected = np.linalg.solve(np.moveaxis(matrix, -1, 0), right.T[..., None])[..., 0].T
    np.testing.assert_allclose(jax.jit(solve)(matrix, right), expected, rtol=1e-9)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_phi_functions_agree_with_the_matrix_exponential_of_scipy(dtype, tolerance):
    """From nearly zero to stiff, with variables whose units differ by 1e4."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=(3, 3, 40)) * np.logspace(-6, 1.5, 40)
    z -= 2.5 * np.abs(z).max((0, 1)) * np.eye(3)[..., None]
    z[0], z[:, 0] = z[0] * 1e4, z[:, 0] / 1e4
    w1, w2 = rng.normal(size=(2, 3, 40))
    big = np.zeros((40, 5, 5))
    big[:, :3, :3], big[:, :3, 3], big[:, :3, 4], big[:, 3, 4] = np.moveaxis(z, -1, 0), w2.T, w1.T, 1
    expected = scipy.linalg.expm(big)[:, :3, 4].T
    result = jax.jit(phi_product)(z.astype(dtype), w1.astype(dtype), w2.astype(dtype))
    np.testing.assert_allclose(result, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())


def test_derivatives_of_the_phi_functions():
    rng = np.random.default_rng(2)
    z, w = rng.normal(size=(2, 2, 1)) * 3, rng.normal(size=(2, 1))
    check_grads(jax.jit(lambda z, w: phi_product(z, w, w)), (z, w), order=1, modes=["fwd", "rev"], atol=1e-6, rtol=1e-6)


def test_growth_beyond_all_numbers_stays_finite():
    z = jnp.full((1, 1, 1), 1e4, jnp.float32)
    assert np.isfinite(phi_product(z, jnp.ones((1, 1), jnp.float32))).all()


def coupled_linear(t, y):
    """A fast and a slow variable; eigenvalues about -1000 and -0.5."""
    return (-1000 * y[0] + 400 * y[1] + 1.0, 0.4 * y[0] - 0.66 * y[1] + 2.0)


@every
def test_stiff_linear_system_with_a_step_500_times_too_long_for_euler(method):
    """Ten steps of 1 for two elements: exponential methods are exact, the implicit ones those of their stability
    function.
    """
    matrix, drive, dt = np.array([[-1000.0, 400.0], [0.4, -0.66]]), np.array([1.0, 2.0]), 1.0
    rest = -np.linalg.solve(matrix, drive)
    one, y = np.eye(2), (jnp.array([3.0, -1.0]), jnp.array([0.5, 2.0]))
    factor = {
        "backward_euler": np.linalg.inv(one - dt * matrix),
        "crank_nicolson": np.linalg.solve(one - dt / 2 * matrix, one + dt / 2 * matrix),
    }.get(method.name, scipy.linalg.expm(dt * matrix))
    expected = rest[:, None] + np.linalg.matrix_power(factor, 10) @ (np.stack(y) - rest[:, None])
    result = jax.jit(lambda y: jax.lax.fori_loop(0, 10, lambda i, y: method(coupled_linear, 0.0, y, dt), y))(y)
    np.testing.assert_allclose(result, expected, rtol=1e-9)


def test_rosenbrock_is_exact_for_input_that_grows_linearly():
    """dy/dt = -2 y + 3 t from y(0) = 1: y = 1.5 t - 0.75 + 1.75 exp(-2 t)."""
    y = ExponentialRosenbrockEuler()(lambda t, y: -2 * y + 3 * t, 0.0, 1.0, 1.5)
    assert y == pytest.approx(1.5 * 1.5 - 0.75 + 1.75 * np.exp(-3), rel=1e-13)


@every
def test_full_coupling_serves_a_system_in_one_leaf(method):
    matrix = jnp.array([[-1.0, 2.0, 0.0], [0.0, -3.0, 1.0], [0.5, 0.0, -2.0]])
    rates = lambda t, y: tuple(matrix @ jnp.stack(y))  # noqa: E731
    full = type(method)(coupling="full")
    together = full(lambda t, y: matrix @ y, 0.0, jnp.array([1.0, -1.0, 2.0]), 0.5)
    apart = method(rates, 0.0, (jnp.float64(1.0), jnp.float64(-1.0), jnp.float64(2.0)), 0.5)
    np.testing.assert_allclose(together, apart, rtol=1e-12)


def test_leaves_of_different_shapes_are_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"one shape; got \[\(\), \(3,\)\]. Use coupling='full'"):
        BackwardEuler()(lambda t, y: y, 0.0, (jnp.ones(3), jnp.ones(())), 0.1)
    with pytest.raises(ValueError, match="coupling must be 'elementwise' or 'full', got 'none'"):
        CrankNicolson(coupling="none")


def test_backward_euler_solves_its_equation_for_each_element_on_its_own():
    """dy/dt = -y**3: y1 + dt y1**3 = y0 for starts that need different numbers of iterations; no solution is NaN, its
    neighbours stay.
    """
    y0 = jnp.array([0.0, 1e-8, 0.3, 20.0, 1e4])
    y1 = np.asarray(BackwardEuler()(lambda t, y: -(y**3), 0.0, y0, 0.5))
    np.testing.assert_allclose(y1 + 0.5 * y1**3, y0, rtol=1e-12)
    runaway = BackwardEuler()(lambda t, y: y**2, 0.0, jnp.array([0.1, 30.0]), 0.1)
    assert runaway[0] == pytest.approx((1 - np.sqrt(1 - 0.04)) / 0.2, rel=1e-12) and np.isnan(runaway[1])


def test_derivatives_are_those_of_the_solution():
    """Implicit function theorem: y1 = y0 / (1 + a dt) has d y1 / da = -dt y0 / (1 + a dt)**2."""
    run = lambda a: BackwardEuler()(lambda t, y: -a * y, 0.0, 2.0, 0.1)  # noqa: E731
    assert jax.grad(run)(3.0) == pytest.approx(-0.1 * 2 / 1.3**2, rel=1e-13)
    assert jax.jacfwd(run)(3.0) == pytest.approx(-0.1 * 2 / 1.3**2, rel=1e-13)


@pytest.mark.parametrize("method", [BackwardEuler(), CrankNicolson()], ids=lambda m: m.name)
@pytest.mark.parametrize(("model", "I"), [("TraubMiles", 300.0), ("WangBuzsaki", 1.0), ("ReducedTraub", 1.0)])
def test_an_upstroke_has_an_implicit_step(method, model, I):
    """In a spike the solution of a step of 0.1 ms is on the far side of the upstroke, where Newton's corrections from
    the present V do not lead; by continuity there is one between the reversal potentials.
    """
    cell = getattr(bs.neurons, model)(1)
    f = cell.vector_field(inputs={"I": I * cell.input_unit})
    y = tuple(jnp.float64(u.get_mantissa(value)[0]) for value in cell.present().values())
    V = jax.jit(lambda y: jax.lax.scan(lambda y, _: ((y := method(f, 0.0, y, 0.1)), y[0]), y, length=300)[1])(y)
    assert np.all(np.isfinite(V)) and V.max() > 0
    if method == BackwardEuler():  # its solution lies between the reversal potentials
        assert float(u.get_mantissa(cell.E_K)) < V.min() and V.max() < float(u.get_mantissa(cell.E_Na))


@pytest.mark.parametrize(("model", "I"), [("TraubMiles", 300.0), ("ReducedTraub", 1.0)])
def test_an_upstroke_is_not_extrapolated(model, I):
    """In a spike the rates change within a step of 0.1 ms by more than they are: exponential methods take short steps.
    Intervals against Runge-Kutta 4 at 0.01 ms.
    """
    cell = getattr(bs.neurons, model)(1)
    f = cell.vector_field(inputs={"I": I * cell.input_unit})
    y = tuple(jnp.float32(u.get_mantissa(value)[0]) for value in cell.present().values())

    def spikes(method, dt):
        steps = jax.jit(
            lambda y: jax.lax.scan(lambda y, _: ((y := method(f, 0.0, y, dt)), y[0]), y, length=round(200 / dt))
        )
        V = np.asarray(steps(y)[1])
        assert V.max() < float(u.get_mantissa(cell.E_Na)) and V.min() > float(u.get_mantissa(cell.E_K))
        return dt * np.flatnonzero((V[1:] > 0) & (V[:-1] <= 0))

    expected = spikes(RK4, 0.01)
    for method in (CoupledExponentialEuler(), ExponentialRosenbrockEuler()):
        times = spikes(method, 0.1)
        assert len(times) == len(expected) > 5
        np.testing.assert_allclose(np.diff(times).mean(), np.diff(expected).mean(), rtol=0.01)


def test_a_run_says_that_newton_failed_where_and_what_to_do():
    """The upstroke of AdEx has no backward Euler step."""
    net = bs.Network()
    net.E = bs.neurons.AdEx(2, method=bs.integrators.Untried("backward_euler"))
    net.E.add_stimuli(drive=bs.stimuli.Constant(1000 * u.pA))
    with pytest.raises(
        bs.NonFiniteError, match="E: V is not .*: Newton's method found no .*method='exponential_euler'"
    ):
        bs.simulate(net, 50 * u.ms, progress=False)
