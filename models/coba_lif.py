"""COBA-LIF: excitatory and inhibitory integrate-and-fire neurons with conductance synapses.

.. math::

    \\tau \\dot V = E_L - V + R\\,[g_E (0\\,\\mathrm{mV} - V) + g_I (-80\\,\\mathrm{mV} - V) + I],\\qquad
    \\dot g_E = -g_E / 5\\,\\mathrm{ms},\\quad \\dot g_I = -g_I / 10\\,\\mathrm{ms}

A spike of an excitatory neuron adds 6 nS to :math:`g_E` of its targets, one of an inhibitory neuron 67 nS to
:math:`g_I`. 3200 + 800 neurons with about 80 synapses each fire irregularly at 22 Hz.

    brainsim run models/coba_lif.py --duration 1s --set E.tau=18ms
    python -m models.coba_lif

References
----------
R. Brette et al., J. Comput. Neurosci. 23:349 (2007), benchmark 1; T. P. Vogels, L. F. Abbott, J. Neurosci. 25:10786
(2005).
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
    scale: float = 1.0,
    seed: int = 0,
    *,
    drive: str = "constant",
    current=200.0 * u.pA,
    w_E=6.0 * u.nS,
    w_I=67.0 * u.nS,
    tau=20.0 * u.ms,
    tau_E=5.0 * u.ms,
    tau_I=10.0 * u.ms,
    method: str = "euler",
) -> bs.Network:
    """The network.

    Parameters
    ----------
    scale : float
        Makes ``scale`` times 3200 + 800 neurons. Every neuron keeps 80 synapses on average, and their weights.
    seed : int
        Seed of wiring and initial values.
    drive : {"constant", "poisson"}
        What keeps it going. ``"constant"``: a current into all neurons, random wiring with probability 0.02 /
        ``scale``, and V from N(-55, 5) mV. ``"poisson"``, as in the benchmark: 50 excitatory neurons get Poisson spikes
        of 300 Hz and weight ``w_E`` from 1 to 51 ms, every neuron has 64 + 16 inputs, V starts at -60 mV, and activity
        sustains itself or dies, by chance.
    current : quantity, current
        The constant drive; 200 pA at 100 MOhm are 20 mV.
    w_E, w_I : quantity, conductance
        What a spike adds.
    tau, tau_E, tau_I : quantity, time
        Time constants of the membrane and of the two conductances.
    method : str
        Integrator of the membranes. At 0.1 ms ``"exponential_euler"`` gives the same statistics and takes twice as
        long.

    Returns
    -------
    Network
        With populations ``E`` and ``I``, each with receptors ``ampa`` and ``gaba``.
    """
    if drive not in ("constant", "poisson"):
        raise ValueError(f"drive: accepted are 'constant' and 'poisson', given {drive!r}.")
    constant = drive == "constant"
    net = bs.Network(seed=seed)
    neuron = dict(
        tau=tau,
        E_L=-60.0 * u.mV,
        R=100.0 * u.Mohm,
        V_th=-50.0 * u.mV,
        V_reset=-60.0 * u.mV,
        refractory=5.0 * u.ms,
        V=bs.Normal(-55.0 * u.mV, 5.0 * u.mV) if constant else -60.0 * u.mV,
    )
    net.E = bs.neurons.LIF(round(3200 * scale), method=method, **neuron)
    net.I = bs.neurons.LIF(round(800 * scale), method=method, **neuron)
    for population in (net.E, net.I):
        population.add_receptors(
            ampa=bs.receptors.Exponential(tau=tau_E, reversal=0.0 * u.mV),
            gaba=bs.receptors.Exponential(tau=tau_I, reversal=-80.0 * u.mV),
        )
        if constant:
            population.add_stimuli(drive=bs.stimuli.Constant(current))
    if not constant:
        kick = bs.stimuli.PoissonInput("ampa", rate=300.0 * u.Hz, weight=w_E, start=1.0 * u.ms, stop=51.0 * u.ms)
        net.E[:50].add_stimuli(kick=kick)

    everyone = [net.E, net.I]
    from_E = bs.FixedProbability(0.02 / scale) if constant else bs.FixedInDegree(64)
    from_I = bs.FixedProbability(0.02 / scale) if constant else bs.FixedInDegree(16)
    net.connect(net.E, everyone, from_E, receptor="ampa", weight=w_E)
    net.connect(net.I, everyone, from_I, receptor="gaba", weight=w_I)
    return net


def observables(rec: bs.Recording, after=200.0 * u.ms) -> dict[str, float]:
    """Statistics of a recording, without its first ``after``.

    Returns
    -------
    dict
        ``rate_E`` and ``rate_I`` in Hz; ``cv``, the mean coefficient of variation of the intervals of all neurons with
        at least six spikes; ``fano``, variance over mean of the count of all spikes in bins of 1 ms; ``last``, time of
        the last spike in ms.
    """
    start = rec.start + after
    trains = [rec.spikes[name] for name in ("E", "I")]
    indices = np.concatenate([trains[0].indices, trains[1].indices + trains[0].n])
    steps = np.concatenate([train.steps for train in trains])
    everyone = bs.SpikeTrain(steps, indices, trains[0].n + trains[1].n, rec.dt, rec.start, rec.stop)
    counts = everyone.counts(bin=1.0 * u.ms, start=start).sum(1)
    return {
        "rate_E": float(trains[0].rate(start=start).to_decimal(u.Hz)),
        "rate_I": float(trains[1].rate(start=start).to_decimal(u.Hz)),
        "cv": everyone.cv(start=start),
        "fano": float(counts.var() / max(counts.mean(), 1e-12)),
        "last": float(steps.max(initial=0) * rec.dt.to_decimal(u.ms)),
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
    """Print the observables of four seeds."""
    for seed in track(range(4), "seed"):
        _, measured = experiment(seed=seed)
        print(f"seed {seed}: " + ", ".join(f"{name} {value:.4g}" for name, value in measured.items()))


if __name__ == "__main__":
    main()
