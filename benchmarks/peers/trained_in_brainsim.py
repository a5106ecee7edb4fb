"""The training benchmarks in brainsim: a network for one example, and the pieces of `train` that `fit` is made of."""

import math

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

import brainsim as bs

from ._training import BETA, RATE, SIDES, STRIDES, WIDTH, Task, data, weights

TAU = -1 / math.log(float(BETA)) * u.ms


def load(framework: str) -> None:
    """Everything is imported already."""


def convolution(kernel: np.ndarray, stride: int) -> nnx.Conv:
    """A layer with this kernel."""
    layer = nnx.Conv(*kernel.shape[2:], (3, 3), strides=stride, use_bias=False, rngs=nnx.Rngs(0))
    layer.kernel.set_value(jnp.asarray(kernel))
    return layer


def build(task: Task) -> bs.Network:
    """The network for one example."""
    net = bs.Network()
    neuron = dict(tau=TAU, E_L=0 * u.mV, V=0 * u.mV, V_th=1 * u.mV, V_reset=0 * u.mV)
    shapes = list(task.sizes)
    if task.channels:
        shapes[:3] = [(side, side, channels) for side, channels in zip(SIDES, task.channels)]
    net.p0 = bs.sources.SpikeInput(shapes[0])
    made = weights(task)
    for k, n in enumerate(shapes[1:], start=1):
        last = k == len(task.sizes) - 1
        layer = (
            bs.nn.LeakyIntegrator(n, tau=TAU)
            if last
            else bs.neurons.LIF(n, surrogate=bs.surrogate.FastSigmoid(1.0), **neuron)
        )
        setattr(net, f"p{k}", layer)
        layer.add_receptors(kick=bs.receptors.Delta())
        pre = net.populations[f"p{k - 1}"]
        path, weight = bs.AllToAll(), made[str(k - 1)] * u.mV
        if task.channels and not last:
            path, weight = bs.paths.Layer(convolution(made[str(k - 1)], STRIDES[k - 1])), 1 * u.mV
        delays = {}
        if task.longest:
            spread = bs.delays.Gaussian(made[f"d{k - 1}"] * u.ms, width=WIDTH * u.ms)
            delays = {"delay": spread, "max_delay": task.longest * u.ms}
        # What arrives is added before the membrane decays
        net.connect(pre, layer, path, receptor="kick", weight=weight / BETA, name=str(k - 1), **delays)
        if task.longest:
            net.projections[str(k - 1)].axon.train()
    if task.recurrent:
        net.connect(net.p1, net.p1, bs.AllToAll(), receptor="kick", weight=made["r"] / BETA * u.mV, name="r")
    return net


def prepare(task: Task, framework: str):
    """``(gradients, step, version)``."""
    net, (spikes, labels) = build(task), data(task)
    lag = len(task.sizes) - 1  # steps that a spike takes from the input to the output
    output = f"p{lag}.V"
    objective = bs.train.Objective(
        net,
        (task.steps + lag) * u.ms,
        dt=1 * u.ms,
        loss=optax.softmax_cross_entropy_with_integer_labels,
        read=(output, lambda course, mask: course[lag:].mean(0)),
    )
    courses = np.zeros((task.batch, task.steps + lag, task.sizes[0]), np.float32)
    courses[:, : task.steps] = spikes.swapaxes(0, 1)
    batch = bs.train.Batch(jnp.asarray(courses), jnp.asarray(labels))
    del spikes, courses
    slopes, key = bs.train.bptt(objective), jax.random.PRNGKey(0)
    adam = optax.adam(RATE)
    learned = {
        name: f"{name}.layer.kernel" if task.channels and name != "2" else f"{name}.weight" for name in weights(task)
    }
    learned |= {name: f"{name[1:]}.delay" for name in learned if name[0] == "d"}
    parameters = {path: objective.run.parameters[path] for path in learned.values()}
    at = [parameters, adam.init(parameters)]

    @jax.jit
    def update(parameters, moments, batch):
        _, gradient = slopes(parameters, objective.carried, batch, key)
        changes, moments = adam.update(gradient, moments)
        return optax.apply_updates(parameters, changes), moments

    def gradients():
        _, found = jax.jit(slopes)(parameters, objective.carried, batch, key)
        return {name: np.asarray(found[path]) / (BETA if ".weight" in path else 1) for name, path in learned.items()}

    def step():
        at[:] = jax.block_until_ready(update(*at, batch))

    return gradients, step, bs.__version__
