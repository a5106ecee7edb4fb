"""The cortical microcircuit of Potjans and Diesmann: 1 mm² of early sensory cortex, four layers, two cell types each.

.. math::

    \\tau \\dot V = E_L - V + R\\,(I_{syn} + I_{DC}),\\qquad \\dot I_{syn} = -I_{syn} / 0.5\\,\\mathrm{ms},\\qquad
    V > V_{th} \\Rightarrow V \\leftarrow V_{reset}\\ \\text{for 2 ms}

At full scale 77,169 neurons and 299 million synapses, each with a weight and a delay of its own. Between two populations
with connection probability :math:`C` there are

.. math:: K = \\frac{\\ln(1 - C)}{\\ln(1 - 1 / (N_{pre} N_{post}))}

synapses, drawn independently, so that a pair may have several. The background is Poisson spikes of 8 Hz from
``sources`` outside, or the direct current of the same mean. In a smaller network, weights grow by
:math:`1/\\sqrt{k}` where inputs are ``k`` times as many, and a direct current puts the mean input back to what it was.

    brainsim run models/pd14.py --duration 1s
    python -m models.pd14 0.1

References
----------
T. C. Potjans, M. Diesmann, Cereb. Cortex 24:785 (2014); scaling: S. J. van Albada, M. Helias, M. Diesmann, PLoS Comput.
Biol. 11:e1004490 (2015).
"""

from __future__ import annotations

import sys
from typing import Any

import brainunit as u
import numpy as np

import brainsim as bs
from models.progress import track

DT = 0.1 * u.ms
DURATION = 1.0 * u.second

NAMES = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
RECORD = [f"{name}.spikes" for name in NAMES]
SIZES = np.array([20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948])
SOURCES = np.array([1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100])  # of the background, per neuron

