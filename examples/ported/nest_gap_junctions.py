"""Two cells with a gap junction.

They start 10 mV apart, under the same current; the junction brings them together. After NEST's example
``gap_junctions_two_neurons``.
"""

import brainunit as u

import brainsim as bs


def run(weight=0.2 * u.mS / u.cm2, duration=250 * u.ms):
    net = bs.Network()
    net.n = bs.neurons.HodgkinHuxley(2, V=[-65.0, -55.0] * u.mV)
    net.n.add_receptors(gap=bs.receptors.GapJunction())
    net.n.add_stimuli(drive=bs.stimuli.Constant(10 * u.uA / u.cm2))
    net.connect(net.n, net.n, bs.AllToAll(self_connections=False), receptor="gap", weight=weight, signal="V")
    return bs.simulate(net, duration, dt=0.05 * u.ms, record=["n.V", "n.spikes"])


def draw(rec, ax):
    ax.plot(rec.times / u.ms, rec["n.V"] / u.mV)
    ax.set(xlabel="time (ms)", ylabel="V (mV)", xlim=(0, 120))
