"""An astrocyte that listens to two groups.

Its level follows the difference of their activities, smoothed by its own time constant; the line is what the equation says of the rates.
V. Ivanov, K. Michmizos, NeurIPS (2021).
"""

import brainunit as u
import numpy as np

import brainsim as bs

W, TAU, N = 0.2, 100.0, 100  # weight of a spike, ms, cells in a group


def rates(t):
    """Of the two groups, in Hz, at t in ms."""
    return 20 + 15 * np.sin(2 * np.pi * t / 1000), np.where((t > 1200) & (t < 1800), 40.0, 5.0)


def run(duration=2500):
    net = bs.Network(seed=0)
    net.inputs, net.liquid = bs.sources.PoissonGroup(N), bs.sources.PoissonGroup(N)
    for group, rate in zip((net.inputs, net.liquid), rates(np.arange(duration))):
        group.add_stimuli(course=bs.stimuli.TimedArray(rate * u.Hz, 1 * u.ms))
    net.astro = bs.modulators.Astrocyte(net.inputs, net.liquid, tau=TAU * u.ms, w_plus=W, w_minus=W)
    rec = bs.simulate(net, duration * u.ms, dt=1 * u.ms, record="astro.level")
    expected, level = [], 0.0
    for excited, inhibited in np.stack(rates(np.arange(duration)), 1):
        level += (W * N * (excited - inhibited) * 1e-3 - level) / TAU
        expected.append(level)
    return np.asarray(rec.times / u.ms), np.asarray(rec["astro.level"]), np.array(expected)


def draw(result, ax):
    times, level, expected = result
    ax.plot(times, level, label="astrocyte")
    ax.plot(times, expected, "k--", lw=1, label="mean of the equation")
    ax.set(xlabel="ms", ylabel="level")
    ax.legend()
