"""A step in parts is as many short steps."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim.integrators import RK4, Divided, ExponentialEuler


def field(t, y):
    return (-y[0] * y[1] + jnp.sin(t), y[0] - y[1])


@pytest.mark.parametrize(("longest", "parts"), [(0.1, 1), (0.03, 4), (0.025, 4), (1.0, 1)])
def test_parts(longest, parts):
    method, y = Divided("rk4", longest), (jnp.float64(0.4), jnp.float64(0.9))
    assert method.at(0.1).count == parts and method.order == 4
    expected = y
    for k in range(parts):
        expected = RK4(field, 0.3 + k * 0.1 / parts, expected, 0.1 / parts)
    np.testing.assert_allclose(method(field, 0.3, y, 0.1), expected, rtol=1e-14)


def test_time_has_a_unit():
    method = Divided(ExponentialEuler(staggered=True), 25 * u.us)
    assert method.at(0.1 * u.ms).count == 4
    assert hash(method) == hash(Divided(ExponentialEuler(staggered=True), 0.025 * u.ms))
    assert method.name == "Divided('staggered_exponential_euler', 0.025 * u.ms)"


@pytest.mark.parametrize("longest", [0.0, -1.0 * u.ms, np.nan, np.inf])
def test_no_length(longest):
    with pytest.raises(ValueError, match="longest must be a positive time"):
        Divided("rk4", longest)
    with pytest.raises(TypeError, match="ordinary"):
        Divided("milstein", 0.1)


def test_a_traced_step_is_refused():
    with pytest.raises(ValueError, match="dt is traced"):
        jax.jit(lambda dt: Divided("rk4", 0.1)(field, 0.0, (0.4, 0.9), dt))(0.1)


def test_a_population_divides_its_steps():
    """At 0.1 ms in four parts as at 0.025 ms, and again after dt has changed; gradients pass."""
    ends = {}
    for method, dt in (("rk4", 0.025), (Divided("rk4", 0.025 * u.ms), 0.1), (Divided("rk4", 0.025 * u.ms), 0.05)):
        net = bs.Network()
        net.c = bs.neurons.FitzHughNagumo(1, method=method)
        bs.simulate(net, 1 * u.ms, dt=dt * u.ms)
        ends[method, dt] = float(net.c.plain("V")[0])
        if dt == 0.1:
            bs.simulate(net, 1 * u.ms, dt=0.05 * u.ms)
            assert net.c.stepper.count == 2
            run = bs.function(net, 1 * u.ms, dt=0.1 * u.ms, record="c.V")
            slope = jax.grad(lambda a, run: run({"c.a": a}, {})[1]["c.V"][-1, 0])(0.7, run)
            assert np.isfinite(slope) and slope != 0
    first, *others = ends.values()
    np.testing.assert_allclose(others, first, rtol=1e-6)
