"""Modules of flax between populations: what arrives is what they make of what was sent, in a fresh network and a trained one."""

import brainunit as u
import numpy as np
import pytest
from flax import nnx

import brainsim as bs

RNG = np.random.default_rng(0)


def first_potential(net, x):
    """What one step of input x adds to the output, decayed by a step of 20 ms."""
    rec = bs.simulate(net, 2 * u.ms, dt=1 * u.ms, record="output.V", inputs={"input.input": np.stack([x.ravel()] * 2)})
    return np.asarray(rec["output.V"][1].to_decimal(u.mV)) * np.exp(1 / 20)


@pytest.mark.parametrize(
    "shape, module",
    [
        ((4, 4, 2), lambda: nnx.ConvTranspose(2, 3, (2, 2), strides=(2, 2), rngs=nnx.Rngs(0))),
        ((5, 4), lambda: nnx.MultiHeadAttention(num_heads=2, in_features=4, decode=False, rngs=nnx.Rngs(0))),
    ],
    ids=["ConvTranspose", "attention"],
)
def test_a_module_is_what_it_is_alone(shape, module):
    net = bs.nn.Sequential(shape, module(), bs.nn.LeakyReadout())
    x = RNG.random(shape)
    alone = module()
    nnx.update(alone, nnx.state(net["input->output"].layer, nnx.Param))
    np.testing.assert_allclose(first_potential(net, x), np.asarray(alone(x)).ravel(), rtol=1e-6, atol=1e-7)


def test_symbols_have_vectors():
    net = bs.nn.Sequential(3, bs.nn.Embed(7, 2), bs.nn.LeakyReadout())
    table = np.asarray(net["input->output"].layer.layers[1].embedding.get_value())
    assert net.output.size == (3, 2)
    np.testing.assert_allclose(first_potential(net, np.array([6.0, 0.0, 2.0])), table[[6, 0, 2]].ravel(), rtol=1e-6)


def test_a_fresh_network_evaluates():
    """Nothing is left out before a training, as after one."""
    net = bs.nn.Sequential(
        8, nnx.Dropout(0.5, rngs=nnx.Rngs(0)), nnx.Linear(8, 4, rngs=nnx.Rngs(0)), bs.nn.LeakyReadout()
    )
    x, linear = RNG.random(8), net["input->output"].layer.layers[1]
    np.testing.assert_allclose(first_potential(net, x), np.asarray(linear(x)), rtol=1e-6)


def test_a_reset_leaves_what_was_learned():
    net = bs.nn.Sequential(4, bs.nn.Linear(3), bs.nn.BatchNorm(), bs.nn.LeakyReadout())
    x = RNG.normal(3.0, 1.0, (8, 3, 4))
    bs.train.fit(net, (x, np.zeros(8, int)), 3 * u.ms, epochs=1, batch=4, progress=False)
    mean = np.asarray(net["input->output"].layer.layers[1].mean.get_value())
    before = first_potential(net, x[0, 0])
    net.reset()
    assert np.abs(mean).max() > 0.01
    np.testing.assert_array_equal(net["input->output"].layer.layers[1].mean.get_value(), mean)
    np.testing.assert_array_equal(first_potential(net, x[0, 0]), before)
