"""Potential and conductances of a cell with given spikes.

Two excitatory and two inhibitory spikes, recorded every 0.1 ms. After NEST's example ``multimeter_file``.
"""

import brainunit as u

import brainsim as bs


def run():
    net = bs.Network()
    net.n = bs.neurons.LIF(
        1, tau=15 * u.ms, R=0.06 * u.Gohm, E_L=-70 * u.mV, V=-70 * u.mV, V_th=-55 * u.mV, V_reset=-60 * u.mV, refractory=2 * u.ms
    )  # fmt: skip
    net.n.add_receptors(
        ex=bs.receptors.Alpha(tau=0.2 * u.ms, reversal=0 * u.mV),
        inh=bs.receptors.Alpha(tau=2 * u.ms, reversal=-85 * u.mV),
    )
    times = {"ex": [10, 20, 50] * u.ms, "inh": [15, 25, 55] * u.ms}
    for name, weight in (("ex", 40 * u.nS), ("inh", 20 * u.nS)):
        net[f"s_{name}"] = bs.sources.SpikeTimes(1, times[name], [0, 0, 0])
        net.connect(net[f"s_{name}"], net.n, bs.OneToOne(), receptor=name, weight=weight, delay=1 * u.ms)
    return bs.simulate(net, 100 * u.ms, record=["n.V", "n.ex.g", "n.inh.g"])


def draw(rec, ax):
    ax.plot(rec.times / u.ms, rec["n.V"] / u.mV, "k")
    ax.set(xlabel="time (ms)", ylabel="V (mV)")
    other = ax.twinx()
    for name in ("ex", "inh"):
        other.plot(rec.times / u.ms, rec[f"n.{name}.g"] / u.nS, label=name)
    other.set_ylabel("g (nS)")
    other.legend()
