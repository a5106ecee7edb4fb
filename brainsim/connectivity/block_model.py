"""Groups of neurons with a probability, or a number of synapses, for each pair of groups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import _checks, _sampling
from .pairs import Pairs, Synapses
from .rule import ConnectionRule


@dataclass(frozen=True, repr=False)
class BlockModel(ConnectionRule):
    r"""Connect each pair independently, with a probability that depends on the blocks of the two neurons; or draw a number
    of synapses from each block to each.

    .. math:: P\big((i, j) \in S\big) = p_{b(i)\, b(j)}\qquad\text{or}\qquad |\{(i, j) \in S : b(i) = a, b(j) = b\}| = n_{a b}

    Blocks are ranges of indices, one after the other.

    Parameters
    ----------
    sizes : tuple of int, (n_blocks,)
        Neurons in each block of the presynaptic view; they sum to its size.
    p : array of float, (n_blocks, n_post_blocks)
        Probability of a connection from each block (row) to each block (column); None where numbers are given.
    post_sizes : tuple of int, optional
        Blocks of the postsynaptic view. Default: the same as ``sizes``.
    n : array of int, (n_blocks, n_post_blocks), keyword only
        Number of synapses from each block to each, drawn uniformly and independently, so that a pair may have several: see
        :class:`FixedTotalNumber`. In place of ``p``. Inside :class:`Procedural` they are not stored.
    self_connections : bool, keyword only
        Whether a neuron may connect to itself. Default True.

    Raises
    ------
    TypeError, ValueError
        If the sizes are not whole numbers, or there is not one matrix, p or n, that fits them; at `connect`, if the sizes do
        not sum to those of the views.

    References
    ----------
    Holland, Laskey & Leinhardt (1983), Social Networks 5:109. Numbers of synapses: Potjans & Diesmann (2014), Cerebral
    Cortex 24:785.
    """

    sizes: tuple[int, ...]
    p: Any = None
    post_sizes: tuple[int, ...] | None = None
    n: Any = field(default=None, kw_only=True)

    def __post_init__(self):
        super().__post_init__()
        for name in ("sizes", "post_sizes"):
            if (value := getattr(self, name)) is not None:
                if np.ndim(value) != 1:
                    raise ValueError(f"{self.name}: {name} = {value!r}; give the number of neurons in each block")
                self._set(name, tuple(_checks.count(self.name, name, size) for size in value))
        shape = (len(self.sizes), len(self._targets))
        if (self.p is None) == (self.n is None):
            given = "neither" if self.p is None else "both"
            raise ValueError(f"{self.name}: given {given} of p and n; give probabilities, or numbers of synapses")
        name, what = ("p", "probability") if self.n is None else ("n", "number of synapses")
        matrix = self._matrix
        if np.shape(matrix) != shape:
            raise ValueError(
                f"{self.name}: {name} has shape {np.shape(matrix)}; give one {what} per pair of blocks, {shape}"
            )
        check = (lambda x: _checks.probability(self.name, name, float(x))) if name == "p" else self._count
        self._set(name, tuple(tuple(check(x) for x in row) for row in matrix))

    @property
    def _matrix(self):
        return self.p if self.n is None else self.n

    @property
    def _targets(self) -> tuple[int, ...]:
        return self.sizes if self.post_sizes is None else self.post_sizes

    def _count(self, x) -> int:
        return _checks.count(self.name, "n", x)

    def out_degrees(self, pairs: Pairs, rng: np.random.Generator) -> tuple[np.ndarray, tuple[int, ...]]:
        """Of a model with numbers: how many synapses each presynaptic neuron has to each block of targets, (n_pre,
        n_post_blocks), and the sizes of these.
        """
        found = np.zeros((pairs.n_pre, len(self._targets)), np.int64)
        for rows, parts in self._blocks(pairs):
            for b, (_, block, n) in enumerate(parts):
                self._check_numbers(block, n)
                found[rows, b] = _sampling.out_degrees(rng, block, n)
        return found, self._targets

    def _check_numbers(self, pairs: Pairs, n: int) -> None:
        if n and not pairs.size:
            raise ValueError(f"{self.name}: n = {n} synapses between blocks without a pair that may be connected")

    def _draw_block(self, pairs: Pairs, x, rng: np.random.Generator) -> Synapses:
        if self.n is None:
            return _sampling.bernoulli(rng, pairs, x)
        self._check_numbers(pairs, x)
        return _sampling.multiset(rng, pairs, x)

    def _blocks(self, pairs: Pairs) -> Iterator[tuple[slice, list[tuple[int, Pairs, Any]]]]:
        """The rows of each block, and for each block of targets the first of them, the pairs and their p or n."""
        bounds = {}
        for side, sizes, n in (("pre", self.sizes, pairs.n_pre), ("post", self._targets, pairs.n_post)):
            if sum(sizes) != n:
                raise ValueError(
                    f"{self.name}: blocks of {sizes} neurons; the {side}synaptic view has {n}, give sizes that sum"
                    " to it"
                )
            bounds[side] = np.concatenate([[0], np.cumsum(sizes)])
        for a, (i, i_end) in enumerate(zip(bounds["pre"][:-1], bounds["pre"][1:], strict=True)):
            parts = []
            for b, (j, j_end) in enumerate(zip(bounds["post"][:-1], bounds["post"][1:], strict=True)):
                own = None
                if pairs.own is not None:
                    own = pairs.own[i:i_end] - np.int32(j)
                    own = np.where((own >= 0) & (own < j_end - j), own, np.int32(j_end - j)).astype(np.int32)
                parts.append((int(j), Pairs(int(i_end - i), int(j_end - j), own), self._matrix[a][b]))
            yield slice(int(i), int(i_end)), parts

    def _draw(self, pairs: Pairs, rng: np.random.Generator) -> Synapses:
        counts, rows = [], []
        for of, blocks in self._blocks(pairs):
            parts = [(first, self._draw_block(block, x, rng)) for first, block, x in blocks]
            counts.append(sum((np.diff(part.indptr) for _, part in parts), np.zeros(of.stop - of.start, np.int64)))
            rows.append(_side_by_side(counts[-1], parts))
        return Synapses.from_row_counts(
            np.concatenate(counts) if counts else np.empty(0, np.int64),
            np.concatenate(rows) if rows else np.empty(0, np.int32),
        )

    def expected_synapses(self, n_pre: int, n_post: int) -> int:
        if self.n is not None:
            return int(np.sum(self.n))
        bounds = (
            min(m * n, _sampling.binomial_bound(m * n, p))
            for m, row in zip(self.sizes, self.p, strict=True)
            for n, p in zip(self._targets, row, strict=True)
        )
        return sum(bounds)


def _side_by_side(counts: np.ndarray, parts: list[tuple[int, Synapses]]) -> np.ndarray:
    """Targets of the same rows in several ranges of targets, row after row."""
    result = np.empty(int(counts.sum()), np.int32)
    free = np.concatenate([[0], np.cumsum(counts)])[:-1]  # where each row goes on
    for first, part in parts:
        lengths = np.diff(part.indptr)
        place = np.arange(part.size, dtype=np.int64) + np.repeat(free - part.indptr[:-1], lengths)
        result[place] = part.indices + np.int32(first)
        free += lengths
    return result
