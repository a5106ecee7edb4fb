"""Independent pairs."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from . import _checks, _sampling
from .pairs import Pairs, Synapses
from .rule import ConnectionRule


@dataclass(frozen=True, repr=False)
class FixedProbability(ConnectionRule):
    r"""Connect each pair independently with probability p.

    .. math:: P\big((i, j) \in S\big) = p \quad\text{independently for every pair}

    Out-degrees are Binomial(n_post, p), in-degrees Binomial(n_pre, p), and no pair is connected twice.

    Parameters
    ----------
    p : float
        Probability of a connection, 0 to 1.
    self_connections : bool, keyword only
        Whether a neuron may connect to itself. Default True.

    Raises
    ------
    ValueError
        If p is not a probability.

    References
    ----------
    Random directed graph G(n, p): Gilbert (1959), Annals of Mathematical Statistics 30:1141. Drawn by skipping
    geometric gaps: Batagelj & Brandes (2005), Physical Review E 71:036113.
    """

    p: float

    def __post_init__(self):
        super().__post_init__()
        self._set("p", _checks.probability(self.name, "p", self.p))

    @property
    def draws(self) -> bool:  # type: ignore[override]
        """Whether a pair may be left out."""
        return self.p != 1

    def _draw(self, pairs: Pairs, rng: np.random.Generator) -> Synapses:
        return _sampling.bernoulli(rng, pairs, self.p)

    def _draw_rows(self, pairs, rows, rng):
        return (_sampling.bernoulli(rng, pairs.some(first, last), self.p) for first, last in itertools.pairwise(rows))

    def parts(self, pairs, rng):
        return [self] * len(pairs)

    def expected_synapses(self, n_pre: int, n_post: int) -> int:
        return min(n_pre * n_post, _sampling.binomial_bound(n_pre * n_post, self.p))
