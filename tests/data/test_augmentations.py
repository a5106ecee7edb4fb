"""What is moved is the same elsewhere; what is lost is lost in the share that was asked for."""

import numpy as np
import pytest

from brainsim.data import augmentations

COURSES = np.random.default_rng(0).integers(0, 3, (200, 30, 8)).astype(np.uint8)


def rng(seed=1):
    return np.random.default_rng(seed)


def test_examples_are_shifted_as_they_are():
    found = augmentations.Shift(steps=3, channels=1)(COURSES, rng())
    padded = np.pad(COURSES, [(0, 0), (3, 3), (1, 1)])
    moves = set()
    for before, after in zip(padded, found):
        fits = [(t, c) for t in range(7) for c in range(3) if np.array_equal(after, before[t : t + 30, c : c + 8])]
        assert len(fits) == 1
        moves |= set(fits)
    assert len(moves) == 21 and found.dtype == np.uint8
    np.testing.assert_array_equal(augmentations.Shift()(COURSES, rng()), COURSES)


def test_events_are_moved_one_by_one():
    courses = np.zeros((1, 101, 41), np.uint8)
    courses[0, 50, 20] = 255
    found = augmentations.Jitter(steps=6.0, channels=2.0)(np.repeat(courses, 20, 0), rng())
    assert found.sum() == 20 * 255
    _, t, c = np.nonzero(found)
    weights = found[found > 0]
    for places, centre, sigma in ((t, 50, 6.0), (c, 20, 2.0)):
        spread = np.sqrt(np.average((places - centre) ** 2, weights=weights))
        assert abs(spread / np.sqrt(sigma**2 + 1 / 12) - 1) < 0.05
    np.testing.assert_array_equal(augmentations.Jitter()(COURSES, rng()), COURSES)
    with pytest.raises(ValueError, match="no whole numbers"):
        augmentations.Jitter(1.0)(COURSES * 0.5, rng())


def test_what_is_dropped():
    ones = np.ones((200, 30, 8), np.float32)
    assert abs(augmentations.Drop(events=0.3)(ones, rng()).mean() - 0.7) < 0.01
    silent = (augmentations.Drop(channels=0.25)(ones, rng()) == 0).all(1)
    assert abs(silent.mean() - 0.25) < 0.04
    gone = (augmentations.Drop(steps=10)(ones, rng()) == 0).all(2)
    lengths = gone.sum(1)
    assert set(lengths) == set(range(11)) and (np.abs(np.diff(gone.astype(int), axis=1)).sum(1) <= 2).all()


def test_in_a_chain_and_refused():
    chain = augmentations.Chain(augmentations.Shift(2), lambda courses, rng: courses + 1)
    assert chain(COURSES, rng()).min() == 1
    np.testing.assert_array_equal(chain(COURSES, rng(3)), chain(COURSES, rng(3)))
    for make, message in (
        (lambda: augmentations.Shift(-1), "steps is a whole number from 0"),
        (lambda: augmentations.Drop(events=1.0), "shares from 0 to below 1"),
        (lambda: augmentations.Jitter(-1.0), "standard deviations of 0 or more"),
        (lambda: augmentations.Shift(1)(COURSES[0], rng()), r"given the shape \(30, 8\)"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
    with pytest.raises(TypeError, match="expected functions"):
        augmentations.Chain(3)
