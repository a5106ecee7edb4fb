"""Connectivity that is not stored: each row is made anew, from a key, whenever its neuron spikes.

Row i is what the words of a counter-based generator (Philox4x32-10 with the row in its counter) say. All that decides
about a target or a weight is 32-bit integer arithmetic on these words and on tables that are made once, so the compiled
kernel, plain JAX on any backend, and the stored form that :meth:`Procedural.materialise` gives agree bit for bit.
"""

from __future__ import annotations

import abc
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from brainsim.events import _shared
from brainsim.events._frozen import Frozen
from brainsim.events._philox import high_product, words
from brainsim.events._rows import in_blocks
from brainsim.events._shared import Purpose, Quantile, Role, Rule
from brainsim.events.formats import CSR

PRE, WEIGHT, POST = Role
CHUNK = 8  # blocks of four words at a time
ROWS = 64  # rows at a time
BOUNDS = ("n_pre", "n_post", "pre_begin", "pre_end", "post_begin", "post_end", "loops")
STORED = 1 << 16  # synapses that are stored at a time
QUANTILES = Quantile.TAILS.value, Quantile.OCTAVES.value, Quantile.SEGMENTS.value + 1
LONGEST_GAPS = 14  # bits of the index into the table of gaps, at most


class Quantiles(Frozen):
    r"""A distribution of weights as a table of its quantile function, in fixed point.

    A 32-bit word picks a tail by its first bit and, by how many zeros follow, an octave :math:`[2^{-o-2}, 2^{-o-1}]` of
    the tail's probability; the next five bits pick one of 32 segments of it, and the rest interpolate linearly. So both
    tails are resolved down to a probability of :math:`2^{-32}`.

    Parameters
    ----------
    values : float array ``[2, 32, 33]``
        The quantile function at :meth:`probabilities`.

    Raises
    ------
    ValueError
        Where the values do not have this shape or are not finite.
    """

    table: jax.Array
    exponent: int

    def __init__(self, values):
        values = np.asarray(values, np.float64)
        if values.shape != QUANTILES or not np.isfinite(values).all():
            raise ValueError(f"Quantiles: values are finite and of shape {list(QUANTILES)}; got {list(values.shape)}.")
        largest = float(np.abs(values).max())
        exponent = math.floor(30 - math.log2(largest)) if largest > 0 else 0
        self._set(table=jnp.asarray(np.round(np.ldexp(values, exponent)).astype(np.int32)), exponent=exponent)

    @staticmethod
    def probabilities() -> np.ndarray:
        """Where the quantile function is tabulated, float64 ``[2, 32, 33]``: lower tail, upper tail."""
        _, octaves, nodes = QUANTILES
        tail = np.ldexp(1.0, -np.arange(octaves) - 2)[:, None] * (1 + np.arange(nodes) / (nodes - 1))
        return np.stack([tail, 1 - tail])

    def at(self, word: jax.Array, dtype) -> jax.Array:
        """The weights that words stand for."""
        upper, tail = word >> 31, word << 1
        octave = jax.lax.clz(tail | 1)
        place = (tail << octave) << 1
        _, octaves, nodes = QUANTILES
        index = ((upper * octaves + octave) * nodes + (place >> 27)).astype(jnp.int32)
        table = self.table.ravel()
        begin, end = table[index], table[index + 1]
        moved = high_product(jnp.abs(end - begin).astype(jnp.uint32), place << 5).astype(jnp.int32)
        return jnp.where(end < begin, begin - moved, begin + moved).astype(dtype) * dtype.type(2.0**-self.exponent)


