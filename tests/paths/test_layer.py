"""Layers of flax nnx between two populations: the same as synapses, and all that a layer has."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import brainsim as bs

RNG = np.random.default_rng(0)
TIMES, UNITS = np.array([0.3, 0.5, 0.5, 0.8, 1.1]), np.array([0, 1, 2, 3, 0])


def network(path, size=4, post=3, pre=slice(None), target=slice(None), receptor=None, **options):
    net = bs.Network(seed=3)
    net.inp = bs.sources.SpikeTimes(size, TIMES * u.ms, UNITS)
    net.hid = bs.neurons.LIF(post)
    net.hid.add_receptors(syn=receptor or bs.receptors.Exponential())
    net.connect(net.inp[pre], net.hid[target], path, receptor="syn", **options)
    return net


def linear(weight):
    module = nnx.Linear(*weight.shape, use_bias=False, rngs=nnx.Rngs(0))
    module.kernel.set_value(jnp.asarray(weight))
    return module


W = RNG.normal(size=(4, 3)) * 30


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"delay": 0.4 * u.ms},
        {"delay": 0.45 * u.ms, "max_delay": 1 * u.ms},
        {"terminal": True, "delay": 0.2 * u.ms},
    ],
    ids=["none", "axonal", "changing", "terminal"],
)
def test_a_dense_layer_is_all_to_all(options):
    """The same potentials and the same gradients, to the last bits."""
    found = []
    for path, weight, name in (
        (bs.AllToAll(), W * u.pA, "weight"),
        (bs.paths.Layer(linear(W)), 1 * u.pA, "layer.kernel"),
    ):
        terminal = {"terminal": bs.terminals.TsodyksMarkram(U=0.5)} if "terminal" in options else {}
        net = network(path, weight=weight, **options | terminal)
        run = bs.function(net, 2 * u.ms, record="hid.V")
        at = f"inp->hid.{name}"
        loss = lambda w, run=run, at=at: jnp.sum(run({at: w}, {})[1]["hid.V"] @ jnp.arange(3.0))
        gradient = jax.grad(loss)(run.parameters[at])
        found.append((bs.simulate(net, 2 * u.ms, record="hid.V")["hid.V"].mantissa, gradient))
    assert np.abs(found[0][1]).max() > 1e-4
    for synapses, layer in zip(*found):
        np.testing.assert_allclose(layer, synapses, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dense", ["synapses", "layer"])
def test_a_batch_has_one_product_by_events_and_one_gradient(dense):
    """Examples of ``vmap`` are rows of one call, and nothing is as large as a weight gradient for each of them."""
    weight = RNG.normal(size=(12, 70)) * 30
    kinds = {
        "synapses": (bs.AllToAll(), weight, "weight"),
        "layer": (bs.paths.Layer(linear(weight)), 1.0, "layer.kernel"),
    }
    rule, given, name = kinds[dense]
    net = bs.Network()
    net.inp, net.hid = bs.sources.SpikeInput(12), bs.neurons.LIF(70)
    net.hid.add_receptors(syn=bs.receptors.Exponential())
    net.connect(net.inp, net.hid, rule, receptor="syn", weight=given * u.pA)
    run = bs.function(net, 0.5 * u.ms, record="hid.V")
    spikes = (RNG.random((9, 5, 12)) < 0.1).astype(float)

    def loss(w):
        one = lambda s: run({f"inp->hid.{name}": w}, {}, inputs={"inp.input": s})[1]["hid.V"].sum()
        return (jax.vmap(one)(spikes) ** 2).sum()

    at = run.parameters[f"inp->hid.{name}"]
    if all(bs.events.kernels().values()):
        text = jax.jit(jax.grad(loss)).lower(at).as_text()
        assert text.count("@brainsim.rows") >= 2 and "x12x70xf64" not in text
    found = jax.jit(jax.grad(loss))(at)
    with bs.events.served_by("plain"):
        run = bs.function(net, 0.5 * u.ms, record="hid.V")
        np.testing.assert_allclose(found, jax.jit(jax.grad(loss))(at), rtol=1e-10)
    assert np.abs(found).max() > 0


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strides": 2, "padding": "VALID"},
        {"padding": "CIRCULAR"},
        {"kernel_dilation": 2, "padding": [(1, 2), (0, 1)]},
        {"feature_group_count": 2},
        {"precision": "highest"},
    ],
    ids=str,
)
def test_a_convolution_is_that_of_flax(options):
    """Values and gradients of the layer alone, and with the weight of the projection."""
    conv = nnx.Conv(2, 4, (3, 3), rngs=nnx.Rngs(0), **options)
    made = jax.eval_shape(conv, jax.ShapeDtypeStruct((6, 5, 2), jnp.float32)).shape
    net = bs.Network()
    net.inp, net.hid = bs.sources.SpikeInput((6, 5, 2)), bs.neurons.LIF(made)
    net.hid.add_receptors(syn=bs.receptors.Exponential())
    net.connect(net.inp, net.hid, bs.paths.Layer(conv), receptor="syn", weight=3 * u.pA)
    run, spikes = bs.function(net, 0.1 * u.ms, record="hid.syn.g"), (RNG.random((1, 60)) < 0.3).astype(float)
    graph, kernel, rest = nnx.split(conv, nnx.PathContains("kernel"), ...)
    at = "inp->hid.layer.kernel"

    def ours(w):
        return run({at: w}, {}, inputs={"inp.input": spikes})[1]["hid.syn.g"][0]

    def flax(w):
        layer = nnx.merge(graph, jax.tree.map(lambda _: w, kernel), rest)
        return 3 * layer(spikes.reshape(6, 5, 2)).ravel()

    w = run.parameters[at]
    np.testing.assert_allclose(ours(w), flax(w), rtol=1e-12, atol=1e-12)
    for one, other in zip(*(jax.jit(jax.grad(lambda w, f=f: jnp.sin(f(w)).sum()))(w) for f in (ours, flax))):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


def test_views_are_the_inputs_and_outputs():
    net = network(bs.paths.Layer(linear(W[[3, 1]][:, :2])), pre=[3, 1], target=[2, 0])
    expected = np.zeros((4, 3))
    expected[np.ix_([3, 1], [2, 0])] = W[[3, 1]][:, :2]
    V = [
        bs.simulate(made, 2 * u.ms, record="hid.V")["hid.V"].mantissa
        for made in (net, network(bs.AllToAll(), weight=expected * u.pA))
    ]
    np.testing.assert_allclose(*V, rtol=1e-13)


def test_a_graded_signal_passes_a_layer_before_the_first_step_too():
    net = bs.Network()
    net.a, net.b = bs.masses.Linear(4, x=np.array([1.0, -2.0, 0.5, 3.0])), bs.masses.Linear(3)
    net.b.add_receptors(in_=bs.receptors.Graded())
    projection = net.connect(net.a, net.b, bs.paths.Layer(linear(W)), receptor="in_", signal="x", delay=1 * u.ms)
    bs.simulate(net, 0.1 * u.ms)
    sent = projection.sends(net.a)
    (first,) = projection.first_delivery(sent, net.b.in_, net.b).values()
    np.testing.assert_allclose(first, np.asarray(sent) @ W)
    np.testing.assert_array_equal(projection.histories(sent)["axon.line"], np.tile(sent, (10, 1)))


def test_a_convolution_is_that_of_jax():
    """Of the spikes in the shape of the population; V integrates what it makes."""
    conv = nnx.Conv(2, 4, (3, 3), rngs=nnx.Rngs(1))
    conv.bias.set_value(jnp.asarray(RNG.normal(size=4)))
    net = network(bs.paths.Layer(conv), size=(5, 6, 2), post=(5, 6, 4), weight=2 * u.pA)
    g = bs.simulate(net, 1 * u.ms, record="hid.syn.g")["hid.syn.g"].mantissa
    jumps = g - np.concatenate([np.zeros((1, 120)), g[:-1]]) * np.exp(-0.1 / 5)
    spikes = np.zeros((10, 60))
    spikes[np.round(TIMES[:4] / 0.1).astype(int) - 1, UNITS[:4]] = 1.0
    numbers = jax.lax.conv_general_dilated(
        spikes.reshape(10, 5, 6, 2), conv.kernel[...], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    np.testing.assert_allclose(jumps, 2 * np.add(numbers, conv.bias[...]).reshape(10, 120), atol=1e-12)
    assert net["inp->hid"].n_synapses == 3 * 3 * 2 * 4 + 4


class Block(nnx.Module):
    """A convolution, a normalisation that keeps statistics, and dropout."""

    def __init__(self, rngs):
        self.layers = nnx.List([nnx.Conv(1, 3, (2, 2), rngs=rngs)])
        self.norm, self.drop = nnx.BatchNorm(3, momentum=0.5, rngs=rngs), nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        return self.drop(self.norm(self.layers[0](x)))


def block():
    return network(bs.paths.Layer(Block(nnx.Rngs(2))), size=(4, 4, 1), post=(4, 4, 3), weight=50 * u.pA)


def test_statistics_are_state_and_dropout_follows_seed_and_step(tmp_path):
    record = ["hid.syn.g", "inp->hid.layer.norm.mean"]
    net = block()
    whole = bs.simulate(net, 2 * u.ms, record=record)
    mean = np.asarray(whole[record[1]])
    assert np.ptp(mean[:, 0]) > 1e-4
    # By hand: the running mean takes in half of each step's mean
    conv = net["inp->hid"].layer.layers[0]
    spikes = np.zeros((20, 16), np.float32)
    spikes[np.round(TIMES / 0.1).astype(int) - 1, UNITS] = 1.0
    expected = np.zeros(3)
    for step, row in enumerate(spikes):
        expected = 0.5 * expected + 0.5 * np.asarray(conv(jnp.asarray(row.reshape(4, 4, 1)))).reshape(-1, 3).mean(0)
        np.testing.assert_allclose(mean[step], expected, rtol=1e-5, atol=1e-6)
    # Half of what is made of spikes is dropped, others at other steps
    g = whole["hid.syn.g"].mantissa
    dropped = np.abs(g[1:] - g[:-1] * np.exp(-0.1 / 5)) < 1e-9
    fired = np.round(TIMES[[0, 1, 3, 4]] / 0.1).astype(int) - 2
    assert 0.4 < dropped[fired].mean() < 0.6 and np.any(dropped[fired[0]] != dropped[fired[1]])
    # In two runs, through a file, it is the same; another seed drops others
    again, path = block(), tmp_path / "net"
    bs.simulate(again, 1 * u.ms, record=record)
    bs.save(again, path)
    loaded = block()
    bs.load(loaded, path)
    second = bs.simulate(loaded, 1 * u.ms, record=record)
    for label in record:
        np.testing.assert_allclose(
            u.get_mantissa(second[label]), u.get_mantissa(whole[label])[10:], rtol=1e-6, atol=1e-9
        )
    net.reset()  # what was learned stays
    np.testing.assert_array_equal(net["inp->hid"].layer.norm.mean[...], mean[-1])
    net = block()
    kernels = np.stack([conv.kernel[...], 2 * conv.kernel[...]])
    swept = bs.sweep(net, {"inp->hid.layer.layers.0.kernel": kernels}, 2 * u.ms, record=record, seeds=[3, 4])
    for a, b in ((0, 0), (0, 1), (1, 0)):
        same = np.allclose(swept[a, b]["hid.syn.g"].mantissa, g, rtol=1e-5, atol=1e-5)
        assert same == (a == b == 0)
    np.testing.assert_allclose(swept[0, 1][record[1]], mean, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        (nnx.Linear(4, 3, rngs=nnx.Rngs(0)), {}, r"or paths.Layer\(module\)"),
        (bs.paths.Layer(linear(W.T)), {}, r"inp->hid: Layer\(Linear\) cannot take what 4 presynaptic units send"),
        (bs.paths.Layer(linear(W[:, :2])), {}, r"makes shape \(2,\) of an input of shape \(4,\); .* has 3 units"),
        (bs.paths.Layer(linear(W)), {"delay": np.ones(12) * u.ms}, r"\.delay: Layer\(Linear\) has no single synapses"),
        (bs.paths.Layer(linear(W)), {"weight": bs.Normal(1 * u.pA, 1 * u.pA)}, r"\.weight: .* has no single synapses"),
        (
            bs.paths.Layer(linear(W)),
            {"plasticity": bs.plasticity.PairSTDP(A_plus=1 * u.pA, A_minus=1 * u.pA, w_max=1 * u.pA)},
            "plasticity changes single synapses",
        ),
        (
            bs.paths.Layer(linear(W)),
            {"receptor": bs.receptors.GapJunction(), "signal": "spikes"},
            r"hid.syn compares single values, and Layer\(Linear\) makes sums",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(path, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        network(path, **options)


def test_what_is_no_layer_is_refused():
    with pytest.raises(TypeError, match="expected a module of flax nnx, .* given function"):
        bs.paths.Layer(lambda x: x)
    net = network(bs.paths.Layer(linear(W)))
    with pytest.raises(ValueError, match="a layer has no single synapses"):
        net["inp->hid"].indices_of_synapses()
