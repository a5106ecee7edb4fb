"""Pairs of neurons drawn by their distance, in blocks: memory is the result, one copy and a few megabytes.

Every pair is taken with a probability that is bounded by a falling function of distance. Neurons are sorted into cells,
and all pairs of two cells share the bound at the least distance between them: candidates are drawn with that, and
thinned out with the probability of their own distance. Far pairs, with few synapses among them, share one bound for
all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.spatial

from . import _sampling
from .geometry import Space
from .pairs import Pairs, Synapses

# Candidate pairs handled at once; each takes some hundred bytes on its way.
BLOCK = 1 << 14
FAR = 8  # candidates of a neuron beyond the radius within which cells are looked at
DENSE = 0.5  # a bound from which on all pairs of two cells are candidates


@dataclass(frozen=True)
class Law:
    """Probability of a pair, in plain lengths of the space.

    Parameters
    ----------
    probability : callable
        Displacements (n, d) to probabilities (n,).
    bound : callable
        Distances (n,) to what no probability at that distance or a longer one exceeds; falling.
    within : callable
        A level to the distance beyond which the bound is not above it.
    scale : float
        Length over which the bound changes little.
    """

    probability: Callable
    bound: Callable
    within: Callable
    scale: float


def bernoulli(rng: np.random.Generator, pairs: Pairs, law: Law) -> Synapses:
    """Take each pair independently with its probability."""
    n_pre, n_post, space = pairs.n_pre, pairs.n_post, pairs.space
    assert isinstance(space, Space)  # what depends on distance is given one
    if not n_pre or not n_post:
        return Synapses.from_row_counts(np.zeros(n_pre, np.int64), np.empty(0, np.int32))
    radius = law.within(FAR / n_post)
    far = 0.0 if law.within(0.0) <= radius else float(law.bound(np.array([radius]))[0])
    cells = _Cells(space, law, radius)
    counts, found = np.zeros(n_pre, np.int64), []
    start, some = 0, 1
    while start < cells.n:
        stop = min(cells.n, start + some)
        rows = cells.rows(start, stop)
        row, column, bound = cells.candidates(rng, start, stop)
        candidates = len(row)
        row, column = _thinned(rng, pairs, law, rows, row, column, bound, lambda r: r <= radius)
        if far > 0:
            more = _sampling.bernoulli(rng, Pairs(len(rows), n_post), far)
            candidates += more.size
            more = _thinned(rng, pairs, law, rows, more.pre, more.indices, far, lambda r: r > radius)
            row, column = np.concatenate([row, more[0]]), np.concatenate([column, more[1]])
        key = np.sort(row.astype(np.int64) * n_post + column)
        row = key // n_post
        counts[rows] = np.bincount(row, minlength=len(rows))
        found.append((rows, (key - row * n_post).astype(np.int32)))
        at_once = BLOCK * (stop - start) // max(1, candidates, (stop - start) * len(cells.offsets))
        start, some = stop, int(max(1, min(4 * some, at_once)))
    synapses = Synapses.from_row_counts(counts, np.empty(int(counts.sum()), np.int32))
    for rows, columns in found:  # the rows of a block, complete, go to their places
        lengths = counts[rows]
        shift = synapses.indptr[rows] - (np.cumsum(lengths) - lengths)
        synapses.indices[np.repeat(shift, lengths) + np.arange(len(columns))] = columns
    return synapses


def _thinned(rng, pairs, law, rows, row, column, bound, here):
    """Those of the candidates that are taken, given that each was drawn with probability ``bound``."""
    pre = rows[row]
    if pairs.own is not None:
        allowed = pairs.own[pre] != column
        row, column, pre = row[allowed], column[allowed], pre[allowed]
        bound = bound[allowed] if np.ndim(bound) else bound
    x = pairs.space.displacements(pre, column)
    taken = rng.random(len(row)) * bound < law.probability(x)
    taken &= here(np.sqrt(np.einsum("ia,ia->i", x, x)))
    return row[taken], column[taken]


class _Cells:
    """The neurons of both sides in cells of one lattice, and which cells are near each other."""

    def __init__(self, space: Space, law: Law, radius: float):
        both = np.concatenate([space.pre, space.post])
        low, length = both.min(0), both.max(0) - both.min(0)
        periodic = np.isfinite(space.period)
        low, length = np.where(periodic, 0.0, low), np.where(periodic, space.period, length)
        # Not many more cells than neurons: at least a few neurons in each on average.
        wide = length[length > 0]
        room = (
            math.exp(np.log(wide).sum() / len(wide)) / max(1.0, len(space.post) / 4) ** (1 / len(wide))
            if len(wide)
            else 1.0
        )
        side = (
            min(max(law.scale, room), max(float(length.max()), 1.0))
            if math.isfinite(law.scale)
            else max(room, length.max())
        )
        self.shape = np.maximum(1, np.floor(length / side)).astype(np.int64)
        self.side = np.where(length > 0, length / self.shape, 1.0)
        self._periodic = periodic
        self.cell_pre, self.by_pre, self.first_pre = self._sorted(space.pre, low)
        cell_post, self.by_post, first = self._sorted(space.post, low)
        begin = np.zeros(self.shape.prod() + 1, np.int64)  # of each cell's part of by_post
        np.add.at(begin, cell_post + 1, np.diff(first))
        self.begin_post = np.cumsum(begin)

        steps = []
        for n, side, wraps in zip(self.shape, self.side, periodic, strict=True):
            most = min(n - 1, radius / side + 1)
            every = np.arange(-((n - 1) // 2), n // 2 + 1) if wraps else np.arange(1 - n, n)
            steps.append(every[abs(every) <= most])
        offsets = np.stack([x.ravel() for x in np.meshgrid(*steps, indexing="ij")], 1)
        gap = np.maximum(abs(offsets) - 1, 0) * self.side
        least = np.sqrt((gap**2).sum(1))
        bound = law.bound(least) * 1.0
        kept = (least <= radius * (1 + 1e-9)) & (bound > 0)
        self.offsets, self.bound = offsets[kept], np.minimum(bound[kept], 1.0)
        self.dense = self.bound > DENSE

        # Cells with many neurons are taken in parts, of which each has not too many candidates.
        of_row = np.where(self.dense, 1.0, self.bound).sum() * len(space.post) / self.shape.prod()
        parts = [
            np.arange(a, b, max(1, int(BLOCK / max(of_row, 1.0))))
            for a, b in zip(self.first_pre[:-1], self.first_pre[1:], strict=True)
        ]
        self.cell_pre = np.repeat(self.cell_pre, [len(part) for part in parts])
        self.first_pre = np.append(np.concatenate(parts), len(space.pre))
        self.n = len(self.cell_pre)

    def _sorted(self, points, low):
        index = np.floor((points - low) / self.side).astype(np.int64)
        index = np.where(self._periodic, index % self.shape, np.clip(index, 0, self.shape - 1))
        cell = np.asarray(np.ravel_multi_index(tuple(index.T), tuple(self.shape)))
        order = np.argsort(cell, kind="stable")
        cells, first = np.unique(cell[order], return_index=True)
        return cells, order, np.append(first, len(order))

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Presynaptic neurons of some occupied cells."""
        return self.by_pre[self.first_pre[start] : self.first_pre[stop]]

    def candidates(self, rng, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pairs drawn with their cells' bound: position within the rows, postsynaptic neuron, and the bound."""
        at = np.stack(np.unravel_index(self.cell_pre[start:stop], tuple(self.shape)), 1)
        other = at[:, None, :] + self.offsets[None]
        inside = ((other >= 0) & (other < self.shape) | self._periodic).all(-1)
        cell, offset = np.nonzero(inside)
        other = np.asarray(np.ravel_multi_index(tuple((other[inside] % self.shape).T), tuple(self.shape)))
        n_post = self.begin_post[other + 1] - self.begin_post[other]
        n_pairs = n_post * np.diff(self.first_pre[start : stop + 1])[cell]
        parts = []
        for dense in (True, False):
            chosen = np.flatnonzero((self.dense[offset] == dense) & (n_pairs > 0))
            segment, pair = (_all if dense else _hit)(rng, n_pairs[chosen], self.bound[offset[chosen]])
            segment = chosen[segment]
            row, column = pair // n_post[segment], pair % n_post[segment]
            row += self.first_pre[start + cell[segment]] - self.first_pre[start]
            column = self.by_post[self.begin_post[other[segment]] + column]
            parts.append((row, column, np.ones(len(row)) if dense else self.bound[offset[segment]]))
        row, column, bound = (np.concatenate(x) for x in zip(*parts, strict=True))
        return row, column, bound


def _all(rng, sizes, bound):
    """Every element of some segments."""
    segment = np.repeat(np.arange(len(sizes)), sizes)
    return segment, np.arange(len(segment)) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def _hit(rng, sizes, bound):
    """Elements of some segments, each taken independently with the segment's probability.

    Give each element a stretch of length -log(1 - p) on a line and throw Poisson points at it: an element is hit with
    probability p. The work goes with the elements that are taken.
    """
    stretch = -np.log1p(-bound)
    ends = np.cumsum(sizes * stretch)
    total = ends[-1] if len(ends) else 0.0
    points = np.sort(rng.random(rng.poisson(total)) * total)
    segment = np.minimum(np.searchsorted(ends, points, side="right"), max(len(ends) - 1, 0))
    begin = ends[segment] - (sizes * stretch)[segment]
    element = np.clip(((points - begin) / stretch[segment]).astype(np.int64), 0, sizes[segment] - 1)
    first = np.ones(len(points), bool)
    first[1:] = (np.diff(segment) != 0) | (np.diff(element) != 0)
    return segment[first], element[first]


def expected(space: Space, law: Law) -> tuple[float, float]:
    """Mean number of synapses and its standard deviation, from the rows of some neurons, or of all where they are few."""
    n_pre, n_post = len(space.pre), len(space.post)
    if not n_pre or not n_post:
        return 0.0, 0.0
    rows = np.arange(n_pre) if n_pre <= 64 else np.random.default_rng(0).choice(n_pre, 64, replace=False)
    sums = np.zeros(len(rows))
    for k, i in enumerate(rows):
        for start in range(0, n_post, BLOCK):
            sums[k] += law.probability(space.displacements(i, slice(start, start + BLOCK))).sum()
    spread = 0.0 if len(rows) == n_pre else n_pre * sums.std() / math.sqrt(len(rows))
    mean = n_pre * sums.mean()
    return mean, math.sqrt(spread**2 + mean)


def nearest(pairs: Pairs, k: int) -> np.ndarray:
    """The ``k`` nearest partners of every row, ascending by index, int32 (n_pre, k)."""
    space = pairs.space
    assert isinstance(space, Space)  # what depends on distance is given one
    result = np.empty((pairs.n_pre, k), np.int32)
    if not result.size:
        return result
    box = np.where(np.isfinite(space.period), space.period, 0.0) if np.isfinite(space.period).any() else None
    tree = scipy.spatial.cKDTree(_wrapped(space.post, space.period), boxsize=box)  # type: ignore  # it is compiled
    own = pairs.own
    more = own is not None and k < pairs.n_post
    rows_at_once = max(1, BLOCK // (k + more))
    for start in range(0, pairs.n_pre, rows_at_once):
        block = result[start : start + rows_at_once]
        _, found = tree.query(_wrapped(space.pre[start : start + len(block)], space.period), np.arange(1, k + 1 + more))
        if own is not None and more:  # one is too many: the neuron itself, or the farthest
            surplus = found == own[start : start + len(block), None]
            surplus[~surplus.any(1), -1] = True
            found = found[~surplus].reshape(len(block), k)
        block[...] = np.sort(found, axis=1)
    return result


def _wrapped(points: np.ndarray, period: np.ndarray) -> np.ndarray:
    """The points with periodic coordinates brought into [0, period)."""
    points = points.copy()
    for axis in np.flatnonzero(np.isfinite(period)):
        x = np.mod(points[:, axis], period[axis])
        points[:, axis] = np.where(x < period[axis], x, 0.0)
    return points
