"""What arrives together and does not add up, against loops of Python."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim import events


def by_hand(conn, spikes, weight, into):
    """Factors and last values, synapse by synapse."""
    product, last, came = np.array(into), np.array(into), np.zeros(conn.n_post, bool)
    weights = np.broadcast_to(weight, conn.weight_shape).ravel()
    for i, j, w in zip(*map(np.asarray, conn.coo()), weights, strict=True):
        if spikes[i] != 0:
            product[j] *= spikes[i] * w
            last[j], came[j] = spikes[i] * w, True
    return product, last, came


@pytest.mark.parametrize("kind", [events.CSR, events.FixedFanOut, events.Dense, events.Diagonal, events.Block])
@pytest.mark.parametrize("scalar", [False, True])
def test_as_one_after_the_other(kind, scalar, rng):
    n, m = (40, 40) if kind is events.Diagonal else (40, 9)
    conn = {
        events.CSR: lambda: events.CSR(np.r_[0, np.sort(rng.integers(0, 400, n - 1)), 400], rng.integers(0, m, 400), m),
        events.FixedFanOut: lambda: events.FixedFanOut(rng.integers(0, m, (n, 12)), m),
        events.Dense: lambda: events.Dense(n, m),
        events.Diagonal: lambda: events.Diagonal(n),
        events.Block: lambda: events.Block(n, m, 3, 30, 2, 7),
    }[kind]()
    spikes = (rng.random(n) < 0.3) * rng.choice([1.0, -2.0, 0.5], n)
    weight = jnp.asarray(0.7) if scalar else jnp.asarray(rng.normal(size=conn.weight_shape))
    into = rng.normal(size=m)
    product, last, came = by_hand(conn, spikes, weight, into)
    np.testing.assert_allclose(jax.jit(events.multiply)(conn, spikes, weight, into), product, rtol=1e-12)
    found, there = jax.jit(events.overwrite)(conn, spikes, weight, into)
    np.testing.assert_array_equal(found, last)
    np.testing.assert_array_equal(there, came)


def test_derivatives_where_factors_are_zero():
    """Of one zero the derivative is the product of the others, of two it is none."""
    conn = events.CSR([0, 1, 2, 3], [0, 0, 0], 1)
    spikes, into = jnp.array([True, True, True]), jnp.array([2.0])
    slope = jax.grad(lambda w: events.multiply(conn, spikes, w, into)[0])
    np.testing.assert_allclose(slope(jnp.array([3.0, 5.0, 7.0])), [70.0, 42.0, 30.0])
    np.testing.assert_allclose(slope(jnp.array([0.0, 5.0, 7.0])), [70.0, 0.0, 0.0])
    np.testing.assert_allclose(slope(jnp.array([0.0, 0.0, 7.0])), [0.0, 0.0, 0.0])


def test_what_does_not_fit_is_refused():
    conn = events.CSR([0, 1], [0], 1)
    for operation in (events.multiply, events.overwrite):
        with pytest.raises(ValueError, match=f"events.{operation.__name__}: into"):
            operation(conn, jnp.array([True]), 1.0, jnp.zeros(2))
        with pytest.raises(TypeError, match="stores nothing for single synapses"):
            operation(events.ProceduralFixedProbability(2, 1, 0.5, 1), jnp.zeros(2), 1.0, jnp.zeros(1))
