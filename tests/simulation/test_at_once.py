"""All steps at once are the steps one after the other: values, spikes and derivatives."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs
from brainsim.integrators.recurrence import linear_recurrence

STEPS, N = 80, 8
ARRIVED = np.random.default_rng(0).normal(0.15, 0.5, (STEPS, N))
MEMORY = bs.receptors.StateSpace(1, tau=50 * u.ms, frequency=20 * u.Hz)
SPECS = {  # and the iterations that they take, the last of which finds that nothing changes
    "no reset": (lambda: bs.nn.LIF(reset="none"), "jump", 2),
    "reset": (lambda: bs.nn.LIF(), "jump", STEPS + 1),
    "refractory": (lambda: bs.nn.LIF(refractory=3 * u.ms), "jump", STEPS + 1),
    "resonator": (lambda: bs.nn.ResonateAndFire(), "jump", 2),
    "state space": (lambda: bs.nn.LIF(tau=4 * u.ms, reset="subtract", receptor=MEMORY), "jump", STEPS + 1),
}


GAIN = {"state space": 20.0}
SLOW = ("reset", "resonator", "refractory")  # in float64; of the same kind as the others


def network(name):
    spec, port, _ = SPECS[name]
    return bs.nn.Sequential(
        N, bs.nn.Linear(N, weight=np.eye(N) * GAIN.get(name, 1.0) * unit(name)), spec()
    ), f"output.input.{port}"


def unit(name):
    return u.pA if name == "state space" else u.mV


CASES = [pytest.param(name, True, marks=[pytest.mark.slow] if name in SLOW else []) for name in SPECS]


@pytest.mark.parametrize("name, wide", [*CASES, ("reset", False)])
def test_as_one_after_the_other(name, wide):
    with jax.enable_x64(wide):
        net, port = network(name)
        weights = jnp.asarray(np.random.default_rng(1).normal(size=(STEPS, N)))
        run = bs.at_once(net, "output", STEPS * u.ms, dt=1 * u.ms)
        steps = bs.function(net, STEPS * u.ms, dt=1 * u.ms, record=["output.V", "output.spikes"])

        def by_steps(x):
            found = steps({}, {}, inputs={"input.input": x})[1]
            return jnp.sum(weights * found["output.spikes"]) + jnp.sum(found["output.V"] ** 2), found

        def together(x):
            found = run({}, {port: GAIN.get(name, 1.0) * x})
            return jnp.sum(weights * found.results["output.spikes"]) + jnp.sum(found.results["output.V"] ** 2), found

        x = jnp.asarray(ARRIVED)
        (_, expected), slope = jax.jit(jax.value_and_grad(by_steps, has_aux=True))(x)
        (_, found), own = jax.jit(jax.value_and_grad(together, has_aux=True))(x)
        assert float(expected["output.spikes"].sum()) > 10
        np.testing.assert_array_equal(found.results["output.spikes"], expected["output.spikes"])
        rtol, scale = (1e-10, 1e-12) if wide else (2e-5, 1e-6)
        np.testing.assert_allclose(found.results["output.V"], expected["output.V"], rtol=rtol, atol=10 * scale)
        np.testing.assert_allclose(own, slope, rtol=10 * rtol, atol=100 * scale * float(jnp.abs(slope).max()))
        assert int(found.iterations) <= SPECS[name][2]


def test_linear_recurrences():
    rng = np.random.default_rng(2)
    A, b, y = rng.normal(size=(9, 4, 2, 2)), rng.normal(size=(9, 4, 2)), rng.normal(size=(4, 2))
    matrices, numbers = linear_recurrence(A, b, y), linear_recurrence(A[..., 0], b, y)
    z = y
    for t in range(9):
        y, z = np.einsum("nij,nj->ni", A[t], y) + b[t], A[t, ..., 0] * z + b[t]
        np.testing.assert_allclose(matrices[t], y, rtol=1e-11)
        np.testing.assert_allclose(numbers[t], z, rtol=1e-11)
    with pytest.raises(ValueError, match="neither numbers nor matrices"):
        linear_recurrence(A[..., 0, 0], b, y)


def test_what_cannot_be_solved_is_refused():
    net = bs.nn.Sequential(2, bs.nn.Linear(2), bs.nn.LIF(receptor=bs.receptors.StateSpace(3)))
    run = bs.at_once(net, "output", 3 * u.ms, dt=1 * u.ms)
    with pytest.raises(ValueError, match="are not one number per unit"):
        run({}, {"output.input.jump": jnp.zeros((3, 2))})
    with pytest.raises(bs.UnknownNameError, match="no port of output.*Did you mean 'output.input.jump'"):
        run({}, {"output.input.jumps": jnp.zeros((3, 2))})
    with pytest.raises(bs.UnknownNameError, match="no population 'outputs'"):
        bs.at_once(net, "outputs", 3 * u.ms, dt=1 * u.ms)
