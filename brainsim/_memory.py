"""How much memory there is, and giving back what is not used."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import math
import mmap
import os
import threading
from typing import Any

import numpy as np

HUGE_PAGE = 1 << 21
CHUNK = 1 << 24  # bytes of pages that arrays share; longer ones have their own
SMALL = 1 << 16  # bytes of arrays of which the pages are found at once
LINE = 64  # bytes of a line of the cache; JAX takes over arrays that begin at one


def available_bytes(device: Any = None) -> float:
    """Memory that can still be used, in bytes: of the host, or of a ``jax.Device``; infinite where nobody tells.

    A CPU has the memory of the host. A GPU tells how much XLA may use of its own and how much it does.
    """
    if device is not None and device.platform != "cpu":
        found = device.memory_stats() or {}
        return float(found["bytes_limit"] - found.get("bytes_in_use", 0)) if "bytes_limit" in found else float("inf")
    try:
        with open("/proc/meminfo") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return float(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        return float("inf")


def give_back() -> None:
    """Give freed memory back to the system, where the C library can: a compiler leaves some 60 MB that it has freed."""
    trim = _trim()
    if trim is not None:
        trim(0)


@functools.cache
def _trim():
    try:
        return ctypes.CDLL(None).malloc_trim  # of glibc
    except (AttributeError, OSError, TypeError):
        return None


class _Pages(threading.local):
    """The pages in which the next array is put."""

    pages: np.ndarray = np.empty(0, np.uint8)
    used: int = 0


_open = _Pages()


def empty_in_huge_pages(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array of undefined values, behind others in pages of 2 MB where the system has such pages.

    For arrays that are read at random and live long, of which there are many: the small pages that they would have are
    more than a processor finds at once. The memory is given back when none of the arrays of its chunk is left.
    """
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if not size or not hasattr(mmap, "MADV_HUGEPAGE"):
        return np.empty(shape, dtype)
    needed = -(-size // LINE) * LINE
    if _open.used + needed > _open.pages.size:
        _open.pages, _open.used = _new_pages(max(needed, CHUNK)), 0
    begin = _open.used
    _open.used += needed
    return _open.pages[begin : begin + size].view(dtype).reshape(shape)


def in_huge_pages(array: np.ndarray) -> np.ndarray:
    """The same array in pages of 2 MB, where it has many small ones and few large ones would lie within it."""
    if not SMALL <= array.nbytes < 2 * HUGE_PAGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return array
    there = empty_in_huge_pages(array.shape, array.dtype)
    there[...] = array
    return there


def _new_pages(size: int) -> np.ndarray:
    size = -(-size // HUGE_PAGE) * HUGE_PAGE
    memory = mmap.mmap(-1, size + HUGE_PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a kernel without such pages
        memory.madvise(mmap.MADV_HUGEPAGE)
    pages = np.frombuffer(memory, np.uint8)
    first = -pages.ctypes.data % HUGE_PAGE
    return pages[first : first + size]


def human(n: float) -> str:
    """``n`` bytes, as a person would say it."""
    if n < 1000:
        return f"{n:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        n /= 1000
        if n < 1000:
            return f"{n:.1f} {unit}"
    return f"{n / 1000:.1f} TB"
