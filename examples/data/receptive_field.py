"""What a cell is looking for.

A cell that fires by chance sees random pictures through a filter. The mean of what it saw before its spikes is that filter. E. J.
Chichilnisky, Network 12:199 (2001).
"""

import brainunit as u
import numpy as np

import brainsim as bs


def gabor(side=16):
    x, y = np.meshgrid(np.linspace(-2, 2, side), np.linspace(-2, 2, side))
    return np.exp(-(x**2 + y**2) / 1.2) * np.cos(3 * (x + 0.6 * y))


def run(frames=20000, side=16, seed=0):
    field = gabor(side)
    pictures = np.random.default_rng(seed).standard_normal((frames, side * side)).astype(np.float32)
    drive = pictures @ field.ravel() / np.linalg.norm(field)
    net = bs.Network(seed=seed)
    net.cell = bs.sources.PoissonGroup(1)
    net.cell.add_stimuli(seen=bs.stimuli.TimedArray(30 * np.exp(drive) * u.Hz, 1 * u.ms))
    train = bs.simulate(net, frames * u.ms, dt=1 * u.ms, record="cell.spikes").spikes["cell"]
    before = np.asarray(train.steps) - 1  # a spike is stamped with the end of its step
    return field, pictures[before].mean(0).reshape(side, side)


def draw(result, ax):
    both = np.concatenate([picture / np.abs(picture).max() for picture in result], 1)
    ax.imshow(both, cmap="gray")
    ax.set_title("the filter, and the mean before a spike")
    ax.axis("off")
