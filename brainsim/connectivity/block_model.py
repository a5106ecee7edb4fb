"""Groups of neurons with a probability, or a number of synapses, for each pair of groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from brainsim.events._sorted_rows import Piece, join_rows

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

    def _draw_block(self, pairs: Pairs, x, rows: Sequence[int], rng: np.random.Generator) -> Iterator[Synapses]:
        if self.n is None:
            return _sampling.bernoulli(rng, pairs, x).rows(rows)
        self._check_numbers(pairs, x)
        return _sampling.multiset_of_rows(rng, pairs, x, rows)

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
        counts = np.zeros(pairs.n_pre, np.int64)
        indices = np.empty(self.expected_synapses(pairs.n_pre, pairs.n_post), np.int32)
        used = 0
        for of, blocks in self._blocks(pairs):
            # Some rows after the other, which lie in a cache while those of all blocks are put side by side
            rows = _sampling.bounds_of_rows(of.stop - of.start, sum(self._expected(block, x) for _, block, x in blocks))
            drawn = [self._draw_block(block, x, rows, rng) for _, block, x in blocks]
            for begin, end, *parts in zip(rows[:-1], rows[1:], *drawn, strict=True):
                size = sum(part.size for part in parts)
                if used + size > len(indices):  # beyond six standard deviations
                    indices.resize(used + size + len(indices) // 8, refcheck=False)
                pieces = [_piece(part, first) for (first, _, _), part in zip(blocks, parts, strict=True)]
                if pieces:
                    begins = join_rows(pieces, [indices[used : used + size]])
                    counts[of.start + begin : of.start + end] = np.diff(begins)
                used += size
        indices.resize(used, refcheck=False)  # in place, so that no second copy exists
        return Synapses.from_row_counts(counts, indices)

    def expected_synapses(self, n_pre: int, n_post: int) -> int:
        return sum(
            self._expected(Pairs(m, n), x)
            for m, row in zip(self.sizes, self._matrix, strict=True)
            for n, x in zip(self._targets, row, strict=True)
        )

    def _expected(self, pairs: Pairs, x) -> int:
        if self.n is not None:
            return x
        return min(pairs.n_pre * pairs.n_post, _sampling.binomial_bound(pairs.n_pre * pairs.n_post, x))


def _piece(part: Synapses, first: int) -> Piece:
    """Rows of a block of targets, these counted from ``first`` on."""
    np.add(part.indices, np.int32(first), out=part.indices)
    return Piece(part.indptr, None, [part.indices])
