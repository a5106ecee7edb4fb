"""A gamma rhythm of excitatory and inhibitory cells that comes and goes with what drives them.

Both fire together, and inhibition silences both until it has decayed. BrainPy's example of PING: E. Susin, A. Destexhe, PLoS Comput.
Biol. 17:e1009416 (2021). ``run(n=20_000)`` has its size; smaller networks keep the number of inputs.
"""

import brainunit as u
import numpy as np

import brainsim as bs

DRIVE = np.interp(np.arange(1500), [0, 500, 550, 950, 1000], [2, 2, 3, 3, 2]) * u.Hz  # of an external neuron, every ms
CELL = dict(
    C=150 * u.pF, g_L=10 * u.nS, E_L=-65 * u.mV, V_T=-50 * u.mV, V_peak=-40 * u.mV, V_reset=-65 * u.mV, tau_w=500 * u.ms,
    refractory=5 * u.ms, V=bs.Uniform(-65 * u.mV, -50 * u.mV),
)  # fmt: skip


def network(n, seed=1):
    net, wiring = bs.Network(seed=seed), bs.FixedProbability(400 / n)
    net.E = bs.neurons.AdEx(n, Delta_T=2 * u.mV, a=4 * u.nS, b=20 * u.pA, **CELL)
    net.I = bs.neurons.AdEx(n // 4, Delta_T=0.5 * u.mV, a=0 * u.nS, b=0 * u.pA, **CELL)
    net.external = bs.sources.PoissonGroup(n)
    net.external.add_stimuli(drive=bs.stimuli.TimedArray(DRIVE, 1 * u.ms))
    for cells in (net.E, net.I):
        cells.add_receptors(
            ampa=bs.receptors.Exponential(tau=1 * u.ms, reversal=0 * u.mV),
            gaba=bs.receptors.Exponential(tau=7.5 * u.ms, reversal=-80 * u.mV),
        )
    net.connect(net.external, [net.E, net.I], wiring, receptor="ampa", weight=4 * u.nS)
    net.connect(net.E, [net.E, net.I], wiring, receptor="ampa", weight=5 * u.nS, delay=1.5 * u.ms)
    net.connect(net.I, [net.E, net.I], wiring, receptor="gaba", weight=3.34 * u.nS, delay=1.5 * u.ms)
    return net


def run(n=5000, duration=1500 * u.ms):
    return bs.simulate(network(n), duration, dt=0.1 * u.ms, record=["E.spikes", "I.spikes"])


def rhythm(rec, start, stop):
    """Frequency and power of the largest peak from 15 Hz on, in the spectrum of all inhibitory spikes of a ms."""
    counts = rec.spikes["I"].counts(bin=1 * u.ms, start=start * u.ms, stop=stop * u.ms).sum(1).astype(float)
    frequencies, power = bs.analysis.power_spectrum(counts, 1e-3, 0.2)
    power[frequencies < 15] = 0
    return frequencies[power.argmax()], power.max()


def draw(rec, ax):
    for name, few, base, color in (("E", 800, 0, "C0"), ("I", 200, 800, "C3")):
        train = rec.spikes[name]
        shown = train.indices < few
        ax.plot(train.times[shown] / u.ms, train.indices[shown] + base, ".", ms=1, color=color)
    ax.plot(1000 * DRIVE / (3 * u.Hz), color="0.6", zorder=0)
    ax.set(xlabel="ms", ylabel="neuron", title=f"{rhythm(rec, 550, 950)[0]:.0f} Hz while the drive is high")
