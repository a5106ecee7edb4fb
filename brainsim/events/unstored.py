"""What every connectivity that is not stored has: a place, a key, rows that are made anew, and a stored form."""

from __future__ import annotations

import abc
import functools
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import DTypeLike

from brainsim.events._frozen import Frozen
from brainsim.events._philox import words
from brainsim.events._shared import Purpose
from brainsim.events.formats import CSR
from brainsim.events.quantiles import Quantiles

CHUNK = 8  # blocks of four words at a time
STORED = 1 << 16  # synapses that are stored at a time


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

    if TYPE_CHECKING:  # a field of each rule, after those that it draws from
        weights: Quantiles | None

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
    def most(self) -> int:
        """Number that the synapses onto one target do not exceed."""

    @property
    @abc.abstractmethod
    def layout(self) -> tuple[int, int]:
        """Code of the rule, and its parameter, for the kernel."""

    @abc.abstractmethod
    def start(self, rows: jax.Array) -> jax.Array:
        """Where rows begin, uint32 ``[rows]``."""

    @abc.abstractmethod
    def advance(
        self, rows: jax.Array, at: jax.Array, first: jax.Array
    ) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
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

    def synapses(
        self, rows: jax.Array, at: jax.Array, first: jax.Array, dtype: np.dtype
    ) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array, jax.Array]:
        """As :meth:`advance`, with targets among all postsynaptic neurons and with weights, float or 1."""
        at, targets, there, done = self.advance(rows, at, first)
        targets = targets + self.post_begin
        if not self.loops:
            there = there & (targets != rows[:, None])
        weight = jnp.ones((), dtype)
        if self.weights is not None:
            weight = self.weights.at(words(self.key, rows, first, CHUNK, Purpose.WEIGHTS), dtype)
        return at, targets, there, done, jnp.broadcast_to(weight, targets.shape)

    def materialise(self, dtype: DTypeLike = np.float32) -> tuple[CSR, np.ndarray]:
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


@functools.partial(jax.jit, static_argnames="dtype")
def _synapses(conn, rows, at, first, *, dtype):
    return conn.synapses(rows, at, first, dtype)
