"""Events that are moved, lost and cut at random, so that a network does not learn recordings by heart.

Each is a function of courses ``(examples, n_steps, channels)`` and a generator of NumPy, as ``train.Arrays(..., augment=...)`` takes it;
so is any function of one's own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Shift:
    """Whole examples earlier or later, and up or down in channels; what leaves is lost.

    Parameters
    ----------
    steps, channels : int
        The most that an example is moved either way.
    """

    steps: int = 0
    channels: int = 0

    def __post_init__(self):
        _check_whole("Shift", steps=self.steps, channels=self.channels)

    def __call__(self, courses: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The courses, moved."""
        n, steps, channels = _checked("Shift", courses)
        later = rng.integers(-self.steps, self.steps + 1, n)[:, None] if self.steps else np.zeros((n, 1), int)
        up = rng.integers(-self.channels, self.channels + 1, n)[:, None] if self.channels else np.zeros((n, 1), int)
        t, c = np.arange(steps) - later, np.arange(channels) - up
        moved = courses[
            np.arange(n)[:, None, None], np.clip(t, 0, steps - 1)[:, :, None], np.clip(c, 0, channels - 1)[:, None]
        ]
        inside = ((t >= 0) & (t < steps))[:, :, None] & ((c >= 0) & (c < channels))[:, None]
        return np.where(inside, moved, 0).astype(courses.dtype)


@dataclasses.dataclass(frozen=True)
class Jitter:
    """Each event by itself, by normal numbers that are rounded; what leaves is lost.

    Parameters
    ----------
    steps, channels : float
        Standard deviations.
    """

    steps: float = 0.0
    channels: float = 0.0

    def __post_init__(self):
        if min(self.steps, self.channels) < 0:
            raise ValueError(
                f"Jitter: expected standard deviations of 0 or more, given {self.steps} and {self.channels}."
            )

    def __call__(self, courses: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The courses, whose numbers are counts of events, with each event moved."""
        _, steps, channels = _checked("Jitter", courses)
        if np.any((courses < 0) | (courses != np.round(courses))):
            raise ValueError("Jitter: expected numbers of events, given some that are no whole numbers from 0.")
        where = np.nonzero(courses)
        example, t, c = (np.repeat(x, courses[where].astype(np.int64)) for x in where)
        t, c = (x + np.round(rng.normal(0, s, len(x))).astype(int) for x, s in ((t, self.steps), (c, self.channels)))
        inside = (t >= 0) & (t < steps) & (c >= 0) & (c < channels)
        moved = np.zeros(courses.shape, np.int64)
        np.add.at(moved, (example[inside], t[inside], c[inside]), 1)
        top = np.iinfo(courses.dtype).max if courses.dtype.kind in "iu" else None
        return np.clip(moved, 0, top).astype(courses.dtype)


@dataclasses.dataclass(frozen=True)
class Drop:
    """Lose numbers, channels or a stretch of time.

    Parameters
    ----------
    events : float
        Share of the numbers that become 0.
    channels : float
        Share of the channels of each example that fall silent.
    steps : int
        The longest silence in each example.
    """

    events: float = 0.0
    channels: float = 0.0
    steps: int = 0

    def __post_init__(self):
        if not (0 <= self.events < 1 and 0 <= self.channels < 1):
            raise ValueError(f"Drop: expected shares from 0 to below 1, given {self.events} and {self.channels}.")
        _check_whole("Drop", steps=self.steps)

    def __call__(self, courses: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The courses with what is left."""
        n, steps, channels = _checked("Drop", courses)
        kept = np.ones(courses.shape, bool)
        if self.events:
            kept &= rng.random(courses.shape) >= self.events
        if self.channels:
            kept &= rng.random((n, 1, channels)) >= self.channels
        if self.steps:
            length = rng.integers(0, min(self.steps, steps) + 1, (n, 1))
            begin = rng.integers(0, steps - length + 1)
            silent = (np.arange(steps) >= begin) & (np.arange(steps) < begin + length)
            kept &= ~silent[:, :, None]
        return np.where(kept, courses, 0).astype(courses.dtype)


class Chain:
    """One after the other.

    Parameters
    ----------
    *augmentations : callable
        Each of ``(courses, rng)``.
    """

    def __init__(self, *augmentations: Callable[[np.ndarray, np.random.Generator], np.ndarray]):
        for augmentation in augmentations:
            if not callable(augmentation):
                raise TypeError(f"Chain: expected functions of courses and a generator, given {augmentation!r}.")
        self.augmentations = augmentations

    def __call__(self, courses: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The courses after all of them."""
        for augmentation in self.augmentations:
            courses = augmentation(courses, rng)
        return courses


def _checked(what: str, courses: np.ndarray) -> tuple[int, int, int]:
    if np.ndim(courses) != 3:
        raise ValueError(
            f"{what}: expected courses (examples, n_steps, channels), given the shape {np.shape(courses)}."
        )
    return courses.shape


def _check_whole(what: str, **values) -> None:
    for name, value in values.items():
        if isinstance(value, bool) or value != int(value) or value < 0:
            raise ValueError(f"{what}: {name} is a whole number from 0, given {value!r}.")
