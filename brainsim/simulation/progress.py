"""A progress bar that costs nothing where nobody looks."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

INTERVAL = 0.25  # seconds between updates


class Progress:
    """Shows how far a run is. Off when ``show`` is False; by default only on a terminal or in a notebook, after a
    second. A function is told instead: ``show(done, seconds)``, the part that is done and how long it has taken.
    """

    def __init__(self, show: bool | Callable[[float, float], Any] | None, total: int, what: str = "simulating"):
        if show is not None and not isinstance(show, bool) and not callable(show):
            raise TypeError(f"progress: expected True, False or a function progress(done, seconds), given {show!r}.")
        self.tell = show if callable(show) else None
        self.total, self.done, self.show = total, 0, show
        self.what, self.text = what, ""  # what is being done, and how well
        # rich draws in a notebook through ipywidgets, and warns where they are missing.
        notebook = "ipykernel" in sys.modules and importlib.util.find_spec("ipywidgets") is not None
        self.on = bool(show) if show is not None else sys.stderr.isatty() or notebook
        self.bar, self.stopped = None, False
        self.started = self.last = self.told = time.perf_counter()
        self.per_step = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.bar is not None:
            self.bar.stop()

    def stop(self) -> None:
        """End what goes on in other threads, as soon as they tell of their next steps."""
        self.stopped = True

    def suggested_steps(self, limit: int) -> int:
        """How many steps to run before the next update."""
        if not self.on:
            return limit
        if self.per_step is None:
            return min(limit, 200)
        return max(1, min(limit, int(INTERVAL / self.per_step)))

    def advance(self, steps: int) -> None:
        """Tell that ``steps`` more are done; whoever tells is stopped where :meth:`stop` was called."""
        if self.stopped:
            raise CancelledError
        now = time.perf_counter()
        if self.done:  # the first piece includes compilation
            self.per_step = max((now - self.last) / steps, 1e-9)
        self.last, self.done = now, self.done + steps
        if self.tell is not None:
            if self.done == self.total or now - self.told >= INTERVAL:
                self.told = now
                self.tell(self.done / self.total, now - self.started)
            return
        if self.on and self.bar is None and (self.show or now - self.started > 1) and self.done < self.total:
            self._start()
        if self.bar is not None:
            self.bar.update(self.task, completed=self.done, description=self.text)

    def _start(self):
        from rich import progress

        columns = (
            progress.TextColumn(self.what),
            progress.BarColumn(),
            progress.TaskProgressColumn(),
            progress.TimeRemainingColumn(),
            progress.TextColumn("{task.description}"),
        )
        self.bar = progress.Progress(*columns, transient=True)
        self.bar.start()
        self.task = self.bar.add_task("", total=self.total)
