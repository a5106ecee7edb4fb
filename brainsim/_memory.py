"""How much memory there is, and giving back what is not used."""

from __future__ import annotations

import ctypes
import functools
import os
from typing import Any


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


def human(n: float) -> str:
    """``n`` bytes, as a person would say it."""
    if n < 1000:
        return f"{n:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        n /= 1000
        if n < 1000:
            return f"{n:.1f} {unit}"
    return f"{n / 1000:.1f} TB"
