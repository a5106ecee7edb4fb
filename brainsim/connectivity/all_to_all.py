"""Every pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .pairs import Pairs, Synapses
from .rule import ConnectionRule


@dataclass(frozen=True, repr=False)
class AllToAll(ConnectionRule):
    r"""Connect every presynaptic neuron to every postsynaptic one.

    .. math:: S = \{(i, j) : 0 \le i < n_{pre},\; 0 \le j < n_{post}\}

    Parameters
    ----------
    self_connections : bool, keyword only
        Whether a neuron may connect to itself. Default True.
    """

    draws = False

    def _draw(self, pairs: Pairs, rng: np.random.Generator) -> Synapses:
        indices = np.tile(np.arange(pairs.n_post, dtype=np.int32), pairs.n_pre)
        counts = np.full(pairs.n_pre, pairs.n_post)
        return pairs.drop_self(Synapses.from_row_counts(counts, indices))

    def expected_synapses(self, n_pre: int, n_post: int) -> int:
        return n_pre * n_post
