"""A run that stops itself.

Ten cells count their spikes, and the run ends within a millisecond of the twentieth. After Brian2's example
``network_operation_stop``.
"""

import brainunit as u

import brainsim as bs

Cell = bs.neurons.from_equations("dv/dt = (1.5 - v)/(10*ms) : 1 \n fired : 1", "v > 1", "v = 0; fired += 1")


def run(n=10, spikes=20, duration=100 * u.ms):
    net = bs.Network(seed=3)
    net.G = Cell(n, v=bs.Uniform(0, 1))
    enough = lambda net: net.G.fired.sum() >= spikes
    return bs.simulate(net, duration, record="G.spikes", until=enough, check_every=1 * u.ms)


def draw(rec, ax):
    ax.plot(rec.spikes["G"].times / u.ms, rec.spikes["G"].indices, ".")
    ax.set(xlabel="time (ms)", ylabel="cell", title=f"stopped at {rec.stop}")
