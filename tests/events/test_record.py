"""Spikes become events, and no more than there is room for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim import events


@pytest.mark.parametrize("capacity", [5, 200])
@pytest.mark.parametrize("kind", [bool, jnp.float32])
def test_events_are_those_of_nonzero(capacity, kind, rng, implementation):
    spikes = rng.random((12, 53)) < 0.1

    def step(buffers, given):
        n, s = given
        return events.append_events(*buffers, s, n, 1000), None

    empty = jnp.full(capacity, -1, jnp.int32)
    start = empty, empty, jnp.int32(0)
    (index, when, count), _ = jax.lax.scan(step, start, (jnp.arange(12), jnp.asarray(spikes, kind)))
    steps, neurons = np.nonzero(spikes)
    assert count == len(neurons)
    kept = min(capacity, len(neurons))
    np.testing.assert_array_equal(index[:kept], 1000 + neurons[:kept])
    np.testing.assert_array_equal(when[:kept], steps[:kept])
    assert (index[kept:] == -1).all()


def test_populations_are_appended_one_after_the_other(implementation):
    spikes = [jnp.array([False, True, True]), jnp.array([0.0, 2.0]), jnp.array([True])]
    buffer = jnp.full(6, -1, jnp.int32)
    index, when, count = events.append_events(buffer, buffer, 1, spikes, 7, [0, 10, 20])
    np.testing.assert_array_equal(index, [-1, 1, 2, 11, 20, -1])
    np.testing.assert_array_equal(when, [-1, 7, 7, 7, 7, -1])
    assert count == 5
    with pytest.raises(ValueError, match="one offset for each population; got 1 for 3"):
        events.append_events(buffer, buffer, 1, spikes, 7)


def test_what_does_not_fit_is_refused():
    buffer = np.zeros(3, np.int32)
    with pytest.raises(ValueError, match=r"int32 arrays of one shape \[capacity\]; got int32\[3\] and int64\[3\]"):
        events.append_events(buffer, np.zeros(3, np.int64), 0, np.zeros(2, bool), 0)
    with pytest.raises(ValueError, match=r"spikes is a bool or float array"):
        events.append_events(buffer, buffer, 0, np.zeros((2, 2), bool), 0)
