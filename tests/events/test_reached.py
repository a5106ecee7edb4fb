"""What spikes do at the synapses that they reach, against loops of Python."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from brainsim import events

M = 11
FORMATS = ["CSR", "FixedFanOut", "Dense", "Diagonal", "Block"]


def made(kind, rng, n=30):
    if kind == "CSR":
        return events.CSR(np.r_[0, np.sort(rng.integers(0, 300, n - 1)), 300], rng.integers(0, M, 300), M)
    return {
        "FixedFanOut": lambda: events.FixedFanOut(rng.integers(0, M, (n, 12)), M),
        "Dense": lambda: events.Dense(n, M),
        "Diagonal": lambda: events.Diagonal(M),
        "Block": lambda: events.Block(n, M, 3, 20, 2, 7),
    }[kind]()


def depress(value, x, last, U, weight, now):
    """Resources that recover since the last spike and are used."""
    x = 1 - (1 - x) * jnp.exp(-(now - last).astype(float) / 20)
    used = U * x
    return value * used * weight, x - used, jnp.full_like(last, now)


def arguments(conn, rng):
    n = conn.n_synapses
    own = rng.uniform(0.2, 1, n), rng.integers(0, 5, n).astype(np.int32)
    return own, (rng.uniform(0.1, 0.9, n), 0.7, np.int32(9)), rng.normal(size=conn.n_post)


def by_hand(conn, s, own, known, into):
    (x, last), (U, w, now), into = map(np.array, own), known, np.array(into)
    for k, (i, j) in enumerate(zip(*map(np.asarray, conn.coo()), strict=True)):
        if s[i] != 0:
            recovered = 1 - (1 - x[k]) * np.exp(-(now - last[k]) / 20)
            into[j] += s[i] * U[k] * recovered * w
            x[k], last[k] = recovered * (1 - U[k]), now
    return (x, last), into


def run(conn, s, own, known, into):
    return events.visit(events.ByNeurons(conn, s), depress, own, known, into)


@pytest.mark.parametrize("narrow", [True, False])
@pytest.mark.parametrize("kind", ["CSR", "FixedFanOut", "Dense", "Diagonal"])
def test_pieces_of_the_rows_of_neurons_that_spike(kind, narrow, rng, implementation):
    """From wherever one ends the next one begins: together they are what is reached, in the order of the rows."""
    conn = made(kind, rng)
    if not narrow and kind in ("CSR", "FixedFanOut"):
        conn = jax.tree.map(lambda x: x.astype(jnp.int32), conn)
    arrays = (
        rng.normal(size=conn.n_synapses),
        rng.random(conn.n_synapses) < 0.5,
        rng.normal(size=conn.n_post).astype("f"),
    )
    pre = np.asarray(conn.coo()[0])
    for s in (rng.random(conn.n_pre) < 0.3, (rng.random(conn.n_pre) < 0.3) * 0.5, np.zeros(conn.n_pre, bool)):
        expected = np.flatnonzero(s[pre])
        for room in (1, 7, 1000):
            pieces(events.ByNeurons(conn, jnp.asarray(s)), arrays, room, expected, s[pre][expected])


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("kind", ["CSR", "FixedFanOut", "Dense", "Diagonal"])
def test_pieces_of_what_is_due(kind, listed, rng, implementation):
    conn = made(kind, rng, 70)
    pre, depth, step = np.asarray(conn.coo()[0]), 5, 33
    order = np.lexsort([rng.random(conn.n_synapses), pre]).astype(np.int32) if listed else np.arange(conn.n_synapses)
    delay = rng.integers(1, depth + 1, conn.n_synapses)
    delay = delay[np.lexsort([delay, pre])]
    begins = jnp.asarray(events.calendar_of(conn, delay.reshape(conn.weight_shape), depth))
    sent = rng.random((depth + 3, conn.n_pre)) < 0.3
    state = map(jnp.asarray, events.nothing_under_way(conn.n_pre, depth + 1))
    for n, spikes in enumerate(sent):
        reached, *state = events.due(conn, spikes, begins, *state, step + n, jnp.asarray(order) if listed else None)
    expected = order[sent[len(sent) - 1 - delay, pre]]
    arrays = rng.normal(size=conn.n_synapses), rng.integers(0, 9, conn.n_synapses), rng.normal(size=conn.n_post)
    for room in (1, 7, 1000):
        pieces(reached, arrays, room, expected, np.ones(len(expected), bool))


def pieces(reached, arrays, room, expected, values):
    """Holds all of them against what is expected: synapses and their values."""
    arrays, targets = [jnp.asarray(x) for x in arrays], np.asarray(reached.conn.coo()[1])
    shared, operands, static = reached.parts()
    static, cursor, found, conn = (*static, room, 2, 1), jnp.zeros(2, jnp.int32), 0, reached.conn
    while True:
        piece = reached.taken_by(shared, *operands, cursor, *arrays, static=static)
        synapse, target, value, count, cursor, *there = map(np.asarray, piece)
        here = expected[found : found + room]
        np.testing.assert_array_equal(synapse, np.pad(here, (0, room - len(here))))
        np.testing.assert_array_equal(target, targets[synapse])
        assert value.dtype == values.dtype
        np.testing.assert_array_equal(value, np.pad(values[found : found + room], (0, room - len(here))))
        for x, y, at in zip(there, arrays, (synapse, synapse, target), strict=True):
            np.testing.assert_array_equal(x, y[at])
        assert count == len(here)
        found += len(here)
        assert (cursor[0] < conn.n_pre) == (found < len(expected))
        if count == 0:
            return


@pytest.mark.parametrize("kind", FORMATS)
def test_more_than_a_piece_by_kernels_and_by_plain_jax(kind, rng, both):
    """The same bits: sums have the same order."""
    conn = (
        made(kind, rng, 600)
        if kind != "CSR"
        else events.CSR(np.r_[0, 0, 3000, 3000, 4000], rng.integers(0, M, 4000), M)
    )
    s, given = rng.random(conn.n_pre) < 0.9, arguments(conn, rng)
    narrow = jax.tree.map(
        lambda x: x.astype("f") if np.asarray(x).dtype == float else x, jax.tree.map(np.asarray, given)
    )
    for fired, numbers in ((s, given), (s * 0.5, given), (s, narrow)):
        kernel, plain = both(lambda: jax.jit(lambda *x: run(*x))(conn, fired, *numbers))  # noqa: B023
        for x, y in zip(jax.tree.leaves(kernel), jax.tree.leaves(plain), strict=True):
            assert x.dtype == y.dtype
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("kind", FORMATS)
def test_as_one_synapse_after_the_other(kind, rng):
    conn = made(kind, rng)
    s = (rng.random(conn.n_pre) < 0.3) * rng.choice([1.0, -2.0], conn.n_pre)
    given = arguments(conn, rng)
    for fired in (s, s != 0, np.zeros(conn.n_pre, bool), np.ones(conn.n_pre, bool)):
        found, expected = jax.jit(run)(conn, fired, *given), by_hand(conn, fired.astype(float), *given)
        for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_batch_equals_a_loop(rng):
    conn = made("CSR", rng)
    s = rng.random((3, conn.n_pre)) < 0.3
    own, known, into = (
        jax.tree.map(lambda *x: np.stack(x), *[arguments(conn, rng)[k] for _ in range(3)]) for k in range(3)
    )
    plain = arguments(conn, rng)
    for flags in (
        (0, 0, 0, 0),
        (0, None, None, None),
        (None, 0, None, None),
        (None, None, (None, 0, 0), None),
        (0, None, (0, None, None), 0),
    ):
        pick = [
            s if flags[0] == 0 else s[0],
            own if flags[1] == 0 else plain[0],
            None,
            into if flags[3] == 0 else plain[2],
        ]
        known_flags = flags[2] if isinstance(flags[2], tuple) else (flags[2],) * 3
        pick[2] = tuple(a if flag == 0 else b for a, b, flag in zip(known, plain[1], known_flags, strict=True))
        axes = (None, flags[0], flags[1], known_flags, flags[3])
        found = jax.jit(jax.vmap(run, axes))(conn, *pick)
        for b in range(3):
            one = [pick[0][b] if flags[0] == 0 else pick[0]]
            one += [jax.tree.map(lambda x, b=b: x[b], pick[1]) if flags[1] == 0 else pick[1]]
            one += [tuple(x[b] if flag == 0 else x for x, flag in zip(pick[2], known_flags, strict=True))]
            one += [pick[3][b] if flags[3] == 0 else pick[3]]
            expected = by_hand(conn, one[0].astype(float), *one[1:])
            for x, y in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
                np.testing.assert_allclose(x[b], y, rtol=1e-12)


def test_derivatives_are_exact(rng):
    conn = made("CSR", rng)
    s = (rng.random(conn.n_pre) < 0.3) * rng.choice([1.0, -2.0], conn.n_pre)
    (x, last), (U, w, now), into = arguments(conn, rng)

    def smooth(x, U, w, into):
        (x, _), into = run(conn, s, (x, last), (U, w, now), into)
        return jnp.sum(x**2) + jnp.sum(into**3)

    check_grads(jax.jit(smooth), (x, U, w, into), order=2, modes=["fwd", "rev"], eps=1e-4)
    batched = jax.vmap(jax.grad(smooth), (0, None, None, None))(np.stack([x, x / 2]), U, w, into)
    np.testing.assert_allclose(batched[1], jax.grad(smooth)(x / 2, U, w, into), rtol=1e-12)


def test_delays_of_single_synapses(rng):
    """What is due in each step, of rows sorted by delay, is what was fired the delay of each synapse ago."""
    conn = made("FixedFanOut", rng)
    delay = np.sort(rng.integers(1, 6, conn.weight_shape), axis=1)
    begins = jnp.asarray(events.calendar_of(conn, delay, 5))
    fired, waiting = map(jnp.asarray, events.nothing_under_way(conn.n_pre, 5))
    spikes = rng.random((20, conn.n_pre)) < 0.2
    counted = jnp.zeros(conn.n_synapses)

    @jax.jit
    def step(counted, n, now, fired, waiting):
        reached, fired, waiting = events.due(conn, now, begins, fired, waiting, n)
        (counted,), into = events.visit(reached, lambda s, c: (1.0 + 0 * c, c + 1), (counted,), (), jnp.zeros(M))
        return counted, into, fired, waiting

    for n in range(20):
        before = np.asarray(counted)
        counted, into, fired, waiting = step(counted, n, spikes[n], fired, waiting)
        ago = n - delay
        expected = np.where(ago >= 0, spikes[np.maximum(ago, 0), np.arange(conn.n_pre)[:, None]], False).ravel()
        np.testing.assert_array_equal(np.asarray(counted) - before, expected)
        np.testing.assert_array_equal(into, np.bincount(np.asarray(conn.targets()).ravel(), expected, M))


def test_what_does_not_fit_is_refused(rng):
    conn = made("CSR", rng)
    begins, (fired, waiting) = np.zeros((conn.n_pre, 33), np.int32), events.nothing_under_way(conn.n_pre, 32)
    with pytest.raises(
        ValueError, match=r"events.due: fired has a bit for each of more than 32 steps.*uint32\[30, 1\]"
    ):
        events.due(conn, np.zeros(conn.n_pre, bool), begins, fired, waiting, 0)
    with pytest.raises(ValueError, match="events.visit: own has one number for each of 300 synapses, given \\(7,\\)"):
        run(conn, np.zeros(conn.n_pre, bool), (np.zeros(7), np.zeros(300, int)), (1.0, 1.0, 1), np.zeros(M))
