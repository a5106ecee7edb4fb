"""A GPU draws the random numbers of the CPU: one generator, one method."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from brainsim import events

KEY = jnp.array([3, 14159], jnp.uint32)


def drawn(function, emulated):
    expected = function()
    with emulated():
        return np.asarray(expected), np.asarray(function())


MEANS = [-1.0, 0.0, 1e-4, 0.01, 0.25, 0.7, 3.0, 12.0, 300.0]


@pytest.mark.parametrize(
    ("n", "mean"), [(n, mean) for n in (0, 1, 63, 64) for mean in (0.01, 12.0)] + [(1000, m) for m in MEANS]
)
def test_one_mean(n, mean, emulated):
    expected, found = drawn(lambda: events.poisson_counts(KEY, 7, mean, n), emulated)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("largest", [0.002, 0.2, 3.0, 50.0])
def test_a_mean_for_each_neuron(largest, emulated):
    means = jnp.linspace(-0.1, 1.0, 777) * largest
    expected, found = drawn(lambda: events.poisson_counts(KEY, 7, means, 777, jnp.float64), emulated)
    np.testing.assert_array_equal(found, expected)
    assert expected.sum() > 0 or largest < 0.01
    into = jnp.ones(777)
    expected, found = drawn(lambda: events.poisson_input(KEY, 7, means, 0.5, into), emulated)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("probability", [-0.5, 0.0, 0.003, 0.15, 0.4, 2.0])
@pytest.mark.parametrize("form", ["one", "each"])
def test_spikes(probability, form, emulated):
    p = probability if form == "one" else jnp.linspace(0.5, 1.0, 2000) * probability
    expected, found = drawn(lambda: events.bernoulli_spikes(KEY, 5, p, 2000), emulated)
    np.testing.assert_array_equal(found, expected)


def rows():
    """Each type of spikes with each rule and with each kind of weight; all together are slow."""
    some = {(0, 0, 0, 0), (0, 1, 1, 1), (1, 0, 1, 0), (1, 1, 0, 1), (2, 0, 0, 1), (2, 1, 1, 0), (2, 1, 0, 0)}
    some |= {(0, 2, 1, 0), (1, 2, 0, 1)}
    for which in itertools.product(range(3), range(3), range(2), range(2)):
        kind, rule, weighted, loops = which
        values = (
            ("probability", "degree", "degrees")[rule],
            bool(weighted),
            (bool, np.float32, np.float64)[kind],
            bool(loops),
        )
        yield pytest.param(*values, marks=[] if which in some else [pytest.mark.slow])


@pytest.mark.parametrize(("rule", "weighted", "kind", "loops"), [*rows()])
def test_rows_that_are_not_stored(rule, weighted, kind, loops, rng, emulated):
    """The same targets and weights as in the stored form; every direction."""
    weights = None
    if weighted:
        p = events.Quantiles.probabilities()
        weights = events.Quantiles(np.log(p / (1 - p)))
    place = dict(pre=(3, 60), post=(10, 150), self_connections=loops)
    if rule == "probability":
        conn = events.ProceduralFixedProbability(64, 150, 0.1, 5, weights, **place)
    elif rule == "degrees":
        degrees = np.stack([rng.integers(0, 40, 57), np.zeros(57, int), rng.integers(0, 3, 57)], 1)
        conn = events.ProceduralOutDegrees(64, 150, degrees, [100, 0, 40], 5, weights, **place)
    else:
        conn = events.ProceduralFixedOutDegree(64, 150, 13, 5, weights, **place)
    dtype = np.float32 if kind is np.float32 else np.float64
    stored, drawn_weights = conn.materialise(dtype)
    fired = rng.random(64) < 0.4
    spikes = jnp.asarray(fired if kind is bool else (fired * rng.normal(size=64)).astype(kind))
    values = jnp.asarray(rng.normal(size=150), dtype)
    weight = jnp.asarray(0.7, dtype)
    each = jnp.asarray(drawn_weights) * weight
    tolerance = dict(rtol=1e-5, atol=1e-5) if dtype == np.float32 else dict(rtol=1e-12, atol=1e-12)
    with emulated():
        found = events.deliver(conn, spikes, weight, values)
        back = events.deliver_transposed(conn, values, weight)
        gradient = events.weight_gradient(conn, spikes, values, scalar=True)
    with emulated(turned=True):
        again = events.deliver(conn, spikes, weight, values)
    assert np.asarray(found).tobytes() == np.asarray(again).tobytes()
    with events.served_by("plain"):
        np.testing.assert_allclose(found, events.deliver(stored, spikes, each, values), **tolerance)
        np.testing.assert_allclose(back, events.deliver_transposed(stored, values, each), **tolerance)
        expected = jnp.vdot(events.weight_gradient(stored, spikes, values), jnp.asarray(drawn_weights))
        np.testing.assert_allclose(gradient, expected, **tolerance)
