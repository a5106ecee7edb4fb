"""Spikes on a grid, and between its points.

A neuron under constant current, whose spikes are rounded to steps or fired at their own times. After NEST's example
``precise_spiking``: A. Hanuschkin et al., Front. Neuroinform. 4:113 (2010).
"""

import brainunit as u

import brainsim as bs

STEPS = [0.1, 0.5, 1.0]  # ms


def run(duration=100 * u.ms, current=700 * u.pA):
    found = {}
    for dt in STEPS:
        for spike_times in ("grid", "exact"):
            net = bs.Network()
            net.n = bs.neurons.LIF(
                1,
                tau=10 * u.ms,
                R=40 * u.Mohm,
                E_L=-70 * u.mV,
                V_th=-55 * u.mV,
                V_reset=-70 * u.mV,
                V=-70 * u.mV,
                refractory=2 * u.ms,
                spike_times=spike_times,
            )
            net.n.add_stimuli(dc=bs.stimuli.Constant(current))
            found[dt, spike_times] = bs.simulate(net, duration, dt=dt * u.ms, record=["n.V", "n.spikes"])
    return found


def draw(found, ax):
    for (dt, spike_times), rec in found.items():
        color, shift = "C0" if spike_times == "grid" else "C3", -20 * STEPS.index(dt)
        times = rec.spikes["n"].times / u.ms
        ax.plot(rec.times / u.ms, rec["n.V"] / u.mV + shift, color, label=f"{spike_times}, {dt} ms")
        ax.plot(times, 0 * times - 55 + shift, ".", color=color)
    ax.set(xlabel="time (ms)", ylabel="V (mV), shifted")
    ax.legend(fontsize=6)
