"""Random numbers that Python and NumPy draw while a step is traced: there are none, or all steps would have the same."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np

from brainsim._errors import OutsideStepError

Dice = np.random.Generator | np.random.RandomState | random.Random


@contextlib.contextmanager
def none_thrown() -> Iterator[None]:
    """Refuse that the random generators of NumPy and of Python are used in the block."""
    before = _global()
    yield
    if _global() != before:
        refuse()


def _global() -> tuple:
    kind, key, *rest = np.random.get_state()
    return kind, key.tobytes(), *rest, random.getstate()  # type: ignore[attr-defined]


def refuse() -> None:
    raise OutsideStepError(
        "a step draws random numbers from NumPy or from Python. They would be drawn once, when the step is compiled, and"
        " be the same in every step and run. Draw from the clock: clock.normal((n,)), or jax.random with"
        " jax.random.fold_in(clock.key, clock.step)."
    )
