"""Attention over time: the sums that are carried are the softmax over all steps."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import brainsim as bs

T, N = 7, 3
RNG = np.random.default_rng(4)
COURSE = RNG.normal(0, 1, (T, N))
QUERY = np.array([1.5, -0.7, 0.4])
WEIGHT = np.eye(N) + 0.1


def readout(query):
    return bs.nn.Sequential(
        N, bs.nn.Linear(N, weight=WEIGHT * u.mV), bs.nn.AttentionReadout(tau=3 * u.ms, query=query / u.mV)
    )


def by_hand(query, course=COURSE, xp=np):
    arrived = xp.concatenate([xp.zeros((1, N)), course[:-1] @ WEIGHT])
    V, potentials = xp.zeros(N), []
    for x in arrived:
        V = (V + x) * np.exp(-1 / 3)
        potentials.append(V)
    V = xp.stack(potentials)
    score, attended = V @ query, []
    for t in range(1, T + 1):
        weight = xp.exp(score[:t] - score[:t].max())
        attended.append(weight @ V[:t] / weight.sum())
    return xp.stack(attended)


@pytest.mark.parametrize("wide", [True, False])
def test_what_is_carried_is_the_softmax_over_the_steps(wide):
    with jax.enable_x64(wide):
        run = bs.function(readout(QUERY), T * u.ms, dt=1 * u.ms, record=["output.attended"])
        found = run({}, {}, inputs={"input.input": COURSE})[1]["output.attended"]
    np.testing.assert_allclose(
        found, by_hand(QUERY), **(dict(rtol=1e-12, atol=1e-14) if wide else dict(rtol=1e-5, atol=1e-6))
    )


def test_gradients_are_those_of_the_softmax():
    run = bs.function(readout(QUERY), T * u.ms, dt=1 * u.ms, record=["output.attended"])
    loss = lambda q: jnp.sum(
        run({"output.query": q}, {}, inputs={"input.input": COURSE})[1]["output.attended"][-1] ** 2
    )
    expected = jax.grad(lambda q: jnp.sum(by_hand(q, xp=jnp)[-1] ** 2))(QUERY)
    np.testing.assert_allclose(jax.grad(loss)(jnp.asarray(QUERY)), expected, rtol=1e-10)


def test_large_scores_do_not_overflow_and_parts_of_a_run_are_the_whole():
    net = readout(1e4 * QUERY)
    parts = [bs.simulate(net, n * u.ms, dt=1 * u.ms, record=["output.attended"], inputs={"input.input": part})
             for n, part in [(3, COURSE[:3]), (T - 3, COURSE[3:])]]  # fmt: skip
    found = np.concatenate([part["output.attended"].mantissa for part in parts])
    np.testing.assert_allclose(found, by_hand(1e4 * QUERY), rtol=1e-7, atol=1e-7)


def test_which_steps_count_is_learned():
    """One step in 20 tells the class, beside a mark; all others mislead nearly as strongly."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 256)
    courses = np.zeros((256, 20, 3))
    courses[..., :2] = rng.normal(0, 0.7, (256, 20, 2))
    at = rng.integers(2, 18, 256)
    courses[np.arange(256), at] = np.stack([labels == 0, labels == 1, np.ones(256)], -1)
    accuracy = {}
    for name, read in {
        "mean": bs.nn.LeakyReadout(tau=1 * u.ms),
        "attention": bs.nn.AttentionReadout(tau=1 * u.ms),
    }.items():
        net = bs.nn.Sequential(3, bs.nn.Linear(3), read, seed=1)
        history = bs.train.fit(
            net,
            (courses, labels),
            20 * u.ms,
            dt=1 * u.ms,
            epochs=60,
            batch=256,
            optimizer=optax.adam(0.1),
            progress=False,
        )
        accuracy[name] = history["accuracy"][-1]
    assert accuracy["mean"] < 0.75 and accuracy["attention"] > 0.9
