"""Gates first, then potentials by a linear solve: closed forms, order of the period, stability, coupled potentials."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim.integrators import StaggeredBackwardEuler, StaggeredCrankNicolson

BOTH = {"staggered_backward_euler": 1.0, "staggered_crank_nicolson": 0.5}
every = pytest.mark.parametrize(("name", "theta"), BOTH.items())


@every
def test_a_step_is_the_closed_form(name, theta):
    """C dV/dt = g m (E - V) with the gate advanced exactly at the old V."""

    def f(t, y):
        V, m = y
        return 2.0 * m * (50.0 - V), (1 / (1 + jnp.exp(-V / 10)) - m) / 0.3

    V, m = bs.integrators.get(name)(f, 0.0, (jnp.float64(-20.0), jnp.float64(0.5)), 0.1)
    open_at = 1 / (1 + np.exp(2.0))
    gate = open_at + (0.5 - open_at) * np.exp(-0.1 / 0.3)
    g = 2.0 * gate
    assert m == pytest.approx(gate, rel=1e-13)
    assert pytest.approx((-20 * (1 - (1 - theta) * 0.1 * g) + 0.1 * g * 50) / (1 + theta * 0.1 * g), rel=1e-13) == V


class Spring:
    """A vector field that tells of conductances that follow V at once."""

    holds, potentials = True, (0,)

    def __call__(self, t, y):
        return self.held(t, y, y)

    def held(self, t, y, at):
        return (self.g(at[0]) * (50.0 - y[0]) - 0.2 * (y[0] + 70.0),)

    def g(self, V):
        return 5.0 / (1 + jnp.exp(-(V + 30.0) / 3.0))


@every
def test_conductances_that_follow_the_potential_are_held_in_the_middle_of_the_step(name, theta):
    """No step leaves the interval of the reversal potentials; and the order is that of the method."""
    f, method = Spring(), bs.integrators.get(name)
    far = method(f, 0.0, (jnp.linspace(-70.0, 50.0, 13),), 100.0)[0]
    if theta == 1:
        assert np.all((far >= -70) & (far <= 50))
    exact, errors = bs.integrate(f, (jnp.float64(-35.0),), 0.5, 0.5 / 2048, "rk4", save_every=2048)[1][0][-1], []
    for steps in (32, 64, 128):
        errors.append(abs(bs.integrate(f, (jnp.float64(-35.0),), 0.5, 0.5 / steps, method)[1][0][-1] - exact))
    np.testing.assert_allclose(np.log2(errors[0] / errors[2]) / 2, 1 / theta, atol=0.2)


@every
def test_potentials_of_one_element_are_solved_together(name, theta):
    """Soma and dendrite with a coupling of 400 per ms, at dt = 0.1 ms: (1 - theta h J)^-1 h f, by numpy."""
    J = np.array([[-400.1, 400.0], [400.0, -400.3]])
    V, V_d = bs.integrators.get(name)(Two(J), 0.0, (jnp.float64(-60.0), jnp.float64(-20.0)), 0.1)
    y = np.array([-60.0, -20.0])
    expected = y + np.linalg.solve(np.eye(2) - theta * 0.1 * J, 0.1 * (J @ y + [1.0, 0.0]))
    np.testing.assert_allclose([V, V_d], expected, rtol=1e-12)


class Two:
    potentials = (0, 1)

    def __init__(self, J):
        self.J = J

    def __call__(self, t, y):
        J = self.J
        return J[0, 0] * y[0] + J[0, 1] * y[1] + 1.0, J[1, 0] * y[0] + J[1, 1] * y[1]


class Cable:
    """A cable of compartments in one leaf, with a dense solver of its axial currents: what a morphology would give."""

    def __init__(self, n, axial, leak):
        self.axial, self.leak = axial, leak
        self.L = -axial * (2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1))
        self.L[0, 0] = self.L[-1, -1] = -axial
        self.coupling = self

    def __call__(self, t, y):
        V = y[0]
        flow = self.axial * jnp.diff(V)
        return (self.alone(t, y, y)[0] + jnp.pad(flow, (0, 1)) - jnp.pad(flow, (1, 0)),)

    def alone(self, t, y, at):
        return (-self.leak * (y[0] + 65.0) + jnp.zeros_like(y[0]).at[0].set(2),)

    def increment(self, V, rate, slope, h):
        A = jnp.eye(len(rate), dtype=rate.dtype) - h * (jnp.diag(slope) + self.L)
        return jnp.linalg.solve(A, h * (rate + self.L @ V))


@every
def test_elements_that_are_coupled_bring_their_solver(name, theta):
    """20 steps of a cable whose axial rate, 4000 per ms, is 800 times too fast for an explicit step."""
    n, dt = 12, 0.2
    cable = Cable(n, 4000.0, 0.05)
    A = cable.L - 0.05 * np.eye(n)
    V0 = np.linspace(-65, -40, n)
    rate = lambda V: A @ (V + 65) + np.eye(n)[0] * 2
    V = V0
    for _ in range(20):
        V = V + np.linalg.solve(np.eye(n) - theta * dt * A, dt * rate(V))
    method = bs.integrators.get(name)
    found = jax.jit(lambda V: jax.lax.fori_loop(0, 20, lambda i, V: method(cable, 0.0, (V,), dt)[0], V))(V0)
    np.testing.assert_allclose(found, V, rtol=1e-10)


def periods(method, dts, cell=bs.neurons.HodgkinHuxley, I=10.0, duration=80.0):
    """Mean interval between interpolated crossings of 0 mV, after the first."""
    found = []
    f = cell(1).vector_field(inputs={"I": I * cell.input_unit})
    y0 = tuple(jnp.float64(u.get_mantissa(v)[0]) for v in cell(1).present().values())
    run = jax.jit(
        lambda dt, y, n: jax.lax.while_loop(
            lambda c: c[0] < n,
            lambda c: (c[0] + 1, (after := method(f, 0.0, c[1], dt)), c[2].at[c[0]].set(after[0])),
            (0, y, jnp.zeros(8192)),
        )[2]
    )
    for dt in dts:
        n = round(duration / dt)
        V = np.asarray(run(dt, y0, n))[:n]
        k = np.nonzero((V[:-1] <= 0) & (V[1:] > 0))[0]
        times = (k + 1 - V[k] / (V[k + 1] - V[k])) * dt
        found.append((times[-1] - times[1]) / (len(times) - 2))
    return np.array(found)


def test_periods_of_a_spiking_cell_are_of_order_two_and_one():
    """Hodgkin and Huxley's axon at 10 uA/cm2, against Runge-Kutta 4 at 0.0125 ms."""
    (exact,) = periods(bs.integrators.RK4, [0.0125])
    assert exact == pytest.approx(14.64, abs=0.01)
    second = periods(StaggeredCrankNicolson(), [0.1, 0.05, 0.025]) - exact
    assert np.log2(second[:-1] / second[1:]) == pytest.approx(2.0, abs=0.2)
    assert second[0] / exact < 0.003
    first = periods(StaggeredBackwardEuler(), [0.05, 0.025]) - exact
    assert np.log2(first[0] / first[1]) == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("model", [bs.neurons.TraubMiles, bs.neurons.ReducedTraub])
def test_no_step_is_too_long(model):
    """At 1 ms backward Euler keeps spiking cells between their reversal potentials."""
    net = bs.Network()
    net.E = model(1, method=bs.integrators.Untried("staggered_backward_euler"))  # it is stable, not accurate
    net.E.add_stimuli(drive=bs.stimuli.Constant((500.0 if model is bs.neurons.TraubMiles else 2.0) * model.input_unit))
    V = bs.simulate(net, 200 * u.ms, dt=1 * u.ms, record="E.V", progress=False)["E.V"].to_decimal(u.mV)
    low, high = (float(u.get_mantissa(x)) for x in (net.E.E_K, net.E.E_Na))
    assert low <= V.min() and 0 < V.max() <= high
