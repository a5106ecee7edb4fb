"""Izhikevich's network of 1000 spiking neurons, as in the program of the paper.

.. math::

    \\dot v = 0.04 v^2 + 5 v + 140 - u + I,\\qquad \\dot u = a (b v - u),\\qquad
    v \\ge 30 \\Rightarrow v \\leftarrow c,\\ u \\leftarrow u + d

800 excitatory and 200 inhibitory neurons, all connected to all, each with its own parameters. In every step of 1 ms a
neuron gets Gaussian noise and the weights of those that fired in the step before; v advances in two half steps, then u
in one with the new v. Both are part of what the paper shows: :class:`TwoHalfSteps` and :class:`Pulse` below do exactly
that.

    brainsim run models/izhikevich2003.py --duration 1s --dt 1ms
    python -m models.izhikevich2003

References
----------
E. M. Izhikevich, IEEE Trans. Neural Netw. 14:1569 (2003), program net.m.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import brainunit as u
import jax.numpy as jnp
import numpy as np

import brainsim as bs
from models.progress import track

DT = 1.0 * u.ms
DURATION = 1.0 * u.second
RECORD = ["E.spikes", "I.spikes", "E.V[:2]"]


@dataclass(frozen=True)
class TwoHalfSteps(bs.integrators.ODEMethod):
    """Euler's method for v in two half steps, then for u in one that sees the new v."""

    name: ClassVar[str] = "two_half_steps"
    order: ClassVar[int] = 1

    def step(self, f, t, y, dt):
        v, recovery = y
        for _ in range(2):
            v = v + 0.5 * dt * f(t, [v, recovery])[0]
        return [v, recovery + dt * f(t, [v, recovery])[1]]


class Pulse(bs.receptors.Receptor):
    """Each spike is an input of its weight that lasts for one step."""

    g = bs.State(0.0, "sum of the weights that arrived", unit="g_unit")

    def advance(self, clock):
        g = self.plain("g")
        self.put("g", jnp.zeros_like(g))
        return g


def build(seed: int = 0, *, n_E: int = 800, n_I: int = 200, noise_E=5.0 * u.mV, noise_I=2.0 * u.mV) -> bs.Network:
    """The network, to be run with steps of 1 ms.

    Parameters
    ----------
    seed : int
        Seed of parameters, weights and noise.
    n_E, n_I : int
        Numbers of excitatory and inhibitory neurons.
    noise_E, noise_I : quantity, voltage
        Standard deviation of the noise in each step (the model's input is in mV).

    Returns
    -------
    Network
        With populations ``E`` and ``I``.
    """
    rng = np.random.default_rng(seed)
    r_E, r_I = rng.random(n_E), rng.random(n_I)
    net = bs.Network(seed=seed)
    start = dict(V=-65.0 * u.mV, method=bs.integrators.Untried(TwoHalfSteps()))
    net.E = bs.neurons.Izhikevich(
        n_E, a=0.02 / u.ms, b=0.2, c=(-65 + 15 * r_E**2) * u.mV, d=(8 - 6 * r_E**2) * u.mV, u=-13.0 * u.mV, **start
    )
    net.I = bs.neurons.Izhikevich(
        n_I, a=(0.02 + 0.08 * r_I) / u.ms, b=0.25 - 0.05 * r_I, c=-65.0 * u.mV, d=2.0 * u.mV,
        u=(0.25 - 0.05 * r_I) * -65.0 * u.mV, **start,
    )  # fmt: skip
    for population, noise in ((net.E, noise_E), (net.I, noise_I)):
        population.add_receptors(pulse=Pulse())
        population.add_stimuli(noise=bs.stimuli.WhiteNoise(noise * u.ms**0.5))
    everyone = [net.E, net.I]
    net.connect(net.E, everyone, bs.AllToAll(), receptor="pulse", weight=bs.Uniform(0.0 * u.mV, 0.5 * u.mV))
    net.connect(net.I, everyone, bs.AllToAll(), receptor="pulse", weight=bs.Uniform(-1.0 * u.mV, 0.0 * u.mV))
    return net


def observables(rec: bs.Recording) -> dict[str, float]:
    """Statistics of a recording.

    Returns
    -------
    dict
        ``rate_E`` and ``rate_I`` in Hz; ``cv`` of the excitatory neurons; ``alpha`` and ``gamma``, frequencies in Hz of
        the highest peaks, in 4 to 20 Hz and in 25 to 70 Hz, of the spectrum of the population's spike count; ``fano``,
        variance over mean of that count in 1 ms bins, after 200 ms; ``low`` and ``high``, shares of the power from 2 to
        100 Hz that lie in 5 to 20 Hz and in 25 to 70 Hz.
    """
    E, I = rec.spikes["E"], rec.spikes["I"]
    counts = sum(train.counts(bin=1.0 * u.ms).sum(1) for train in (E, I))
    settled = counts[200:] if counts.size > 400 else counts
    segment = min(1.0, counts.size * 1e-3)
    frequencies, power = bs.analysis.power_spectrum(counts, 1e-3, segment=segment)

    def share(low, high):
        within = lambda a, b: power[(frequencies >= a) & (frequencies <= b)].sum()
        return float(within(low, high) / within(2, 100))

    return {
        "rate_E": float(E.rate().to_decimal(u.Hz)),
        "rate_I": float(I.rate().to_decimal(u.Hz)),
        "cv": E.cv(),
        "alpha": bs.analysis.dominant_frequency(counts, 1e-3, 4, 20, segment=segment),
        "gamma": bs.analysis.dominant_frequency(counts, 1e-3, 25, 70, segment=segment),
        "fano": float(settled.var() / settled.mean()),
        "low": share(5, 20),
        "high": share(25, 70),
    }


def experiment(
    net: bs.Network | None = None, duration=DURATION, dt=DT, **options
) -> tuple[bs.Recording, dict[str, float]]:
    """Run ``net`` (or ``build(**options)``) for ``duration`` from its present state; returns recording and
    :func:`observables`.
    """
    net = build(**options) if net is None else net
    rec = bs.simulate(net, duration, dt=dt, record=RECORD)
    return rec, observables(rec)


def main() -> None:
    """Print the observables of four seeds, over 3 s."""
    for seed in track(range(4), "seed"):
        _, measured = experiment(seed=seed, duration=3.0 * u.second)
        print(f"seed {seed}: " + ", ".join(f"{name} {value:.4g}" for name, value in measured.items()))


if __name__ == "__main__":
    main()
