"""Rules whose traces are products learn layers of flax, and signals go back through them."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import brainsim as bs
from tests.train.online.networks import INPUT, STEPS, SURROGATE, TARGET, Leaky, Soft, assert_equal, learned
from tests.train.online.test_rules import cut

LOCAL = bs.train.rules.DECOLLE(outputs=3, loss=lambda y, target: jnp.sum((y - target) ** 2))
KERNEL = np.random.default_rng(5).normal(1, 1, (5, 6))


def through(*ways):
    """Five inputs and, behind ``ways`` in turn, hidden neurons of six and three readouts."""
    net = bs.Network(seed=1)
    net.inp, net.hid, net.out = bs.sources.SpikeInput(5), Soft(6, surrogate=SURROGATE), Leaky(3)
    for post in (net.hid, net.out):
        post.add_receptors(syn=bs.receptors.Delta())
    weight = KERNEL * u.mV if isinstance(ways[0], bs.AllToAll) else 1 * u.mV
    net.connect(net.inp, net.hid, ways[0], receptor="syn", weight=weight)
    net.connect(net.hid, net.out, bs.AllToAll(), receptor="syn", weight=bs.Normal(0 * u.mV, 1 * u.mV))
    return net


def dense(bias):
    layer = nnx.Linear(5, 6, use_bias=bias, rngs=nnx.Rngs(0))
    layer.kernel.set_value(jnp.asarray(KERNEL))
    return bs.paths.Layer(layer)


@pytest.mark.parametrize("rule", ["ottt", "sltt", "pp_prop", LOCAL], ids=["ottt", "sltt", "pp_prop", "decolle"])
def test_a_dense_layer_learns_as_synapses_do(rule):
    _, found = learned(through(dense(False)), rule)
    _, expected = learned(through(bs.AllToAll()), rule)
    assert np.abs(found["inp->hid.layer.kernel"]).max() > 0
    expected["inp->hid.layer.kernel"] = expected.pop("inp->hid.weight")
    assert_equal(found, expected, 1e-12)


@pytest.mark.parametrize("rule", ["ottt", "pp_prop"])
def test_a_bias_learns_as_an_input_that_is_always_there(rule):
    net = through(dense(True))
    _, found = learned(net, rule)
    more = bs.Network(seed=1)
    more.inp, more.hid, more.out = bs.sources.SpikeInput(6), Soft(6, surrogate=SURROGATE), Leaky(3)
    for post in (more.hid, more.out):
        post.add_receptors(syn=bs.receptors.Delta())
    weight = np.concatenate([KERNEL, np.zeros((1, 6))]) * u.mV
    more.connect(more.inp, more.hid, bs.AllToAll(), receptor="syn", weight=weight)
    more.connect(more.hid, more.out, bs.AllToAll(), receptor="syn", weight=net["hid->out"].weight)
    learn = bs.train.online(more, dt=1 * u.ms, rule=rule, loss=lambda s, y: jnp.sum((s["out.V"] - y) ** 2))
    _, expected, _ = learn.run(None, {"inp.input": np.c_[INPUT, np.ones(STEPS)]}, TARGET)
    both = expected["inp->hid.weight"]
    assert_equal(
        {path: found[f"inp->hid.layer.{path}"] for path in ("kernel", "bias")},
        {"kernel": both[:-1], "bias": both[-1]},
        1e-12,
    )


class Pooled(nnx.Module):
    """Not linear: the largest of each two, and a dense layer."""

    def __init__(self):
        self.dense = nnx.Linear(6, 4, rngs=nnx.Rngs(2))

    def __call__(self, x):
        return 3 * self.dense(nnx.max_pool(x[None], (2,), (2,))[0].ravel())


def convolutional(last=True):
    net = bs.Network(seed=3)
    net.inp = bs.sources.SpikeInput((5, 1))
    net.h0, net.h1, net.h2 = (Soft(size, surrogate=SURROGATE) for size in ((5, 3), 4, 5))
    net.out = Leaky(3)
    for post in (net.h0, net.h1, net.h2, net.out):
        post.add_receptors(syn=bs.receptors.Delta())
    first = nnx.Conv(1, 3, (3,), rngs=nnx.Rngs(1))
    first.kernel.set_value(3 * first.kernel.get_value())
    way = bs.paths.Layer(nnx.Linear(5, 3, rngs=nnx.Rngs(4))) if last else bs.AllToAll()
    for pre, post, path in (
        (net.inp, net.h0, bs.paths.Layer(first)),
        (net.h0, net.h1, bs.paths.Layer(Pooled())),
        (net.h1, net.h2, bs.AllToAll()),
        (net.h2, net.out, way),
    ):
        synapses = isinstance(path, bs.AllToAll)
        net.connect(pre, post, path, receptor="syn", weight=bs.Normal(1 * u.mV, 1 * u.mV) if synapses else 1 * u.mV)
    return net


def test_through_convolution_pool_and_bias_sltt_is_backpropagation_with_nothing_carried_in_time():
    net = convolutional()
    _, found = learned(net, "sltt")
    assert len(found) == 7
    assert all(np.any(g != 0) for g in found.values())
    assert_equal(found, cut(net, found, lambda path: not path.endswith(".jump")), 1e-12)


def test_what_a_layer_does_not_have_is_refused():
    with pytest.raises(ValueError, match="inp->h0.layer.bias|h0->h1.layer.*'e_prop' keeps traces of single synapses"):
        learned(convolutional(), "e_prop")
    with pytest.raises(ValueError, match="h2->out: feedback='random' stands in place of a matrix"):
        learned(convolutional(), "sltt", feedback="random")
    with pytest.raises(ValueError, match="h2->out: rule='pp_prop' filters traces as the readout does"):
        learned(convolutional(), "pp_prop")
    value, _ = learned(convolutional(last=False), "sltt", feedback="random")
    assert np.isfinite(value)
    drops = through(
        bs.paths.Layer(nnx.Sequential(nnx.Linear(5, 6, rngs=nnx.Rngs(0)), nnx.Dropout(0.5, rngs=nnx.Rngs(0))))
    )
    with pytest.raises(ValueError, match="inp->hid: its layer keeps statistics or draws at random"):
        learned(drops, "ottt")
