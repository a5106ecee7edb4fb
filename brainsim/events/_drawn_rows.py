"""Rows of random targets, drawn independently: by the compiled library where it is there, and the same without."""

from __future__ import annotations

import ctypes

import numpy as np

from brainsim.events import _library
from brainsim.events._shared import Purpose

BLOCK = 1 << 15  # synapses that are drawn at a time by NumPy
ROUNDS, FACTORS, STEPS = 10, (0xD2511F53, 0xCD9E8D57), (0x9E3779B9, 0xBB67AE85)


def draw_rows(
    key: np.ndarray,
    indptr: np.ndarray,
    n: int,
    own: np.ndarray | None = None,
    first: int = 0,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Targets of each row, int32, ascending: each one of 0 to n - 1 with the same chance, to 1 in 2^32 / n.

    Parameters
    ----------
    key : uint32 array, (2,)
        What the draws belong to.
    indptr : int array, (rows + 1,)
        Where each row begins.
    n : int
    own : int32 array, (rows,), optional
        A target that each row leaves out; n for none.
    first : int
        The number of the first row: what is drawn for a row depends on the key and its number.
    out : int32 array, optional
        What they are written to, as long as they are.
    """
    key, indptr = np.ascontiguousarray(key, np.uint32), np.ascontiguousarray(indptr, np.int64)
    indices = np.empty(int(indptr[-1]), np.int32) if out is None else out
    function = _library.host("draw_rows", None)
    if function is None:
        _draw(key, indptr, n, own, first, indices)
        return indices
    own = None if own is None else np.ascontiguousarray(own, np.int32)
    pointers = [ctypes.c_void_p(None if array is None else array.ctypes.data) for array in (key, indptr, own, indices)]
    rows = ctypes.c_int64(first), ctypes.c_int64(len(indptr) - 1)
    function(pointers[0], *rows, pointers[1], ctypes.c_int64(n), *pointers[2:])
    return indices


def _draw(key, indptr, n, own, first, indices):
    start, rows = 0, len(indptr) - 1
    while start < rows:
        # Whole rows, about BLOCK synapses, at least one row
        stop = max(start + 1, int(np.searchsorted(indptr, int(indptr[start]) + BLOCK, side="right")) - 1)
        row = np.repeat(np.arange(start, stop), np.diff(indptr[start : stop + 1]))
        place = np.arange(indptr[start], indptr[stop]) - indptr[row]
        left_out = np.full(len(row), n) if own is None else np.minimum(own[row], n)
        target = (
            words(key, row + first, place, Purpose.TARGETS) * (n - (left_out < n)).astype(np.uint64) >> np.uint64(32)
        ).astype(np.int64)
        target += target >= left_out
        # One sort of (row, target) keys sorts every row and leaves rows where they are
        keys = np.sort((row - start) * n + target)
        indices[indptr[start] : indptr[stop]] = keys - (row - start) * n
        start = stop


def words(key: np.ndarray, row: np.ndarray, place: np.ndarray, purpose: Purpose) -> np.ndarray:
    """Word ``place`` of the stream of each row, as uint64: Philox4x32-10, as in ``csrc/philox.h``."""
    low = np.uint64(0xFFFFFFFF)
    counter = [place // 4, row, np.zeros_like(row), np.full_like(row, purpose)]
    c0, c1, c2, c3 = (x.astype(np.uint64) for x in counter)
    k0, k1 = (int(k) for k in key)
    for _ in range(ROUNDS):
        p0, p1 = c0 * np.uint64(FACTORS[0]), c2 * np.uint64(FACTORS[1])
        c0, c1 = (p1 >> np.uint64(32)) ^ c1 ^ np.uint64(k0), p1 & low
        c2, c3 = (p0 >> np.uint64(32)) ^ c3 ^ np.uint64(k1), p0 & low
        k0, k1 = (k0 + STEPS[0]) & 0xFFFFFFFF, (k1 + STEPS[1]) & 0xFFFFFFFF
    return np.choose(place % 4, [c0, c1, c2, c3])
