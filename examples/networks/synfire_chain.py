"""A chain that sharpens spikes, or forgets them.

Ten groups of cells, each wired to the next. A volley that is strong and sharp enough becomes sharper from group to group; a weak or
broad one dies out. After M. Diesmann, M.-O. Gewaltig, A. Aertsen, Nature 402:529 (1999).
"""

import brainunit as u
import numpy as np

import brainsim as bs


def network(spikes, spread, groups=10, size=100, seed=0):
    net = bs.Network(seed=seed)
    net.cells = bs.neurons.LIF((groups, size), tau=10 * u.ms, R=40 * u.Mohm, E_L=-70 * u.mV, V_reset=-70 * u.mV,
                               V_th=-55 * u.mV, refractory=2 * u.ms, V=bs.Uniform(-70 * u.mV, -57 * u.mV))  # fmt: skip
    noise = bs.stimuli.OrnsteinUhlenbeck(210 * u.pA, 110 * u.pA, 2 * u.ms)
    net.cells.add_stimuli(background=noise)
    net.cells.add_receptors(exc=bs.receptors.Alpha(tau=1.7 * u.ms))
    at = 50 + spread * np.random.default_rng(seed).standard_normal(spikes)
    net.volley = bs.sources.SpikeTimes(spikes, np.maximum(at, 1) * u.ms, np.arange(spikes))
    net.connect(net.volley, net.cells[0], bs.AllToAll(), receptor="exc", weight=11 * u.pA)
    following = bs.Where(lambda i, j: j // size == i // size + 1)
    net.connect(net.cells, net.cells, following, receptor="exc", weight=11 * u.pA, delay=5 * u.ms)
    return net


def run(volleys=((100, 1.0), (35, 3.0))):
    return [bs.simulate(network(*volley), 140 * u.ms, record="cells.spikes").spikes["cells"] for volley in volleys]


def packet(train, group, size=100):
    """How many cells of a group fire around the time at which the volley comes by, and with which spread in ms."""
    mine = np.asarray(train.times / u.ms)[train.indices // size == group]
    when = 53 + 6.6 * group
    mine = mine[np.abs(mine - when) < 8]
    return len(mine), mine.std() if len(mine) > 1 else np.nan


def draw(result, ax):
    for train, color in zip(result, ("C0", "C3")):
        ax.plot(train.times / u.ms, train.indices, ".", ms=1.5, color=color)
    ax.set(xlabel="ms", ylabel="cell, in groups of 100", xlim=(30, 140))
