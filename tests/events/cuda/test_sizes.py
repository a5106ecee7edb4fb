"""Odd sizes, skewed rows, and what sums of whole numbers keep of values."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim import events


def connectivity(kind, n_pre, n_post, rng):
    if kind == "skewed":  # rows of 0 to 10,000 synapses
        counts = np.minimum(10_000, (rng.pareto(0.5, n_pre) * 2).astype(int))
        counts[: n_pre // 2] = counts[: n_pre // 2] % 5
        counts[-1:] = 10_000
    else:
        counts = np.full(n_pre, 7)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    return events.CSR(indptr, rng.integers(0, n_post, indptr[-1]), n_post)


@pytest.mark.parametrize("kind", ["even", "skewed"])
@pytest.mark.parametrize(("n_pre", "n_post"), [(0, 5), (1, 1), (31, 300), (32, 1), (33, 70_000), (257, 45)])
def test_deliveries_of_every_size(kind, n_pre, n_post, rng, emulated):
    conn = connectivity(kind, n_pre, n_post, rng)
    pre, post = map(np.asarray, conn.coo())
    fired = rng.random(n_pre) < 0.5
    weights, into = rng.normal(size=conn.n_synapses), rng.normal(size=n_post)
    with emulated():
        found = events.deliver(conn, jnp.asarray(fired), jnp.asarray(weights), jnp.asarray(into))
        counted = events.deliver(conn, jnp.asarray(fired), 0.25, jnp.zeros(n_post))
        back = events.deliver_transposed(conn, jnp.asarray(into), jnp.asarray(weights))
        gradient = events.weight_gradient(conn, jnp.asarray(fired), jnp.asarray(into))
    expected = into + np.bincount(post, weights * fired[pre], minlength=n_post)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-11)
    np.testing.assert_array_equal(counted, 0.25 * np.bincount(post, fired[pre], minlength=n_post))
    np.testing.assert_allclose(back, np.bincount(pre, weights * into[post], minlength=n_pre), rtol=1e-12, atol=1e-11)
    np.testing.assert_array_equal(gradient, fired[pre] * into[post])


@pytest.mark.parametrize("size", [1e-30, 1e-8, 1.0, 1e30])
def test_sums_are_those_of_exact_arithmetic(size, rng, emulated):
    """Of weights over four orders of magnitude, as far as the type goes; float32 is rounded once."""
    n = 3000
    weights = size * rng.choice([-1, 1], n) * 10.0 ** rng.uniform(-4, 0, n)
    conn, spikes = events.CSR(np.arange(n + 1), np.zeros(n, int), 1), jnp.ones(n, bool)
    for dtype, tolerance in ((np.float32, 1e-7), (np.float64, 3e-16)):
        given = weights.astype(dtype)
        with emulated():
            (found,) = np.asarray(events.deliver(conn, spikes, jnp.asarray(given), jnp.zeros(1, dtype)))
        assert abs(float(found) - math.fsum(given.astype(float))) < tolerance * np.abs(given).max() * 60


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_what_is_not_finite_is_not_lost(bad, emulated):
    conn = events.FixedFanOut(np.array([[0, 1], [1, 2]]), 3)
    weights = jnp.array([[1.0, bad], [1.0, 1.0]])
    with emulated():
        silent = events.deliver(conn, jnp.array([False, True]), weights, jnp.zeros(3))
        fired = events.deliver(conn, jnp.array([True, True]), weights, jnp.zeros(3))
    np.testing.assert_array_equal(silent, [0, 1, 1])
    assert not np.isfinite(fired[1])


@pytest.mark.parametrize("n", [1, 64, 65, 9000])
@pytest.mark.parametrize("capacity", [50, 10_000])
def test_events_are_in_the_order_of_the_neurons(n, capacity, rng, emulated):
    """Over chunks and spans of chunks; two populations; where there is no room they are counted."""
    fired = [rng.random(n) < 0.3, rng.random(n) < 0.01]
    buffer = jnp.full(capacity, -1, jnp.int32)
    with emulated(turned=True):
        index, when, count = events.append_events(buffer, buffer, 3, [jnp.asarray(x) for x in fired], 8, [0, n])
    expected = np.concatenate([np.flatnonzero(fired[0]), n + np.flatnonzero(fired[1])])
    kept = expected[: capacity - 3]
    assert count == 3 + len(expected)
    np.testing.assert_array_equal(index[3 : 3 + len(kept)], kept)
    np.testing.assert_array_equal(when[3 : 3 + len(kept)], 8)
    assert (index[:3] == -1).all() and (index[3 + len(kept) :] == -1).all()


def test_six_levels_of_a_batch_that_do_not_merge_are_plain(emulated):
    """Four are what a kernel knows."""
    conn = events.FixedFanOut(np.array([[0, 1], [1, 2]]), 3)
    spikes, weight = jnp.ones((2, 2, 2, 2), bool), jnp.ones((2, 2, 2, 2, 2))
    function = lambda s, w: events.deliver(conn, s, w, jnp.zeros(3))  # noqa: E731
    for axes in ((0, None), (None, 0), (0, None), (None, 0), (0, None), (None, 0)):
        function = jax.vmap(function, axes)
    with emulated() as device:
        before = device.device_launches()
        found = jax.jit(function)(spikes, weight)
        assert device.device_launches() == before
    np.testing.assert_array_equal(found, np.broadcast_to([1.0, 2.0, 1.0], found.shape))
