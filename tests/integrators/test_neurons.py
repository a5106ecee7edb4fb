"""Populations run with every one-step method, and follow scipy below threshold."""

import dataclasses

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import brainsim as bs
from brainsim.integrators import METHODS, ODEMethod, RushLarsen, SDEMethod

ODE = {name: method for name, method in METHODS.items() if isinstance(method, ODEMethod)}
SDE = {name: method for name, method in METHODS.items() if isinstance(method, SDEMethod)}
MODELS = {"lif": bs.neurons.LIF, "hh": bs.neurons.HodgkinHuxley, "adex": bs.neurons.AdEx}
START = {"lif": {"V": -70 * u.mV}, "hh": {"V": -60 * u.mV}, "adex": {"V": -60 * u.mV}}


def network(method):
    net = bs.Network(seed=0)
    for name, model in MODELS.items():
        setattr(net, name, model(2, method=method, **START[name]))
    return net


@pytest.fixture(scope="module")
def reference():
    """V after 1 ms by scipy, from the equations of the models."""
    net, result = network("euler"), {}
    for name in MODELS:
        model = getattr(net, name)
        units = [u.get_unit(getattr(model, variable)) for variable in model.variables]

        def f(t, y, model=model, units=units):
            inputs = {"I": 0.0 * model.input_unit} if model.takes else {}
            values = [jnp.full(2, x) * unit for x, unit in zip(y, units)]
            rates = model.derivative(t * u.ms, *values, **inputs)
            rates = rates if isinstance(rates, tuple) else (rates,)
            return jnp.stack([u.Quantity(rate).to_decimal(unit / u.ms)[0] for rate, unit in zip(rates, units)])

        y0 = [float(u.get_mantissa(getattr(model, variable))[0]) for variable in model.variables]
        result[name] = solve_ivp(jax.jit(f), (0, 1), y0, rtol=1e-9, atol=1e-10).y[0, -1]
    return result


@pytest.mark.parametrize("method", ODE.values(), ids=ODE)
def test_neurons_follow_scipy(method, reference):
    """1 ms at 0.025 ms from a displaced potential."""
    net = network(bs.integrators.Untried(method))  # AdEx never comes through its upstroke by implicit ones
    record = bs.simulate(net, 1 * u.ms, dt=0.025 * u.ms, record=[f"{name}.V" for name in MODELS])
    for name, expected in reference.items():
        V = record[f"{name}.V"].to_decimal(u.mV)[-1]
        np.testing.assert_allclose(V, expected, atol=0.1 if method.order == 1 else 2e-3)


def test_gates_are_found_and_can_be_named():
    """The potential and three gates of Hodgkin-Huxley: the gates given by name are those that are detected."""
    ends = []
    for method in (RushLarsen(), RushLarsen(gates=("m", "h", "n"))):
        net = bs.Network(seed=0)
        net.hh = bs.neurons.HodgkinHuxley(1, method=method, V=-55 * u.mV)
        ends.append(bs.simulate(net, 0.5 * u.ms, dt=0.05 * u.ms, record=["hh.V"])["hh.V"].mantissa)
    np.testing.assert_array_equal(*ends)


def test_an_unknown_gate_is_refused_with_the_leaves():
    with pytest.raises(ValueError, match="gate 'k' is not a leaf of y.* Accepted: V, m"):
        RushLarsen(gates="k")(lambda t, y: y, 0.0, {"V": 0.0, "m": 0.0}, 0.1)


def test_gates_are_exact_and_what_is_not_linear_takes_eulers_step():
    """dm/dt = alpha (1 - m) - beta m at fixed V is exact at any step; c, not linear in itself, and V are explicit."""

    def f(t, y):
        V, m, c = y
        return (-m * V, 3.0 * (1 - m) - 2.0 * m * jnp.exp(0.1 * V), -(c**2))

    V, m, c = RushLarsen()(f, 0.0, (jnp.float64(-2.0), jnp.float64(0.1), jnp.float64(0.7)), 1.5)
    rate = 3 + 2 * np.exp(-0.2)
    assert m == pytest.approx(3 / rate + (0.1 - 3 / rate) * np.exp(-1.5 * rate), rel=1e-13)
    assert pytest.approx(-2 + 1.5 * float(m) * 2, rel=1e-13) == V
    assert c == pytest.approx(0.7 - 1.5 * 0.49, rel=1e-13)


class NoisyLIF(bs.neurons.LIF):
    sigma = bs.Parameter(1.0 * u.mV / u.ms**0.5, "amplitude of the noise")

    def diffusion(self, t, V):
        return self.sigma + 0.0 * V / u.ms**0.5


@pytest.mark.parametrize("method", SDE.values(), ids=SDE)
def test_noise_in_neurons(method):
    """V - E_L is Ornstein-Uhlenbeck: variance sigma^2 tau / 2 (1 - exp(-2 t / tau)) after t = tau / 2; scalar noise is
    one for all.
    """
    method = dataclasses.replace(method, scale=100.0) if hasattr(method, "scale") else method  # mV
    net = bs.Network(seed=1)
    net.each = NoisyLIF(3000, method=method, V_th=0 * u.mV)
    net.all = NoisyLIF(3, method=dataclasses.replace(method, noise="scalar"), V_th=0 * u.mV)
    record = bs.simulate(net, 10 * u.ms, dt=1 * u.ms, record=["each.V", "all.V"])
    V, shared = record["each.V"].to_decimal(u.mV)[-1], record["all.V"].to_decimal(u.mV)
    assert V.mean() == pytest.approx(-60, abs=0.2)
    assert V.var() == pytest.approx(10 * (1 - np.exp(-1)), rel=0.15)
    np.testing.assert_allclose(shared, np.repeat(shared[:, :1], 3, 1), rtol=1e-6)
    assert np.std(shared) > 0.1
