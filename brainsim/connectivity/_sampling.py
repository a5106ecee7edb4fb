"""Random subsets and lists of pairs, in blocks: memory is the result plus a few megabytes."""

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from brainsim.events._drawn_rows import draw_rows

from .pairs import Pairs, Synapses

# Pairs handled at once. Large enough to hide numpy's call overhead, small enough to stay in a core's cache.
BLOCK = 1 << 18
# Rows that are longer than this are drawn one at a time by gap skipping, which needs no sort.
LONG_ROW = 1 << 13


def binomial_bound(n: int, p: float) -> int:
    """Number that Binomial(n, p) exceeds with negligible probability: mean plus six standard deviations."""
    mean = n * p
    return min(n, math.ceil(mean + 6.0 * math.sqrt(mean * (1.0 - p))) + (16 if p > 0.0 else 0))


def bounds_of_rows(n_pre: int, n: int) -> list[int]:
    """Where to cut rows that have about ``n`` synapses together, so that there are BLOCK from each cut to the next."""
    each = max(1, BLOCK * n_pre // max(n, 1))
    return [*range(0, n_pre, each), n_pre]


def bernoulli(rng: np.random.Generator, pairs: Pairs, p: float) -> Synapses:
    """Take each pair independently with probability ``p``.

    Successes of a Bernoulli sequence are geometric distances apart, so the work is proportional to synapses, not pairs.
    """
    total = pairs.n_pre * pairs.n_post
    counts = np.zeros(pairs.n_pre, dtype=np.int64)
    indices = np.empty(binomial_bound(total, p), dtype=np.int32)
    used = 0
    last = -1  # linear position of the last success
    # So that sums of gaps, each at most total + 1, fit int64
    longest_block = min(BLOCK, max(1, (1 << 61) // (total + 1)))
    while p > 0.0 and last < total - 1:
        block = min(longest_block, int((total - last) * p * 1.05) + 64)
        position = np.minimum(rng.geometric(p, block), total + 1)
        position[0] += last
        np.cumsum(position, out=position)
        last = int(position[-1])
        if last >= total:
            position = position[: np.searchsorted(position, total)]
            if not position.size:
                break
        row = position // pairs.n_post
        column = (position - row * pairs.n_post).astype(np.int32)
        if pairs.own is not None:
            allowed = pairs.own[row] != column
            row, column = row[allowed], column[allowed]
            if not row.size:
                continue
        row -= (first := row[0])
        block_counts = np.bincount(row)
        counts[first : first + len(block_counts)] += block_counts
        if used + len(column) > len(indices):  # beyond six standard deviations: rare, but it must not fail
            indices.resize(len(indices) + len(indices) // 8 + BLOCK, refcheck=False)
        indices[used : used + len(column)] = column
        used += len(column)
    indices.resize(used, refcheck=False)  # in place, so that no second copy exists
    return Synapses.from_row_counts(counts, indices)


def subset(rng: np.random.Generator, pairs: Pairs, n: int) -> Synapses:
    """Take ``n`` distinct pairs, every such set being equally likely.

    Given its size, a Bernoulli sample is uniform over the sets of that size. So draw one that is slightly too large and
    remove the surplus at random.
    """
    if n == 0:
        return Synapses.from_row_counts(np.zeros(pairs.n_pre, dtype=np.int64), np.empty(0, dtype=np.int32))
    p = min(1.0, (n + 4.0 * math.sqrt(n) + 4.0) / pairs.size)
    while (drawn := bernoulli(rng, pairs, p)).size < n:
        pass  # about one time in ten thousand; starting again keeps the distribution exact
    surplus = drawn.size - n
    if not surplus:
        return drawn
    keep = np.ones(drawn.size, dtype=bool)
    keep[rng.choice(drawn.size, surplus, replace=False, shuffle=False)] = False
    return drawn.select(keep)


def fixed_rows(rng: np.random.Generator, pairs: Pairs, k: int, multiple: bool) -> np.ndarray:
    """Draw ``k`` partners for every row, sorted within the row; distinct ones unless ``multiple``.

    Returns an int32 array of shape (n_pre, k). The caller has checked that each row has enough allowed partners.
    """
    result = np.empty((pairs.n_pre, k), dtype=np.int32)
    if not result.size:
        return result
    rows_at_once = max(1, BLOCK // k)
    for start in range(0, pairs.n_pre, rows_at_once):
        block = result[start : start + rows_at_once]
        if pairs.own is None:
            _fill(rng, block, pairs.n_post, multiple)
            continue
        # Rows with an excluded partner draw from one fewer and step over it; the others are filled on their own.
        own = pairs.own[start : start + rows_at_once, None]
        has_own = own[:, 0] < pairs.n_post
        for rows, m in ((has_own, pairs.n_post - 1), (~has_own, pairs.n_post)):
            if rows.all():
                _fill(rng, block, m, multiple)
            elif rows.any():
                part = np.empty((np.count_nonzero(rows), k), dtype=np.int32)
                _fill(rng, part, m, multiple)
                block[rows] = part
        block += block >= own
    return result


def multiset(rng: np.random.Generator, pairs: Pairs, n: int) -> Synapses:
    """Draw ``n`` pairs independently and uniformly; a pair may come several times."""
    return next(multiset_of_rows(rng, pairs, n, (0, pairs.n_pre)))


def out_degrees(rng: np.random.Generator, pairs: Pairs, n: int) -> np.ndarray:
    """How many of ``n`` pairs that are drawn independently and uniformly are in each row, int64, (n_pre,)."""
    return rng.multinomial(n, pairs.per_row / pairs.size) if n else np.zeros(pairs.n_pre, dtype=np.int64)


def multiset_of_rows(rng: np.random.Generator, pairs: Pairs, n: int, rows: Sequence[int]) -> Iterator[Synapses]:
    """The same, of some rows after the other: from ``rows[k]`` on to ``rows[k + 1] - 1``. The arrays are used again for
    the next rows. The generator is not asked again later, so that several may be drawn from beside each other.
    """
    counts = out_degrees(rng, pairs, n)
    return _multiset_of_rows(rng.integers(0, 1 << 32, 2, dtype=np.uint32), counts, pairs, rows)


def _multiset_of_rows(key, counts, pairs, rows):
    begins = np.concatenate([[0], np.cumsum(counts)])
    room = np.empty(int(np.diff(begins[np.asarray(rows)]).max(initial=0)), np.int32)
    for first, last in itertools.pairwise(rows):
        indptr = begins[first : last + 1] - begins[first]
        own = None if pairs.own is None else pairs.own[first:last]
        indices = draw_rows(key, indptr, pairs.n_post, own, first, room[: indptr[-1]])
        yield Synapses.from_row_counts(counts[first:last], indices)


def _fill(rng: np.random.Generator, out: np.ndarray, m: int, multiple: bool) -> None:
    """Fill each row of ``out`` with sorted draws from range(m)."""
    rows, k = out.shape
    if multiple:
        out[...] = rng.integers(0, m, out.shape, dtype=np.int32)
        out.sort(axis=1)
    elif k == m:
        out[...] = np.arange(m, dtype=np.int32)
    elif k > LONG_ROW:
        for row in out:
            row[...] = subset(rng, Pairs(1, m), k).indices
    elif 2 * k > m:
        # Most partners are taken: draw those that are left out.
        left_out = np.empty((rows, m - k), dtype=np.int32)
        _fill_distinct(rng, left_out, m)
        taken = np.ones((rows, m), dtype=bool)
        np.put_along_axis(taken, left_out, False, axis=1)
        out[...] = np.nonzero(taken)[1].reshape(rows, k)
    else:
        _fill_distinct(rng, out, m)


def _fill_distinct(rng: np.random.Generator, out: np.ndarray, m: int) -> None:
    """Fill each row with sorted distinct draws from range(m), for rows of at most m / 2.

    Repeated draws are drawn again. The set of distinct values never exceeds k, and by symmetry between the m values it
    is uniform among the sets of its size at every round, so also when it reaches k.
    """
    out[...] = rng.integers(0, m, out.shape, dtype=np.int32)
    out.sort(axis=1)
    rows = np.flatnonzero((out[:, 1:] == out[:, :-1]).any(axis=1))
    while rows.size:
        part = out[rows]
        repeated = part[:, 1:] == part[:, :-1]
        part[:, 1:][repeated] = rng.integers(0, m, np.count_nonzero(repeated), dtype=np.int32)
        part.sort(axis=1)
        out[rows] = part
        rows = rows[(part[:, 1:] == part[:, :-1]).any(axis=1)]
