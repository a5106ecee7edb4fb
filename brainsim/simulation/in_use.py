"""A network is run by one run at a time."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from brainsim._errors import NetworkInUseError

_running: set[int] = set()
_guard = threading.Lock()


@contextlib.contextmanager
def in_use(net) -> Iterator[None]:
    """While a run goes on: the network it will write its state into is refused to others.

    Raises
    ------
    NetworkInUseError
        If another run, in this thread or another, has not ended.
    """
    with _guard:
        if id(net) in _running:
            raise NetworkInUseError(
                f"{net!r} is being run already, by another thread or by a callback of the run itself. Run copies of it,"
                " or many at once with bs.sweep; bs.function gives a pure function that threads may share."
            )
        _running.add(id(net))
    try:
        yield
    finally:
        with _guard:
            _running.discard(id(net))


_Run = TypeVar("_Run", bound=Callable)


def alone(run: _Run) -> _Run:
    """``run(net, ...)``, refused while another run of the network goes on."""

    @functools.wraps(run)
    def once(net, *arguments, **options):
        with in_use(net):
            return run(net, *arguments, **options)

    return once  # type: ignore[return-value]
