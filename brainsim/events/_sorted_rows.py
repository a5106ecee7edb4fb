"""Rows of synapses joined, sorted by delay, and looked at from their targets: on the host, once, by the compiled library where it is there."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from brainsim._memory import empty_in_huge_pages
from brainsim._threads import Threads
from brainsim.events import _library
from brainsim.events.formats import CSR, Dense, FixedFanOut

LEAST = 1 << 16  # synapses that a thread joins


def row_pointers(conn: CSR | FixedFanOut | Dense) -> np.ndarray:
    """Where the row of each neuron begins, and the last one ends, int32."""
    if isinstance(conn, CSR):
        return np.asarray(conn.indptr)
    return (np.arange(conn.n_pre + 1) * conn.weight_shape[1]).astype(np.int32)


class Piece(NamedTuple):
    """Some synapses of every row.

    Parameters
    ----------
    indptr : int32 array, (rows + 1,)
    key : uint8, uint16 or uint32 array, (n_synapses,), or None
        What rows are sorted by.
    arrays : sequence of array, (n_synapses,)
        Of elements of 1, 2, 4 or 8 bytes.
    """

    indptr: np.ndarray
    key: np.ndarray | None
    arrays: Sequence[np.ndarray]

    def rows(self, first: int, last: int) -> Piece:
        """Those of some rows, from ``first`` on to ``last - 1``."""
        begin, end = self.indptr[first], self.indptr[last]
        key = None if self.key is None else self.key[begin:end]
        return Piece(self.indptr[first : last + 1] - begin, key, [array[begin:end] for array in self.arrays])


def join_rows(pieces: Sequence[Piece], to: Sequence[np.ndarray], threads: Threads | None = None) -> np.ndarray:
    """Write rows that lie in pieces one after the other, piece after piece, and return where they begin.

    Rows with keys are sorted by them, equal ones in the order in which they were.

    Parameters
    ----------
    pieces : sequence of Piece
    to : sequence of contiguous array
        For each array of the pieces one as long as all of them, or longer.
    threads : Threads, optional
        On which some rows each are joined.
    """
    pieces = [
        Piece(np.ascontiguousarray(p.indptr, np.int32), p.key, list(map(np.ascontiguousarray, p.arrays)))
        for p in pieces
    ]
    counts = sum(np.diff(p.indptr).astype(np.int64) for p in pieces)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    parts = 1 if threads is None or threads.number < 2 else min(2 * threads.number, max(1, int(indptr[-1]) // LEAST))
    if threads is None or parts == 1:
        _join(pieces, to)
        return indptr
    cuts = np.searchsorted(indptr, indptr[-1] * np.arange(parts) // parts).tolist() + [len(indptr) - 1]
    waiting = [
        threads.begin(_join, [p.rows(first, last) for p in pieces], [array[indptr[first] :] for array in to])
        for first, last in itertools.pairwise(cuts)
    ]
    for wait in waiting:
        wait()
    return indptr


def _join(pieces, to):
    function, sort = _library.host("join_rows", None), pieces[0].key is not None
    by_array = list(zip(*(p.arrays for p in pieces), strict=True))
    if function is None:
        rows = np.concatenate([np.repeat(np.arange(len(p.indptr) - 1), np.diff(p.indptr)) for p in pieces])
        keys = [np.concatenate([p.key for p in pieces])] if sort else []
        order = np.lexsort((*keys, rows))
        for arrays, there in zip(by_array, to, strict=True):
            there[: len(rows)] = np.concatenate(arrays)[order]
        return
    keys = [np.ascontiguousarray(p.key) for p in pieces] if sort else []
    function(
        ctypes.c_int64(len(pieces[0].indptr) - 1),
        ctypes.c_int(len(pieces)),
        _pointers([p.indptr for p in pieces]),
        _pointers(keys) if sort else None,
        ctypes.c_int(keys[0].itemsize if sort else 0),
        ctypes.c_int(len(to)),
        (ctypes.c_int * len(to))(*(array.itemsize for array in to)),
        _pointers([array for arrays in by_array for array in arrays]),
        _pointers(to),
    )


def sort_rows(indptr: np.ndarray, key: np.ndarray, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Arrays of one value for each synapse, the rows sorted by ``key``, equal ones in the order in which they were."""
    sorted_ = [np.empty_like(array) for array in arrays]
    join_rows([Piece(indptr, key, arrays)], sorted_)
    return sorted_


