"""Rules made of others: unions, sums, what one has without another, what both have, and a rule in a part of the pairs."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _checks
from .explicit import _counting_argsort
from .geometry import Space
from .pairs import Pairs, Synapses
from .placed import Placed
from .rule import ConnectionRule

BLOCK = 1 << 17  # synapses of both rules that are put together at once, or those of one neuron where there are more


@dataclass(frozen=True, repr=False)
class _OfRules(ConnectionRule):
    """What joins rules: each connects as it would alone, and then the synapses are put together.

    Beside the result, memory holds the synapses of both and a few megabytes.
    """

    def connect(
        self,
        pre: int | np.ndarray,
        post: int | np.ndarray,
        rng: np.random.Generator,
        same: bool = False,
        space: Space | Placed | None = None,
    ) -> Synapses:
        """As :meth:`ConnectionRule.connect`, first by the first rule."""
        _checks.generator(self.name, rng)
        exclude = _checks.flag(self.name, "same", same) and not self.self_connections
        pairs = Pairs.between(self.name, pre, post, exclude, space)
        return pairs.drop_self(self._joined(pairs, rng, same))

    def _draw(self, pairs: Pairs, rng: np.random.Generator) -> Synapses:
        return self._joined(pairs, rng, pairs.own is not None)

    @abc.abstractmethod
    def _joined(self, pairs: Pairs, rng: np.random.Generator, same: bool) -> Synapses:
        """The synapses, self connections among them."""


@dataclass(frozen=True, repr=False)
class _Both(_OfRules):
    """Two rules between the same views."""

    first: ConnectionRule
    second: ConnectionRule

    def __post_init__(self):
        super().__post_init__()
        for rule in (self.first, self.second):
            if not isinstance(rule, ConnectionRule):
                raise TypeError(f"{self.name}: given {rule!r}; give two connection rules, such as AllToAll()")

    @property
    def draws(self) -> bool:  # type: ignore[override]
        """Whether either rule does."""
        return self.first.draws or self.second.draws

    def _joined(self, pairs, rng, same):
        pre, post = pairs.ids
        parts = [rule.connect(pre, post, rng, same, pairs.space) for rule in (self.first, self.second)]
        return self._put_together(pairs, *parts)

    @abc.abstractmethod
    def _put_together(self, pairs: Pairs, first: Synapses, second: Synapses) -> Synapses:
        """The synapses of both as those of one rule."""

    def _blocks(self, pairs: Pairs, *parts: Synapses):
        """The keys of each part, of some rows at a time."""
        before = np.sum([part.indptr.astype(np.int64) for part in parts], axis=0)
        start = 0
        while start < pairs.n_pre:
            stop = max(start + 1, int(np.searchsorted(before, before[start] + BLOCK, side="right")) - 1)
            yield start, stop, [_keys(pairs, part, start, stop) for part in parts]
            start = stop


@dataclass(frozen=True, repr=False)
class Union(_Both):
    r"""Connect the pairs that either rule connects, each once: ``first | second``.

    .. math:: S = \{(i, j) : (i, j) \in S_1 \text{ or } (i, j) \in S_2\}

    Parameters
    ----------
    first, second : ConnectionRule
    """

    def _put_together(self, pairs, first, second):
        counts, found = np.zeros(pairs.n_pre, np.int64), [np.empty(0, np.int32)]
        for start, stop, keys in self._blocks(pairs, first, second):
            both = self._merged(np.concatenate(keys))
            counts[start:stop] = np.bincount(both // pairs.n_post, minlength=stop - start)
            found.append((both % pairs.n_post).astype(np.int32))
        return Synapses.from_row_counts(counts, np.concatenate(found))

    def _merged(self, keys: np.ndarray) -> np.ndarray:
        return np.unique(keys)

    def expected_synapses(self, n_pre: int, n_post: int) -> int:
        return self.first.expected_synapses(n_pre, n_post) + self.second.expected_synapses(n_pre, n_post)

    def expected_between(self, n_pre: int, n_post: int, placed: Placed | None = None) -> int:
        return sum(rule.expected_between(n_pre, n_post, placed) for rule in (self.first, self.second))


@dataclass(frozen=True, repr=False)
class Sum(Union):
    r"""Connect all the pairs of both rules, those that both connect twice: ``first + second``.

    .. math:: S = S_1 \uplus S_2

    Parameters
    ----------
    first, second : ConnectionRule
    """

    def _merged(self, keys):
        return np.sort(keys)


@dataclass(frozen=True, repr=False)
class Difference(_Both):
    r"""Connect the pairs that the first rule connects and the second does not: ``first - second``.

    .. math:: S = \{s \in S_1 : (i_s, j_s) \notin S_2\}

    Weights that the first rule carries, or that are given in its order, stay with their pairs.

    Parameters
    ----------
    first, second : ConnectionRule
        What is left out is a rule too: a list of exclusions is ``FromArrays(pre, post)``.
    """

    kept = False  # what of the first is kept: that the second has it

    @property
    def values(self) -> np.ndarray | None:  # type: ignore[override]
        """Weights that the first rule carries."""
        return self.first.values

    def _put_together(self, pairs, first, second):
        blocks = self._blocks(pairs, first, second)
        both = [np.empty(0, bool), *(np.isin(one, other) for _, _, (one, other) in blocks)]
        return first.select(np.concatenate(both) == self.kept)

    def expected_synapses(self, n_pre: int, n_post: int) -> int:
        return self.first.expected_synapses(n_pre, n_post)

    def expected_between(self, n_pre: int, n_post: int, placed: Placed | None = None) -> int:
        return self.first.expected_between(n_pre, n_post, placed)


@dataclass(frozen=True, repr=False)
class Intersection(Difference):
    r"""Connect the pairs that both rules connect: ``first & second``.

    .. math:: S = \{s \in S_1 : (i_s, j_s) \in S_2\}

    Weights that the first rule carries, or that are given in its order, stay with their pairs.

    Parameters
    ----------
    first, second : ConnectionRule
    """

    kept = True


@dataclass(frozen=True, repr=False, eq=False)
class Part(_OfRules):
    r"""Connect as a rule does between some neurons of the two views: ``rule[:10, 20:30]``.

    .. math:: S = \{(a_i, b_j) : (i, j) \in S_{rule}\}

    Blocks along the diagonal are ``AllToAll()[:10, :10] | AllToAll()[10:, 10:]``. The rule numbers the neurons of the
    part from 0.

    Parameters
    ----------
    rule : ConnectionRule
    pre, post : slice, int or array of int
        Which neurons of the two views, by their numbers there.

    Raises
    ------
    IndexError
        At `connect`, for neurons that the views do not have.
    """

    rule: ConnectionRule
    pre: Any
    post: Any

    @property
    def values(self) -> np.ndarray | None:  # type: ignore[override]
        """Weights that the rule carries."""
        return self.rule.values

    @property
    def draws(self) -> bool:  # type: ignore[override]
        """Whether the rule does."""
        return self.rule.draws

    def _joined(self, pairs, rng, same):
        rows = _places(self.name, "pre", self.pre, pairs.n_pre)
        columns = _places(self.name, "post", self.post, pairs.n_post)
        placed = Placed.of(pairs.space) if isinstance(pairs.space, Space) else pairs.space
        placed = None if placed is None else placed.part(rows, columns)
        pre, post = pairs.ids
        inner = self.rule.connect(pre[rows], post[columns], rng, same, placed)
        pre, post = rows[inner.pre].astype(np.int32), columns[inner.indices].astype(np.int32)
        order, _ = _counting_argsort(post, pairs.n_post)
        by_pre, indptr = _counting_argsort(pre[order], pairs.n_pre)
        order = order[by_pre]
        return Synapses(indptr, post[order], None if inner.order is None else inner.order[order])

    def _sizes(self, n_pre, n_post):
        return tuple(
            len(_places(self.name, name, chosen, size))
            for name, chosen, size in (("pre", self.pre, n_pre), ("post", self.post, n_post))
        )

    def expected_synapses(self, n_pre: int, n_post: int) -> int:
        return self.rule.expected_synapses(*self._sizes(n_pre, n_post))

    def _content(self) -> tuple:
        return self.self_connections, self.rule, *map(_hashable, (self.pre, self.post))

    def __eq__(self, other) -> bool:
        return type(other) is type(self) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())


def _keys(pairs: Pairs, synapses: Synapses, start: int, stop: int) -> np.ndarray:
    """One number for each synapse of some rows, which tells its pair; ascending."""
    keys = np.repeat(np.arange(stop - start), np.diff(synapses.indptr[start : stop + 1])) * pairs.n_post
    return keys + synapses.indices[synapses.indptr[start] : synapses.indptr[stop]]


def _places(rule: str, name: str, chosen, size: int) -> np.ndarray:
    """Numbers of the chosen neurons, none of them twice."""
    if isinstance(chosen, slice):
        for bound in (chosen.start, chosen.stop):
            if bound is not None and not -size <= bound <= size:  # Python clips
                raise IndexError(f"{rule}: {name} = {_shown(chosen)} reaches beyond the {size} neurons of the view")
        return np.arange(size)[chosen]
    places = np.atleast_1d(np.asarray(chosen))
    if places.ndim != 1 or places.dtype.kind not in "iu" or not np.all((places >= -size) & (places < size)):
        raise IndexError(f"{rule}: {name} = {chosen!r}; give a slice or numbers of neurons, 0 to {size - 1}")
    places = places % max(size, 1)
    if len(np.unique(places)) < len(places):
        raise IndexError(f"{rule}: {name} = {chosen!r} names a neuron twice")
    return places


def _hashable(chosen):
    return (
        (chosen.start, chosen.stop, chosen.step) if isinstance(chosen, slice) else tuple(np.atleast_1d(chosen).tolist())
    )


def _shown(chosen) -> str:
    if not isinstance(chosen, slice):
        return repr(chosen) if np.size(chosen) < 10 else f"<{np.size(chosen)} neurons>"
    parts = [chosen.start, chosen.stop] + ([] if chosen.step is None else [chosen.step])
    return ":".join("" if part is None else str(part) for part in parts)
