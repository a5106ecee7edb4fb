"""A descent is optax's by hand; minimising finds a minimum that is known, and stops where it is told."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import brainsim as bs

MATRIX, ASKED = jnp.array([[3.0, 1.0], [1.0, 2.0]]), jnp.array([1.0, -1.0])


def quadratic(x, shift=0.0):
    return 0.5 * x @ MATRIX @ x - ASKED @ x + shift


def test_minimising_a_quadratic_function():
    found = bs.train.minimize(quadratic, jnp.zeros(2), 400, optimizer=optax.sgd(0.3), progress=False)
    np.testing.assert_allclose(found.values, np.linalg.solve(MATRIX, ASKED), rtol=1e-5)
    assert found.losses.shape == (400,) and found.losses[0] == 0
    shifted = bs.train.minimize(
        quadratic, jnp.zeros(2), 50, arguments=lambda k: (10.0 * k,), until=lambda k, loss: loss > 25, progress=False
    )
    assert shifted.losses.shape == (4,) and shifted.losses[0] == 0 and 29 < shifted.losses[3] <= 30
    with pytest.raises(bs.NonFiniteError, match="the loss is inf in update|the loss is nan in update"):
        bs.train.minimize(quadratic, jnp.ones(2), 2000, optimizer=optax.sgd(1e3), progress=False)


def test_steps_are_those_of_optax():
    optimizer = optax.chain(optax.clip_by_global_norm(0.5), optax.adam(0.1))
    descent = bs.train.Descent(lambda x, k: (quadratic(x), x * k), optimizer, has_aux=True)
    place, x = descent.first(jnp.zeros(2)), jnp.zeros(2)
    moments = optimizer.init(x)
    for k in range(3):
        before = x
        slope = MATRIX @ x - ASKED
        changes, moments = optimizer.update(slope, moments, x)
        x = optax.apply_updates(x, changes)
        place, loss, more = descent(place, k)
        np.testing.assert_allclose(place.values, x, rtol=1e-6)
        assert float(loss) == pytest.approx(float(quadratic(before))) and np.allclose(more, before * k)


def test_a_time_constant_is_found():
    """Of a leaky integrator, from its potential."""
    net = bs.Network(seed=0)
    net.cell = bs.neurons.LIF(1, tau=12 * u.ms, E_L=-60 * u.mV, V=-70 * u.mV, V_th=0 * u.mV)
    run = bs.function(net, 10 * u.ms, dt=1 * u.ms, record="cell.V")
    recorded = -60 - 10 * np.exp(-np.arange(1, 11) / 30)[:, None]  # tau = 30 ms
    error = lambda log: jnp.mean((run({"cell.tau": jnp.exp(log)}, {})[1]["cell.V"] - recorded) ** 2)
    found = bs.train.minimize(jax.jit(error), jnp.log(12.0), 150, optimizer=optax.adam(0.05), progress=False)
    assert float(jnp.exp(found.values)) == pytest.approx(30, rel=0.01)
