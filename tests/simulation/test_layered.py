"""Layer by layer a network gives what it gives step by step, and the same gradients."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import brainsim as bs
from brainsim.simulation.order import Order

STEPS = 12
WIDE = dict(rtol=1e-9, atol=1e-11)
SINGLE = dict(rtol=3e-4, atol=3e-5)


def stack(neuron, receptor, path=None, delay=None, recurrent=False):
    """Inputs, two layers and an output that does not fire."""
    net = bs.Network(seed=3)
    net.inp = bs.sources.SpikeInput(5)
    net.a, net.b = neuron(), neuron()
    rng = np.random.default_rng(1)
    for pre, post, n in (("inp", net.a, 5), ("a", net.b, 6)):
        post.add_receptors(r=receptor())
        way = bs.AllToAll() if path is None or pre == "inp" else path()
        weight = 1 * u.mV if isinstance(way, bs.paths.Layer) else rng.normal(1, 1, (n, 6)) * u.mV
        options = {} if delay is None else {"delay": delay}
        net.connect(net.populations[pre], post, way, receptor="r", weight=weight, name=f"to_{pre}", **options)
    if recurrent:
        net.connect(net.a, net.a, bs.AllToAll(), receptor="r", weight=rng.normal(0, 2, (6, 6)) * u.mV, name="back")
    return net


def lif(**values):
    facts = dict(tau=8 * u.ms, E_L=0 * u.mV, V=0 * u.mV, V_th=1 * u.mV, V_reset=0 * u.mV) | values
    return bs.neurons.LIF(6, surrogate=bs.surrogate.FastSigmoid(1.0), **facts)


def delta():
    return bs.receptors.Delta()


def layer():
    return bs.paths.Layer(
        nnx.Sequential(nnx.Linear(6, 6, rngs=nnx.Rngs(0)), nnx.BatchNorm(6, rngs=nnx.Rngs(1), use_running_average=True))
    )


NETWORKS = {
    "lif": lambda: stack(lif, delta),
    "refractory": lambda: stack(lambda: lif(refractory=2 * u.ms, tau=np.linspace(4, 9, 6) * u.ms), delta),
    "layer": lambda: stack(lif, delta, layer),
    "delayed": lambda: stack(lif, delta, delay=3 * u.ms),
    "recurrent": lambda: stack(lif, delta, lambda: bs.paths.Layer(nnx.Linear(6, 6, rngs=nnx.Rngs(0))), recurrent=True),
}


def results(net, order=None, batch=False):
    run = bs.function(net, STEPS * u.ms, dt=1 * u.ms, record=["b.V", "a.spikes"])
    if order is not None:
        run.order = order
    rng = np.random.default_rng(0)
    courses = jnp.asarray(rng.random((3, STEPS, 5)) < 0.5, run.state["inp.input"].dtype)
    learned = {
        path: x for path, x in run.parameters.items() if "weight" in path or "kernel" in path or path.endswith("tau")
    }

    def loss(parameters, courses):
        def one(course):
            state, recorded = run(parameters, {}, inputs={"inp.input": course})
            return state, recorded

        state, recorded = jax.vmap(one)(courses) if batch else one(courses[0])
        return (recorded["b.V"] ** 2).sum() + recorded["a.spikes"].sum(), (state, recorded)

    return run.order, jax.value_and_grad(loss, has_aux=True)(learned, courses)


@pytest.mark.parametrize(
    ("kind", "wide"), [*((kind, True) for kind in NETWORKS), ("refractory", False), ("recurrent", False)]
)
def test_layers_one_after_the_other_are_all_of_them_step_by_step(kind, wide):
    with jax.enable_x64(wide):
        net = NETWORKS[kind]()
        batch = kind in ("lif", "layer", "recurrent")
        order, found = results(net, batch=batch)
        _, expected = results(net, Order(reason="asked"), batch=batch)
    assert str(order) == "layer by layer: inp, a, b"
    assert float(expected[0][1][1]["a.spikes"].sum()) > 3
    assert all(float(jnp.abs(g).max()) > 0 for path, g in expected[1].items() if "weight" in path)
    for (path, x), (_, y) in zip(*(jax.tree_util.tree_leaves_with_path(r) for r in (found, expected)), strict=True):
        np.testing.assert_allclose(x, y, err_msg=str(path), **(WIDE if wide else SINGLE))
