"""The right-hand side of a population as a pure function: values, Jacobians, other parameters, other solvers."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim import channels, neurons

DENSITY = u.uA / u.cm2


def fitzhugh(I=0.5):
    return neurons.FitzHughNagumo(1).vector_field(inputs={"I": I})


def test_values_and_their_form():
    """V - V^3/3 - w + I and (V + a - b w) / 12.5 ms, as dictionary, tuple or list, plain or with units."""
    expected = [0.5 - 0.5**3 / 3 + 0.2 + 0.5, (0.5 + 0.7 + 0.8 * 0.2) / 12.5]
    f = fitzhugh()
    np.testing.assert_allclose(f(0.0, (0.5, -0.2)), expected, rtol=1e-12)
    named = f(3 * u.ms, {"w": -0.2, "V": 0.5})
    assert list(named) == ["V", "w"]
    for rate, value in zip(named.values(), expected):
        assert float(rate / u.Hz) == pytest.approx(1000 * value)
    V, w = jnp.meshgrid(jnp.linspace(-2, 2, 5), jnp.linspace(-1, 1, 4))
    np.testing.assert_allclose(f(0.0, [V, w])[0], V - V**3 / 3 - w + 0.5, atol=1e-12)


def test_jacobian_of_each_unit():
    """[[1 - V^2, -1], [1/12.5, -0.8/12.5]] for each of three units, from two forward derivatives."""
    V, w = jnp.array([-1.0, 0.0, 2.0]), jnp.zeros(3)
    one, zero = jnp.ones(3), jnp.zeros(3)
    rates = lambda V, w: fitzhugh()(0.0, (V, w))
    by_V, by_w = (jax.jvp(rates, (V, w), direction)[1] for direction in ((one, zero), (zero, one)))
    np.testing.assert_allclose([by_V, by_w], [[1 - V**2, one / 12.5], [-one, -0.8 * one / 12.5]], atol=1e-12)


def test_parameters_and_inputs_are_arguments():
    """Doubling C halves what the input adds; the population itself is as it was; and it is differentiable."""
    net = bs.Network()
    net.E = neurons.ConductanceBased(2, channels={"k": channels.K_HH1952()})
    y = {"V": -50.0 * u.mV, "k.n": 0.5}

    def rate(C, g, I):
        parameters = {"C": C * u.uF / u.cm2, "k.g_max": g * u.mS / u.cm2}
        return net.E.vector_field(parameters, {"I": lambda t, y: I * (y["V"] / u.mV) * DENSITY})(0 * u.ms, y)["V"]

    leak, potassium = 0.1 * -20, 0.5**4 * -27
    for C, g, I in ((1.0, 36.0, 0.0), (2.0, 10.0, -0.1)):
        assert float(rate(C, g, I) / (u.mV / u.ms)) == pytest.approx((leak + g * potassium - 50 * I) / C)
    assert float(net.E.C[...] / (u.uF / u.cm2)) == 1.0
    slope = jax.grad(lambda g: rate(1.0, g, 0.0).to_decimal(u.mV / u.ms))(36.0)
    assert slope == pytest.approx(potassium)


def test_an_adaptive_solver_integrates_it():
    """Dormand and Prince at 1e-10 against the population's own step, Runge-Kutta of order 4 at 0.01 ms."""
    net = bs.Network()
    net.E = neurons.FitzHughNagumo(1)
    net.E.add_stimuli(drive=bs.stimuli.Constant(0.5))
    bs.simulate(net, 20 * u.ms, dt=0.01 * u.ms)
    f = fitzhugh()
    y0 = {"V": jnp.float64(-1.1994), "w": jnp.float64((-1.1994 + 0.7) / 0.8)}
    _, y = bs.integrate(f, y0, 20.0, method="dopri5", rtol=1e-10, atol=1e-10)
    assert float(y["V"][-1]) == pytest.approx(float(net.E.V[0]), abs=1e-7)
    assert abs(float(y["V"][-1]) - float(y0["V"])) > 0.5


def test_mistakes_are_named():
    cell = neurons.HodgkinHuxley(1)
    with pytest.raises(bs.UnknownNameError, match="HodgkinHuxley has no parameter 'gNa'. Did you mean 'g_Na'"):
        cell.vector_field({"gNa": 1})
    with pytest.raises(bs.UnitError, match="g_Na: expected mS / cm.2, given a number"):
        cell.vector_field({"g_Na": 1})
    with pytest.raises(ValueError, match="C: values must be positive"):
        cell.vector_field({"C": -1 * u.uF / u.cm2})
    with pytest.raises(bs.UnknownNameError, match="derivative takes no input 'J'"):
        cell.vector_field(inputs={"J": 1 * DENSITY})
    with pytest.raises(bs.UnitError, match="input I: expected uA / cm.2, given pA"):
        cell.vector_field(inputs={"I": 1 * u.pA})
    f = cell.vector_field()
    with pytest.raises(ValueError, match="y has 1 variables, expected 4: V, m, h, n"):
        f(0.0, [1.0])
    with pytest.raises(bs.UnknownNameError, match="no variable 'mm'. Did you mean 'm'"):
        f(0.0, {"V": 1.0, "mm": 1.0})
    with pytest.raises(ValueError, match="y lacks h, n"):
        f(0.0, {"V": 1.0, "m": 1.0})
