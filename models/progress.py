"""What an experiment is doing and how far it is: a bar on a terminal, and a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator

QUIET = 10.0  # seconds between two lines, at least


class Bar:
    """How far a loop is. Nothing where ``on`` is False.

    Parameters
    ----------
    what : str
        What is being done.
    total : int
        Passes of the loop.
    on : bool
        Whether to show anything.
    done : int
        Passes that an earlier run has done.
    """

    def __init__(self, what: str, total: int, on: bool = True, done: int = 0):
        self.what, self.total, self.on, self.done, self.first, self.text = what, total, on, done, done, ""
        self.started = self.shown = time.perf_counter()
        self.drawn = None

    def __enter__(self) -> Bar:
        if self.on and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

            columns = (
                BarColumn(),
                MofNCompleteColumn(),
                "{task.description}",
                TimeElapsedColumn(),
                TimeRemainingColumn(),
            )
            self.drawn = Progress(self.what, *columns, transient=True, console=Console(stderr=True))
            self.drawn.start()
            self.task = self.drawn.add_task("compiling", total=self.total, completed=self.done)
        elif self.on:
            self._line()
        return self

    def __exit__(self, *_):
        if self.drawn is not None:
            self.drawn.stop()

    def tell(self, done: int | None = None, text: str | None = None) -> None:
        """One more pass is done, or ``done`` of them in all; ``text`` says how well."""
        self.done = self.done + 1 if done is None else done
        self.text = self.text if text is None else text
        if self.drawn is not None:
            self.drawn.update(self.task, completed=self.done, description=self.text)
        elif self.on and time.perf_counter() - self.shown >= QUIET:
            self._line()

    def _line(self):
        self.shown = now = time.perf_counter()
        print(
            f"{self.what}: {self.done:,} of {self.total:,}{self._times(now)}  {self.text}".rstrip(),
            file=sys.stderr,
            flush=True,
        )

    def _times(self, now) -> str:
        fresh = self.done - self.first
        if not fresh:
            return ""
        passed = now - self.started
        return f", {passed:.0f} s, about {passed / fresh * (self.total - self.done):.0f} s left"


def track(items: Iterable, what: str, on: bool = True, name: Callable = str) -> Iterator:
    """The items, one after the other, and a line on the error stream before each, unless they are quick.

    What is done with an item may draw a bar of its own.

    Parameters
    ----------
    items : iterable
    what : str
        What they are: ``"coherence"``.
    on : bool
        Whether to show anything.
    name : callable
        What an item is called.
    """
    items = list(items)
    started, shown = time.perf_counter(), -QUIET
    for k, item in enumerate(items):
        now = time.perf_counter()
        if on and now - shown >= QUIET / 5:
            shown = now
            rest = f", {now - started:.0f} s, about {(now - started) / k * (len(items) - k):.0f} s left" if k else ""
            print(f"{what} {name(item)}: {k + 1} of {len(items)}{rest}", file=sys.stderr, flush=True)
        yield item
