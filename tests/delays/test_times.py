"""Delays are kept as they were given, in few bytes, and rounded to steps as numbers are."""

import numpy as np
import pytest

from brainsim.delays import Times

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("ms", "bytes_each"),
    [
        (RNG.integers(1, 80, 50_000) * 0.1, 1),  # few values that float32 cannot hold
        (RNG.integers(1, 9_000, 50_000) * 0.1, 2),
        (RNG.integers(1, 80, 50_000) * 0.25, 4),  # float32 holds these
        (RNG.uniform(0.1, 8.0, 50_000).astype(np.float32), 4),
        (RNG.uniform(0.1, 8.0, 50_000), 8),
    ],
    ids=["tenths", "many tenths", "quarters", "float32", "float64"],
)
def test_delays_are_exact_in_few_bytes(ms, bytes_each):
    times = Times(ms, "delay")
    np.testing.assert_array_equal(times.ms, ms.astype(float))
    assert times.nbytes <= bytes_each * ms.size + 8 * 9_000
    assert (times.shortest, times.longest) == (ms.min(), ms.max())
    for step in (0.1, 0.025, 0.3):
        steps = np.maximum(np.round(ms.astype(float) / step), 1)
        np.testing.assert_array_equal(times.steps(step), steps)
        assert times.longest_in_steps(step) == steps.max()
    order = RNG.permutation(ms.size)
    np.testing.assert_array_equal(times.reordered(order).ms, ms[order].astype(float))


def test_of_sorted_rows_the_ends_tell_the_shortest_and_the_longest():
    rows = np.array([0, 0, 3, 4, 4])
    times = Times(np.array([0.5, 0.75, 4.0, 0.25], np.float32), "delay", rows=rows)
    assert (times.shortest, times.longest) == (0.25, 4.0)
    assert Times(np.zeros(0, np.float32), "delay", rows=np.zeros(3, int)).longest == 0


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_delays_that_are_none_are_refused(bad):
    for ms in (np.array(bad), np.array([1.0, bad, 2.0])):
        with pytest.raises(ValueError, match=f"E->I.delay: delays must be positive and finite, given {bad} ms"):
            Times(ms, "E->I.delay")
    rows = np.array([0, 1, 1, 4])  # sorted by bits, as rows are that are drawn: what is wrong comes last
    ms = np.sort(np.array([1.0, 0.5, 2.0, bad], np.float32).view(np.uint32)).view(np.float32)
    with pytest.raises(ValueError, match="E->I.delay: delays must be positive and finite"):
        Times(ms, "E->I.delay", rows=rows)
    times = Times(np.array([[1.0, 0.3]]), "E->I.delay")
    times.check_step(0.3)
    with pytest.raises(ValueError, match="E->I.delay: delays must be at least one step of 0.5 ms, given 0.3 ms"):
        times.check_step(0.5)
