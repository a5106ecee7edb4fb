"""Connectivity that is not stored: each row is made anew, from a key, whenever its neuron spikes.

Row i is what the words of a counter-based generator (Philox4x32-10 with the row in its counter) say. All that decides
about a target or a weight is 32-bit integer arithmetic on these words and on tables that are made once, so the compiled
kernel, plain JAX on any backend, and the stored form that :meth:`Procedural.materialise` gives agree bit for bit.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from brainsim.events._philox import high_product, words
from brainsim.events._shared import Purpose, Rule
from brainsim.events.quantiles import Quantiles
from brainsim.events.unstored import CHUNK, Unstored

LONGEST_GAPS = 14  # bits of the index into the table of gaps, at most


class ProceduralFixedProbability(Unstored):
    r"""Each pair with probability p, independently; nothing stored.

    The gap before the next target has the geometric law :math:`P(g) = p (1-p)^g`, drawn from one word by the alias
    method in integer arithmetic (probabilities are multiples of :math:`2^{-32}`). Gaps that are longer than the table
    go on with the next word, since the law has no memory.

    Parameters
    ----------
    n_pre, n_post : int
        Number of neurons on either side.
    p : float
        Probability of a connection.
    key : int or uint32 ``[2]``
        What the rows are made from.
    weights : Quantiles, optional
        Distribution of weights, which multiply the one that is given with the spikes. None: all are 1.
    pre, post : tuple of int, optional
        Range of neurons, (begin, end), that is connected on either side. Default: all.
    self_connections : bool
        Whether neuron i may connect to neuron i.

    Raises
    ------
    ValueError
        For what is not a probability, key or range.

    References
    ----------
    Counter-based generator: Salmon, Moraes, Dror & Shaw (2011), SC '11. Alias method: Walker (1977), ACM Transactions
    on Mathematical Software 3:253. Procedural connectivity: Knight & Nowotny (2021), Nature Computational Science
    1:136.
    """

    threshold: jax.Array
    alias: jax.Array
    weights: Quantiles | None
    p: float

    def __init__(
        self,
        n_pre: int,
        n_post: int,
        p: float,
        key: int | jax.Array | np.ndarray = 0,
        weights: Quantiles | None = None,
        *,
        pre: tuple[int, int] | None = None,
        post: tuple[int, int] | None = None,
        self_connections: bool = True,
    ):
        if not 0 <= p <= 1:
            raise ValueError(f"ProceduralFixedProbability: p is a probability; got {p}.")
        self._place(n_pre, n_post, key, pre, post, self_connections)
        threshold, alias = gap_table(float(p))
        self._set(threshold=jnp.asarray(threshold), alias=jnp.asarray(alias), weights=weights, p=float(p))

    @property
    def n_synapses(self) -> int:
        pairs = (self.pre_end - self.pre_begin) * (self.post_end - self.post_begin)
        both = min(self.pre_end, self.post_end) - max(self.pre_begin, self.post_begin)
        return round(self.p * (pairs - (0 if self.loops else max(0, both))))

    @property
    def most(self) -> int:
        return self.pre_end - self.pre_begin

    @property
    def layout(self):
        return Rule.FIXED_PROBABILITY, self.threshold.shape[-1].bit_length() - 1

    def start(self, rows):
        return jnp.zeros(rows.shape, jnp.uint32)

    def advance(self, rows, at, first):
        size = jnp.uint32(self.post_end - self.post_begin)
        bits, escape = self.layout[1], jnp.uint32(self.threshold.shape[0] - 1)
        word = words(self.key, rows, first, CHUNK, Purpose.TARGETS)
        column = word >> (32 - bits)
        gap = jnp.where((word << bits) < self.threshold[column], column, self.alias[column])
        ends = at[:, None] + jnp.cumsum(jnp.where(gap == escape, escape, gap + 1), axis=1, dtype=jnp.uint32)
        targets = ends - 1
        at = jnp.minimum(ends[:, -1], size)
        return at, targets.astype(jnp.int32), (gap != escape) & (targets < size), at >= size


class ProceduralFixedOutDegree(Unstored):
    r"""k targets for each neuron, drawn uniformly with replacement; nothing stored.

    Target t is the upper half of word t times the number of neurons to draw from,
    :math:`\lfloor w_t\, n / 2^{32} \rfloor`, so that no target's probability is off by more than :math:`2^{-32}`. A
    pair may be connected more than once.

    Parameters
    ----------
    n_pre, n_post : int
        Number of neurons on either side.
    k : int
        Synapses of each presynaptic neuron.
    key : int or uint32 ``[2]``
        What the rows are made from.
    weights : Quantiles, optional
        Distribution of weights, which multiply the one that is given with the spikes. None: all are 1.
    pre, post : tuple of int, optional
        Range of neurons, (begin, end), that is connected on either side. Default: all.
    self_connections : bool
        Whether neuron i may connect to neuron i.

    Raises
    ------
    ValueError
        For what is not a number of synapses, key or range, or where there is nobody to connect to.
    """

    weights: Quantiles | None
    k: int

    def __init__(
        self,
        n_pre: int,
        n_post: int,
        k: int,
        key: int | jax.Array | np.ndarray = 0,
        weights: Quantiles | None = None,
        *,
        pre: tuple[int, int] | None = None,
        post: tuple[int, int] | None = None,
        self_connections: bool = True,
    ):
        self._set(k=k)
        self._check_count("k")
        self._place(n_pre, n_post, key, pre, post, self_connections)
        targets = self.post_end - self.post_begin
        alone = targets == 1 and not self.loops and self.pre_begin <= self.post_begin < self.pre_end
        if k and self.pre_end > self.pre_begin and (not targets or alone):
            raise ValueError(f"ProceduralFixedOutDegree: k = {k}, but there is nobody to connect to; give k = 0.")
        self._set(weights=weights)

    @property
    def n_synapses(self) -> int:
        return (self.pre_end - self.pre_begin) * self.k

    @property
    def most(self) -> int:
        return self.n_synapses

    @property
    def layout(self):
        return Rule.FIXED_OUT_DEGREE, self.k

    def start(self, rows):
        return jnp.zeros(rows.shape, jnp.uint32)

    def advance(self, rows, at, first):
        word = words(self.key, rows, first, CHUNK, Purpose.TARGETS)
        begin, end = jnp.zeros(word.shape, jnp.int32), jnp.int32(self.post_end - self.post_begin)
        at, place = _places(at)
        return at, _uniform(self, rows, word, begin, end), place < self.k, at >= self.k


class ProceduralOutDegrees(Unstored):
    r"""Given numbers of synapses from each neuron to each block of targets, which are drawn uniformly with replacement; of
    synapses nothing is stored.

    Synapses are numbered in the order of blocks. Where number t lies in a block of n targets (but for the neuron itself,
    where it is left out) that begins at b, its target is :math:`b + \lfloor w_t\, n / 2^{32} \rfloor`, so that no target's
    probability is off by more than :math:`2^{-32}`. A pair may be connected more than once. What is stored are the
    numbers: 4 bytes for each presynaptic neuron and block.

    Parameters
    ----------
    n_pre, n_post : int
        Number of neurons on either side.
    out_degrees : int array, (neurons, blocks)
        Synapses of each presynaptic neuron, of those in ``pre``, to each block.
    sizes : sequence of int, (blocks,)
        Neurons of each block: ranges of those in ``post``, one after the other, which have them all.
    key : int or uint32 ``[2]``
        What the rows are made from.
    weights : Quantiles, optional
        Distribution of weights, which multiply the one that is given with the spikes. None: all are 1.
    pre, post : tuple of int, optional
        Range of neurons, (begin, end), that is connected on either side. Default: all.
    self_connections : bool
        Whether neuron i may connect to neuron i.

    Raises
    ------
    ValueError
        For what is not a number of synapses, key or range, blocks that do not have all neurons of ``post``, a neuron with
        2^31 synapses or more, or where there is nobody to connect to.
    """

    ends: jax.Array
    bounds: jax.Array
    weights: Quantiles | None
    total: int

    def __init__(
        self,
        n_pre: int,
        n_post: int,
        out_degrees: np.ndarray,
        sizes: Sequence[int],
        key: int | jax.Array | np.ndarray = 0,
        weights: Quantiles | None = None,
        *,
        pre: tuple[int, int] | None = None,
        post: tuple[int, int] | None = None,
        self_connections: bool = True,
    ):
        self._place(n_pre, n_post, key, pre, post, self_connections)
        name, degrees, blocks = type(self).__name__, np.asarray(out_degrees), np.asarray(sizes)
        blocks = blocks if blocks.size else blocks.astype(np.int64)
        shape, targets = (self.pre_end - self.pre_begin, len(blocks)), self.post_end - self.post_begin
        whole = blocks.ndim == 1 and np.issubdtype(blocks.dtype, np.integer)
        if not whole or np.any(blocks < 0) or blocks.sum() != targets:
            raise ValueError(
                f"{name}: sizes are of blocks that have {targets} targets together; got {blocks.tolist()}."
            )
        if degrees.shape != shape or not np.issubdtype(degrees.dtype, np.integer) or np.any(degrees < 0):
            raise ValueError(
                f"{name}: out_degrees are numbers of synapses, one for each neuron and block, {list(shape)}; got"
                f" {degrees.dtype}{list(degrees.shape)}{', some of them negative' if np.any(degrees < 0) else ''}."
            )
        bounds = np.concatenate([[0], np.cumsum(blocks, dtype=np.int64)])
        own = np.arange(self.pre_begin, self.pre_end)[:, None] - self.post_begin
        alone = (blocks == 1) & (own == bounds[:-1]) & (not self.loops)
        if np.any(nobody := (degrees > 0) & ((blocks == 0) | alone)):
            row, block = np.argwhere(nobody)[0]
            raise ValueError(
                f"{name}: neuron {self.pre_begin + row} has {degrees[row, block]} synapses to block {block}, but there is"
                " nobody to connect to; give 0."
            )
        ends = np.cumsum(degrees, axis=1, dtype=np.int64)
        if ends.size and ends[:, -1].max() >= 2**31:
            raise ValueError(f"{name}: a neuron has fewer than 2^31 synapses; got {ends[:, -1].max()}.")
        total = int(ends[:, -1].sum()) if ends.size else 0
        ends, bounds = jnp.asarray(ends.astype(np.uint32)), jnp.asarray(bounds.astype(np.uint32))
        self._set(ends=ends, bounds=bounds, weights=weights, total=total)

    @property
    def n_synapses(self) -> int:
        return self.total

    @property
    def most(self) -> int:
        return self.total

    @property
    def layout(self):
        return Rule.OUT_DEGREES, self.ends.shape[1]

    def start(self, rows):
        return jnp.zeros(rows.shape, jnp.uint32)

    def advance(self, rows, at, first):
        word = words(self.key, rows, first, CHUNK, Purpose.TARGETS)
        ends = self.ends[rows - self.pre_begin]
        at, place = _places(at)
        block = jax.vmap(functools.partial(jnp.searchsorted, side="right"))(ends, place)
        there, bounds = block < ends.shape[1], self.bounds.astype(jnp.int32)
        block = jnp.minimum(block, max(ends.shape[1] - 1, 0))
        targets = _uniform(self, rows, word, bounds[block], bounds[jnp.minimum(block + 1, len(bounds) - 1)])
        return at, targets, there, at >= ends.max(axis=1, initial=0)


def _places(at: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Where rows go on, and the numbers of the synapses that a chunk of words is for."""
    return at + jnp.uint32(4 * CHUNK), at[:, None] + jnp.arange(4 * CHUNK, dtype=jnp.uint32)[None, :]


