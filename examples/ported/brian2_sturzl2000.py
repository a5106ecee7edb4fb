"""How a scorpion finds its prey.

A wave in the sand reaches eight legs one after the other. Each drives a command cell, which the opposite legs inhibit; the command
cells vote on the direction. After Brian2's example of Stürzl, Kempter and van Hemmen, Phys. Rev. Lett. 84:5668 (2000).
"""

import brainunit as u
import numpy as np

import brainsim as bs

Leg = bs.neurons.from_equations(
    "dv/dt = (1 + wave - v)/taus : 1 (unless refractory) \n wave : 1 (input)", "v > 1", "v = 0", 1 * u.ms, taus=1 * u.ms
)
Command = bs.neurons.from_equations(
    """
    dv/dt = (x - v)/taus : 1 (unless refractory)
    dx/dt = (y - x)/taus : 1
    dy/dt = -y/taus : 1
    """,
    "v > 1", "v = 0", 10 * u.ms, taus=1 * u.ms,
)  # fmt: skip
LEGS = np.deg2rad(22.5 + 45 * np.arange(8))


def run(angle=144.0, duration=500 * u.ms, seed=0):
    time, rng = np.arange(5000) * 1e-4, np.random.default_rng(seed)
    f, phase = np.arange(150, 451)[:, None], 2 * np.pi * rng.normal(size=(301, 1))
    late = 0.025 / 50 * (1 - np.cos(np.deg2rad(angle) - LEGS))  # seconds
    wave = [np.sum(np.exp(-((f - 300) ** 2) / 5000) * np.cos(phase + 2 * np.pi * f * (time - d)), 0) for d in late]
    net = bs.Network()
    net.legs, net.command = Leg(8), Command(8)
    net.legs.add_stimuli(ground=bs.stimuli.TimedArray(0.01 * np.array(wave).T, 0.1 * u.ms))
    net.command.add_receptors(syn=bs.receptors.Delta(into="y"))
    net.connect(net.legs, net.command, bs.OneToOne(), receptor="syn", weight=7.0)
    opposite = bs.Where(lambda i, j: np.isin((j - i) % 8, (3, 4, 5)))
    net.connect(net.legs, net.command, opposite, receptor="syn", weight=-2.0, delay=0.7 * u.ms)
    counts = bs.simulate(net, duration, record="command.spikes").spikes["command"].indices
    counts = np.bincount(counts, minlength=8)
    return counts, np.rad2deg(np.angle(np.sum(counts * np.exp(1j * LEGS)))) % 360


def draw(result, ax):
    ax.bar(np.rad2deg(LEGS), result[0], width=30)
    ax.axvline(result[1], color="k")
    ax.set(xlabel="leg (degrees)", ylabel="spikes")
