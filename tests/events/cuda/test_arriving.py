"""What spikes do when they are due, by the kernels for GPUs: skewed rows, batches, and steps before the first one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim import events
from tests.events.cuda.test_sizes import connectivity
from tests.events.test_arriving import (  # noqa: F401
    given,
    kind,
    test_batches_are_loops,
    test_by_kernels_and_by_plain_jax_before_the_first_step,
    test_derivatives_are_exact,
    test_weights_of_what_is_due_are_added,
    test_weights_of_what_is_due_change,
    test_what_fires_sees_the_other_side_as_it_was,
)
from tests.events.test_operations import close

RULE = events.PowerLaw(0.3, 2.0, 0.4)


@pytest.fixture(autouse=True)
def implementation(emulated):
    """All that is traced here is served by the kernels for GPUs."""
    with emulated():
        yield "kernel"


class Made:
    """Synapses with delays, in rows by these of synapses that stand in another order, and anything under way."""

    def __init__(self, rows, n_pre, n_post, depth, dtype, rng, levels=()):
        self.conn = conn = connectivity(rows, n_pre, n_post, rng)
        n, pre = conn.n_synapses, np.asarray(conn.coo()[0])
        delay = rng.integers(1, depth + 1, n)
        self.order = np.lexsort([delay, pre]).astype(np.int32)
        self.begins = events.calendar_of(conn, delay[self.order], depth)
        self.index, self.delay = events.transpose_index(conn), delay
        fired, waiting = events.nothing_under_way(n_pre, depth + 1)
        self.fired = rng.integers(0, 2**32, (*levels, *fired.shape)).astype(np.uint32)
        self.waiting = rng.integers(0, 2**32, (*levels, *waiting.shape)).astype(np.uint32)
        real = lambda *shape: rng.normal(size=(*levels, *shape)).astype(dtype)  # noqa: E731
        self.pre, self.post = (rng.random((*levels, n)) < 0.3 for n in (n_pre, n_post))
        self.weight, self.of_targets, self.of_sources = real(n), real(n_post), real(depth + 3, n_pre)

    @property
    def operands(self):
        return self.pre, self.post, self.fired, self.waiting, self.weight, self.of_targets, self.of_sources

    def function(self, step, listed=True, law=None):
        """What is passed on, what arrives, and changes of weights, of all operands."""
        step, order = jnp.int32(step), jnp.asarray(self.order) if listed else None
        ago = events.Ago(jnp.asarray(self.delay, jnp.int32), step)

        def run(pre, post, fired, waiting, weight, of_targets, of_sources):
            due, fired, waiting = events.due(self.conn, pre, jnp.asarray(self.begins), fired, waiting, step, order)
            w = events.add_on_due(due, weight, of_targets, -0.5, 0.9, law, of_sources)
            w = events.add_on_post(self.conn, self.index, post, w, of_sources, -0.5, 0.9, law, ago)
            unseen = events.add_on_due(due, w, of_targets, law=law)
            now = events.add_on_post(self.conn, self.index, post, w, of_sources[0], law=law)
            into = events.deliver_due(due, w, of_targets)
            return fired, waiting, w, unseen, now, into, events.deliver_due(due, 0.25, of_targets)

        return run


def same(found, plain, dtype):
    """What is under way to the bit, the rest as close as sums of the largest numbers are."""
    for one, other in zip(found[:2], plain[:2], strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(found[2:], plain[2:], strict=True):
        scale = max(1.0, float(np.abs(other).max(initial=0)))
        close(one / scale, other / scale, dtype)


def agree(function, operands, dtype, emulated):
    """Kernels, in whatever order threads come, give the same bits, and what definitions give."""
    with emulated() as device:
        before = device.device_launches()
        found = jax.block_until_ready(jax.jit(lambda *x: function(*x))(*operands))
        launched = device.device_launches() - before
    with emulated(turned=True):
        again = jax.block_until_ready(jax.jit(lambda *x: function(*x))(*operands))
    with events.served_by("plain"):
        plain = jax.jit(lambda *x: function(*x))(*operands)
    for one, other in zip(found, again, strict=True):
        assert one.tobytes() == other.tobytes()
    same(found, plain, dtype)
    return launched


# Passing on, four changes of weights, and deliveries: of a weight each in four launches, of one in three
LAUNCHES = 1 + 4 + 4 + 3


@pytest.mark.parametrize("rows", ["even", "skewed"])
@pytest.mark.parametrize(("n_pre", "n_post"), [(1, 1), (31, 300), (32, 1), (33, 70_000), (97, 45)])
def test_rows_of_every_size(rows, n_pre, n_post, rng, emulated):
    """Of none to 10,000 synapses, with indices of 16 and of 32 bits; delays that more than a word has bits for."""
    made = Made(rows, n_pre, n_post, 40, np.float64, rng)
    assert agree(made.function(100), made.operands, jnp.float64, emulated) == LAUNCHES


@pytest.mark.parametrize("step", [-70, -1, 0, 2, 1000])
@pytest.mark.parametrize("depth", [1, 31, 40, 300])
def test_steps_and_depths(step, depth, rng, emulated):
    """Before the first step, too; delays of up to a byte, and of more."""
    made = Made("even", 70, 45, depth, np.float32, rng)
    assert agree(made.function(step, listed=False, law=RULE), made.operands, jnp.float32, emulated) == LAUNCHES


def test_nothing_is_launched_for_nothing(rng, emulated):
    made = Made("even", 0, 5, 3, np.float32, rng)
    agree(made.function(4, listed=False), made.operands, jnp.float32, emulated)


@pytest.mark.parametrize(
    ("lacking", "dtype"),
    [
        ((), jnp.float32),
        ((0, 3), jnp.float32),
        ((1, 2, 4), jnp.float64),
        ((2, 3, 4, 5), jnp.float32),
        ((0, 1, 6), jnp.float64),
    ],
)
def test_batches_of_two_levels(lacking, dtype, rng, emulated):
    """Some operands lack the outer level, and some the inner one."""
    made = Made("skewed", 40, 30, 33, dtype, rng, levels=(2, 3))
    outer = [None if k in lacking else 0 for k in range(7)]
    inner = [None if k % 3 == 1 and k in lacking else 0 for k in range(7)]
    operands = list(made.operands)
    for k in range(7):
        operands[k] = operands[k] if outer[k] == 0 else operands[k][0]
        if inner[k] is None:
            operands[k] = np.take(operands[k], 0, axis=0 if outer[k] is None else 1)
    function = jax.vmap(jax.vmap(made.function(-3), inner), outer)
    agree(function, operands, dtype, emulated)


@pytest.mark.parametrize("format", ["FixedFanOut", "Dense", "Diagonal"])
def test_what_is_passed_on_in_every_format(format, rng, emulated):
    """From step to step, from whatever bits on; in a batch of spikes alone, and of what is under way alone."""
    n, depth = 70, 35
    conn = {
        "FixedFanOut": lambda: events.FixedFanOut(rng.integers(0, 9, (n, 3)), 9),
        "Dense": lambda: events.Dense(n, 9),
        "Diagonal": lambda: events.Diagonal(n),
    }[format]()
    delay = np.sort(rng.integers(1, depth + 1, conn.weight_shape), axis=-1) if format != "Diagonal" else None
    delay = rng.integers(1, depth + 1, n) if delay is None else delay
    begins = jnp.asarray(events.calendar_of(conn, delay, depth))
    weight = jnp.asarray(rng.normal(size=conn.weight_shape))
    fired = jnp.asarray(rng.integers(0, 2**32, (n, 2)), jnp.uint32)
    waiting = jnp.asarray(rng.integers(0, 2**32, 3), jnp.uint32)

    def step(state, x):
        n, spikes = x
        due, *state = events.due(conn, spikes, begins, *state, n)
        w = events.add_on_due(due, weight, jnp.arange(1.0, conn.n_post + 1))
        return tuple(state), (*state, w, events.deliver_due(due, 1.0, jnp.zeros(conn.n_post)))

    def run(spikes, fired, waiting):
        steps = jnp.arange(-20, 60, dtype=jnp.int32)
        return jax.lax.scan(step, (fired, waiting), (steps, spikes))[1]

    spikes = jnp.asarray(rng.random((2, 80, n)) < 0.05)
    several = jnp.stack([fired, fired ^ 5]), jnp.stack([waiting, waiting ^ 7])
    for function, operands in (
        (run, (spikes[0], fired, waiting)),
        (jax.vmap(run, (0, None, None)), (spikes, fired, waiting)),
        (jax.vmap(run, (None, 0, 0)), (spikes[0], *several)),
    ):
        with emulated() as device:
            before = device.device_launches()
            found = jax.jit(lambda *x: function(*x))(*operands)  # noqa: B023
            jax.block_until_ready(found)
            assert device.device_launches() - before == 80 * (1 + 1 + 3)
        with events.served_by("plain"):
            plain = jax.jit(lambda *x: function(*x))(*operands)  # noqa: B023
        for one, other in zip(found, plain, strict=True):
            np.testing.assert_array_equal(one, other)
        assert np.ptp(found[-1]) > 0
