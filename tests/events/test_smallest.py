"""None, one or two neurons on either side: every operation on every format, with constants and with arguments.

Where the numbers are constants XLA knows how often a loop is entered, and takes shapes of one for scalars.
"""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim import events

SIZES = [(0, 0), (0, 2), (1, 0), (1, 1), (1, 2), (2, 1)]
DEPTH, STEP = 3, 4


def formats(n, m):
    """Each format on n and m neurons with every synapse that it can have."""
    yield events.CSR(np.arange(n + 1) * m, np.tile(np.arange(m), n), m)
    yield events.FixedFanOut(np.tile(np.arange(m), (n, 1)), m)
    yield events.Dense(n, m)
    yield events.Block(n, m, 0, n, 0, m)
    if n == m:
        yield events.Diagonal(n)


def rules(n, m):
    yield events.ProceduralFixedProbability(n, m, 1.0, 3)
    yield events.ProceduralFixedOutDegree(n, m, 2 if m else 0, 3)
    yield events.ProceduralOutDegrees(n, m, np.full((n, 1), 2 if m else 0), [m], 3)


def numbers(conn, n, m):
    """Spikes on either side, values, weights, delays, and what is under way."""
    rng = np.random.default_rng(n + 3 * m)
    real = lambda shape: rng.normal(size=shape) + 3.0  # noqa: E731
    pre, post = np.ones(n), np.ones(m)
    pre[1:], post[1:] = 0.0, 0.0
    weight = real(conn.weight_shape)
    delay = np.full(conn.weight_shape, DEPTH, np.int32)
    return pre, post, real(n), real(m), weight, delay, real((DEPTH, m))


def operations(conn):
    """All operations as one function, so that they compile together."""
    index = events.transpose_index(conn)

    def run(pre, post, values_pre, values_post, weight, delay, ring):
        buffers = jnp.zeros(4, jnp.int32), jnp.zeros(4, jnp.int32), jnp.int32(0)
        return {
            "deliver": events.deliver(conn, pre, weight, values_post),
            "scalar": events.deliver(conn, pre, 2.0, values_post),
            "bool": events.deliver(conn, pre != 0, weight, values_post),
            "transposed": events.deliver_transposed(conn, values_post, weight),
            "gradient": events.weight_gradient(conn, pre, values_post),
            "total": events.weight_gradient(conn, pre, values_post, scalar=True),
            "delayed": events.deliver_delayed(conn, pre, weight, delay, ring, STEP, values_post),
            "matmul": events.spike_matmul(jnp.stack([pre, 2 * pre]), jnp.outer(values_pre, values_post)),
            "convolve": events.convolve(pre.reshape(1, -1, 1), values_post.reshape(1, 1, -1), (1,), ((0, 0),), (1,)),
            "on_pre": events.add_on_pre(conn, pre, weight, values_post),
            "on_post": events.add_on_post(conn, index, post, weight, values_pre),
            "events": events.append_events(*buffers, pre, STEP),
        }

    return run


def expected(conn, pre, post, values_pre, values_post, weight, delay, ring):
    """The same by loops over the synapses."""
    i, j = (np.asarray(x) for x in conn.coo())
    w = weight.ravel()
    into, scalar, back, later = values_post.copy(), values_post.copy(), np.zeros(conn.n_pre), ring.copy()
    slot = STEP % DEPTH
    due = values_post + ring[slot]
    later[slot] = 0.0
    for k in range(i.size):
        into[j[k]] += pre[i[k]] * w[k]
        scalar[j[k]] += pre[i[k]] * 2.0
        back[i[k]] += w[k] * values_post[j[k]]
        later[(STEP + DEPTH) % DEPTH, j[k]] += pre[i[k]] * w[k]
    gradient = pre[i] * values_post[j]
    fired = np.flatnonzero(pre)
    return {
        "deliver": into,
        "scalar": scalar,
        "bool": into,
        "transposed": back,
        "gradient": gradient.reshape(conn.weight_shape),
        "total": gradient.sum(),
        "delayed": (due, later),
        "matmul": np.outer([1.0, 2.0], pre @ np.outer(values_pre, values_post)),
        "convolve": np.outer(pre, values_post)[None],
        "on_pre": (w + pre[i] * values_post[j]).reshape(conn.weight_shape),
        "on_post": (w + post[j] * values_pre[i]).reshape(conn.weight_shape),
        "events": (
            np.pad(fired, (0, 4 - fired.size)),
            np.pad(np.full(fired.size, STEP), (0, 4 - fired.size)),
            fired.size,
        ),
    }


def check(found, right):
    assert found.keys() == right.keys()
    for name in right:
        for x, y in zip(jax.tree.leaves(found[name]), jax.tree.leaves(right[name]), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-12, err_msg=name)


NAMES = [
    x.__name__ for n in events.__all__ if inspect.isclass(x := getattr(events, n)) and issubclass(x, events.Format)
]


@pytest.mark.parametrize("constant", [True, False], ids=["constants", "arguments"])
@pytest.mark.parametrize("name", [name for name in NAMES if name != "Format"])
def test_every_format(name, constant, implementation):
    if implementation == "kernel" and constant:
        pytest.skip("a kernel is told no constants")
    given = [(conn, numbers(conn, n, m)) for n, m in SIZES for conn in formats(n, m) if type(conn).__name__ == name]
    functions, arrays = [operations(conn) for conn, _ in given], [x for _, x in given]
    run = lambda arrays: [function(*x) for function, x in zip(functions, arrays, strict=True)]  # noqa: E731
    results = jax.jit(lambda: run(arrays))() if constant else jax.jit(run)(arrays)
    for found, (conn, x) in zip(results, given, strict=True):
        check(found, expected(conn, *x))


def test_every_rule(implementation):
    given = [(conn, *conn.materialise(np.float64)) for n, m in [(0, 2), (1, 1), (2, 1)] for conn in rules(n, m)]
    arrays = [numbers(stored, conn.n_pre, conn.n_post) for conn, stored, _ in given]

    def run(arrays):
        return [
            (
                events.deliver(conn, pre, 2.0, values_post),
                events.deliver_transposed(conn, values_post, 2.0),
                events.weight_gradient(conn, pre, values_post),
            )
            for (conn, _, _), (pre, _, _, values_post, *_) in zip(given, arrays, strict=True)
        ]

    found = jax.jit(lambda: run(arrays))()
    for (into, back, total), (conn, stored, _), (pre, _, _, values_post, *_) in zip(found, given, arrays, strict=True):
        i, j = (np.asarray(x) for x in stored.coo())
        matrix = np.zeros((conn.n_pre, conn.n_post))
        np.add.at(matrix, (i, j), 2.0)
        np.testing.assert_allclose(into, values_post + pre @ matrix, rtol=1e-12)
        np.testing.assert_allclose(back, matrix @ values_post, rtol=1e-12)
        np.testing.assert_allclose(total, pre @ matrix @ values_post / 2.0, rtol=1e-12)
