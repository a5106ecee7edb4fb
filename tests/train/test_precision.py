"""Layers compute in 16 bits of parameters in full precision, and gradients of float16 do not vanish."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import brainsim as bs

from .conftest import small


def layered():
    """Two layers of flax: a dense one, and a convolution."""
    net = bs.Network(seed=0)
    neuron = dict(
        tau=8 * u.ms, E_L=0 * u.mV, V=0 * u.mV, V_th=1 * u.mV, V_reset=0 * u.mV, surrogate=bs.surrogate.ATan()
    )
    net.pixels, net.hidden = bs.sources.SpikeInput(6), bs.neurons.LIF((4, 2), **neuron)
    net.out = bs.neurons.LIF(3, **neuron | dict(V_th=1e6 * u.mV))
    for post in (net.hidden, net.out):
        post.add_receptors(input=bs.receptors.Delta())
    dense, conv = nnx.Linear(6, 8, rngs=nnx.Rngs(0)), nnx.Conv(2, 3, (4,), padding="VALID", rngs=nnx.Rngs(1))
    for pre, post, layer in ((net.pixels, net.hidden, dense), (net.hidden, net.out, conv)):
        net.connect(pre, post, bs.paths.Layer(layer), receptor="input", weight=2 * u.mV)
    return net


@pytest.fixture(scope="module")
def gradients(examples):
    """Loss, gradient and program by precision and by what the loss is multiplied with."""
    net, found = layered(), {}
    batch = bs.train.Batch(examples[0][:16], examples[1][:16])
    for precision, factor in ((None, 1.0), ("bfloat16", 1.0), ("float16", 1e-7)):
        loss = lambda o, y, factor=factor: factor * bs.train.losses.cross_entropy(o, y)
        objective = bs.train.Objective(net, 4 * u.ms, loss=loss, read="out.V", encode=bs.encoding.Constant(), precision=precision)  # fmt: skip
        whole = jax.jit(jax.value_and_grad(lambda p, o=objective: o(p, {}, batch, jax.random.PRNGKey(0))[0]))
        lowered = whole.lower(objective.run.parameters)
        value, slopes = whole(objective.run.parameters)
        found[precision] = value / factor, {p: np.asarray(g) / factor for p, g in slopes.items()}, lowered.as_text()
    assert all(node.dtype is None for node in (net["pixels->hidden"].layer, net["hidden->out"].layer))
    return found


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_gradients_are_those_of_full_precision_to_rounding(gradients, precision):
    """7 bits (10 of float16) behind the first; 1e-7 times the loss is below what float16 holds."""
    (loss, slopes, _), (exact, reference, _) = gradients[precision], gradients[None]
    assert float(loss) == pytest.approx(float(exact), rel=0.02) and float(loss) != float(exact)
    for path, expected in reference.items():
        scale = np.abs(expected).max()
        assert slopes[path].dtype == expected.dtype
        np.testing.assert_allclose(slopes[path], expected, atol=0.05 * scale, err_msg=path)
        assert scale == 0 or np.abs(slopes[path]).max() > 0.5 * scale


def test_products_are_of_sixteen_bits(gradients):
    short = {"bfloat16": "bf16", "float16": "f16"}
    for precision, name in short.items():
        lines = [
            line for line in gradients[precision][2].splitlines() if "dot_general" in line or "convolution" in line
        ]
        assert len(lines) >= 2 and any(f"x{name}>" in line for line in lines)
    assert "bf16" not in gradients[None][2]


def test_it_learns_with_parameters_in_full_precision(examples):
    net = layered()
    history = bs.train.fit(net, examples, 4 * u.ms, encode=bs.encoding.Constant(), read="out.V", epochs=4, batch=20,
                           optimizer=optax.adam(0.02), precision="bfloat16", progress=False)  # fmt: skip
    assert history["loss"][-1] < history["loss"][0]
    kernel = net["pixels->hidden"].layer.kernel.get_value()
    assert kernel.dtype == jnp.zeros(0).dtype
    assert np.any(np.asarray(kernel) != np.asarray(kernel.astype(jnp.bfloat16).astype(kernel.dtype)))


def test_what_would_change_nothing_is_refused(examples):
    options = dict(encode=bs.encoding.Constant(), read="out.V")
    with pytest.raises(ValueError, match="'bfloat16': no projection of this network is a layer"):
        bs.train.fit(small(), examples, 4 * u.ms, precision="bfloat16", **options)
    with pytest.raises(ValueError, match="expected None, 'bfloat16' or 'float16', given 'half'"):
        bs.train.fit(layered(), examples, 4 * u.ms, precision="half", **options)
