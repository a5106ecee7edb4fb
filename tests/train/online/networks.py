"""Networks that learn, and backpropagation through time to compare with."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

import brainsim as bs

SURROGATE = bs.surrogate.ATan(alpha=2.0)


class Leaky(bs.neurons.Neuron):
    """A membrane that never fires: its potential is the output."""

    tau = bs.Parameter(20.0 * u.ms, "membrane time constant", positive=True)
    V = bs.State(0.0 * u.mV, "output")
    input_unit = u.mV

    def derivative(self, t, V, I):
        return (I - V) / self.tau

    def fires(self, before, after):
        return jnp.zeros(len(self), bool)


class Soft(bs.neurons.Neuron):
    """A membrane from which a spike takes the distance to the threshold away."""

    tau = bs.Parameter(10.0 * u.ms, "membrane time constant", positive=True)
    V_th = bs.Parameter(1.0 * u.mV, "threshold")
    V = bs.State(0.0 * u.mV, "potential")
    input_unit = u.mV

    def derivative(self, t, V, I):
        return (I - V) / self.tau

    def after_spike(self, y):
        return {"V": y["V"] - self.V_th}


def lif(n, **options):
    return bs.neurons.LIF(n, R=100 * u.Mohm, V=-55 * u.mV, refractory=3 * u.ms, surrogate=SURROGATE, **options)


STEPS = 40
DT = 1.0 * u.ms
RNG = np.random.default_rng(0)
INPUT = (RNG.uniform(size=(STEPS, 5)) < 0.3).astype(float)
TARGET = RNG.normal(size=(STEPS, 3))


def loss(state, target):
    return jnp.sum((state["out.V"] - target) ** 2)


def one_layer(
    hidden=lif,
    receptor=None,
    weight=bs.Normal(800 * u.pA, 400 * u.pA),
    rule=None,
    recurrent=None,
    size=6,
    out=None,
    read=bs.Normal(0 * u.mV, 1 * u.mV),
    **options,
):
    """Inputs, a hidden population and leaky readouts."""
    net = bs.Network(seed=1)
    net.inp = bs.sources.SpikeInput(5)
    net.hid = hidden(size)
    net.hid.add_receptors(syn=receptor or bs.receptors.Exponential())
    net.out = out or Leaky(3)
    net.out.add_receptors(syn=bs.receptors.Exponential())
    net.connect(net.inp, net.hid, rule or bs.AllToAll(), receptor="syn", weight=weight, **options)
    net.connect(net.hid, net.out, bs.AllToAll(), receptor="syn", weight=read)
    if recurrent is not None:
        net.connect(net.hid, net.hid, recurrent, receptor="syn", weight=weight)
    return net


def stack(hidden=Soft, receptor=bs.receptors.Delta, layers=(6, 5), scale=1.5):
    """Several hidden layers of soft-reset neurons, and leaky readouts."""
    net = bs.Network(seed=2)
    net.inp = bs.sources.SpikeInput(5)
    before = net.inp
    for k, n in enumerate(layers):
        layer = hidden(n, surrogate=SURROGATE)
        setattr(net, f"hid{k}", layer)
        layer.add_receptors(syn=receptor())
        net.connect(before, layer, bs.AllToAll(), receptor="syn", weight=bs.Normal(0.5 * scale * u.mV, scale * u.mV))
        before = layer
    net.out = Leaky(3)
    net.out.add_receptors(syn=receptor())
    net.connect(before, net.out, bs.AllToAll(), receptor="syn", weight=bs.Normal(0 * u.mV, 1 * u.mV))
    return net


def learned(net, rule, loss=loss, target=TARGET, steps=STEPS, **options):
    """Value and gradients of an online rule over the whole sequence."""
    learn = bs.train.online(net, dt=DT, rule=rule, loss=loss, **options)
    value, gradients, _ = jax.jit(lambda x, y: learn.run(None, {"inp.input": x}, y))(INPUT[:steps], target[:steps])
    return value, gradients


def backpropagated(net, paths, record=("out.V",), loss=loss, target=TARGET, steps=STEPS, dt=DT):
    """The same by ``jax.grad`` of the whole run."""
    run = bs.function(net, steps * dt, dt=dt, record=list(record), remat=False)

    def total(parameters):
        _, recorded = run(parameters, {}, inputs={"inp.input": INPUT[:steps]})
        return jnp.sum(jax.vmap(loss)(recorded, target[:steps]))

    return jax.jit(jax.value_and_grad(total))({path: run.parameters[path] for path in paths})


def assert_equal(found, expected, rtol):
    """Gradients are equal, relative to the largest of each parameter."""
    assert found.keys() == expected.keys()
    for path in found:
        scale = np.abs(expected[path]).max() or 1.0
        np.testing.assert_allclose(found[path] / scale, expected[path] / scale, rtol=0, atol=rtol, err_msg=path)