def _uniform(conn: Unstored, rows, word, begin, end) -> jax.Array:
    """The target from ``begin`` to ``end`` - 1 that each word says, counted from ``post_begin``."""
    own = (rows - conn.post_begin)[:, None]
    excluded = jnp.zeros(word.shape, bool) if conn.loops else (begin <= own) & (own < end)
    drawn = begin + high_product(word, (end - begin - excluded).astype(jnp.uint32)).astype(jnp.int32)
    return drawn + (excluded & (drawn >= own))


def gap_table(p: float) -> tuple[np.ndarray, np.ndarray]:
    """Alias table of the geometric law: thresholds, uint32, and aliases, uint32, of 2**bits columns.

    The last column stands for "no target among the next 2**bits - 1". The table is as long as makes that rare, up to a
    size that stays in a core's cache.
    """
    bits = LONGEST_GAPS
    if p > 0.0:
        stays = math.log1p(-p) if p < 1 else -math.inf
        bits = next((b for b in range(1, LONGEST_GAPS) if (2**b - 1) * stays < math.log(1 / 64)), LONGEST_GAPS)
    n = 2**bits
    law = p * np.power(1.0 - p, np.arange(n, dtype=np.float64))
    law[-1] = (1.0 - p) ** (n - 1)
    # Whole shares of 2**32, so that the table says exactly what is drawn; what rounding leaves goes to the largest.
    share = np.round(law / law.sum() * 2.0**32).astype(np.int64)
    share[np.argmax(share)] += 2**32 - share.sum()
    full = 2 ** (32 - bits)
    threshold, alias = np.full(n, full, np.int64), np.arange(n)
    small, large = list(np.flatnonzero(share < full)), list(np.flatnonzero(share >= full))
    while small and large:
        low, high = small.pop(), large[-1]
        threshold[low], alias[low] = share[low], high
        share[high] -= full - share[low]
        if share[high] < full:
            small.append(large.pop())
    # A full column is its own alias, so its threshold, which would need 33 bits, does not matter.
    return np.minimum(threshold << bits, 2**32 - 1).astype(np.uint32), alias.astype(np.uint32)
