"""Noise that helps.

A rhythm too weak to make a cell fire is heard best with some noise: with none the cell is silent, with much it fires at any time. Each
noise has 40 cells of its own, all in one run. L. Gammaitoni, P. Hänggi, P. Jung, F. Marchesoni, Rev. Mod. Phys. 70:223 (1998).
"""

import brainunit as u
import numpy as np

import brainsim as bs

NOISE = np.geomspace(50, 1500, 16)  # pA ms^1/2


def run(cells=40, duration=4 * u.second, frequency=5 * u.Hz):
    net = bs.Network(seed=1)
    net.E = bs.neurons.LIF((len(NOISE), cells), R=100 * u.Mohm, tau=20 * u.ms)
    net.E.add_stimuli(
        rhythm=bs.stimuli.Sine(35 * u.pA, frequency, offset=40 * u.pA),
        noise=bs.stimuli.WhiteNoise(np.repeat(NOISE, cells) * u.pA * u.ms**0.5),
    )
    train = bs.simulate(net, duration, record="E.spikes").spikes["E"]
    noise, turns = train.indices // cells, np.asarray(train.times * frequency)
    counts = np.bincount(noise, minlength=len(NOISE))
    locked = np.array([np.abs(np.exp(2j * np.pi * turns[noise == k]).sum()) for k in range(len(NOISE))])
    return counts, locked**2 / np.maximum(counts, 1) / cells / float(duration / u.second)


def draw(result, ax):
    counts, heard = result
    ax.semilogx(NOISE, heard, "o-")
    ax.set(xlabel="noise (pA ms$^{1/2}$)", ylabel="signal to noise (Hz)")
