"""Place cells of a rat that runs laps on a linear track, and what their synapses in CA3 learn from it.

Half of the pyramidal cells have a place field of 30 cm on a track of 3 m, which is run at 32 cm/s in laps without a
pause. With x the position and :math:`\\phi` the beginning of the field, both in radians of the track, a cell fires as a
Poisson process of rate

.. math:: \\lambda = 20\\,\\mathrm{Hz}\\; e^{-(x - \\phi - l/2)^2 / 2 \\sigma^2}
          \\Big[\\cos\\big(2\\pi f_\\theta t + \\tfrac{\\pi}{l}(x - \\phi)\\big)\\Big]_+

so that its spikes come earlier in the theta rhythm the farther the rat is. The others fire rarely. Synapses at random
between all cells learn from the spikes by pairs, whose order does not matter where the rule is symmetric.

References
----------
A. Ecker et al., eLife 11:e71850 (2022); R. K. Mishra, S. Kim, S. J. Guzman, P. Jonas, Nat. Commun. 7:11552 (2016), on
the symmetric rule.
"""

from __future__ import annotations

from typing import NamedTuple

import brainunit as u
import numpy as np

import brainsim as bs

N, INPUTS = 8000, 800  # pyramidal cells, and from how many others each receives in the mean
LAP = 300.0 / 32.43567842  # s
FIELD = 2 * np.pi * 30.0 / 300.0  # l, rad
WIDTH = 0.146  # sigma, rad
THETA = 7.0  # Hz
PEAK, OUTSIDE = 20.0, 0.1  # Hz, of place cells at the peak of their field, and of other cells
SILENCE = 5e-3  # s, the shortest interval between spikes of a cell
DT = 0.5 * u.ms


class PlaceCells(NamedTuple):
    """Which of the ``n`` cells have a place field (sorted), and where on the track each begins (rad, sorted too)."""

    n: int
    cells: np.ndarray
    begin: np.ndarray

    @property
    def centre(self) -> np.ndarray:
        """Centre of the field of every cell in rad; not a number where there is none."""
        centre = np.full(self.n, np.nan)
        centre[self.cells] = self.begin + FIELD / 2
        return centre


class Rule(NamedTuple):
    """Pair-based plasticity: changes at zero lag relative to ``w_max``, time constant (ms), bound (nS), and the final
    scale.
    """

    before: float  # pre before post
    after: float
    tau: float
    w_max: float
    scale: float

    def faster(self, factor: float) -> Rule:
        """The rule with larger changes, to learn in fewer laps."""
        return self._replace(before=factor * self.before, after=factor * self.after)


RULES = {"symmetric": Rule(0.004, 0.004, 62.5, 20.0, 0.62), "asymmetric": Rule(0.01, -0.01, 20.0, 40.0, 1.27)}
W_INITIAL = 0.1  # nS


class Learned(NamedTuple):
    """Place cells, and the synapses between all cells, of probability ``p``, with their weights (nS) after the laps."""

    place: PlaceCells
    p: float
    pre: np.ndarray
    post: np.ndarray
    weight: np.ndarray

    def shuffled(self, seed: int = 0) -> Learned:
        """The same weights on other synapses."""
        return self._replace(weight=np.random.default_rng(seed).permutation(self.weight))


def place_cells(n: int = N, *, seed: int = 0) -> PlaceCells:
    """Draw which half of the cells have a field: at the ends of the track (the first and last 1/80) twice as many."""
    rng = np.random.default_rng(seed)
    ends = n // 80
    middle = (1 - 4 * ends / n) / (n - 2 * ends)
    probability = np.where(np.minimum(np.arange(n), np.arange(n)[::-1]) < ends, 2 / n, middle)
    cells = np.sort(rng.choice(n, n // 2, replace=False, p=probability))
    return PlaceCells(n, cells, np.sort(rng.uniform(0, 2 * np.pi, cells.size)) - 0.1 * np.pi)


def position(t):
    """Where the rat is at ``t`` seconds, rad."""
    return 2 * np.pi * (t / LAP % 1.0)


def rate(t, begin):
    """Rate in Hz at ``t`` seconds of a cell whose field begins at ``begin``."""
    x = position(t) - begin
    tuning = np.exp(-((x - FIELD / 2) ** 2) / (2 * WIDTH**2))
    return PEAK * tuning * np.maximum(np.cos(2 * np.pi * THETA * t + np.pi / FIELD * x), 0.0)


def spike_trains(place: PlaceCells, seconds: float = 405.0, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Spike times (s) and cells, sorted by cell and time; spikes within 5 ms of the one before are left out."""
    rng = np.random.default_rng([seed, 1])
    begin = place.centre - FIELD / 2
    trains = []
    for cell in range(place.n):
        peak = OUTSIDE if np.isnan(begin[cell]) else PEAK
        t = np.sort(rng.uniform(0, seconds, rng.poisson(peak * seconds)))
        if peak == PEAK:
            t = t[rng.uniform(0, PEAK, t.size) < rate(t, begin[cell])]
        trains.append(t[np.diff(t, prepend=-1.0) >= SILENCE])
    return np.concatenate(trains), np.repeat(np.arange(place.n), [len(t) for t in trains])


def build_learning(
    place: PlaceCells, times, cells, rule: Rule = RULES["symmetric"], *, p: float = 0.1, seed: int = 0
) -> bs.Network:
    """The cells ``PC``, which fire at given times, and between them the synapses ``PC->PC``, which learn and send
    nothing.
    """
    before, after, tau, w_max, _ = rule
    net = bs.Network(seed=seed)
    net.PC = bs.sources.SpikeTimes(place.n, times * u.second, cells)
    stdp = bs.plasticity.PairSTDP(
        A_plus=before * w_max * u.nS,
        A_minus=-after * w_max * u.nS,
        w_max=w_max * u.nS,
        tau_plus=tau * u.ms,
        tau_minus=tau * u.ms,
    )
    wiring = bs.FixedProbability(p, self_connections=False)
    net.connect(net.PC, net.PC, wiring, receptor=None, weight=W_INITIAL * u.nS, plasticity=stdp)
    return net


def learn(rule: str | Rule = "symmetric", *, n: int = N, seconds: float = 400.0, seed: int = 0, dt=DT) -> Learned:
    """Run the laps, and return the cells with the weights between them.

    Parameters
    ----------
    rule : {"symmetric", "asymmetric"} or Rule
    n : int
        Pyramidal cells; each receives from 800 others in the mean, however many there are.
    seconds : float
        How long the rat runs.
    seed : int
        Of fields, spikes and wiring.
    dt : quantity, time
        Step; what spikes of a pair have in one step does not count.
    """
    if not isinstance(rule, Rule) and rule not in RULES:
        raise ValueError(f"rule: accepted are a Rule and {', '.join(map(repr, RULES))}, given {rule!r}.")
    rule = rule if isinstance(rule, Rule) else RULES[rule]
    place, p = place_cells(n, seed=seed), min(INPUTS / n, 1.0)
    times, cells = spike_trains(place, seconds, seed=seed)
    kept = times > float(dt.to_decimal(u.second))
    net = build_learning(place, times[kept], cells[kept], rule, p=p, seed=seed)
    bs.simulate(net, seconds * u.second, dt=dt, record=[], progress=False)
    synapses = net["PC->PC"]
    weight = np.asarray(synapses.weight.to_decimal(u.nS)) * rule.scale
    return Learned(place, p, *synapses.indices_of_synapses(), weight)
