"""The cortical microcircuit at a tenth of its size.

Eight populations of four layers with 7,700 neurons, a tenth of the neurons and of their inputs; weights grow by the root, and direct
currents put mean inputs back. After NEST's ``Potjans_2014``: T. C. Potjans, M. Diesmann, Cereb. Cortex 24:785 (2014).
"""

import brainunit as u
import numpy as np

import brainsim as bs

NAMES = ["L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I"]
SIZES = np.array([20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948])
SOURCES = np.array([1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100])
RATES = np.array([0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829])  # Hz, of the whole network
PROBABILITIES = np.array([
    [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0, 0.0076, 0],
    [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0, 0.0042, 0],
    [0.0077, 0.0059, 0.0497, 0.135, 0.0067, 0.0003, 0.0453, 0],
    [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0, 0.1057, 0],
    [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0],
    [0.0548, 0.0269, 0.0257, 0.0022, 0.06, 0.3158, 0.0086, 0],
    [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
    [0.0364, 0.001, 0.0034, 0.0005, 0.0277, 0.008, 0.0658, 0.1443],
])  # fmt: skip


def network(scale=0.1, seed=1):
    net, grow = bs.Network(seed=seed), 1 / np.sqrt(scale)
    weights = 87.8 * np.where(np.arange(8) % 2, -4.0, 1.0) * np.ones((8, 1))  # pA, of the column onto the row
    weights[0, 2] *= 2
    synapses = np.log1p(-PROBABILITIES) / np.log1p(-1 / np.outer(SIZES, SIZES))
    mean = 0.5e-3 * (weights * synapses / SIZES[:, None] @ RATES + 8 * 87.8 * SOURCES)  # pA, of all inputs
    for k, name in enumerate(NAMES):
        cells = net[name] = bs.neurons.LIF(
            round(scale * SIZES[k]), tau=10 * u.ms, R=40 * u.Mohm, E_L=-65 * u.mV, V_th=-50 * u.mV, V_reset=-65 * u.mV,
            refractory=2 * u.ms, V=bs.Normal(-58 * u.mV, 5 * u.mV),
        )  # fmt: skip
        cells.add_receptors(syn=bs.receptors.Exponential(tau=0.5 * u.ms))
        outside = bs.stimuli.PoissonInput("syn", rate=8 * u.Hz, weight=87.8 * grow * u.pA, sources=SOURCES[k] * scale)
        cells.add_stimuli(outside=outside, missing=bs.stimuli.Constant((1 - np.sqrt(scale)) * mean[k] * u.pA))
    for (post, pre), number in np.ndenumerate(np.round(synapses * scale**2).astype(int)):
        weight, delay = weights[post, pre] * grow * u.pA, (0.75 if pre % 2 else 1.5) * u.ms
        net.connect(
            net[NAMES[pre]], net[NAMES[post]], bs.FixedTotalNumber(number), receptor="syn",
            weight=bs.Normal(weight, abs(0.1 * weight)), delay=bs.Normal(delay, delay / 2).clip(low=0.1 * u.ms),
        )  # fmt: skip
    return net


def run(duration=1 * u.second, **options):
    return bs.simulate(network(**options), duration, record=[f"{name}.spikes" for name in NAMES])


def draw(rec, ax):
    ax.barh(NAMES, [rec.spikes[name].rate(start=rec.start + 0.2 * u.second) / u.Hz for name in NAMES])
    ax.invert_yaxis()
    ax.set(xlabel="rate (Hz)")