#: Probability that a neuron of the column's population connects to one of the row's at least once (table 5).
PROBABILITIES = np.array(
    [
        [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0],
        [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0],
        [0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0],
        [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0],
        [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0],
        [0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0],
        [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
        [0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443],
    ]
)

#: Rates at full scale (Hz), which decide how much current a smaller network lacks; those of the authors' own program.
RATES = np.array([0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829])
#: Initial potentials (mV) from which the network settles without a transient.
V_MEAN = np.array([-68.28, -63.16, -63.33, -63.45, -63.11, -61.66, -66.72, -61.43])
V_STD = np.array([5.36, 4.57, 4.74, 4.94, 4.94, 4.55, 5.46, 4.48])

TAU, TAU_SYN, C, E_L, V_TH, REFRACTORY = 10.0, 0.5, 250.0, -65.0, -50.0, 2.0  # ms, ms, pF, mV, mV, ms
PSP, G, BACKGROUND = 0.15, -4.0, 8.0  # mV, weight of inhibition relative to excitation, Hz
DELAYS = (1.5, 0.75)  # ms, of excitatory and inhibitory neurons; standard deviations are half of them


def current_of(psp: float) -> float:
    """Peak of the synaptic current (pA) that gives a postsynaptic potential of ``psp`` mV."""
    ratio = TAU / TAU_SYN
    peak = ratio ** (-1 / (ratio - 1)) - ratio ** (-ratio / (ratio - 1))  # of exp(-t / TAU) - exp(-t / TAU_SYN)
    return psp * C * (1 / TAU_SYN - 1 / TAU) / peak


def synapses(sizes: np.ndarray = SIZES) -> np.ndarray:
    """Number of synapses from the column's population to the row's at full scale."""
    pairs = np.outer(sizes, sizes).astype(float)
    return np.round(np.log1p(-PROBABILITIES) / np.log1p(-1 / pairs)).astype(np.int64)


def cells(size: int, V: Any) -> bs.neurons.LIF:
    """Neurons of the model with these potentials to start from, and their receptor ``syn``."""
    neurons = bs.neurons.LIF(
        size,
        tau=TAU * u.ms,
        E_L=E_L * u.mV,
        R=TAU / C * u.Gohm,
        V_th=V_TH * u.mV,
        V_reset=E_L * u.mV,
        refractory=REFRACTORY * u.ms,
        V=V,
    )
    neurons.add_receptors(syn=bs.receptors.Exponential(tau=TAU_SYN * u.ms))
    return neurons


def build(
    scale: float = 1.0,
    seed: int = 0,
    *,
    inputs: float | None = None,
    background: str = "poisson",
    start: str = "settled",
    spread: float = 0.1,
    precision: str | None = None,
    mesh: Any = None,
) -> bs.Network:
    """The network.

    Parameters
    ----------
    scale : float
        Number of neurons relative to the full 77,169.
    seed : int
        Seed of wiring, initial values and background.
    inputs : float, optional
        Number of inputs of a neuron relative to the full network's, which is ``scale`` by default. Weights are divided by
        its root, and direct currents put the mean input back.
    background : {"poisson", "dc"}
        What keeps it going.
    start : {"settled", "paper"}
        Initial potentials: of each population as they are when it has settled, or N(-58, 10) mV for all.
    spread : float
        Standard deviation of the weights, relative to their mean.
    precision : {"float16"}, optional
        In which weights are kept, as in :meth:`brainsim.Network.connect`.
    mesh
        As in :class:`brainsim.Network`: of several processes, each builds its part.

    Returns
    -------
    Network
        With populations ``L23E``, ``L23I``, ... ``L6I``, each with one receptor ``syn``.

    Raises
    ------
    ValueError
        For a scale that leaves a population without neurons, or another kind of background or start.
    """
    for what, given, accepted in (
        ("background", background, ("poisson", "dc")),
        ("start", start, ("settled", "paper")),
    ):
        if given not in accepted:
            raise ValueError(f"{what}: accepted are {' and '.join(map(repr, accepted))}, given {given!r}.")
    inputs = scale if inputs is None else inputs
    sizes = np.round(SIZES * scale).astype(int)
    if not (scale > 0 and inputs > 0 and sizes.min() >= 1):
        raise ValueError(
            f"scale, inputs: expected positive numbers that leave neurons in each population, given {scale}, {inputs}."
        )
    numbers = synapses() * scale * inputs  # inputs of each neuron times neurons
    mean_weights, direct = weights() / np.sqrt(inputs), missing_current(inputs, background)
    net = bs.Network(seed=seed, mesh=mesh)
    for k, name in enumerate(NAMES):
        mean, std = (V_MEAN[k], V_STD[k]) if start == "settled" else (-58.0, 10.0)
        neurons = cells(int(sizes[k]), bs.Normal(mean * u.mV, std * u.mV))
        if background == "poisson":
            weight = current_of(PSP) / np.sqrt(inputs) * u.pA
            outside = bs.stimuli.PoissonInput("syn", sources=SOURCES[k] * inputs, rate=BACKGROUND * u.Hz, weight=weight)
            neurons.add_stimuli(outside=outside)
        if direct[k]:
            neurons.add_stimuli(direct=bs.stimuli.Constant(direct[k] * u.pA))
        net[name] = neurons
    for source, pre in enumerate(NAMES):
        mean = DELAYS[source % 2]
        delay = bs.Normal(mean * u.ms, 0.5 * mean * u.ms).truncate(low=DT / 2).clip(low=DT)  # no less than a step
        for target, post in enumerate(NAMES):
            if number := round(numbers[target, source]):
                weight = mean_weights[target, source]
                drawn = bs.Normal(weight * u.pA, abs(spread * weight) * u.pA)
                rule = bs.FixedTotalNumber(number)
                net.connect(net[pre], net[post], rule, receptor="syn", weight=drawn, delay=delay, precision=precision)
    return net


def weights() -> np.ndarray:
    """Mean weight (pA) from the column's population to the row's at full scale."""
    weights = np.full((8, 8), current_of(PSP))
    weights[:, 1::2] *= G
    weights[0, 2] *= 2  # layer 4 drives layer 2/3 twice as much
    return weights


def missing_current(inputs: float, background: str = "poisson") -> np.ndarray:
    """Direct current (pA) that puts the mean input of each population to what it is at full scale.

    With ``inputs`` times as many inputs and weights divided by the root, the mean is the root of what it was; a
    background of direct current is missing altogether.
    """
    recurrent = weights() * synapses() / SIZES[:, None] @ RATES * TAU_SYN * 1e-3
    outside = SOURCES * BACKGROUND * current_of(PSP) * TAU_SYN * 1e-3
    lacking = 1 - np.sqrt(inputs)
    return lacking * recurrent + (lacking if background == "poisson" else 1) * outside


def observables(rec: bs.Recording, after=200.0 * u.ms, pairs: int = 200) -> dict[str, dict[str, float]]:
    """Statistics of each population, without the first ``after`` of a recording.

    Parameters
    ----------
    rec : Recording
    after : quantity, time
    pairs : int
        Neurons of each population, at most, whose correlations are looked at.

    Returns
    -------
    dict of dict
        By population: ``rate`` in Hz; ``cv``, mean over the neurons with at least six spikes; ``correlation``, mean
        Pearson coefficient of the spike counts in bins of 2 ms over all pairs of ``pairs`` neurons that fired.
    """
    start = rec.start + after
    return {name: statistics(rec.spikes[name], start, pairs) for name in NAMES}


def statistics(train: bs.SpikeTrain, start, pairs: int = 200) -> dict[str, float]:
    """Those of one population, from ``start`` on."""
    counts = train.counts(bin=2.0 * u.ms, start=start)
    fired = np.flatnonzero(counts.any(0))[:pairs]
    coefficient = np.nan
    if len(fired) > 1:
        matrix = np.corrcoef(counts[:, fired].T.astype(float))
        coefficient = float(matrix[~np.eye(len(fired), dtype=bool)].mean())
    rate = float(train.rate(start=start).to_decimal(u.Hz))
    return {"rate": rate, "cv": float(train.cv(start=start)), "correlation": coefficient}


def experiment(
    net: bs.Network | None = None, duration=DURATION, dt=DT, **options
) -> tuple[bs.Recording, dict[str, dict[str, float]]]:
    """Run ``net`` (or ``build(**options)``) for ``duration`` from its present state; returns recording and
    :func:`observables`.
    """
    net = build(**options) if net is None else net
    rec = bs.simulate(net, duration, dt=dt, record=RECORD)
    return rec, observables(rec)


def main() -> None:
    """Print the statistics of three seeds, at the scale that is given (0.1)."""
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 0.1
    for seed in track(range(3), "seed"):
        _, measured = experiment(scale=scale, seed=seed)
        for name, found in measured.items():
            print(f"seed {seed} {name:5}" + ", ".join(f"{what} {value:8.4g}" for what, value in found.items()))


if __name__ == "__main__":
    main()
