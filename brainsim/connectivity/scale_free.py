"""Networks that grow by preferential attachment."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from . import _checks
from .pairs import Pairs, Synapses
from .rule import ConnectionRule


@dataclass(frozen=True, repr=False)
class ScaleFree(ConnectionRule):
    r"""Undirected scale-free network (Barabasi & Albert).

    Neurons 0 to m are all connected with each other. Every further one, in the order of their indices, connects to m
    different neurons that are there already, each drawn with a probability proportional to the number of its
    connections. Every connection has a synapse in both directions.

    .. math:: P(\text{degree} = k) = \frac{2 m (m + 1)}{k (k + 1) (k + 2)} \propto k^{-3}

    Parameters
    ----------
    m : int
        Connections of each new neuron.
    self_connections : bool, keyword only
        Has no effect within one view, where the rule makes none.

    Raises
    ------
    TypeError, ValueError
        If m is not a whole number, 0 or larger; at `connect`, if the two views differ in size or have m neurons or
        fewer.

    References
    ----------
    Barabasi & Albert (1999), Science 286:509. Degrees: Dorogovtsev, Mendes & Samukhin (2000), Physical Review Letters
    85:4633.
    """

    m: int

    def __post_init__(self):
        super().__post_init__()
        self._set("m", _checks.count(self.name, "m", self.m))

    def _draw(self, pairs: Pairs, rng: np.random.Generator) -> Synapses:
        n, m = _same_size(self.name, pairs), self.m
        if n and m >= n:
            raise ValueError(f"{self.name}: m = {m}, but there are {n} neurons; give m <= {n - 1}")
        first, second = np.triu_indices(min(m + 1, n), 1)
        total = len(first) + max(0, n - m - 1) * m
        ends = np.empty((total, 2), np.int32)
        ends[: len(first), 0], ends[: len(first), 1] = second, first
        both, filled = ends.reshape(-1), 2 * len(first)  # a neuron is listed here once for each of its connections
        degree = np.zeros(n, np.int64)
        degree[: m + 1] = m
        for new in range(m + 1, n if m else 0):
            if new < 4 * m:  # of so few, draws with replacement would often repeat: draw without, by exponential races
                old = np.argpartition(rng.exponential(size=new) / degree[:new], m - 1)[:m]
            else:
                old = _distinct(rng, both[:filled], m)
            degree[old] += 1
            degree[new] = m
            both[filled : filled + 2 * m : 2], both[filled + 1 : filled + 2 * m : 2] = new, old
            filled += 2 * m
        there, back = np.concatenate([ends[:, 0], ends[:, 1]]), np.concatenate([ends[:, 1], ends[:, 0]])
        del ends, both
        return pairs.rows(there, back)

    def expected_synapses(self, n_pre: int, n_post: int) -> int:
        return 2 * n_pre * self.m


@dataclass(frozen=True, repr=False)
class DirectedScaleFree(ConnectionRule):
    r"""Directed scale-free network (Bollobas, Borgs, Chayes & Riordan).

    From a ring of three neurons, synapses are added one at a time until there are as many neurons as asked for:

    - with probability alpha, from a new neuron to one that is drawn by its in-degree,
    - with probability beta, from a neuron drawn by its out-degree to one drawn by its in-degree,
    - with probability gamma, from a neuron drawn by its out-degree to a new one,

    "by degree" meaning with a probability proportional to degree + delta. The degrees fall as power laws,

    .. math::

        P(d_{in} = k) \propto k^{-X},\quad X = 1 + \frac{1 + \delta_{in} (\alpha + \gamma)}{\alpha + \beta},\qquad
        P(d_{out} = k) \propto k^{-Y},\quad Y = 1 + \frac{1 + \delta_{out} (\alpha + \gamma)}{\beta + \gamma}

    Parameters
    ----------
    alpha, beta, gamma : float
        Probabilities of the three kinds of synapse; they sum to 1.
    delta_in, delta_out : float
        What is added to degrees, 0 or larger.
    multiple : bool, keyword only
        Whether a pair may be connected more than once, as in the paper. Default False: repeated pairs are left out.
    self_connections : bool, keyword only
        Whether the synapses from a neuron to itself are kept. Default True.

    Raises
    ------
    ValueError
        If the numbers are not such probabilities; at `connect`, if the two views differ in size or have 1 or 2 neurons.

    References
    ----------
    Bollobas, Borgs, Chayes & Riordan (2003), Proc. 14th ACM-SIAM Symposium on Discrete Algorithms, 132.
    """

    alpha: float = 0.41
    beta: float = 0.54
    gamma: float = 0.05
    delta_in: float = 0.2
    delta_out: float = 0.2
    multiple: bool = field(default=False, kw_only=True)

    def __post_init__(self):
        super().__post_init__()
        for name in ("alpha", "beta", "gamma"):
            self._set(name, _checks.probability(self.name, name, getattr(self, name)))
        self._set("multiple", _checks.flag(self.name, "multiple", self.multiple))
        if abs(self.alpha + self.beta + self.gamma - 1) > 1e-9 or self.alpha + self.gamma == 0:
            raise ValueError(
                f"{self.name}: alpha, beta, gamma = {self.alpha}, {self.beta}, {self.gamma}; "
                "give probabilities that sum to 1, alpha + gamma above 0"
            )
        for name in ("delta_in", "delta_out"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{self.name}: {name} = {getattr(self, name)}; give a number, 0 or larger")

    def _draw(self, pairs: Pairs, rng: np.random.Generator) -> Synapses:
        n = _same_size(self.name, pairs)
        if n == 0:
            return pairs.rows(np.empty(0, np.int32), np.empty(0, np.int32))
        if n < 3:
            raise ValueError(f"{self.name}: {n} neurons; give views of 3 or more")
        wanted, kinds = n - 3, np.empty(0, np.int8)
        while np.count_nonzero(kinds != 1) < wanted:  # kind 1 adds no neuron
            more = int((wanted - np.count_nonzero(kinds != 1)) / (self.alpha + self.gamma) * 1.05) + 16
            u = rng.random(more)
            kinds = np.concatenate([kinds, (u >= self.alpha).astype(np.int8) + (u >= self.alpha + self.beta)])
        grown = np.cumsum(kinds != 1)
        kinds = kinds[: int(np.searchsorted(grown, wanted)) + 1] if wanted else kinds[:0]
        there = 3 + np.concatenate([[0], np.cumsum(kinds != 1)])[:-1] if len(kinds) else np.empty(0, np.int64)
        source = _chosen(rng, np.array([0, 1, 2]), there, kinds == 0, self.delta_out)
        target = _chosen(rng, np.array([1, 2, 0]), there, kinds == 2, self.delta_in)
        if not self.multiple:
            key = np.unique(source.astype(np.int64) * n + target)
            source, target = (key // n).astype(np.int32), (key % n).astype(np.int32)
        return pairs.rows(source, target)

    def expected_synapses(self, n_pre: int, n_post: int) -> int:
        mean = n_pre / (self.alpha + self.gamma)
        return int(3 + mean + 6 * np.sqrt(mean / (self.alpha + self.gamma))) + 16


def _chosen(rng, start: np.ndarray, there: np.ndarray, new: np.ndarray, delta: float) -> np.ndarray:
    """One end of each synapse: the new neuron, or one drawn by degree among those that are there.

    Drawing by degree is copying the end of an earlier synapse drawn uniformly. That may be a copy too: all are resolved
    together, by following the links twice as far in each round (Batagelj & Brandes 2005, Physical Review E 71:036113).
    """
    n_start, total = len(start), len(start) + len(there)
    earlier = np.arange(n_start, total)
    by_degree = rng.random(len(there)) * (earlier + delta * there) < earlier
    own = np.concatenate([start, np.where(new, there, rng.integers(0, there) if len(there) else 0)])
    link = np.arange(total)
    copied = n_start + np.flatnonzero(by_degree & ~new)
    link[copied] = rng.integers(0, copied) if len(copied) else copied
    while not np.array_equal(further := link[link], link):
        link = further
    return own[link].astype(np.int32)


def _distinct(rng: np.random.Generator, among: np.ndarray, m: int) -> np.ndarray:
    """The first ``m`` different values of uniform draws from a list."""
    drawn = among[rng.integers(0, len(among), 2 * m)]
    while True:
        values, first = np.unique(drawn, return_index=True)
        if len(values) >= m:
            return values[np.argpartition(first, m - 1)[:m]] if len(values) > m else values
        drawn = np.concatenate([drawn, among[rng.integers(0, len(among), 2 * m)]])


def _same_size(rule: str, pairs: Pairs) -> int:
    if pairs.n_pre != pairs.n_post:
        raise ValueError(
            f"{rule}: {pairs.n_pre} presynaptic and {pairs.n_post} postsynaptic neurons; give views of equal size"
        )
    return pairs.n_pre
