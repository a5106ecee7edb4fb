"""A network is run by one run at a time."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import TypeVar

from brainsim._errors import NetworkInUseError

_running: set[int] = set()
_guard = threading.Lock()


_Run = TypeVar("_Run", bound=Callable)


def alone(run: _Run) -> _Run:
    """``run(net, ...)``, refused while another run of the network goes on: it will write its state into it.

    Raises
    ------
    NetworkInUseError
        If another run, in this thread or another, has not ended.
    """

    @functools.wraps(run)
    def once(net, *arguments, **options):
        with _guard:
            if id(net) in _running:
                raise NetworkInUseError(
                    f"{net!r} is being run already, by another thread or by a callback of the run itself. Run copies of it,"
                    " or many at once with bs.sweep; bs.function gives a pure function that threads may share."
                )
            _running.add(id(net))
        try:
            return run(net, *arguments, **options)
        finally:
            with _guard:
                _running.discard(id(net))

    return once  # type: ignore[return-value]
