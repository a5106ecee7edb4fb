"""Neuron-astrocyte liquid state machine: a liquid held near the edge of chaos by an astrocyte that modulates its
plasticity.

.. math::

    \\dot V_i = \\sum_j W_{ij} k_j - V_i / \\tau_v,\\qquad \\Delta W_{ij} = A_+ x_j S_i - A_{astro} x_i S_j,\\qquad
    \\tau \\dot A_{astro} = w_{astro} (n_{liquid} - n_{input}) + b - A_{astro}

Leaky integrate-and-fire neurons on a grid, connected by chance and distance, receive the spikes of 784 input neurons.
All synapses are plastic, and one astrocyte that sees whether the liquid fires more than its input sets the amplitude of
depression. The parts are in :mod:`~models.nalsm.neuron`, :mod:`~models.nalsm.plasticity` and
:mod:`~models.nalsm.astrocyte`.

References
----------
V. A. Ivanov, K. P. Michmizos, Increasing liquid state machine performance with edge-of-chaos dynamics organized by
astrocyte-modulated plasticity, NeurIPS 34 (2021).
"""

from __future__ import annotations

import math

import brainunit as u
import numpy as np

import brainsim as bs
from models.nalsm.astrocyte import Annealing, Astrocyte
from models.nalsm.neuron import DT, LIF, SLOPE, Events, NearestSpike
from models.nalsm.plasticity import APSTDP, STDP

__all__ = ["DT", "DURATION", "LEARNING", "RECORD", "build"]

DURATION = 250.0 * u.ms
RECORD = ["liquid.spikes", "pixels.spikes"]

LEARNING = ("astrocyte", "stdp", "ap_stdp", "fixed")
P_MAX = {"EE": 0.2, "EI": 0.1, "IE": 0.3, "II": 0.05}
LAMBDA = 3.0
INPUT_DENSITY = 0.15
A_PLUS, W_MAX = 0.15, 3.0


def build(
    seed: int = 0,
    *,
    size: tuple[int, int, int] = (10, 10, 10),
    inputs: int = 784,
    learning: str = "astrocyte",
    magnitude: float | None = None,
    w_astro: float = 0.015,
    sensed: float = 1.0,
    theta: float = 37.0,
    Delta: float = 22.0,
) -> bs.Network:
    """The liquid before it has seen anything.

    Parameters
    ----------
    seed : int
        Seed of places, wiring, and signs of the input's weights.
    size : tuple of int
        Grid of the liquid; (20, 20, 20) is the large one.
    inputs : int
        Input neurons: 784 pixels, or 2 x 34 x 34 for event cameras.
    learning : {"astrocyte", "stdp", "ap_stdp", "fixed"}
        Astrocyte-modulated STDP, STDP with constant depression, calcium-gated STDP, or fixed weights.
    magnitude : float, optional
        Absolute value of all weights at the beginning, in mV per ms: 3, for ``"ap_stdp"`` 1, and for ``"fixed"`` 0.9.
    w_astro : float
        Weight of a spike for the astrocyte: 0.015 for 1,000 neurons, 0.0075 for 8,000.
    sensed : float
        Fraction of the liquid neurons that the astrocyte senses.
    theta, Delta : float
        Calcium target and width of calcium-gated STDP.

    Returns
    -------
    Network
        With populations ``pixels`` and ``liquid``, of which the first 80 % are excitatory. ``pixels.events.p`` holds
        the probabilities of an input event in a step.

    Raises
    ------
    ValueError
        For an unknown kind of learning.
    """
    if learning not in LEARNING:
        raise ValueError(f"learning: accepted are {', '.join(map(repr, LEARNING))}, given {learning!r}.")
    if magnitude is None:
        magnitude = {"ap_stdp": 1.0, "fixed": 0.9}.get(learning, W_MAX)
    rng, n = np.random.default_rng(seed), math.prod(size)
    places = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), -1).reshape(n, 3).astype(float)

    net = bs.Network(seed=seed)
    net.pixels = LIF(inputs)
    net.pixels.add_stimuli(events=Events(p=np.zeros(inputs)))
    net.liquid = LIF(n, positions=rng.permutation(places))
    net.liquid.add_receptors(synaptic=bs.receptors.Graded())
    E = round(0.8 * n)
    types = {"E": net.liquid[:E], "I": net.liquid[E:]}

    if learning != "fixed":
        net.annealing = Annealing()
    if learning == "astrocyte":
        chosen = slice(None) if sensed == 1 else np.sort(rng.permutation(n)[: round(sensed * n)])
        net.astro = Astrocyte(net.liquid[chosen], net.pixels[:], w=w_astro, b=A_PLUS)

    def rule(low, high, inhibitory=False):
        bounds = dict(w_min=low * SLOPE, w_max=high * SLOPE, inhibitory=inhibitory)
        if learning == "fixed":
            return None
        if learning == "ap_stdp":
            return APSTDP(A=A_PLUS * SLOPE, theta=theta, Delta=Delta, **bounds).modulated(A=net.annealing)
        if learning == "stdp":
            return STDP(A_plus=A_PLUS * SLOPE, A_minus=A_PLUS * SLOPE, **bounds).modulated(
                A_plus=net.annealing, A_minus=net.annealing
            )
        return STDP(A_plus=A_PLUS * SLOPE, A_minus=1.0 * SLOPE, **bounds).modulated(
            A_plus=net.annealing, A_minus=net.astro
        )

    terminal, sigma = NearestSpike(), LAMBDA / math.sqrt(2)
    for (pre, post), p_max in P_MAX.items():
        near = bs.DistanceDependent(bs.connectivity.Gaussian(sigma), p_max, self_connections=False)
        low, high, sign = (0.0, W_MAX, 1.0) if pre == "E" else (-W_MAX, 0.0, -1.0)
        net.connect(
            types[pre],
            types[post],
            near,
            receptor="synaptic",
            weight=sign * magnitude * SLOPE,
            terminal=terminal,
            plasticity=rule(low, high, inhibitory=pre == "I"),
            name=f"{pre}->{post}",
        )
    synapses = int(INPUT_DENSITY * n * inputs)
    net.connect(
        net.pixels,
        net.liquid,
        bs.FixedTotalNumber(synapses, multiple=False),
        receptor="synaptic",
        weight=magnitude * rng.choice([-1.0, 1.0], synapses) * SLOPE,
        terminal=NearestSpike(),
        plasticity=rule(-W_MAX, W_MAX),
    )
    return net