def transposed(indptr: np.ndarray, indices: np.ndarray, n_post: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the synapses of each target begin, ``(n_post + 1,)``, their sources, and their places in the rows, which ascend.

    Parameters
    ----------
    indptr : int32 array, (rows + 1,)
    indices : uint16 or int32 array, (n_synapses,)
        Target of each synapse.
    n_post : int
    """
    function = _library.host("transpose_rows", None)
    if function is None:
        position = np.argsort(indices, kind="stable").astype(np.int32)
        begins = np.concatenate([[0], np.cumsum(np.bincount(indices, minlength=n_post))]).astype(np.int32)
        source = np.repeat(np.arange(len(indptr) - 1, dtype=np.int32), np.diff(indptr))
        return begins, source[position], position
    indptr, indices = np.ascontiguousarray(indptr, np.int32), np.ascontiguousarray(indices)
    begins = np.empty(n_post + 1, np.int32)
    source, position = (empty_in_huge_pages(indices.shape, np.int32) for _ in range(2))
    function(
        ctypes.c_int64(len(indptr) - 1),
        _pointer(indptr),
        _pointer(indices),
        ctypes.c_int(indices.itemsize),
        ctypes.c_int64(n_post),
        *map(_pointer, (begins, source, position)),
    )
    return begins, source, position


def begins_of(indptr: np.ndarray, delay: np.ndarray, depth: int, step_ms: float | None = None) -> np.ndarray:
    """Where the synapses of each delay begin in each row: see :func:`brainsim.events.calendar_of`.

    Parameters
    ----------
    indptr : int32 array, (rows + 1,)
    delay : int32 array, in steps; or float32 array, in ms; (n_synapses,)
        Ascending in each row.
    depth : int
    step_ms : float, optional
        Length of a step, for delays in ms.

    Raises
    ------
    ValueError
        For delays that are not in 1 to ``depth`` or do not ascend.
    """
    rows = len(indptr) - 1
    name = "calendar_of_steps" if step_ms is None else "calendar_of_floats"
    function = _library.host(name, ctypes.c_int)
    if function is None:
        return _begins(indptr, np.maximum(np.round(delay / np.float64(step_ms)), 1) if step_ms else delay, depth)
    indptr = np.ascontiguousarray(indptr, np.int32)
    delay = np.ascontiguousarray(delay, np.int32 if step_ms is None else np.float32)
    begins = empty_in_huge_pages((rows, depth + 1), np.int32)
    step = [] if step_ms is None else [ctypes.c_double(step_ms)]
    wrong = function(
        ctypes.c_int64(rows), _pointer(indptr), _pointer(delay), *step, ctypes.c_int64(depth), _pointer(begins)
    )
    if wrong:
        _refuse(wrong, depth)
    return begins


def _begins(indptr, delay, depth):
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    delay = delay.astype(np.int64)
    if np.any((delay < 1) | (delay > depth)):
        _refuse(1, depth)
    if np.any((np.diff(delay) < 0) & (np.diff(rows) == 0)):
        _refuse(2, depth)
    counts = np.bincount(rows * depth + delay - 1, minlength=(len(indptr) - 1) * depth)
    ends = np.asarray(indptr[:-1, None] + np.cumsum(counts.reshape(-1, depth), axis=1))
    return np.concatenate([indptr[:-1, None], ends], axis=1).astype(np.int32)


def _refuse(wrong, depth):
    what = f"lie in 1 to {depth}" if wrong == 1 else "ascend in the row of each neuron"
    raise ValueError(f"events.calendar_of: delays {what}; got others.")


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _pointers(arrays: Sequence[np.ndarray]) -> ctypes.Array:
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
