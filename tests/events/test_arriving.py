"""What spikes do when they are due, and what is seen of the presynaptic side as it was, against loops of Python."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from brainsim import events

M, DEPTH, STEP = 11, 5, 33


def made(kind, rng, n=70):
    if kind == "CSR":
        return events.CSR(np.r_[0, np.sort(rng.integers(0, 300, n - 1)), 300], rng.integers(0, M, 300), M)
    return events.FixedFanOut(rng.integers(0, M, (n, 12)), M) if kind == "FixedFanOut" else events.Dense(n, M)


class Given:
    """Synapses with delays, in the order of these or in another, and the spikes of the last steps."""

    def __init__(self, kind, listed, rng, dtype=jnp.float64):
        self.conn = conn = made(kind, rng)
        self.pre, self.post = (np.asarray(side) for side in conn.coo())
        n = conn.n_synapses
        order = np.lexsort([rng.random(n), self.pre]).astype(np.int32) if listed else np.arange(n)
        delay = rng.integers(1, DEPTH + 1, n)
        delay = delay[np.lexsort([delay, self.pre])]  # in the order of the list
        begins = jnp.asarray(events.calendar_of(conn, delay.reshape(conn.weight_shape), DEPTH))
        self.delay = np.empty(n, int)
        self.delay[order] = delay
        self.sent = rng.random((DEPTH + 3, conn.n_pre)) < 0.3
        state = map(jnp.asarray, events.nothing_under_way(conn.n_pre, DEPTH + 1))
        for k, spikes in enumerate(self.sent):
            step = STEP - len(self.sent) + 1 + k
            self.due, *state = events.due(conn, spikes, begins, *state, step, jnp.asarray(order) if listed else None)
        self.reached = self.sent[len(self.sent) - 1 - self.delay, self.pre]
        self.weight = jnp.asarray(rng.normal(size=conn.weight_shape), dtype)
        self.of_targets = jnp.asarray(rng.normal(size=M), dtype)
        self.of_sources = jnp.asarray(rng.normal(size=(DEPTH + 2, conn.n_pre)), dtype)
        self.fired = jnp.asarray(rng.random(M) < 0.4)

    def seen(self):
        return np.asarray(self.of_sources)[(STEP - self.delay) % (DEPTH + 2), self.pre]

    @property
    def ago(self):
        return events.Ago(self.delay.reshape(self.conn.weight_shape), STEP)


@pytest.fixture(params=["CSR", "FixedFanOut", "Dense"])
def kind(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["sorted", "listed"])
def given(request, kind, rng):
    return Given(kind, request.param, rng)


def test_weights_of_what_is_due_are_added(given, implementation):
    expected = np.array(given.of_targets)
    np.add.at(expected, given.post, np.where(given.reached, np.asarray(given.weight).ravel(), 0))
    np.testing.assert_allclose(events.deliver_due(given.due, given.weight, given.of_targets), expected, rtol=1e-12)
    counts = np.bincount(given.post, given.reached, M)
    np.testing.assert_allclose(events.deliver_due(given.due, 2.0, given.of_targets), given.of_targets + 2 * counts)


@pytest.mark.parametrize("law", [None, events.PowerLaw(0.3, 2.0, 0.4), events.PowerLaw(0.3, 2.0, 1.0)])
@pytest.mark.parametrize("past", [False, True])
def test_weights_of_what_is_due_change(given, past, law, implementation):
    w = np.asarray(given.weight).ravel()
    factor = np.asarray(given.of_targets)[given.post] * (given.seen() if past else 1.0)
    if law is not None:
        factor = factor * (np.abs(w - 0.3) / 2.0) ** law.power
    expected = np.where(given.reached, np.clip(w + factor, -0.5, 0.9), w)
    values = given.of_sources if past else None
    found = events.add_on_due(given.due, given.weight, given.of_targets, -0.5, 0.9, law, values)
    np.testing.assert_allclose(found.ravel(), expected, rtol=1e-12)


@pytest.mark.parametrize("slots", [DEPTH + 2, 300], ids=["bytes", "wide"])
def test_what_fires_sees_the_other_side_as_it_was(kind, slots, rng, implementation):
    given = Given(kind, False, rng)
    values = jnp.asarray(rng.normal(size=(slots, given.conn.n_pre)))
    w, seen = np.asarray(given.weight).ravel(), np.asarray(values)[(STEP - given.delay) % slots, given.pre]
    expected = np.where(np.asarray(given.fired)[given.post], np.clip(w + seen, -0.5, 0.9), w)
    index = events.transpose_index(given.conn)
    found = events.add_on_post(given.conn, index, given.fired, given.weight, values, -0.5, 0.9, None, given.ago)
    np.testing.assert_allclose(found.ravel(), expected, rtol=1e-12)


def test_by_kernels_and_by_plain_jax_before_the_first_step(given, both):
    """The same bits; steps before the first one have their slots too."""
    index, ago = events.transpose_index(given.conn), given.ago._replace(step=2)
    due = events.Due(*given.due.parts()[0][:2], jnp.int32(2), *given.due.parts()[0][3:], *given.due.parts()[1])

    def run():
        w = events.add_on_post(given.conn, index, given.fired, given.weight, given.of_sources, ago=ago)
        return events.add_on_due(due, w, given.of_targets, past=given.of_sources)

    one, other = both(run)
    np.testing.assert_array_equal(one, other)


def test_derivatives_are_exact(given, implementation):
    index = events.transpose_index(given.conn)

    def run(weight, of_targets, of_sources):
        w = events.add_on_due(given.due, weight, of_targets, -5.0, 5.0, None, of_sources)
        w = events.add_on_post(given.conn, index, given.fired, w, of_sources, -5.0, 5.0, None, given.ago)
        return events.deliver_due(given.due, w, of_targets)

    check_grads(run, (given.weight, given.of_targets, given.of_sources), order=1)


def test_batches_are_loops(given, implementation):
    index = events.transpose_index(given.conn)
    weights, values = (jnp.stack([k * x for k in (1.0, 2.0, 3.0)]) for x in (given.weight, given.of_sources))
    fired = jnp.stack([given.fired, ~given.fired, given.fired])

    def run(weight, of_sources, fired):
        w = events.add_on_due(given.due, weight, given.of_targets, past=of_sources)
        w = events.add_on_post(given.conn, index, fired, w, of_sources, ago=given.ago)
        return w, events.deliver_due(given.due, w, given.of_targets)

    loop = [run(*one) for one in zip(weights, values, fired, strict=True)]
    for found, expected in zip(jax.vmap(run)(weights, values, fired), zip(*loop, strict=True), strict=True):
        np.testing.assert_allclose(found, np.stack(expected), rtol=1e-12)


def test_what_does_not_fit_is_refused(given):
    index = events.transpose_index(given.conn)
    with pytest.raises(ValueError, match="delay lies in 1 to 3"):
        events.add_on_post(given.conn, index, given.fired, given.weight, given.of_sources[:4], ago=given.ago)
    with pytest.raises(ValueError, match="delta_pre is a float array of shape"):
        events.add_on_post(given.conn, index, given.fired, given.weight, given.of_sources[0], ago=given.ago)
    with pytest.raises(ValueError, match="past is a float array of shape"):
        events.add_on_due(given.due, given.weight, given.of_targets, past=given.of_sources[:, 1:])
    with pytest.raises(ValueError, match="past is a float array of shape"):
        events.add_on_due(given.due, given.weight, given.of_targets, past=given.of_sources[0])
    with pytest.raises(ValueError, match="into is a float array of shape"):
        events.deliver_due(given.due, given.weight, given.of_targets[1:])
