"""Random numbers that Python and NumPy draw while a step is traced: there are none, or all steps would have the same."""

from __future__ import annotations

import contextlib
import functools
import random
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from brainsim._errors import OutsideStepError

Dice = np.random.Generator | np.random.RandomState | random.Random


class _Mine(threading.local):
    watched = False  # whether this thread traces a step
    thrown = False


_mine = _Mine()
_lock = threading.Lock()
_plain: dict = {}  # what the modules hold while nobody watches
_watchers = 0


@contextlib.contextmanager
def none_thrown() -> Iterator[None]:
    """Refuse that the random generators of NumPy and of Python are used in the block.

    Other threads may draw from them. Functions that were imported by name are seen by what they do to the generators,
    where there are no others.
    """
    outer = _mine.watched, _mine.thrown
    _mine.watched, _mine.thrown = True, False
    before = _global()
    try:
        with _seen():
            yield
        if _mine.thrown or (threading.active_count() == 1 and _global() != before):
            refuse()
    finally:
        _mine.watched, _mine.thrown = outer


@contextlib.contextmanager
def _seen() -> Iterator[None]:
    """The functions of both modules take note of who calls them."""
    global _watchers
    with _lock:
        if not _watchers:
            for module, generator in ((np.random, np.random.mtrand._rand), (random, random._inst)):  # type: ignore
                own = {name: f for name, f in vars(module).items() if getattr(f, "__self__", None) is generator}
                _plain[module] = own
                vars(module).update({name: _noting(draw) for name, draw in own.items()})
        _watchers += 1
    try:
        yield
    finally:
        with _lock:
            _watchers -= 1
            if not _watchers:
                for module, own in _plain.items():
                    vars(module).update(own)


def _noting(draw):
    @functools.wraps(draw)
    def drawn(*args, **options):
        _mine.thrown = _mine.thrown or (_mine.watched and draw.__name__ not in ("get_state", "getstate"))
        return draw(*args, **options)

    return drawn


def _global() -> tuple:
    state: Any = _PLAIN_STATES[0]()
    kind, key, *rest = state
    return kind, key.tobytes(), *rest, _PLAIN_STATES[1]()


_PLAIN_STATES = np.random.get_state, random.getstate  # as they are while nobody watches


def refuse() -> None:
    raise OutsideStepError(
        "a step draws random numbers from NumPy or from Python. They would be drawn once, when the step is compiled, and"
        " be the same in every step and run. Draw from the clock: clock.normal((n,)), or jax.random with"
        " jax.random.fold_in(clock.key, clock.step)."
    )
