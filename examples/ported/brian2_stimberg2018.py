"""Neurons and astrocytes that talk to each other.

Spikes release transmitter, by which astrocytes make IP3 and, above a threshold of calcium, release a transmitter of their own; that makes
synapses weaker. After Brian2's example of Stimberg, Goodman, Brette and De Pitta, bioRxiv 198366 (2018), figure 6.
"""

import brainunit as u
import numpy as np

import brainsim as bs

ROWS, COLUMNS = 50, 64
Neuron = bs.neurons.from_equations(
    "dv/dt = (9.99*nS*(-60*mV - v) + I)/(198*pF) : volt (unless refractory) \n dY/dt = -40*Hz*Y : uM \n Gamma : 1 (summed)",
    "v > -50*mV", "v = -60*mV", 5 * u.ms,
)  # fmt: skip
RELEASE = dict(U=0.6, tau_facil=1 / (3.33 * u.Hz), tau_rec=500 * u.ms)


class Release(bs.synapses.TsodyksMarkram):
    """Of which gliotransmitter leaves less."""

    of_post = ("Gamma",)

    def spike(self, p, u, x):
        u = u + p.U * (1 - p.Gamma) * (1 - u)
        return u * x, {"u": u, "x": x - u * x}


def run(duration=8 * u.second, seed=0):
    net, n = bs.Network(seed=seed), ROWS * COLUMNS
    astrocyte = np.concatenate([np.arange(n), np.arange(0, n, 4)])  # of each excitatory and inhibitory neuron
    net.N = Neuron(len(astrocyte), v=bs.Uniform(-60 * u.mV, -50 * u.mV))
    net.N.add_receptors(
        e=bs.receptors.Exponential(tau=5 * u.ms, reversal=0 * u.mV, g=bs.Uniform(0 * u.nS, 0.05 * u.nS)),
        i=bs.receptors.Exponential(tau=10 * u.ms, reversal=-80 * u.mV, g=bs.Uniform(0 * u.nS, 1 * u.nS)),
        to_Y=bs.receptors.Delta(into="Y"), from_A=bs.receptors.Summed(into="Gamma"),
    )  # fmt: skip
    net.N.add_stimuli(drive=bs.stimuli.TimedArray([100, 120, 100, 100] * u.pA, 2 * u.second))
    net.A = bs.glia.GChI((ROWS, COLUMNS), positions=bs.connectivity.Grid(spacing=67 * u.um), dt=10 * u.ms)
    net.A.add_receptors(sum=bs.receptors.Summed(into="Y_S"))
    net.A.add_receptors(gap=bs.receptors.Coupling(bs.glia.diffusion, weight_in=u.uM / u.second, of="IP3"))
    onto, some, many = {"e": 1, "to_Y": 50 * u.mM / u.nS}, bs.FixedProbability(0.05), bs.FixedProbability(0.2)
    e = net.connect(net.N[:n], net.N, some, receptor=onto, weight=0.05 * u.nS, synapse=Release(**RELEASE))
    once = bs.terminals.TsodyksMarkram(**RELEASE)
    net.connect(net.N[n:], net.N, many, receptor="i", weight=1 * u.nS, terminal=once)
    here, there = bs.FromArrays(np.arange(len(net.N)), astrocyte), bs.FromArrays(astrocyte, np.arange(len(net.N)))
    share = 1 / np.bincount(astrocyte[e.pairs()[1]], minlength=n)[astrocyte]
    net.connect(net.N, net.A, here, receptor="sum", signal="Y", weight=share)
    net.connect(net.A, net.N, there, receptor="from_A", signal="Gamma_S", weight=1.0)
    near = bs.connectivity.Radial(bs.connectivity.Disc(75 * u.um), self_connections=False)
    net.connect(net.A, net.A, near, receptor="gap", signal="IP3", weight=0.09 * u.uM / u.second)
    return bs.simulate(net, duration, record=["N.spikes", "A.spikes", "mean(A.C)"])


def draw(rec, ax):
    for name, color, above in (("N", "k", 0), ("A", "C2", 4000)):
        ax.plot(rec.spikes[name].times / u.second, rec.spikes[name].indices + above, ",", color=color)
    ax.set(xlabel="time (s)", ylabel="neurons, astrocytes")
