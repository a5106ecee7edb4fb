"""Inhibition that learns to balance excitation.

Inhibitory synapses onto excitatory cells change until these fire at 3 Hz, each of them. After Brian2's example of Vogels, Sprekeler,
Zenke, Clopath and Gerstner, Science 334:1569 (2011), with a fifth of its cells.
"""

import brainunit as u

import brainsim as bs


def run(n=2000, probability=0.1, learning=10 * u.second):
    net = bs.Network(seed=2)
    net.P = bs.neurons.LIF(n, tau=20 * u.ms, R=100 * u.Mohm, refractory=5 * u.ms, V=bs.Uniform(-60 * u.mV, -50 * u.mV))
    net.P.add_receptors(
        ampa=bs.receptors.Exponential(tau=5 * u.ms, reversal=0 * u.mV),
        gaba=bs.receptors.Exponential(tau=10 * u.ms, reversal=-80 * u.mV),
    )
    net.P.add_stimuli(background=bs.stimuli.Constant(200 * u.pA))
    e, i = net.P[: 4 * n // 5], net.P[4 * n // 5 :]
    rule = bs.plasticity.InhibitorySTDP(eta=0.05 * u.nS, target_rate=3 * u.Hz, w_max=100 * u.nS)
    some = bs.FixedProbability(probability)
    net.connect(e, net.P, some, receptor="ampa", weight=0.3 * u.nS)
    net.connect(i, i, some, receptor="gaba", weight=3 * u.nS)
    net.connect(i, e, some, receptor="gaba", weight=0 * u.nS, plasticity=rule, name="learns")
    before = bs.simulate(net, 0.2 * u.second, record="P.spikes").spikes["P"]
    bs.simulate(net, learning)
    after = bs.simulate(net, 2 * u.second, record="P.spikes").spikes["P"]
    return [spikes.rates()[: 4 * n // 5] / u.Hz for spikes in (before, after)]


def draw(rates, ax):
    ax.hist(rates, 30, label=["before", "after"])
    ax.set(xlabel="rate (Hz)", ylabel="excitatory cells", yscale="log")
    ax.legend()
