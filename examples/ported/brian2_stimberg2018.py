"""Neurons and astrocytes that talk to each other.

Spikes release transmitter, by which astrocytes make IP3 and, above a threshold of calcium, release a transmitter of their own; that makes
synapses weaker. After Brian2's example of Stimberg, Goodman, Brette and De Pitta, bioRxiv 198366 (2018), figure 6.
"""

import brainunit as u
import jax.numpy as jnp
import numpy as np

import brainsim as bs

ROWS, COLUMNS = 50, 64
Neuron = bs.neurons.from_equations(
    "dv/dt = (9.99*nS*(-60*mV - v) + I)/(198*pF) : volt (unless refractory) \n dY/dt = -40*Hz*Y : mmolar \n Gamma : 1 (summed)",
    "v > -50*mV", "v = -60*mV", 5 * u.ms,
)  # fmt: skip
Astrocyte = bs.neurons.from_equations(
    """
    dGamma_A/dt = 0.3e3*Y_S/(mmolar*second) * (1 - A) - 0.5*Hz*(1 + 10*C/(C + 0.5e-3*mmolar))*A : 1
    A = clip(Gamma_A, 0, 1) : 1
    dP/dt = 0.5e-3*mmolar/second*Gamma_A + 1.2e-3*mmolar/second/(1 + P/(1.5e-3*mmolar))*C**2/(C**2 + (0.1e-3*mmolar)**2)
            - 4.5e-3*mmolar/second*C**4/(C**4 + (0.7e-3*mmolar)**4)*P/(P + 1e-3*mmolar) - 0.05*Hz*P + J : mmolar
    dC/dt = (6*Hz*(P/(P + 0.13e-3*mmolar)*C/(C + 0.08e-3*mmolar)*h)**3 + 0.1*Hz)*(2e-3*mmolar - 1.18*C)
            - 0.9e-3*mmolar/second*C**2/(C**2 + (0.05e-3*mmolar)**2) : mmolar
    Q = 1.05e-3*mmolar*(P + 0.13e-3*mmolar)/(P + 0.9434e-3*mmolar) : mmolar
    dh/dt = 0.2e3/(mmolar*second)*(Q - (Q + C)*h) : 1
    dx_A/dt = 0.6*Hz*(1 - x_A) : 1
    dG_A/dt = -60*Hz*G_A : mmolar
    dGamma_S/dt = 1.5e3/(mmolar*second)*G_A*(1 - Gamma_S) - 0.5/60*Hz*Gamma_S : 1
    Y_S : mmolar (summed)
    J : mmolar/second (input)
    """,
    "C > C_th", "G_A += 6.5e-4*200*mmolar*0.6*x_A; x_A -= 0.6*x_A", "C > C_th", method="rk4", C_th=0.5e-3 * u.mmolar,
    C=1e-5 * u.mmolar, h=0.9, P=1e-5 * u.mmolar, x_A=1.0,
)  # fmt: skip


class Release(bs.synapses.Synapse):
    """Resources and their use, of which gliotransmitter leaves less."""

    of_post = ("Gamma",)
    u = bs.State(0.0, "use of the resources", shape="n_synapses")
    x = bs.State(1.0, "resources", shape="n_synapses")

    def silence(self, p, dt, u, x):
        return {"u": u * jnp.exp(-3.33e-3 * dt), "x": 1 - (1 - x) * jnp.exp(-2e-3 * dt)}

    def spike(self, p, u, x):
        u = u + 0.6 * (1 - p.Gamma) * (1 - u)
        return u * x, {"u": u, "x": x - u * x}


def diffusion(x, y, F):
    return -F / 2 * (1 + u.math.tanh((u.math.abs(y - x) - 0.3e-3 * u.mM) / (0.05e-3 * u.mM))) * u.math.sign(y - x)


def run(duration=8 * u.second, seed=0):
    net, n = bs.Network(seed=seed), ROWS * COLUMNS
    covered_by = np.concatenate(
        [np.arange(n), np.arange(0, n, 4)]
    )  # astrocyte of each excitatory and inhibitory neuron
    net.N = Neuron(len(covered_by), v=bs.Uniform(-60 * u.mV, -50 * u.mV))
    net.N.add_receptors(
        to_Y=bs.receptors.Delta(into="Y"),
        from_A=bs.receptors.Summed(into="Gamma"),
        e=bs.receptors.Exponential(tau=5 * u.ms, reversal=0 * u.mV, g=bs.Uniform(0 * u.nS, 0.05 * u.nS)),
        i=bs.receptors.Exponential(tau=10 * u.ms, reversal=-80 * u.mV, g=bs.Uniform(0 * u.nS, 1 * u.nS)),
    )
    net.N.add_stimuli(drive=bs.stimuli.TimedArray([100, 120, 100, 100] * u.pA, 2 * u.second))
    net.A = Astrocyte((ROWS, COLUMNS), positions=bs.connectivity.Grid(spacing=67 * u.um), dt=10 * u.ms)
    net.A.add_receptors(sum=bs.receptors.Summed(into="Y_S"))
    net.A.add_receptors(gap=bs.receptors.Coupling(diffusion, weight_in=u.mM / u.second, of="P"))
    e = net.connect(
        net.N[:n], net.N, bs.FixedProbability(0.05), receptor={"e": 1, "to_Y": 0.005 * 500 * u.mM / (0.05 * u.nS)},
        weight=0.05 * u.nS, synapse=Release(), name="e",
    )  # fmt: skip
    once = bs.terminals.TsodyksMarkram(U=0.6, tau_facil=1 / (3.33 * u.Hz), tau_rec=500 * u.ms)
    net.connect(net.N[n:], net.N, bs.FixedProbability(0.2), receptor="i", weight=1 * u.nS, terminal=once)
    share = 1 / np.bincount(covered_by[e.pairs()[1]], minlength=n)[covered_by]
    net.connect(
        net.N, net.A, bs.FromArrays(np.arange(len(net.N)), covered_by), receptor="sum", signal="Y", weight=share
    )
    near = bs.connectivity.Radial(bs.connectivity.Disc(75 * u.um), self_connections=False)
    net.connect(net.A, net.A, near, receptor="gap", signal="P", weight=0.09e-3 * u.mM / u.second)
    over = bs.FromArrays(covered_by, np.arange(len(net.N)))
    net.connect(net.A, net.N, over, receptor="from_A", signal="Gamma_S", weight=1.0)
    return bs.simulate(net, duration, record=["N.spikes", "A.spikes", "mean(A.C)"])


def draw(rec, ax):
    for name, color, above in (("N", "k", 0), ("A", "C2", 4000)):
        ax.plot(rec.spikes[name].times / u.second, rec.spikes[name].indices + above, ",", color=color)
    ax.set(xlabel="time (s)", ylabel="neurons, astrocytes")
