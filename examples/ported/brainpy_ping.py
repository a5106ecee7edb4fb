"""A gamma rhythm of excitatory and inhibitory cells.

Pyramidal cells fire, interneurons answer and silence them until inhibition has decayed. After BrainPy's example of PING: C.
Börgers, N. Kopell, Neural Comput. 15:509 (2003).
"""

import brainunit as u
import numpy as np

import brainsim as bs


def network(seed=1):
    net = bs.Network(seed=seed)
    net.E = bs.neurons.ReducedTraub(80, V=bs.Uniform(-70 * u.mV, -55 * u.mV))
    net.I = bs.neurons.WangBuzsaki(20, V=bs.Uniform(-70 * u.mV, -60 * u.mV))
    drive = 1.4 * (1 + 0.1 * np.random.default_rng(seed).standard_normal(80)) * u.uA / u.cm2
    net.E.add_stimuli(drive=bs.stimuli.Constant(drive))
    for cells in (net.E, net.I):
        cells.add_receptors(
            ampa=bs.receptors.DualExponential(tau_rise=0.2 * u.ms, tau_decay=2 * u.ms, reversal=0 * u.mV),
            gaba=bs.receptors.DualExponential(tau_rise=0.5 * u.ms, tau_decay=10 * u.ms, reversal=-75 * u.mV),
        )
    net.connect(net.E, net.I, bs.FixedProbability(0.5), receptor="ampa", weight=0.25 / 40 * u.mS / u.cm2)
    net.connect(net.I, net.E, bs.FixedProbability(0.5), receptor="gaba", weight=0.25 / 10 * u.mS / u.cm2)
    return net


def run(duration=500 * u.ms):
    rec = bs.simulate(network(), duration, dt=0.02 * u.ms, record=["E.spikes", "I.spikes"])
    return rec, frequency(rec.spikes["I"])


def frequency(train, start=100 * u.ms):
    """Of the largest peak of the spectrum of a population's rate, in Hz."""
    counts = train.counts(bin=1 * u.ms, start=start).sum(1).astype(float)
    power = np.abs(np.fft.rfft(counts - counts.mean(), 8192)) ** 2
    f = np.fft.rfftfreq(8192, 1e-3)
    return f[np.argmax(np.where(f > 10, power, 0))]


def draw(result, ax):
    rec, f = result
    for name, base, color in (("E", 0, "C0"), ("I", 80, "C3")):
        train = rec.spikes[name]
        ax.plot(train.times / u.ms, train.indices + base, ".", ms=2, color=color)
    ax.set(xlabel="ms", ylabel="neuron", title=f"{f:.0f} Hz")
