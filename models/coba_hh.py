"""COBA-HH: the network of COBA-LIF with Hodgkin-Huxley neurons of Traub and Miles.

.. math::

    C \\dot V = \\bar g_{Na} m^3 h (E_{Na} - V) + \\bar g_K n^4 (E_K - V) + g_L (E_L - V)
              + g_E (0\\,\\mathrm{mV} - V) + g_I (-80\\,\\mathrm{mV} - V)

with excitatory weights of 6 nS that decay in 5 ms, inhibitory ones of 67 nS that decay in 10 ms, and no other drive:
activity starts from random conductances and keeps itself going. A spike is a crossing of -20 mV, at most one in 3 ms.

The rate depends on integrator and step at 0.1 ms: between 31 and 42 Hz in the simulators that were compared for the
benchmark.

    brainsim run models/coba_hh.py --duration 1s
    python -m models.coba_hh

References
----------
R. Brette et al., J. Comput. Neurosci. 23:349 (2007), benchmark 3; initial values as in the example COBAHH of Brian2;
R. D. Traub, R. Miles, Neuronal Networks of the Hippocampus (1991).
"""

from __future__ import annotations

import brainunit as u
import numpy as np

import brainsim as bs
from models.progress import track

DT = 0.1 * u.ms
DURATION = 1.0 * u.second
RECORD = ["E.spikes", "I.spikes", "E.V[:3]"]


def build(
    scale: float = 1.0, seed: int = 0, *, w_E=6.0 * u.nS, w_I=67.0 * u.nS, method: str | None = None
) -> bs.Network:
    """The network.

    Parameters
    ----------
    scale : float
        Makes ``scale`` times 3200 + 800 neurons. Every neuron keeps 80 synapses on average, and their weights.
    seed : int
        Seed of wiring and initial values.
    w_E, w_I : quantity, conductance
        What a spike adds.
    method : str, optional
        How to integrate; by default the neuron's own method, which advances the gates before V.

    Returns
    -------
    Network
        With populations ``E`` and ``I``, each with receptors ``ampa`` and ``gaba``.
    """
    net = bs.Network(seed=seed)
    start = dict(V=bs.Normal(-65.0 * u.mV, 5.0 * u.mV), m=0.0, h=0.0, n=0.0)
    net.E = bs.neurons.TraubMiles(round(3200 * scale), refractory=3.0 * u.ms, method=method, **start)
    net.I = bs.neurons.TraubMiles(round(800 * scale), refractory=3.0 * u.ms, method=method, **start)
    for population in (net.E, net.I):
        population.add_receptors(
            ampa=bs.receptors.Exponential(tau=5.0 * u.ms, reversal=0.0 * u.mV, g=bs.Normal(40.0 * u.nS, 15.0 * u.nS)),
            gaba=bs.receptors.Exponential(
                tau=10.0 * u.ms, reversal=-80.0 * u.mV, g=bs.Normal(200.0 * u.nS, 120.0 * u.nS)
            ),
        )
    rule = bs.FixedProbability(0.02 / scale)
    net.connect(net.E, [net.E, net.I], rule, receptor="ampa", weight=w_E)
    net.connect(net.I, [net.E, net.I], rule, receptor="gaba", weight=w_I)
    return net


def observables(rec: bs.Recording, after=200.0 * u.ms) -> dict[str, float]:
    """Statistics of a recording, without its first ``after``.

    Returns
    -------
    dict
        ``rate_E`` and ``rate_I`` in Hz; ``cv``, the mean coefficient of variation of the intervals of all neurons with
        at least six spikes.
    """
    start = rec.start + after
    E, I = rec.spikes["E"], rec.spikes["I"]
    steps, indices = np.concatenate([E.steps, I.steps]), np.concatenate([E.indices, I.indices + E.n])
    everyone = bs.SpikeTrain(steps, indices, E.n + I.n, rec.dt, rec.start, rec.stop)
    return {
        "rate_E": float(E.rate(start=start).to_decimal(u.Hz)),
        "rate_I": float(I.rate(start=start).to_decimal(u.Hz)),
        "cv": everyone.cv(start=start),
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
    """Print the observables of three seeds."""
    for seed in track(range(3), "seed"):
        _, measured = experiment(seed=seed)
        print(f"seed {seed}: " + ", ".join(f"{name} {value:.4g}" for name, value in measured.items()))


if __name__ == "__main__":
    main()