class Unstored(Frozen, abc.ABC):
    """Which synapses there are, by rule and key. Nothing is stored, so there is one weight for all, times the drawn
    ones.

    The rows are those of the presynaptic neurons ``pre_begin`` to ``pre_end`` - 1, and all targets lie in
    ``post_begin`` to ``post_end`` - 1. ``loops`` is 0 where neuron i does not connect to neuron i.
    """

    key: jax.Array
    n_pre: int
    n_post: int
    pre_begin: int
    pre_end: int
    post_begin: int
    post_end: int
    loops: int

    def _place(self, n_pre, n_post, key, pre, post, self_connections):
        self._set(n_pre=n_pre, n_post=n_post)
        self._check_count("n_pre", "n_post")
        for name, part, n in (("pre", pre, n_pre), ("post", post, n_post)):
            begin, end = (0, n) if part is None else part
            if not 0 <= begin <= end <= n:
                raise ValueError(f"{type(self).__name__}: {name} is a range (begin, end) within 0 to {n}; got {part}.")
            self._set(**{f"{name}_begin": int(begin), f"{name}_end": int(end)})
        if max(n_pre, n_post) >= 2**31:
            raise ValueError(f"{type(self).__name__}: indices are int32; got {max(n_pre, n_post)} neurons.")
        key = np.asarray(key)
        if key.ndim == 0 and np.issubdtype(key.dtype, np.integer):
            key = np.array([int(key) & 0xFFFFFFFF, int(key) >> 32 & 0xFFFFFFFF], np.uint32)
        if key.shape != (2,) or key.dtype != np.uint32:
            raise ValueError(
                f"{type(self).__name__}: key is an integer or uint32[2]; got {key.dtype}{list(key.shape)}."
            )
        self._set(key=jnp.asarray(key), loops=int(bool(self_connections)))

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """One weight for all synapses."""
        return ()

    @property
    @abc.abstractmethod
    def n_synapses(self) -> int:
        """Number of synapses; its expectation where it is random."""

    @property
    @abc.abstractmethod
    def layout(self) -> tuple[int, int]:
        """Code of the rule, and its parameter, for the kernel."""

    @abc.abstractmethod
    def start(self, rows: jax.Array) -> jax.Array:
        """Where rows begin, uint32 ``[rows]``."""

    @abc.abstractmethod
    def advance(self, rows: jax.Array, at: jax.Array, first: jax.Array):
        """Targets by the next ``CHUNK`` blocks of words.

        Returns
        -------
        at : uint32 ``[rows]``
            Where the rows go on.
        targets : int32 ``[rows, 4 * CHUNK]``, counted from ``post_begin``
        there : bool ``[rows, 4 * CHUNK]``
            Which of them are synapses.
        done : bool ``[rows]``
            Which rows are at their end.
        """

    def synapses(self, rows: jax.Array, at: jax.Array, first: jax.Array, dtype):
        """As :meth:`advance`, with targets among all postsynaptic neurons and with weights, float or 1."""
        at, targets, there, done = self.advance(rows, at, first)
        targets = targets + self.post_begin
        if not self.loops:
            there = there & (targets != rows[:, None])
        weight = jnp.ones((), dtype)
        if self.weights is not None:
            weight = self.weights.at(words(self.key, rows, first, CHUNK, Purpose.WEIGHTS), dtype)
        return at, targets, there, done, jnp.broadcast_to(weight, targets.shape)

    def materialise(self, dtype=np.float32) -> tuple[CSR, np.ndarray]:
        """The same connectivity, stored.

        Parameters
        ----------
        dtype
            Floating type of the weights.

        Returns
        -------
        conn : CSR
            In the order in which the kernel goes through each row.
        weights : float ``[n_synapses]``
            Drawn weights; ones where all weights are equal.
        """
        dtype = np.dtype(dtype)
        counts = np.zeros(self.n_pre, np.int64)
        columns, values = [], []
        neurons = self.pre_end - self.pre_begin
        some = int(min(1024, max(1, STORED * neurons // max(1, self.n_synapses))))
        for begin in range(self.pre_begin, self.pre_end, some):
            size = min(some, self.pre_end - begin)
            rows = begin + np.arange(some, dtype=np.int32) % size
            at, first, done = self.start(jnp.asarray(rows)), 0, False
            row_parts, parts = [], []
            while not done:
                at, targets, there, finished, weight = _synapses(
                    self, jnp.asarray(rows), at, jnp.uint32(first), dtype=dtype
                )
                row, place = np.nonzero(np.asarray(there)[:size])
                row_parts.append(row)
                parts.append((np.asarray(targets)[row, place], np.asarray(weight)[row, place]))
                first, done = first + CHUNK, bool(finished.all())
            row = np.concatenate(row_parts)
            order = np.argsort(row, kind="stable")
            counts[begin : begin + size] = np.bincount(row, minlength=size)
            columns.append(np.concatenate([part[0] for part in parts])[order])
            values.append(np.concatenate([part[1] for part in parts])[order])
        indptr = np.concatenate([[0], np.cumsum(counts)])
        columns = np.concatenate(columns) if columns else np.empty(0, np.int32)
        return CSR(indptr, columns, self.n_post), np.concatenate(values) if values else np.empty(0, dtype)

    def coo(self) -> tuple[jax.Array, jax.Array]:
        """Presynaptic and postsynaptic neuron of each synapse, by storing them."""
        return self.materialise()[0].coo()


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

    def __init__(self, n_pre, n_post, p, key=0, weights=None, *, pre=None, post=None, self_connections=True):
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

    def __init__(self, n_pre, n_post, k, key=0, weights=None, *, pre=None, post=None, self_connections=True):
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
    def layout(self):
        return Rule.FIXED_OUT_DEGREE, self.k

    def start(self, rows):
        return jnp.zeros(rows.shape, jnp.uint32)

    def advance(self, rows, at, first):
        size, own = self.post_end - self.post_begin, rows - self.post_begin
        excluded = jnp.zeros(rows.shape, bool) if self.loops else (own >= 0) & (own < size)
        word = words(self.key, rows, first, CHUNK, Purpose.TARGETS)
        drawn = high_product(word, jnp.broadcast_to((size - excluded)[:, None], word.shape).astype(jnp.uint32)).astype(
            jnp.int32
        )
        drawn = drawn + (excluded[:, None] & (drawn >= own[:, None]))
        place = at[:, None] + jnp.arange(4 * CHUNK, dtype=jnp.uint32)[None, :]
        at = at + jnp.uint32(4 * CHUNK)
        return at, drawn, place < self.k, at >= self.k


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


@functools.partial(jax.jit, static_argnames="dtype")
def _synapses(conn, rows, at, first, *, dtype):
    return conn.synapses(rows, at, first, dtype)


def contract_procedural(shared, static, a, b, into):
    """The definition of T towards one argument: rows in blocks, each block until all of its rows are at their end."""
    (conn,) = shared
    towards = static[0]
    dtype = into.dtype
    if towards == PRE:  # every row
        count, row_of = jnp.int32(conn.pre_end - conn.pre_begin), lambda place: place + conn.pre_begin
    else:  # the rows of the neurons that spike
        index = jnp.arange(conn.n_pre, dtype=jnp.int32)
        fires = (a != 0) & (index >= conn.pre_begin) & (index < conn.pre_end)
        before = jnp.cumsum(fires, dtype=jnp.int32)
        count = before[-1] if conn.n_pre else jnp.int32(0)
        row_of = lambda place: jnp.searchsorted(before, place + 1).astype(jnp.int32)  # noqa: E731

    def block(begin, into):
        place = begin + jnp.arange(ROWS, dtype=jnp.int32)
        rows = jnp.clip(row_of(jnp.minimum(place, count - 1)), 0, max(conn.n_pre - 1, 0))

        def chunk(carry):
            at, first, _, into = carry
            at, targets, there, done, weight = conn.synapses(rows, at, first, dtype)
            there = there & (place < count)[:, None]
            targets = jnp.where(there, targets, 0)
            if towards == POST:
                scale = (a[rows].astype(dtype) * b)[:, None]
                into = into.at[targets].add(jnp.where(there, scale * weight, 0))
            elif towards == PRE:
                into = into.at[rows].add(a * jnp.where(there, weight * b[targets], 0).sum(1))
            else:
                into = into + jnp.sum(a[rows].astype(dtype) * jnp.where(there, weight * b[targets], 0).sum(1))
            return at, first + CHUNK, jnp.all(done | (place >= count)), into

        start = conn.start(rows), jnp.uint32(0), jnp.array(False), into
        return jax.lax.while_loop(lambda carry: ~carry[2], chunk, start)[3]

    if conn.post_end == conn.post_begin or not conn.n_pre:
        return (into,)
    return (in_blocks(block, count, ROWS, into),)


def numbers_procedural(shared, static):
    """What the kernel takes as whole numbers, in their order."""
    (conn,) = shared
    rule, parameter = conn.layout
    return _shared.Procedural(
        rule=rule,
        parameter=parameter,
        **{name: getattr(conn, name) for name in BOUNDS},
        weighted=int(conn.weights is not None),
        exponent=0 if conn.weights is None else conn.weights.exponent,
        towards=static[0],
    )
