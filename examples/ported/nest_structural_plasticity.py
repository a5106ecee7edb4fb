"""Synapses that grow until neurons have the calcium that they want.

A network without any synapse; elements grow and retract by the calcium of their neuron until excitatory cells have 0.05 and
inhibitory ones 0.2. After NEST's example ``structural_plasticity``, which has 1000 cells and lets synapses change every 10 s, so
that calcium swings; here they do so every second, and steps are of 0.5 ms: M. Butz, A. van Ooyen, PLoS Comput. Biol. 9:e1003259
(2013).
"""

import brainunit as u
import numpy as np

import brainsim as bs


def network(n, interval):
    net, rest, e = bs.Network(seed=1), -70 * u.mV, 4 * n // 5
    target = np.where(np.arange(n) < e, 0.05, 0.2)
    net.N = bs.neurons.LIF(
        n, tau=10 * u.ms, R=40 * u.Mohm, E_L=rest, V_th=-55 * u.mV, V_reset=rest, V=rest, refractory=2 * u.ms
    )
    net.N.add_receptors(syn=bs.receptors.Alpha(tau=2 * u.ms))
    net.N.add_stimuli(background=bs.stimuli.PoissonInput("syn", rate=10 * u.kHz, weight=6.2 * u.pA))
    elements = lambda rate: bs.plasticity.GaussianGrowth(eta=0.0, eps=target, rate=rate * u.Hz)
    for name, cells, weight, dendrites in (
        ("exc", net.N[:e], 585, np.where(target < 0.1, 0.1, 0.4)),
        ("inh", net.N[e:], -585, 0.1),
    ):
        grows = bs.plasticity.Structural(
            axon=elements(0.1), dendrite=elements(dendrites), capacity=64, interval=interval
        )
        none = bs.FromArrays([], [])
        net.connect(
            cells, net.N, none, receptor="syn", weight=weight * u.pA, delay=1 * u.ms, structure=grows, name=name
        )
    return net


def run(n=200, duration=150 * u.second, interval=1 * u.second, dt=0.5 * u.ms):
    e = 4 * n // 5
    record = {
        "exc": lambda net: net["exc"].structure.Ca_post[:e].mean(),
        "inh": lambda net: net["exc"].structure.Ca_post[e:].mean(),
        "exc.structure.n_formed": None,
        "inh.structure.n_formed": None,
    }
    return bs.simulate(network(n, interval), duration, dt=dt, record=record, sample_every=1 * u.second)


def draw(rec, ax):
    for name, target, color in (("exc", 0.05, "b"), ("inh", 0.2, "r")):
        ax.axhline(target, color=color, alpha=0.3, lw=4)
        ax.plot(rec.times / u.second, rec[name], color)
        ax.twinx().plot(rec.times / u.second, rec[f"{name}.structure.n_formed"], f"{color}--")
    ax.set(xlabel="time (s)", ylabel="calcium")
