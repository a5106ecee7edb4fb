"""Phase locking to a sine.

A hundred leaky cells with a periodic drive of growing amplitude: weakly driven ones fire at their own rate, strongly driven ones
once a cycle, always at the same phase. After Brian2's example ``phase_locking``.
"""

import brainunit as u
import numpy as np

import brainsim as bs

EQUATIONS = """
dv/dt = (-v + a*sin(2*pi*freq*t) + b)/tau : 1
a : 1
"""
Cell = bs.neurons.from_equations(EQUATIONS, "v > 1", "v = 0", tau=20 * u.ms, freq=10 * u.Hz, b=1.2)


def run(n=100, duration=5 * u.second):
    net = bs.Network()
    net.C = Cell(n, a=0.05 + 0.7 * np.arange(n) / n, v=bs.Uniform(0, 1))
    return bs.simulate(net, duration, record="C.spikes").spikes["C"]


def phases(spikes, since=2000.0):
    times = spikes.times / u.ms
    late = times > since
    return spikes.indices[late], times[late] % 100 / 100


def draw(spikes, ax):
    cells, phase = phases(spikes)
    ax.plot(phase, cells, ".", ms=1)
    ax.set(xlabel="phase of the drive", ylabel="cell")
