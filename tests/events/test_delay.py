"""Delays arrive when they should, in place."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim import events


def test_a_spike_arrives_after_the_delay_of_its_synapse(conn, rng, implementation):
    """Against a list of arrivals kept by hand, over four turns of the ring."""
    depth, steps = 6, 24
    delay = rng.integers(1, depth + 1, conn.weight_shape)
    weight = rng.normal(size=conn.weight_shape)
    spikes = rng.random((steps, conn.n_pre)) < 0.2
    pre, post = (np.asarray(x) for x in conn.coo())
    expected = np.zeros((steps + depth, conn.n_post))
    for n in range(steps):
        np.add.at(expected, (n + delay.ravel(), post), spikes[n][pre] * weight.ravel())

    @jax.jit
    def run(conn, weight, delay, spikes):
        def step(ring, given):
            n, s = given
            into, ring = events.deliver_delayed(conn, s, weight, delay, ring, n, jnp.zeros(conn.n_post))
            return ring, into

        return jax.lax.scan(step, jnp.zeros((depth, conn.n_post)), (jnp.arange(steps), spikes))[1]

    found = run(conn, weight, jnp.asarray(delay), jnp.asarray(spikes))
    np.testing.assert_allclose(found, expected[:steps], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("delay", [1, 2, 5])
def test_one_spike_with_one_delay(delay, implementation):
    ring, arrived = jnp.zeros((5, 1)), []
    for n in range(12):
        spike = jnp.array([n == 3])
        into, ring = events.deliver_delayed(events.Diagonal(1), spike, 2.0, jnp.array([delay]), ring, n, jnp.zeros(1))
        arrived.append(float(into[0]))
    assert arrived == [2.0 if n == 3 + delay else 0.0 for n in range(12)]


@pytest.mark.parametrize("dtype", [bool, jnp.float32])
def test_a_line_gives_back_what_it_was_given(dtype, rng, implementation):
    given = jnp.asarray(rng.random((11, 7)) < 0.5, dtype)
    steps = jnp.arange(11)
    _, late = jax.lax.scan(lambda r, x: events.delay_line(r, x[0], x[1]), jnp.zeros((4, 7), dtype), (given, steps))
    np.testing.assert_array_equal(late, np.concatenate([np.zeros((4, 7)), given[:-4]]))


def inside_the_loop(text):
    """The computations of compiled HLO other than the entry."""
    return text[: text.index("\nENTRY ")]


def test_rings_are_not_copied_inside_a_loop(both):
    n, depth = 30, 11
    conn = events.FixedFanOut(np.random.default_rng(0).integers(0, n, (n, 3)), n)

    def step(carry, k, conn, delay):
        into, ring, line = carry
        line, late = events.delay_line(line, into > 0.5, k)
        into, ring = events.deliver_delayed(conn, late, 0.3, delay, ring, k, 0.9 * into)
        return (into, ring, line), None

    @jax.jit
    def run(carry, conn, delay):
        return jax.lax.scan(lambda c, k: step(c, k, conn, delay), carry, jnp.arange(50, dtype=jnp.int32))[0]

    carry = jnp.zeros(n), jnp.zeros((depth, n)), jnp.zeros((depth, n), bool)
    delay = jnp.ones((n, 3), jnp.int32)
    text, _ = both(lambda: run.lower(carry, conn, delay).compile().as_text())
    body = inside_the_loop(text)
    assert "brainsim.deliver_delayed" in body and "brainsim.delay_line" in body
    assert not re.search(rf"(f64|pred)\[{depth},{n}\]\S* copy\(", body)


def test_what_spikes_are_delivered_into_is_not_copied(both):
    n = 30

    @jax.jit
    def run(into, spikes):
        step = lambda into, _: (events.deliver(events.Diagonal(n), spikes, 0.3, into), None)  # noqa: E731
        return jax.lax.scan(step, into, length=50)[0]

    text, _ = both(lambda: run.lower(jnp.zeros(n), jnp.zeros(n, bool)).compile().as_text())
    assert not re.search(rf"f64\[{n}\]\S* copy\(", inside_the_loop(text))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"delay": np.ones(3, int)}, r"delay is an integer array of shape \[4\], in steps; got int64\[3\]"),
        ({"delay": np.ones(4)}, r"delay is an integer array of shape \[4\], in steps; got float64\[4\]"),
        (
            {"delay": np.full(4, 9)},
            r"delay lies in 1 to 5, the slots of the ring; got 9 to 9. A longer delay needs a deeper",
        ),
        ({"delay": np.zeros(4, int)}, r"delay lies in 1 to 5, the slots of the ring; got 0 to 0"),
        ({"ring": np.zeros((5, 3))}, r"ring is a float array of shape \[5, 4\]; got float64\[5, 3\]"),
        ({"ring": np.zeros(4)}, r"ring is a float array"),
        ({"step": 1.0}, r"step is an integer scalar; got float64\[\]"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    given = {"spikes": np.zeros(4, bool), "weight": 1.0, "delay": np.ones(4, int), "ring": np.zeros((5, 4)), "step": 0}
    with pytest.raises(ValueError, match=message):
        events.deliver_delayed(events.Diagonal(4), **(given | change), into=np.zeros(4))


def test_a_line_refuses_another_dtype():
    with pytest.raises(ValueError, match=r"got spikes float64\[3\] and ring bool\[2, 3\]"):
        events.delay_line(jnp.zeros((2, 3), bool), jnp.zeros(3), 0)
