"""Oscillators that begin to agree.

Four hundred phase oscillators with frequencies of their own, coupled all to all, at seven strengths in one sweep: order sets in at the
critical strength, and grows as theory says. Y. Kuramoto, Chemical Oscillations, Waves, and Turbulence (1984).
"""

import brainunit as u
import numpy as np

import brainsim as bs

RATIOS = np.array([0.5, 0.8, 1.0, 1.2, 1.5, 2.0, 3.0])  # of the strength to the critical one, 2 gamma


def run(n=400, gamma=0.05):
    frequencies = gamma * np.tan(np.pi * ((np.arange(n) + 0.5) / n - 0.5))  # Lorentzian
    net = bs.Network(seed=1)
    net.m = bs.masses.Kuramoto(n, omega=frequencies / u.ms, theta=bs.Uniform(0.0, 2 * np.pi))
    net.m.add_receptors(coupling=bs.receptors.Sinusoidal())
    net.connect(net.m, net.m, bs.AllToAll(), receptor="coupling", weight=1.0 / n / u.ms)
    order = lambda rec: {"order": np.abs(np.exp(1j * np.asarray(rec["m.theta"])[60:]).mean(1)).mean()}
    result = bs.sweep(
        net, {"m->m.weight": RATIOS * 2 * gamma / n / u.ms}, 300 * u.ms, dt=0.25 * u.ms,
        record="m.theta", sample_every=2.5 * u.ms, reduce=order,
    )  # fmt: skip
    return np.asarray(result["order"])


def theory(ratio):
    return np.sqrt(np.maximum(1 - 1 / ratio, 0))


def draw(order, ax):
    ax.plot(RATIOS, order, "o")
    ax.plot(np.linspace(0.5, 3, 200), theory(np.linspace(0.5, 3, 200)))
    ax.set(xlabel="strength / critical strength", ylabel="order")
