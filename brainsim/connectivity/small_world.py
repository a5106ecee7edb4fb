"""Small-world networks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from . import _checks
from .pairs import Pairs, Synapses
from .rule import ConnectionRule


@dataclass(frozen=True, repr=False)
class SmallWorld(ConnectionRule):
    r"""A ring lattice, some of whose connections are moved to random places (Watts & Strogatz).

    Neurons i and i ± 1, ..., i ± k/2 (on a ring, in the order of their indices) are connected. Each of these
    connections keeps one end and moves the other, with probability beta, to a neuron drawn uniformly from those that
    make neither a self connection nor a second connection of the same pair. All moves are drawn together, against the
    lattice connections that stay.

    .. math:: C(\beta) \approx \frac{3 (k - 2)}{4 (k - 1)} (1 - \beta)^3

    Parameters
    ----------
    k : int
        Neighbours of each neuron on the lattice; even.
    beta : float
        Probability that a connection is moved: 0 a lattice, 1 nearly random.
    directed : bool, keyword only
        False, the default: every connection has a synapse in both directions. True: the two directions are moved
        independently, and every neuron has k outgoing synapses.
    self_connections : bool, keyword only
        Has no effect within one view, where the rule makes none.

    Raises
    ------
    TypeError, ValueError
        If k is not an even number, 0 or larger, or beta no probability; at `connect`, if the two views differ in size
        or have fewer than k + 1 neurons.

    References
    ----------
    Watts & Strogatz (1998), Nature 393:440. Clustering coefficient: Barrat & Weigt (2000), European Physical Journal B
    13:547.
    """

    k: int
    beta: float
    directed: bool = field(default=False, kw_only=True)

    def __post_init__(self):
        super().__post_init__()
        self._set("k", _checks.count(self.name, "k", self.k))
        self._set("beta", _checks.probability(self.name, "beta", self.beta))
        self._set("directed", _checks.flag(self.name, "directed", self.directed))
        if self.k % 2:
            raise ValueError(f"{self.name}: k = {self.k} is odd; give an even number, half of it to either side")

    def _draw(self, pairs: Pairs, rng: np.random.Generator) -> Synapses:
        n = pairs.n_pre
        if pairs.n_post != n:
            raise ValueError(
                f"{self.name}: {n} presynaptic and {pairs.n_post} postsynaptic neurons; give views of equal size"
            )
        if n and self.k >= n:
            raise ValueError(
                f"{self.name}: k = {self.k}, but there are {n} neurons; give k <= {max(0, n - 1) // 2 * 2}"
            )
        steps = np.arange(1, self.k // 2 + 1)
        steps = np.concatenate([-steps, steps]) if self.directed else steps
        source = np.repeat(np.arange(n, dtype=np.int32), len(steps))
        target = ((np.arange(n)[:, None] + steps) % max(n, 1)).astype(np.int32).ravel()
        target = self._moved(rng, n, source, target)
        if not self.directed:
            source, target = np.concatenate([source, target]), np.concatenate([target, source])
        return pairs.rows(source, target)

    def _moved(self, rng, n, source, target):
        """Targets after the moves; in rounds, of which each places those that clash with nothing."""

        def key(i, j):
            i, j = i.astype(np.int64), j.astype(np.int64)
            return i * n + j if self.directed else np.minimum(i, j) * n + np.maximum(i, j)

        moving = np.flatnonzero(rng.random(len(source)) < self.beta)
        stays = np.ones(len(source), bool)
        stays[moving] = False
        taken = np.sort(key(source[stays], target[stays]))
        target = target.copy()
        rounds = 0
        while moving.size:
            rounds += 1
            if rounds > 1000:  # a neuron may have no free partner left in a nearly complete graph
                raise ValueError(
                    f"{self.name}: k = {self.k} leaves no room among {n} neurons to move connections; give a smaller k"
                )
            drawn = rng.integers(0, n, len(moving), dtype=np.int32)
            wanted = key(source[moving], drawn)
            at = np.minimum(np.searchsorted(taken, wanted), max(len(taken) - 1, 0))
            free = drawn != source[moving]
            if len(taken):
                free &= taken[at] != wanted
            first = np.zeros(len(moving), bool)
            first[np.unique(wanted, return_index=True)[1]] = True
            placed = free & first
            target[moving[placed]] = drawn[placed]
            taken = np.sort(np.concatenate([taken, wanted[placed]]), kind="stable")
            moving = moving[~placed]
        return target

    def expected_synapses(self, n_pre: int, n_post: int) -> int:
        return n_pre * self.k
