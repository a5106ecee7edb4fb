"""Bursts of a whole network, and quiet between them.

Synapses between excitatory cells tire, those onto inhibitory cells facilitate, each with numbers of its own; once in a while all cells
fire together. M. Tsodyks, A. Uziel, H. Markram, J. Neurosci. 20:RC50 (2000), with the parameters of the paper.
"""

import brainunit as u
import numpy as np

import brainsim as bs


def spread(mean, unit=1.0):
    """Normal, with half the mean as standard deviation, between a fifth and twice of the mean."""
    low, high = sorted([0.2 * mean, 2 * mean])
    return bs.Normal(mean * unit, abs(mean) / 2 * unit).truncate(low=low * unit, high=high * unit)


def network(seed=1, n=500):
    net, zero, e = bs.Network(seed=seed), 0 * u.mV, 4 * n // 5
    refractory = np.where(np.arange(n) < e, 3.0, 2.0) * u.ms
    net.N = bs.neurons.LIF(
        n, tau=30 * u.ms, R=1 * u.Gohm, E_L=zero, V_th=15 * u.mV, V_reset=13.5 * u.mV, V=bs.Uniform(0 * u.mV, 15 * u.mV),
        refractory=refractory,
    )  # fmt: skip
    net.N.add_receptors(syn=bs.receptors.Exponential(tau=3 * u.ms))
    background = np.random.default_rng(seed).uniform(15 - 0.025, 15 + 0.025, n) * u.pA
    net.N.add_stimuli(background=bs.stimuli.Constant(background))
    E, I = net.N[:e], net.N[e:]
    for pre, post, A, U, rec, facil in (
        (E, E, 1.8, 0.5, 800, None), (E, I, 5.4, 0.04, 100, 1000), (I, E, -7.2, 0.5, 800, None), (I, I, -7.2, 0.04, 100, 1000),
    ):  # fmt: skip
        synapse = bs.synapses.ThreeState(
            U=spread(U),
            tau_rec=spread(rec, u.ms),
            tau_facil=facil and spread(facil, u.ms),
            tau_inactive=3 * u.ms,
        )
        net.connect(
            pre,
            post,
            bs.FixedProbability(0.1),
            receptor="syn",
            weight=spread(A, u.pA),
            delay=0.1 * u.ms,
            synapse=synapse,
        )
    return net


def run(duration=5 * u.second):
    return bs.simulate(network(), duration, record="N.spikes")


def draw(rec, ax):
    train = rec.spikes["N"]
    ax.plot(train.times / u.second, train.indices, ".", ms=1)
    ax.set(xlabel="time (s)", ylabel="neuron")
