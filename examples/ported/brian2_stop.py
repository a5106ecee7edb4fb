"""A run that stops itself.

Noisy cells that excite each other strongly; the run ends with the first step in which a twentieth of them fire. After Brian2's example of
stopping a network.
"""

import brainunit as u

import brainsim as bs


def run(share=0.05):
    net = bs.Network(seed=3)
    net.E = bs.neurons.LIF(200, R=100 * u.Mohm, refractory=2 * u.ms, V=bs.Uniform(-60 * u.mV, -50 * u.mV))
    net.E.add_receptors(ampa=bs.receptors.Exponential(tau=2 * u.ms))
    net.E.add_stimuli(noise=bs.stimuli.OrnsteinUhlenbeck(90 * u.pA, 30 * u.pA, 5 * u.ms))
    net.connect(net.E, net.E, bs.FixedProbability(0.1), receptor="ampa", weight=60 * u.pA, delay=1 * u.ms)
    return bs.simulate(net, 5 * u.second, record="E.spikes", until=lambda net: net.E.spikes.mean() > share)


def draw(rec, ax):
    ax.plot(rec.spikes["E"].times / u.ms, rec.spikes["E"].indices, ".", ms=2)
    ax.set(xlabel="time (ms)", ylabel="cell", title=f"stopped at {rec.stop}")
