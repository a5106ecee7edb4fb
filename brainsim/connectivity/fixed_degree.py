"""The same number of synapses for every neuron of one side."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse

from . import _checks, _sampling
from .pairs import Pairs, Synapses
from .rule import ConnectionRule


@dataclass(frozen=True, repr=False)
class FixedOutDegree(ConnectionRule):
    r"""Connect every presynaptic neuron to k postsynaptic ones drawn uniformly.

    .. math:: |\{j : (i, j) \in S\}| = k \quad\text{for every } i

    Parameters
    ----------
    k : int
        Synapses per presynaptic neuron.
    self_connections : bool, keyword only
        Whether a neuron may connect to itself. Default True. The number of synapses is k either way.
    multiple : bool, keyword only
        Whether a pair may be connected more than once (draws with replacement). Default False.

    Raises
    ------
    TypeError, ValueError
        If k is not a whole number, 0 or larger; at `connect`, if there are fewer than k partners to draw from.
    """

    k: int
    multiple: bool = field(default=False, kw_only=True)

    def __post_init__(self):
        super().__post_init__()
        self._set("k", _checks.count(self.name, "k", self.k))
        self._set("multiple", _checks.flag(self.name, "multiple", self.multiple))

    def _draw(self, pairs: Pairs, rng: np.random.Generator) -> Synapses:
        self._require(self.k, "k", pairs.per_row, "presynaptic", "postsynaptic")
        targets = _sampling.fixed_rows(rng, pairs, self.k, self.multiple)
        return Synapses.from_row_counts(np.full(pairs.n_pre, self.k), targets.reshape(-1))

    def expected_synapses(self, n_pre: int, n_post: int) -> int:
        return n_pre * self.k


@dataclass(frozen=True, repr=False)
class FixedInDegree(ConnectionRule):
    r"""Connect every postsynaptic neuron to k presynaptic ones drawn uniformly.

    .. math:: |\{i : (i, j) \in S\}| = k \quad\text{for every } j

    Parameters
    ----------
    k : int
        Synapses per postsynaptic neuron.
    self_connections : bool, keyword only
        Whether a neuron may connect to itself. Default True. The number of synapses is k either way.
    multiple : bool, keyword only
        Whether a pair may be connected more than once (draws with replacement). Default False.

    Raises
    ------
    TypeError, ValueError
        If k is not a whole number, 0 or larger; at `connect`, if there are fewer than k partners to draw from.

    References
    ----------
    Fixed in-degree networks: Brunel (2000), Journal of Computational Neuroscience 8:183.
    """

    k: int
    multiple: bool = field(default=False, kw_only=True)

    def __post_init__(self):
        super().__post_init__()
        self._set("k", _checks.count(self.name, "k", self.k))
        self._set("multiple", _checks.flag(self.name, "multiple", self.multiple))

    def _draw(self, pairs: Pairs, rng: np.random.Generator) -> Synapses:
        by_post = pairs.transposed
        self._require(self.k, "k", by_post.per_row, "postsynaptic", "presynaptic")
        sources = _sampling.fixed_rows(rng, by_post, self.k, self.multiple).reshape(-1)
        return _transpose(sources, self.k, pairs)

    def parts(self, pairs, rng):
        return [self] * len(pairs)

    def expected_synapses(self, n_pre: int, n_post: int) -> int:
        return n_post * self.k


def _transpose(sources: np.ndarray, k: int, pairs: Pairs) -> Synapses:
    """Turn k sources per target into targets per source; scipy counts and places, and keeps targets in order."""
    indptr = np.arange(pairs.n_post + 1, dtype=np.int64) * k
    if indptr[-1] <= _checks.INT32_MAX:
        indptr = indptr.astype(np.int32)
    # One byte per synapse: scipy moves values along with the indices, and here there are none to move.
    by_post = scipy.sparse.csr_array(
        (np.zeros(len(sources), np.int8), sources, indptr), shape=(pairs.n_post, pairs.n_pre)
    )
    by_pre = by_post.tocsc()
    return Synapses(by_pre.indptr, by_pre.indices.astype(np.int32, copy=False))
