"""Digits that cells learn without a teacher.

Spikes of the pixels reach cells that compete by inhibition and raise their own thresholds; triplets of spikes shape the weights, and each
cell comes to answer to one digit. After Brian2's example of Diehl and Cook, Front. Comput. Neurosci. 9:99 (2015), with one delay in place
of random ones. ``run(images, labels)`` takes MNIST, as bytes; alone it takes the small digits of scikit-learn.
"""

import brainunit as u
import jax
import numpy as np
from sklearn.datasets import load_digits

import brainsim as bs

NEURON = "dv/dt = (rest - v + I)/tau : volt (unless refractory) \n I : volt (input) \n"
Excitatory = bs.neurons.from_equations(
    NEURON + "dtheta/dt = -theta/(1e7*ms) : volt \n dtimer/dt = 1 : second", "v > theta - 72*mV and timer > 50*ms",
    "v = rest; theta += plus; timer = 0*ms", 5 * u.ms, tau=100 * u.ms, rest=-65 * u.mV, theta=20 * u.mV, plus=0.05 * u.mV,
)  # fmt: skip
Inhibitory = bs.neurons.from_equations(NEURON, "v > -40*mV", "v = -45*mV", 2 * u.ms, tau=10 * u.ms, rest=-60 * u.mV)


def build(weight, rule=None):
    net, (pixels, n) = bs.Network(seed=1), weight.shape
    net.inp = bs.sources.PoissonGroup(pixels, rate=np.zeros(pixels) * u.Hz)
    net.exc, net.inh = Excitatory(n, v=-65 * u.mV), Inhibitory(n, v=-60 * u.mV)
    for cells, low in ((net.exc, -100 * u.mV), (net.inh, -85 * u.mV)):
        cells.add_receptors(e=bs.receptors.Exponential(tau=1 * u.ms, reversal=0 * u.mV))
        cells.add_receptors(i=bs.receptors.Exponential(tau=2 * u.ms, reversal=low))
    net.connect(net.exc, net.inh, bs.OneToOne(), receptor="e", weight=10.4)
    net.connect(net.inh, net.exc, bs.Where(lambda i, j: i != j), receptor="i", weight=17.0)
    net.connect(net.inp, net.exc, bs.AllToAll(), receptor="e", weight=weight, delay=5 * u.ms, plasticity=rule, name="w")
    return net


def learner(net):
    show, rest = (bs.function(net, t * u.ms, dt=0.5 * u.ms, record="exc.spikes") for t in (350, 150))

    def once(state, image):
        def again(carry):
            brightness, state, _ = carry
            state, seen = show({"inp.rate": image / 8 * brightness}, state)
            return brightness + 1, rest({"inp.rate": 0 * image}, state)[0], seen["exc.spikes"].sum()

        state["w.weight"] *= 78 / state["w.weight"].sum(0, keepdims=True)
        return jax.lax.while_loop(lambda carry: carry[2] < 5, again, (2.0, state, 0))[1:]

    return jax.jit(lambda state, images: jax.lax.scan(once, state, images)), show.state


def answers(state, images):
    net = build(state["w.weight"])
    net.exc.theta, net.exc.plus = state["exc.theta"] * u.mV, 0 * u.mV
    spikes, brightness = np.zeros((len(images), len(net.exc))), 2
    while (dim := np.flatnonzero(spikes.sum(1) < 5)).size:
        rates = {"inp.rate": images[dim] / 8 * brightness * u.Hz}
        shown = bs.sweep(net, rates, 350 * u.ms, dt=0.5 * u.ms, record="exc.spikes", progress=False)
        spikes[dim] = shown.map(lambda rec: np.bincount(rec.spikes["exc"].indices, minlength=len(net.exc)))
        brightness += 1
    return spikes


def run(images=None, labels=None, n=100, train=200, test=100):
    if images is None:
        images, labels = load_digits(return_X_y=True)
        images = np.kron(16 * images.reshape(-1, 8, 8), np.ones((3, 3)))
    images, rng = images.reshape(len(images), -1), np.random.default_rng(0)
    rule = bs.plasticity.TripletSTDP(
        A2_plus=0.0, A2_minus=1e-4, A3_plus=1e-2, A3_minus=0.0, w_max=1.0, tau_plus=20 * u.ms, tau_minus=20 * u.ms,
        tau_y=40 * u.ms, pairing="nearest",
    )  # fmt: skip
    learn, state = learner(build(0.3 * (rng.random((images.shape[1], n)) + 0.01), rule))
    state, _ = learn(state, images[:train].astype(float))
    seen = answers(state, images[: min(train, 5000)])
    digit = np.argmax([seen[labels[: len(seen)] == d].mean(0) for d in range(10)], 0)
    given = answers(state, images[train : train + test])
    votes = [given[:, digit == d].mean(1) if (digit == d).any() else np.zeros(len(given)) for d in range(10)]
    return np.asarray(state["w.weight"]), np.mean(np.argmax(votes, 0) == labels[train : train + test])


def draw(result, ax):
    weight, right = result
    side = int(np.sqrt(len(weight)))
    tiles = weight[:, :100].reshape(side, side, 10, 10).transpose(2, 0, 3, 1).reshape(10 * side, 10 * side)
    ax.imshow(tiles)
    ax.set(title=f"{right:.0%} right", xticks=[], yticks=[])
