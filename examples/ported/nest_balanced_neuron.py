"""The rate of inhibition that balances a neuron.

A neuron with 16,000 excitatory and 4,000 inhibitory inputs fires as often as its excitatory inputs if inhibition has the right rate,
which bisection finds. After NEST's example ``balancedneuron``.
"""

import brainunit as u
from scipy.optimize import bisect

import brainsim as bs

R_EX = 5.0  # Hz


def neuron():
    net = bs.Network(seed=4)
    net.n = bs.neurons.LIF(
        1, tau=10 * u.ms, R=40 * u.Mohm, E_L=-70 * u.mV, V_th=-55 * u.mV, V_reset=-70 * u.mV, V=-70 * u.mV, refractory=2 * u.ms
    )  # fmt: skip
    net.n.add_receptors(syn=bs.receptors.Alpha(tau=2 * u.ms))
    net.n.add_stimuli(
        ex=bs.stimuli.PoissonInput("syn", rate=R_EX * u.Hz, weight=45 * u.pA, sources=16000),
        inh=bs.stimuli.PoissonInput("syn", rate=0 * u.Hz, weight=-45 * u.pA, sources=4000),
    )
    return net


def run(duration=5 * u.second, precision=0.02):
    net, tried = neuron(), []

    def excess(guess):
        net.reset()
        net.n.inh.rate = guess * u.Hz
        rate = len(bs.simulate(net, duration, record="n.spikes").spikes["n"].times) / (duration / u.second)
        tried.append((guess, rate))
        return rate - R_EX

    return bisect(excess, 15.0, 25.0, xtol=precision), tried


def draw(result, ax):
    ax.plot(*zip(*sorted(result[1])), "o-")
    ax.axhline(R_EX, color="k", lw=0.5)
    ax.set(xlabel="rate of each inhibitory input (Hz)", ylabel="rate of the neuron (Hz)")
