"""Gradients through spikes whose upstroke has no end."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import brainsim as bs

STEPS = 1000
KINDS = (bs.neurons.AdEx, bs.neurons.ExpIF)


@pytest.mark.parametrize("kind", KINDS)
def test_a_reset_is_one_from_the_potential_at_which_spikes_are_taken(kind):
    """dV = (V_reset - V_peak) ds, whatever dt has made of V: from -10 mV on it is beyond 10^6 mV."""
    net = bs.Network()
    net.a = kind(1, surrogate=bs.surrogate.FastSigmoid(5.0), V_peak=20 * u.mV)
    run = bs.function(net, 0.1 * u.ms, dt=0.1 * u.ms, record="a.spikes")

    def after(V):
        state, recorded = run({}, run.state | {"a.V": V[None]})
        return recorded["a.spikes"][0, 0], state["a.V"][0]

    values, slopes = jax.jit(jax.vmap(lambda V: (after(V), jax.jacfwd(after)(V))))(jnp.asarray([-20.0, -10.0, 0.0]))
    np.testing.assert_array_equal(values[0], 1.0)
    depth = (net.a.V_reset - net.a.V_peak).to_decimal(u.mV)
    np.testing.assert_allclose(slopes[1], depth * slopes[0], rtol=1e-10)


@pytest.mark.parametrize("x64", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_strong_input_leaves_gradients_finite(kind, x64):
    with jax.enable_x64(x64):
        net = bs.Network(seed=0)
        net.a, net.b = bs.sources.SpikeInput(30), kind(4, surrogate=bs.surrogate.FastSigmoid(5.0))
        net.b.add_receptors(ampa=bs.receptors.AMPA())
        net.connect(net.a, net.b, bs.AllToAll(), receptor="ampa", weight=bs.Uniform(0 * u.nS, 200 * u.nS))
        run = bs.function(net, STEPS * 0.1 * u.ms, dt=0.1 * u.ms, record="b.spikes")
        spikes = (np.random.default_rng(0).random((STEPS, 30)) < 0.02).astype(run.state["b.V"].dtype)

        def loss(weight):
            fired = run({"a->b.weight": weight}, {}, inputs={"a.input": spikes})[1]["b.spikes"]
            return jnp.sum(fired * jnp.linspace(0, 1, STEPS)[:, None])

        value, slopes = jax.jit(jax.value_and_grad(loss))(run.parameters["a->b.weight"])
    assert value > 100  # spikes, and resets between them
    assert np.all(np.isfinite(slopes)) and np.any(slopes != 0) and np.abs(slopes).max() < 1e3
