"""What a rule is given and what it returns: the pairs that may be connected, and the synapses."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from . import _checks
from .geometry import Space
from .placed import Placed


@dataclass(frozen=True, eq=False, slots=True)
class Synapses:
    """Synapses in compressed sparse row form: one row per presynaptic neuron.

    The targets of presynaptic neuron ``i`` are ``indices[indptr[i]:indptr[i + 1]]``, in ascending order.

    Parameters
    ----------
    indptr : ndarray of int32 (int64 from 2**31 synapses on), shape (n_pre + 1,)
        Where each row starts.
    indices : ndarray of int32, one per synapse
        Postsynaptic index of each synapse, counted within the postsynaptic view.
    order : ndarray of int, one per synapse, optional
        For rules made from a list of pairs, the position of each synapse in that list: ``x[order]`` brings values that
        are given in the list's order into synapse order. None for rules that draw their pairs.
    """

    indptr: np.ndarray
    indices: np.ndarray
    order: np.ndarray | None = None

    @classmethod
    def from_row_counts(cls, counts: np.ndarray, indices: np.ndarray, order: np.ndarray | None = None) -> Synapses:
        """Build from the number of synapses in each row."""
        indptr = np.zeros(len(counts) + 1, dtype=np.int64)
        np.cumsum(counts, out=indptr[1:])
        if indptr[-1] <= _checks.INT32_MAX:
            indptr = indptr.astype(np.int32)
        return cls(indptr, indices, order)

    @property
    def size(self) -> int:
        """Number of synapses."""
        return len(self.indices)

    @property
    def pre(self) -> np.ndarray:
        """Presynaptic index of each synapse, int32, shape (n_synapses,); computed anew at each call."""
        return np.repeat(np.arange(len(self.indptr) - 1, dtype=np.int32), np.diff(self.indptr))

    def rows(self, bounds: Sequence[int]) -> Iterator[Synapses]:
        """Those of some rows after the other: from ``bounds[k]`` on to ``bounds[k + 1] - 1``. Without ``order``."""
        for first, last in itertools.pairwise(bounds):
            begin, end = self.indptr[first], self.indptr[last]
            yield Synapses(self.indptr[first : last + 1] - begin, self.indices[begin:end])

    def select(self, keep: np.ndarray) -> Synapses:
        """Return the synapses where the boolean mask ``keep`` is true."""
        # A row starts earlier by the number of synapses dropped before it. Usually few are, so their list is short.
        dropped_before = np.searchsorted(np.flatnonzero(~keep), self.indptr).astype(self.indptr.dtype)
        order = None if self.order is None else self.order[keep]
        return Synapses(self.indptr - dropped_before, self.indices[keep], order)


@dataclass(frozen=True, eq=False, slots=True)
class Pairs:
    """The (pre, post) pairs that a rule may connect.

    Parameters
    ----------
    n_pre, n_post : int
        Sizes of the two views.
    own : ndarray of int32, shape (n_pre,), or None
        Where self connections are excluded, the postsynaptic index that is the presynaptic neuron itself, and
        ``n_post`` for neurons that are not in the postsynaptic view. None where every pair is allowed.
    space : Space, Placed or None
        Where the neurons of the two views are; None where nobody said.
    given : tuple of two arrays of int, or None
        The neurons of the two views by their indices within their populations, where they are not 0 to size - 1.
    """

    n_pre: int
    n_post: int
    own: np.ndarray | None = None
    space: Space | Placed | None = None
    given: tuple = (None, None)

    @classmethod
    def between(
        cls,
        rule: str,
        pre: int | np.ndarray,
        post: int | np.ndarray,
        exclude_self: bool,
        space: Space | Placed | None = None,
    ) -> Pairs:
        """Pairs between two views, each given as its size or as the neurons' global indices."""
        n_pre, sources = _view(rule, "pre", pre)
        n_post, targets = _view(rule, "post", post)
        if isinstance(space, Space) and (len(space.pre), len(space.post)) != (n_pre, n_post):
            raise ValueError(
                f"{rule}: space has {len(space.pre)} presynaptic and {len(space.post)} postsynaptic positions; "
                f"the views have {n_pre} and {n_post} neurons"
            )
        if not exclude_self:
            return cls(n_pre, n_post, None, space, (sources, targets))
        for name, ids in (("pre", sources), ("post", targets)):
            if ids is not None and not _checks.distinct(ids):
                raise ValueError(
                    f"{rule}: {name} lists a neuron more than once; to exclude self connections, give each once"
                )
        if sources is None and targets is None:
            return cls(n_pre, n_post, np.minimum(np.arange(n_pre, dtype=np.int32), n_post), space, (sources, targets))
        return cls(n_pre, n_post, _positions(_ids(n_pre, sources), _ids(n_post, targets)), space, (sources, targets))

    @property
    def ids(self) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the neurons of the two views within their populations."""
        return _ids(self.n_pre, self.given[0]), _ids(self.n_post, self.given[1])

    def some(self, first: int, last: int) -> Pairs:
        """Those of the presynaptic neurons from ``first`` on to ``last - 1``."""
        own = None if self.own is None else self.own[first:last]
        sources = None if self.given[0] is None else self.given[0][first:last]
        return Pairs(last - first, self.n_post, own, None, (sources, self.given[1]))

    @property
    def transposed(self) -> Pairs:
        """The same pairs seen from the postsynaptic side."""
        space = None if self.space is None else self.space.transposed
        if self.own is None:
            return Pairs(self.n_post, self.n_pre, None, space, self.given[::-1])
        own = np.full(self.n_post, self.n_pre, dtype=np.int32)
        rows = np.flatnonzero(self.own < self.n_post)
        own[self.own[rows]] = rows
        return Pairs(self.n_post, self.n_pre, own, space, self.given[::-1])

    @property
    def per_row(self) -> np.ndarray:
        """Number of allowed partners of each presynaptic neuron, int64, shape (n_pre,)."""
        allowed = np.full(self.n_pre, self.n_post, dtype=np.int64)
        if self.own is not None:
            allowed -= self.own < self.n_post
        return allowed

    @property
    def size(self) -> int:
        """Number of allowed pairs."""
        excluded = 0 if self.own is None else int(np.count_nonzero(self.own < self.n_post))
        return self.n_pre * self.n_post - excluded

    def rows(self, pre: np.ndarray, post: np.ndarray) -> Synapses:
        """Return the synapses of a list of pairs, in any order, without self connections where they are excluded."""
        key = pre.astype(np.int64)
        key *= self.n_post
        key += post
        key.sort()
        bounds = np.searchsorted(key, np.arange(self.n_pre + 1) * self.n_post)
        key %= max(self.n_post, 1)
        synapses = Synapses.from_row_counts(np.diff(bounds), key.astype(np.int32))
        del key
        return self.drop_self(synapses)

    def drop_self(self, synapses: Synapses) -> Synapses:
        """Return the synapses without those that connect a neuron to itself."""
        if self.own is None:
            return synapses
        keep = np.repeat(self.own, np.diff(synapses.indptr)) != synapses.indices
        return synapses if keep.all() else synapses.select(keep)


def _view(rule: str, name: str, view) -> tuple[int, np.ndarray | None]:
    if np.ndim(view) == 0:
        size, ids = _checks.count(rule, name, view), None
    else:
        ids = _checks.index_array(rule, name, view)
        size = len(ids)
    if size > _checks.INT32_MAX:
        raise ValueError(f"{rule}: {name} has {size} neurons; at most {_checks.INT32_MAX} fit 32-bit indices")
    return size, ids


def _ids(size: int, ids: np.ndarray | None) -> np.ndarray:
    return np.arange(size, dtype=np.int32) if ids is None else ids


def _positions(ids: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Position of each of ``ids`` in ``among``; ``len(among)`` for those that are absent."""
    result = np.full(len(ids), len(among), dtype=np.int32)
    if len(among):
        by_id = np.argsort(among, kind="stable")
        place = by_id[np.minimum(np.searchsorted(among, ids, sorter=by_id), len(among) - 1)]
        found = among[place] == ids
        result[found] = place[found]
    return result
