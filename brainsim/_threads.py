"""Threads of the host: NumPy and compiled functions work on several arrays, or parts of one, at the same time."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


def how_many() -> int:
    """As many as ``OMP_NUM_THREADS`` says; one for each core that this process may use, where it says nothing."""
    said = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return max(1, int(said)) if said.isdecimal() else cores()


def cores() -> int:
    """Those that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


class Threads:
    """Threads for some tasks, as a context: they end with it, and tasks that nobody has begun then are dropped.

    Parameters
    ----------
    number : int, optional
        With one, the caller does each task when it asks for its result.

    Attributes
    ----------
    number : int
    """

    def __init__(self, number: int | None = None):
        self.number = how_many() if number is None else number
        self._pool = ThreadPoolExecutor(self.number, "brainsim") if self.number > 1 else None

    def begin(self, task: Callable[..., Result], *arguments) -> Callable[[], Result]:
        """Have a task done; what is returned waits for its result, or raises what it raised."""
        if self._pool is None:
            return functools.cache(functools.partial(task, *arguments))
        return self._pool.submit(task, *arguments).result

    def __enter__(self) -> Threads:
        return self

    def __exit__(self, *_) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
