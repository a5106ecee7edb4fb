"""Neurons and astrocytes that talk to each other.

Spikes release transmitter, by which astrocytes make IP3 and, above a threshold of calcium, release a transmitter of their own; that makes
synapses weaker. After Brian2's example of Stimberg, Goodman, Brette and De Pitta, bioRxiv 198366 (2018), figure 6.
"""

import brainunit as u
import numpy as np

import brainsim as bs

ROWS, COLUMNS = 50, 64
Neuron = bs.neurons.from_equations(
    "dv/dt = (9.99*nS*(-60*mV - v) + I)/(198*pF) : volt (unless refractory) \n dY/dt = -40*Hz*Y : mmolar \n Gamma : 1 (summed)",
    "v > -50*mV", "v = -60*mV", 5 * u.ms,
)  # fmt: skip
Astrocyte = bs.neurons.from_equations(
    """
    A = clip(Gamma_A, 0, 1) : 1
    dGamma_A/dt = 0.3/(uM*second)*Y_S*(1 - A) - 0.5*Hz*(1 + 10*C/(C + 0.5*uM))*A : 1
    dP/dt = 0.5*uM*Hz*Gamma_A + 1.2*uM*Hz/(1 + P/(1.5*uM))*C**2/(C**2 + (0.1*uM)**2) - 0.05*Hz*P + J
            - 4.5*uM*Hz*C**4/(C**4 + (0.7*uM)**4)*P/(P + 1*uM) : mmolar
    dC/dt = (6*Hz*(P/(P + 0.13*uM)*C/(C + 0.08*uM)*h)**3 + 0.1*Hz)*(2*uM - 1.18*C) - 0.9*uM*Hz*C**2/(C**2 + (0.05*uM)**2) : mmolar
    dh/dt = 0.2/(uM*second)*(1.05*uM*(P + 0.13*uM)/(P + 0.9434*uM)*(1 - h) - C*h) : 1
    dx_A/dt = 0.6*Hz*(1 - x_A) : 1
    dG_A/dt = -60*Hz*G_A : mmolar
    dGamma_S/dt = 1.5/(uM*second)*G_A*(1 - Gamma_S) - 0.5/60*Hz*Gamma_S : 1
    Y_S : mmolar (summed)
    J : mmolar/second (input)
    """,
    "C > C_th", "G_A += 6.5e-4*200*mmolar*0.6*x_A; x_A -= 0.6*x_A", "C > C_th", method="rk4", C_th=0.5 * u.uM,
    C=0.01 * u.uM, h=0.9, P=0.01 * u.uM, x_A=1.0,
)  # fmt: skip
RELEASE = dict(U=0.6, tau_facil=1 / (3.33 * u.Hz), tau_rec=500 * u.ms)


class Release(bs.synapses.TsodyksMarkram):
    """Of which gliotransmitter leaves less."""

    of_post = ("Gamma",)

    def spike(self, p, u, x):
        u = u + p.U * (1 - p.Gamma) * (1 - u)
        return u * x, {"u": u, "x": x - u * x}


def diffusion(x, y, F):
    return -F / 2 * (1 + u.math.tanh((u.math.abs(y - x) - 0.3 * u.uM) / (0.05 * u.uM))) * u.math.sign(y - x)


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
    net.A = Astrocyte((ROWS, COLUMNS), positions=bs.connectivity.Grid(spacing=67 * u.um), dt=10 * u.ms)
    net.A.add_receptors(sum=bs.receptors.Summed(into="Y_S"))
    net.A.add_receptors(gap=bs.receptors.Coupling(diffusion, weight_in=u.mM / u.second, of="P"))
    onto, some, many = {"e": 1, "to_Y": 2.5 * u.mM / (0.05 * u.nS)}, bs.FixedProbability(0.05), bs.FixedProbability(0.2)
    e = net.connect(net.N[:n], net.N, some, receptor=onto, weight=0.05 * u.nS, synapse=Release(**RELEASE))
    once = bs.terminals.TsodyksMarkram(**RELEASE)
    net.connect(net.N[n:], net.N, many, receptor="i", weight=1 * u.nS, terminal=once)
    here, there = bs.FromArrays(np.arange(len(net.N)), astrocyte), bs.FromArrays(astrocyte, np.arange(len(net.N)))
    share = 1 / np.bincount(astrocyte[e.pairs()[1]], minlength=n)[astrocyte]
    net.connect(net.N, net.A, here, receptor="sum", signal="Y", weight=share)
    net.connect(net.A, net.N, there, receptor="from_A", signal="Gamma_S", weight=1.0)
    near = bs.connectivity.Radial(bs.connectivity.Disc(75 * u.um), self_connections=False)
    net.connect(net.A, net.A, near, receptor="gap", signal="P", weight=0.09 * u.uM / u.second)
    return bs.simulate(net, duration, record=["N.spikes", "A.spikes", "mean(A.C)"])


def draw(rec, ax):
    for name, color, above in (("N", "k", 0), ("A", "C2", 4000)):
        ax.plot(rec.spikes[name].times / u.second, rec.spikes[name].indices + above, ",", color=color)
    ax.set(xlabel="time (s)", ylabel="neurons, astrocytes")
