"""Encoders and decoders against their formulas, written out with NumPy."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim import UnitError
from brainsim import encoding as enc

KEY = jax.random.PRNGKey(0)
X = np.array([0.0, 0.2, 0.5, 0.9, 1.0])


def steps(course):
    """Step of the only spike of each unit, -1 without."""
    course = np.asarray(course)
    assert np.all(np.isin(course, (0, 1))) and np.all(course.sum(0) <= 1)
    return np.where(course.any(0), course.argmax(0), -1)


def test_constant_repeats_the_example_flat():
    course = enc.Constant(gain=2.0)(X.reshape(5, 1), 3)
    np.testing.assert_allclose(course, 2 * np.tile(X, (3, 1)), rtol=1e-6)


@pytest.mark.parametrize(
    "encoder, expected",
    [
        (enc.Bernoulli(gain=0.5), 0.5 * X),
        (enc.Bernoulli(gain=2.0), np.minimum(2 * X, 1)),
        (enc.Poisson(200 * u.Hz), 1 - np.exp(-0.2 * X * 0.5)),
    ],
)
def test_random_codes_have_their_probabilities(encoder, expected):
    n = 20_000
    course = np.asarray(encoder(X, n, 0.5 * u.ms, KEY))
    assert np.all(np.isin(course, (0, 1)))
    assert np.all(np.abs(course.mean(0) - expected) <= 4 * np.sqrt(expected * (1 - expected) / n))
    assert not np.array_equal(course, encoder(X, n, 0.5 * u.ms, jax.random.PRNGKey(1)))
    with pytest.raises(ValueError, match="give key"):
        encoder(X, 3)


def test_phase_sends_binary_digits():
    course = np.asarray(enc.Phase(bits=4)(np.array([0.0, 0.5, 0.6875, 1.0]), 8))
    np.testing.assert_array_equal(course[:4].sum(0), [0, 0.5, 0.6875, 0.9375])
    np.testing.assert_array_equal(course[4:], course[:4])
    plain = np.asarray(enc.Phase(bits=4, weighted=False)(np.array([0.6875]), 4))
    np.testing.assert_array_equal(plain[:, 0], [1, 0, 1, 1])


def test_latency_is_that_of_a_leaky_integrator():
    x, tau, threshold, dt = np.array([0.05, 0.1001, 0.2, 0.5, 1.0]), 5.0, 0.1, 0.25
    t = tau * np.log(x[1:] / (x[1:] - threshold))
    expected = np.round(t / dt)
    expected = np.where(expected < 40, expected, -1)
    found = steps(enc.Latency(tau=tau * u.ms, threshold=threshold)(x, 40, dt * u.ms))
    np.testing.assert_array_equal(found, [-1, *expected])
    linear = steps(enc.Latency(linear=True)(X, 11))
    np.testing.assert_array_equal(linear, [-1, 8, 5, 1, 0])


def test_rank_order_fires_in_order():
    x = np.array([0.3, 0.9, 0.1, 0.9])
    np.testing.assert_array_equal(steps(enc.RankOrder()(x, 8)), [4, 0, 6, 2])
    np.testing.assert_array_equal(steps(enc.RankOrder()(100 * x + 7, 8)), [4, 0, 6, 2])


def test_delta_marks_changes():
    signal = np.array([[0.0, 0.5], [0.2, 0.5], [0.25, 0.1], [0.0, 0.1]])
    course = np.asarray(enc.Delta(threshold=0.15, off=True)(signal, 4))
    np.testing.assert_array_equal(course[:, :2], [[0, 1], [1, 0], [0, 0], [0, 0]])
    np.testing.assert_array_equal(course[:, 2:], [[0, 0], [0, 0], [0, 1], [1, 0]])
    with pytest.raises(ValueError, match="course of 5 steps"):
        enc.Delta()(signal, 5)


def test_a_population_has_gaussian_fields():
    course = np.asarray(enc.Population(units=3, low=-1, high=1, width=0.5)(np.array([0.0, 0.5]), 2))
    centres = np.array([-1, 0, 1])
    expected = np.exp(-((np.array([[0.0], [0.5]]) - centres) ** 2) / (2 * 0.5**2)).ravel()
    np.testing.assert_allclose(course, np.tile(expected, (2, 1)), rtol=1e-6)
    assert enc.Population(then=enc.Bernoulli()).draws
    with pytest.raises(ValueError, match="units >= 2"):
        enc.Population(units=1)


SPIKES = np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [0, 1, 1]], float)
MASK = np.array([True, True, True, False])


@pytest.mark.parametrize(
    "decode, whole, masked",
    [
        (enc.count, [1, 2, 4], [1, 1, 3]),
        (enc.mean, [0.25, 0.5, 1], [1 / 3, 1 / 3, 1]),
        (lambda s, m: enc.rate(s, m, dt=2 * u.ms), [125, 250, 500], [500 / 3, 500 / 3, 500]),
        (enc.maximum, [1, 1, 1], [1, 1, 1]),
        (enc.last, [0, 1, 1], [1, 0, 1]),
        (enc.first_spike, [2, 1, 0], [2, 1, 0]),
    ],
)
def test_decoders(decode, whole, masked):
    np.testing.assert_allclose(decode(jnp.asarray(SPIKES), None), whole, rtol=1e-6)
    np.testing.assert_allclose(decode(jnp.asarray(SPIKES), jnp.asarray(MASK)), masked, rtol=1e-6)


def test_first_spike_of_a_silent_unit_and_its_derivative():
    np.testing.assert_array_equal(enc.first_spike(jnp.zeros((5, 1))), [5])
    slope = jax.grad(lambda s: enc.first_spike(s)[0])(jnp.array([[0.0], [0.0], [1.0], [0.0]]))
    np.testing.assert_allclose(slope[:, 0], [-2, -1, -2, 0], atol=1e-6)  # from the product; without the spike, t = 4


def test_what_cannot_be_an_encoder_is_refused_when_it_is_made():
    with pytest.raises(UnitError, match="Poisson.rate: expected Hz"):
        enc.Poisson(5 * u.mV)
    with pytest.raises(ValueError, match="Poisson: rate must be positive"):
        enc.Poisson(-5 * u.Hz)
    with pytest.raises(ValueError, match="Delta: threshold must be positive, given -1.0"):
        enc.Delta(-1.0)
