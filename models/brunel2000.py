"""Brunel's network of sparsely connected excitatory and inhibitory integrate-and-fire neurons, model A.

.. math::

    \\tau \\dot V_i = -V_i,\\qquad V_i \\leftarrow V_i + J \\;\\text{(excitatory spike)},\\qquad
    V_i \\leftarrow V_i - g J \\;\\text{(inhibitory spike)},\\qquad V_i > \\theta \\Rightarrow V_i \\leftarrow V_r

10,000 + 2,500 neurons, each with 1,000 + 250 inputs that arrive after 1.5 ms and :math:`C_E = 1000` external Poisson
inputs of rate :math:`\\eta\\,\\nu_{thr}`, where :math:`\\nu_{thr} = \\theta / (J C_E \\tau)` = 10 Hz would just reach
the threshold on average. The relative strength of inhibition :math:`g` and the external drive :math:`\\eta` decide
between four regimes:

========== ===== ======= ================================================================
regime     g     eta
========== ===== ======= ================================================================
SR         3     2       synchronous regular: all neurons fire together, as fast as they can
SI fast    6     4       synchronous irregular, fast global oscillation
AI         5     2       asynchronous irregular
SI slow    4.5   0.9     synchronous irregular, slow global oscillation, low rates
========== ===== ======= ================================================================

References
----------
N. Brunel, J. Comput. Neurosci. 8:183 (2000), figure 8.
"""

from __future__ import annotations

import brainunit as u
import numpy as np

import brainsim as bs
from models.progress import track

DT = 0.1 * u.ms
DURATION = 0.6 * u.second
RECORD = ["E.spikes", "I.spikes"]

REGIMES = {"SR": (3.0, 2.0), "SI fast": (6.0, 4.0), "AI": (5.0, 2.0), "SI slow": (4.5, 0.9)}

TAU, THETA, J, C_E, C_I = 20.0 * u.ms, 20.0 * u.mV, 0.1 * u.mV, 1000, 250


def build(
    regime: str | None = "AI",
    seed: int = 0,
    *,
    g: float | None = None,
    eta: float | None = None,
    size: int = 10_000,
    reset=10.0 * u.mV,
    delay=1.5 * u.ms,
) -> bs.Network:
    """The network.

    Parameters
    ----------
    regime : {"SR", "SI fast", "AI", "SI slow"}
        Sets g and eta.
    seed : int
        Seed of wiring, initial values and external input.
    g, eta : float, optional
        Strength of inhibition relative to excitation and external rate relative to threshold, instead of the regime's.
    size : int
        Number of excitatory neurons; a quarter as many are inhibitory. The number of inputs of a neuron stays the same.
    reset : quantity, voltage
        Potential after a spike.
    delay : quantity, time
        From a spike to the earliest spike that it can cause. The last step of it is the one in which the jump takes
        effect.

    Returns
    -------
    Network
        With populations ``E`` and ``I``.
    """
    net = bs.Network(seed=seed)
    for name, n in (("E", size), ("I", size // 4)):
        neurons = bs.neurons.LIF(
            n,
            tau=TAU,
            E_L=0.0 * u.mV,
            V_th=THETA,
            V_reset=reset,
            refractory=2.0 * u.ms,
            V=bs.Uniform(0.0 * u.mV, THETA),
        )
        neurons.add_receptors(jump=bs.receptors.Delta())
        neurons.add_stimuli(external=bs.stimuli.PoissonInput("jump", sources=C_E, rate=0.0 * u.Hz, weight=J))
        net[name] = neurons
    net.connect(net.E, [net.E, net.I], bs.FixedInDegree(C_E), receptor="jump", weight=J, delay=delay - DT)
    net.connect(net.I, [net.E, net.I], bs.FixedInDegree(C_I), receptor="jump", weight=-J, delay=delay - DT)
    set_regime(net, regime, g=g, eta=eta)
    return net


def set_regime(net: bs.Network, regime: str | None = None, *, g: float | None = None, eta: float | None = None) -> None:
    """Give a network the g and eta of a regime, or others, without wiring or compiling it anew."""
    if regime is not None and regime not in REGIMES:
        raise ValueError(f"regime: accepted are {', '.join(map(repr, REGIMES))}, given {regime!r}.")
    if regime is None and (g is None or eta is None):
        raise ValueError("regime: give one, or both g and eta.")
    of_regime = REGIMES.get(regime, (g, eta))
    g = of_regime[0] if g is None else g
    eta = of_regime[1] if eta is None else eta
    threshold_rate = THETA / (J * C_E * TAU)
    for name in ("E", "I"):
        net[f"{name}.external"].rate = eta * threshold_rate
        net[f"I->{name}"].weight = -g * J


def observables(rec: bs.Recording, after=200.0 * u.ms) -> dict[str, float]:
    """Statistics of the excitatory neurons, without the first ``after`` of a recording.

    Returns
    -------
    dict
        ``rate`` in Hz; ``cv`` of the interspike intervals; ``modulation``, standard deviation over mean of the
        population rate in bins of 0.5 ms; ``frequency`` of the highest peak of its spectrum, in Hz.
    """
    train, start = rec.spikes["E"], rec.start + after
    bin = 0.5 * u.ms
    rate = np.asarray(train.population_rate(bin=bin, start=start)[1].to_decimal(u.Hz))
    bin_s = bin.to_decimal(u.second)
    segment = min(0.25, rate.size * bin_s)
    return {
        "rate": float(train.rate(start=start).to_decimal(u.Hz)),
        "cv": train.cv(start=start),
        "modulation": float(rate.std() / max(rate.mean(), 1e-12)),
        "frequency": bs.analysis.dominant_frequency(rate, bin_s, segment=segment),
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
    """Print the observables of the four regimes, of one and the same wiring."""
    net = build()
    for regime, (g, eta) in track(REGIMES.items(), "regime", name=lambda item: item[0]):
        set_regime(net, regime)
        net.reset()
        _, measured = experiment(net)
        print(
            f"{regime:8} g {g:3}, eta {eta:3}: " + ", ".join(f"{name} {value:.4g}" for name, value in measured.items())
        )


if __name__ == "__main__":
    main()
