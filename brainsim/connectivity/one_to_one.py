"""Neuron i to neuron i."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .pairs import Pairs, Synapses
from .rule import ConnectionRule


@dataclass(frozen=True, repr=False)
class OneToOne(ConnectionRule):
    r"""Connect the i-th neuron of one view to the i-th of the other.

    .. math:: S = \{(i, i) : 0 \le i < n\}

    Parameters
    ----------
    self_connections : bool, keyword only
        Whether a neuron may connect to itself. Default True.

    Raises
    ------
    ValueError
        At `connect`, if the views differ in size.
    """

    draws = False

    def _draw(self, pairs: Pairs, rng: np.random.Generator) -> Synapses:
        if pairs.n_pre != pairs.n_post:
            raise ValueError(
                f"{self.name}: {pairs.n_pre} presynaptic and {pairs.n_post} postsynaptic neurons; give views of equal"
                " size"
            )
        indptr = np.arange(pairs.n_pre + 1, dtype=np.int32)
        return pairs.drop_self(Synapses(indptr, indptr[:-1].copy()))

    def expected_synapses(self, n_pre: int, n_post: int) -> int:
        return min(n_pre, n_post)
