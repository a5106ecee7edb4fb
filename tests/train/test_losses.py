"""Losses, penalties and measures against their formulas in NumPy, and against hand-computed numbers."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import brainsim as bs
from brainsim.train import losses, measures

Z = np.array([0.5, -1.0, 2.0])
COURSE = np.random.default_rng(0).normal(size=(5, 3))
MASK = np.array([1, 1, 1, 0, 0], bool)


def softmax(z):
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


def test_cross_entropies():
    assert float(losses.cross_entropy(jnp.asarray(Z), 2)) == pytest.approx(-np.log(softmax(Z)[2]), rel=1e-12)
    mixed = np.array([0.2, 0.3, 0.5])
    assert float(losses.cross_entropy(jnp.asarray(Z), mixed)) == pytest.approx(-(mixed * np.log(softmax(Z))).sum())
    each = -np.log(softmax(COURSE)[:, 1])
    assert float(losses.step_cross_entropy(jnp.asarray(COURSE), 1)) == pytest.approx(each.mean())
    assert float(losses.step_cross_entropy(jnp.asarray(COURSE), 1, jnp.asarray(MASK))) == pytest.approx(each[:3].mean())
    labels = np.array([0, 1, 2, 0, 1])
    several = -np.log(softmax(COURSE)[np.arange(5), labels]).mean()
    assert float(losses.step_cross_entropy(jnp.asarray(COURSE), labels)) == pytest.approx(several)
    asked = np.array([-1, 1, 2, -1, 1])  # -1: nothing is asked
    expected = -np.log(softmax(COURSE)[[1, 2, 4], [1, 2, 1]])
    assert float(losses.step_cross_entropy(jnp.asarray(COURSE), asked)) == pytest.approx(expected.mean())
    found = losses.step_cross_entropy(jnp.asarray(COURSE), asked, jnp.asarray(MASK))
    assert float(found) == pytest.approx(expected[:2].mean())
    assert float(losses.step_cross_entropy(jnp.asarray(COURSE), -np.ones(5, int))) == 0
    for mask, steps in ((None, 5), (jnp.asarray(MASK), 3)):
        total = softmax(COURSE)[:steps].sum(0)
        found = losses.softmax_over_time(jnp.asarray(COURSE), 2, mask)
        assert float(found) == pytest.approx(-np.log(softmax(total)[2]))
    times = jnp.array([4.0, 2.0, 9.0])
    expected = -np.log(softmax(-np.array([4, 2, 9]) / 3)[1])
    assert float(losses.first_spike_cross_entropy(times, 1, scale=3.0)) == pytest.approx(expected)


def test_squares():
    assert float(losses.mean_square(jnp.array([1.0, 3.0]), np.array([0.0, 1.0]))) == 2.5
    # snnTorch's mse_count_loss: 0.8 * 10 and 0.2 * 10 spikes, over 3 classes
    assert float(losses.count_mean_square(jnp.array([7.0, 2.0, 5.0]), 0, steps=10)) == pytest.approx((1 + 0 + 9) / 3)
    assert float(losses.spike_times(jnp.array([3.0, 5.0, 9.0]), np.array([1.0, np.nan, 6.0]))) == pytest.approx(6.5)
    slope = jax.grad(lambda t: losses.spike_times(t, np.array([1.0, np.inf])))(jnp.array([3.0, 5.0]))
    np.testing.assert_allclose(slope, [4.0, 0.0])


def test_van_rossum_is_the_distance_of_the_analysis():
    """One spike more costs 1/2, two that are dt apart 1 - exp(-dt/tau): closed forms, up to the step."""
    loss, tau, dt = losses.van_rossum(50 * u.ms, 0.05 * u.ms), 50.0, 0.05
    train = np.zeros((400, 1))
    one, other = train.copy(), train.copy()
    one[10], other[210] = 1, 1
    assert float(loss(jnp.asarray(one), train)) == pytest.approx(0.5, rel=2 * dt / tau)
    assert float(loss(jnp.asarray(one), other)) == pytest.approx(1 - np.exp(-200 * dt / tau), rel=2 * dt / tau)
    distance = bs.analysis.van_rossum_distance(np.array([10 * dt]), np.array([210 * dt]), tau)
    assert float(loss(jnp.asarray(one), other)) == pytest.approx(distance**2, rel=3 * dt / tau)
    assert float(loss(jnp.asarray(one), other, jnp.arange(400) < 100)) == pytest.approx(0.5, rel=2 * dt / tau)


def test_distillation_and_ctc():
    teacher, T = np.array([1.0, 0.0, -1.0]), 2.0
    p, q = softmax(teacher / T), softmax(Z / T)
    expected = T**2 * (p * np.log(p / q)).sum()
    assert float(losses.distillation(T)(jnp.asarray(Z), teacher)) == pytest.approx(expected)
    assert float(losses.distillation(T)(jnp.asarray(teacher), teacher)) == pytest.approx(0, abs=1e-12)
    # Two steps, one label: the paths are (a, a), (a, blank), (blank, a)
    logits, p = COURSE[:2], softmax(COURSE[:2])
    paths = p[0, 1] * p[1, 1] + p[0, 1] * p[1, 0] + p[0, 0] * p[1, 1]
    assert float(losses.ctc()(jnp.asarray(logits), np.array([1, -1]))) == pytest.approx(-np.log(paths))


def test_penalties():
    spikes = np.zeros((2, 100, 2))
    spikes[:, ::10, 0] = 1  # 100 Hz in steps of 1 ms; the other unit is silent
    recorded = {"E.spikes": jnp.asarray(spikes)}
    band = bs.train.RateBand(["E"], strength=0.5, lowest=5 * u.Hz, highest=40 * u.Hz)
    assert band.record == ["E.spikes"]
    assert float(band(recorded, {})) == pytest.approx(0.5 * (60**2 / 2 + 5**2 / 2))
    assert float(bs.train.Activity(["E"], 0.1)(recorded, {})) == pytest.approx(0.1 * 0.05)
    weights = {"a": jnp.array([1.0, -2.0]), "b": jnp.array(3.0)}
    assert float(bs.train.WeightDecay(0.1)({}, weights)) == pytest.approx(1.4)
    assert float(bs.train.WeightDecay(0.1, power=1)({}, weights)) == pytest.approx(0.6)


def test_measures():
    assert [float(measures.accuracy(jnp.asarray(Z), k)) for k in range(3)] == [0, 0, 1]
    assert float(measures.accuracy(jnp.asarray(Z), np.array([0.0, 0.0, 1.0]))) == 1
    assert [float(measures.top(2)(jnp.asarray(Z), k)) for k in range(3)] == [1, 0, 1]
    assert float(measures.confidence(jnp.asarray(Z), 0)) == pytest.approx(softmax(Z)[2])
    course = jnp.array([[0.0, 1.0], [3.0, 0.0], [0.0, 1.0], [0.0, 1.5]])  # sums 0 1, 3 1, 3 2, 3 3.5
    assert [float(measures.latency(course, k)) for k in (0, 1)] == [4, 3]
    assert float(measures.latency(course, 0, jnp.arange(4) < 3)) == 1


def test_optax_losses_fit_as_they_are():
    assert float(losses.cross_entropy(jnp.asarray(Z), 1)) == float(
        optax.softmax_cross_entropy_with_integer_labels(jnp.asarray(Z), 1)
    )


def test_features_are_compared_by_their_direction():
    f, g = np.array([3.0, 4.0]), np.array([0.0, 0.5])
    assert float(losses.feature_distillation(jnp.asarray(f), g)) == pytest.approx(0.6**2 + 0.2**2)
    assert float(losses.feature_distillation(jnp.asarray(f), 7 * f)) == pytest.approx(0, abs=1e-12)
    silent = jnp.zeros(2)
    assert float(losses.feature_distillation(silent, g)) == 1
    assert np.all(np.isfinite(jax.grad(losses.feature_distillation)(silent, g)))
    step = jnp.array([0.01, 0.0])
    above, below = (losses.feature_distillation(jnp.asarray(f) + s * step, g) for s in (1, -1))
    slope = jax.grad(losses.feature_distillation)(jnp.asarray(f), g)[0]
    assert float(slope) == pytest.approx(float((above - below) / 0.02), rel=1e-3)


def test_measures_of_steps():
    spikes = jnp.asarray([[1.0, 0], [0, 0], [0, 0]])
    assert float(measures.sparsity(spikes, 0)) == pytest.approx(5 / 6)
    assert float(measures.sparsity(spikes, 0, jnp.arange(3) < 2)) == pytest.approx(3 / 4)
    course = jnp.asarray(np.eye(3)[[0, 1, 2, 0, 1, 2]]) * 4.0
    target = np.array([0, -1, 1, 0, 1, -1])
    assert float(measures.step_accuracy(course, target)) == pytest.approx(3 / 4)
    assert float(measures.step_accuracy(course, target, jnp.arange(6) < 4)) == pytest.approx(2 / 3)
    assert float(measures.step_accuracy(course, 0)) == pytest.approx(2 / 6)
    # asked in steps 0, 2, 3 and 4, last for 1: the answers are 0, 2, 0 and 1
    assert float(measures.decision()(course, target)) == 0
    assert float(measures.decision(1)(course, target)) == 1
    assert float(measures.decision(1)(course, target, jnp.arange(6) < 4)) == 1  # the last that counts asks for 0
    assert float(measures.decision()(course, target, jnp.arange(6) < 4)) == 1
