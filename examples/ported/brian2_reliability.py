"""A fluctuating current makes spikes reliable.

Twenty-five cells with noise of their own get the same current: where it fluctuates they fire together, trial after trial as in Mainen
and Sejnowski, Science 268:1503 (1995). After Brian2's example ``reliability``.
"""

import brainunit as u

import brainsim as bs

EQUATIONS = """
dx/dt = (0.9 + 0.5*I - x)/tau + sigma*sqrt(2/tau)*xi : 1 (unless refractory)
I : 1 (input)
"""
Cell = bs.neurons.from_equations(EQUATIONS, "x > 1", "x = 0", 5 * u.ms, tau=10 * u.ms, sigma=0.015)


def run(fluctuating=True, n=25, duration=500 * u.ms):
    net = bs.Network(seed=1)
    net.C = Cell(n)
    noise = bs.stimuli.OrnsteinUhlenbeck(0.0, 1.0, tau=5 * u.ms, correlation=1.0)
    net.C.add_stimuli(shared=noise if fluctuating else bs.stimuli.Constant(0.3))
    return bs.simulate(net, duration, record="C.spikes").spikes["C"]


def draw(spikes, ax):
    ax.plot(spikes.times / u.ms, spikes.indices, ".", ms=3)
    ax.set(xlabel="time (ms)", ylabel="cell")
