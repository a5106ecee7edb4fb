"""Digits that cells learn without a teacher.

Triplets of spikes shape the weights of cells that compete, and each comes to answer to one digit: Brian2's example of Diehl and Cook,
Front. Comput. Neurosci. 9:99 (2015), with one delay for all. ``run(images, labels, n=400, train=20000)`` takes MNIST, as bytes.
"""

import brainunit as u
import numpy as np
from sklearn.datasets import load_digits

import brainsim as bs

NEURON = "dv/dt = (rest - v + I)/tau : volt (unless refractory) \n I : volt (input) \n"
Excitatory = bs.neurons.from_equations(
    NEURON + "dtheta/dt = -theta/(1e7*ms) : volt \n dtimer/dt = 1 : second", "v > theta - 72*mV and timer > 50*ms",
    "v = rest; theta += plus; timer = 0*ms", 5 * u.ms, tau=100 * u.ms, rest=-65 * u.mV, v=-65 * u.mV, theta=20 * u.mV, plus=0.05 * u.mV,
)  # fmt: skip
Inhibitory = bs.neurons.from_equations(
    NEURON, "v > -40*mV", "v = -45*mV", 2 * u.ms, tau=10 * u.ms, rest=-60 * u.mV, v=-60 * u.mV
)
DIGITS, START = load_digits(), bs.Uniform(0.003, 0.303)  # pixels from 0 to 16; weights


def show(net, image, brightness=2):
    """Show an image for 350 ms, then nothing for 150 ms; one that few cells answer is shown again, brighter."""
    net.inp.image.amplitude, net.inp.image.stop = image.ravel() / 8 * brightness * u.Hz, net.t + 350 * u.ms
    seen = bs.simulate(net, 500 * u.ms, dt=0.5 * u.ms, record="exc.spikes", progress=False).spikes["exc"]
    return seen if len(seen) >= 5 else show(net, image, brightness + 1)


def run(images=np.kron(16 * DIGITS.images, np.ones((1, 3, 3))), labels=DIGITS.target, n=100, train=200, test=100):
    net = bs.Network(seed=1)
    net.inp, net.exc, net.inh = bs.sources.PoissonGroup(images[0].size), Excitatory(n), Inhibitory(n)
    net.inp.add_stimuli(image=bs.stimuli.Constant(np.zeros(images[0].size) * u.Hz))
    for cells, low in ((net.exc, -100 * u.mV), (net.inh, -85 * u.mV)):
        cells.add_receptors(e=bs.receptors.Exponential(tau=1 * u.ms, reversal=0 * u.mV))
        cells.add_receptors(i=bs.receptors.Exponential(tau=2 * u.ms, reversal=low))
    net.connect(net.exc, net.inh, bs.OneToOne(), receptor="e", weight=10.4)
    net.connect(net.inh, net.exc, bs.Where(lambda i, j: i != j), receptor="i", weight=17.0)
    rule = bs.plasticity.TripletSTDP(A2_plus=0.0, A2_minus=1e-4, A3_plus=1e-2, A3_minus=0.0, w_max=1.0, pairing="nearest",
                                     tau_plus=20 * u.ms, tau_minus=20 * u.ms, tau_y=40 * u.ms)  # fmt: skip
    w = net.connect(net.inp, net.exc, bs.AllToAll(), receptor="e", weight=START, delay=5 * u.ms, plasticity=rule)
    for image in images[:train]:
        w.weight = np.minimum(w.weight * 78 / w.weight.sum(0, keepdims=True), 1)
        show(net, image)
    learned, net.exc.plus, net.inp.image.stop = w.weight, 0 * u.mV, net.t + 350 * u.ms
    del net["inp->exc"]  # for one that does not learn, so that all images can be shown side by side
    net.connect(net.inp, net.exc, bs.AllToAll(), receptor="e", weight=learned, delay=5 * u.ms)
    shown = {"inp.image.amplitude": images[: train + test].reshape(train + test, -1) / 4 * u.Hz}
    answers = bs.sweep(net, shown, 350 * u.ms, dt=0.5 * u.ms, record="exc.spikes", progress=False)
    spikes = np.array([seen.spikes["exc"].numbers() for seen in answers])
    answer = bs.train.votes(spikes[:train], labels[:train])
    return learned, np.mean(answer(spikes[train:]).argmax(1) == labels[train : train + test])


def draw(result, ax):
    side = int(np.sqrt(len(result[0])))
    ax.imshow(result[0][:, :100].reshape(side, side, 10, 10).transpose(2, 0, 3, 1).reshape(10 * side, -1))
    ax.set(title=f"{result[1]:.0%} right", xticks=[], yticks=[])
