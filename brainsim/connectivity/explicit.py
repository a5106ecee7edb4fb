"""Synapses that are given, as index arrays or as a matrix."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import scipy.sparse

from brainsim._errors import a_or_an

from . import _checks
from .pairs import Pairs, Synapses
from .rule import ConnectionRule


@dataclass(frozen=True, repr=False, eq=False)
class FromArrays(ConnectionRule):
    r"""Connect the listed pairs.

    .. math:: S = \{(pre_s, post_s) : 0 \le s < n_{synapses}\}

    Values that belong to the list, such as weights, come into synapse order by ``values[synapses.order]``.

    Parameters
    ----------
    pre, post : array of int, shape (n_synapses,)
        Indices into the presynaptic and the postsynaptic view, in any order.
    self_connections : bool, keyword only
        Whether pairs that connect a neuron to itself are kept. Default True; with False they are left out.
    multiple : bool, keyword only
        Whether a pair may be listed more than once. Default True; with False a repeated pair is an error.

    Raises
    ------
    TypeError, ValueError
        If the arrays are not one-dimensional arrays of indices of equal length, or a pair is repeated against
        ``multiple=False``; at `connect`, if an index lies outside its view.
    """

    draws = False

    pre: np.ndarray
    post: np.ndarray
    multiple: bool = field(default=True, kw_only=True)

    def __post_init__(self):
        super().__post_init__()
        self._set("multiple", _checks.flag(self.name, "multiple", self.multiple))
        for side in ("pre", "post"):
            indices = _checks.index_array(self.name, side, getattr(self, side))
            _checks.within(self.name, side, indices, _checks.INT32_MAX, f"{side}synaptic")
            self._set(side, _frozen(indices.astype(np.int32)))
        if len(self.pre) != len(self.post):
            raise ValueError(
                f"{self.name}: pre lists {len(self.pre)} synapses and post {len(self.post)}; give arrays of equal"
                " length"
            )
        if not self.multiple:
            self._refuse_repeats()

    def _refuse_repeats(self) -> None:
        order = np.lexsort((self.post, self.pre))
        pre, post = self.pre[order], self.post[order]
        repeated = np.flatnonzero((pre[1:] == pre[:-1]) & (post[1:] == post[:-1]))
        if repeated.size:
            first = repeated[0]
            raise ValueError(
                f"{self.name}: multiple=False, but {repeated.size} synapses repeat a pair, the first being "
                f"{pre[first]} -> {post[first]}; list each pair once, or give multiple=True"
            )

    def _draw(self, pairs: Pairs, rng: np.random.Generator) -> Synapses:
        _checks.within(self.name, "pre", self.pre, pairs.n_pre, "presynaptic")
        _checks.within(self.name, "post", self.post, pairs.n_post, "postsynaptic")
        # Two stable counting sorts, the less significant key first, cost a fraction of one comparison sort.
        order, _ = _counting_argsort(self.post, pairs.n_post)
        by_pre, indptr = _counting_argsort(self.pre[order], pairs.n_pre)
        order = order[by_pre]
        return pairs.drop_self(Synapses(indptr, self.post[order], order))

    def expected_synapses(self, n_pre: int, n_post: int) -> int:
        return len(self.pre)

    def __repr__(self) -> str:
        return f"{self.name}(<{len(self.pre)} synapses>)"

    # Compared by content, which the dataclass cannot do for arrays.
    def _content(self) -> tuple[np.ndarray, ...]:
        return self.pre, self.post

    def __eq__(self, other) -> bool:
        return type(other) is type(self) and _equal(self, other, ("self_connections", "multiple"))

    def __hash__(self) -> int:
        return _hash(self, ("self_connections", "multiple"))


@dataclass(frozen=True, repr=False, eq=False)
class FromMatrix(ConnectionRule):
    r"""Connect where a matrix is not zero.

    .. math:: S = \{(i, j) : M_{ij} \ne 0\}

    The matrix' entries serve as weights in synapse order through ``rule.values[synapses.order]``; where no self
    connection is left out, that is `values` itself. A synapse whose weight is zero (to be trained, say) needs
    `FromArrays`.

    Parameters
    ----------
    matrix : scipy.sparse array or matrix of any format, or array, shape (n_pre, n_post)
        Mask or weights as plain numbers, rows being presynaptic. Entries that a sparse matrix holds twice are summed,
        as scipy defines it.
    self_connections : bool, keyword only
        Whether entries that connect a neuron to itself are kept. Default True; with False they are left out.

    Attributes
    ----------
    values : ndarray, shape (n_synapses,)
        The entries that are not zero, in synapse order and in the matrix' type.

    Raises
    ------
    TypeError, ValueError
        If the matrix is not a two-dimensional one of finite numbers; at `connect`, if its shape is not (n_pre, n_post).
    """

    draws = False

    matrix: scipy.sparse.csr_array

    def __post_init__(self):
        super().__post_init__()
        given = self.matrix
        if not scipy.sparse.issparse(given):
            try:
                given = np.asarray(given)
            except (TypeError, ValueError):  # quantities and ragged lists
                raise TypeError(
                    f"{self.name}: matrix is {a_or_an(type(given).__name__)} that is not an array of plain numbers; give plain "
                    "numbers in the unit of the receptor, such as matrix / u.pA"
                ) from None
        if given.ndim != 2:
            raise ValueError(f"{self.name}: matrix has shape {given.shape}; give two dimensions, (n_pre, n_post)")
        if given.dtype.kind not in "biuf":
            raise TypeError(f"{self.name}: matrix holds {given.dtype} values; give plain numbers or booleans")
        matrix = scipy.sparse.csr_array(given, copy=True)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        matrix.sort_indices()
        if matrix.dtype.kind == "f" and not np.isfinite(matrix.data).all():
            raise ValueError(f"{self.name}: matrix holds nan or infinite values; give finite numbers, 0 for no synapse")
        for array in (matrix.indptr, matrix.indices, matrix.data):
            _frozen(array)
        self._set("matrix", matrix)

    @property
    def values(self) -> np.ndarray:
        """The entries that are not zero, in synapse order; read-only."""
        return self.matrix.data

    def _draw(self, pairs: Pairs, rng: np.random.Generator) -> Synapses:
        if self.matrix.shape != (pairs.n_pre, pairs.n_post):
            flipped = self.matrix.shape == (pairs.n_post, pairs.n_pre)
            raise ValueError(
                f"{self.name}: matrix has shape {self.matrix.shape}; give (n_pre, n_post) = ({pairs.n_pre},"
                f" {pairs.n_post}){': matrix.T, since rows are presynaptic' if flipped else ''}"
            )
        size = self.matrix.nnz
        width = np.int32 if size <= _checks.INT32_MAX else np.int64
        synapses = Synapses(
            self.matrix.indptr.astype(width), self.matrix.indices.astype(np.int32), np.arange(size, dtype=width)
        )
        return pairs.drop_self(synapses)

    def expected_synapses(self, n_pre: int, n_post: int) -> int:
        return self.matrix.nnz

    def __repr__(self) -> str:
        n_pre, n_post = cast(tuple[int, int], self.matrix.shape)
        return f"{self.name}(<{n_pre} x {n_post}, {self.matrix.nnz} synapses>)"

    def _content(self) -> tuple[np.ndarray, ...]:
        return np.asarray(self.matrix.shape), self.matrix.indptr, self.matrix.indices, self.matrix.data

    def __eq__(self, other) -> bool:
        return type(other) is type(self) and _equal(self, other, ("self_connections",))

    def __hash__(self) -> int:
        return _hash(self, ("self_connections",))


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def _equal(a: FromArrays | FromMatrix, b: FromArrays | FromMatrix, options: tuple[str, ...]) -> bool:
    return all(getattr(a, name) == getattr(b, name) for name in options) and all(
        x.dtype == y.dtype and np.array_equal(x, y) for x, y in zip(a._content(), b._content(), strict=True)
    )


def _hash(rule: FromArrays | FromMatrix, options: tuple[str, ...]) -> int:
    content = tuple(zlib.crc32(np.ascontiguousarray(x).view(np.uint8).data) for x in rule._content())
    return hash((type(rule), *(getattr(rule, name) for name in options), *content))


def _counting_argsort(keys: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Stable argsort of integers in range(n), and the bounds of each key's run.

    Sorting a list by key is transposing a matrix that has one entry per row, in the key's column.
    """
    rows = len(keys)
    width = np.int32 if max(rows, n) < _checks.INT32_MAX else np.int64
    one_per_row = scipy.sparse.csr_array(
        (np.zeros(rows, np.int8), keys.astype(width, copy=False), np.arange(rows + 1, dtype=width)), shape=(rows, n)
    )
    by_key = one_per_row.tocsc()
    return by_key.indices, by_key.indptr
