"""Delivering spikes: brainsim against a dense product, jax.experimental.sparse and scipy.sparse.

One JSON line per setting, in microseconds per delivery on this machine. The JAX ones run inside one compiled
``lax.scan`` of many steps, each with other spikes, so that dispatch does not count; scipy's include a Python call.

    python benchmarks/events.py [--quick]
"""

import argparse
import json
import time

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jax.experimental import sparse

from brainsim import events

SIZES = ((1_000, 10), (4_000, 80), (10_000, 100), (20_000, 500))  # neurons, synapses of each: 1e4 to 1e7
ACTIVITIES = (0.001, 0.01, 0.1)
PATTERNS = 16  # different spikes that take turns
DENSE_LIMIT = 20_000_000  # entries of a matrix that is still multiplied


def seconds(function, *arguments, repeats=3):
    """Shortest of some runs, the first of which compiles."""
    jax.block_until_ready(function(*arguments))
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        best = min(best, time.perf_counter() - start)
    return best


def per_step(deliver, conn, weight, spikes, n_post, budget=0.3):
    """Microseconds of ``deliver(conn, spikes, weight, into)`` inside a scan that takes about ``budget`` seconds."""

    @jax.jit
    def run(conn, weight, spikes, order):
        def step(into, k):
            return deliver(conn, spikes[k], weight, into), None

        return jax.lax.scan(step, jnp.zeros(n_post, jnp.float32), order)[0]

    steps = PATTERNS
    while True:
        took = seconds(run, conn, weight, spikes, jnp.arange(steps) % PATTERNS)
        if took > budget / 4 or steps > 100_000:
            return 1e6 * took / steps
        steps = int(steps * min(64, max(2, budget / took)))


def settings(n, fan_out, activity):
    rng = np.random.default_rng(0)
    targets = rng.integers(0, n, (n, fan_out), np.int32)
    weights = rng.random((n, fan_out), np.float32)
    spikes = rng.random((PATTERNS, n)) < activity
    line = {
        "neurons": n,
        "synapses": n * fan_out,
        "activity": activity,
        "spikes": round(float(spikes.sum(1).mean()), 1),
    }

    fixed, compressed = events.FixedFanOut(targets, n), events.CSR(np.arange(n + 1) * fan_out, targets.ravel(), n)
    flags, weight = jnp.asarray(spikes), jnp.asarray(weights)
    line["brainsim FixedFanOut"] = per_step(events.deliver, fixed, weight, flags, n)
    line["brainsim CSR"] = per_step(events.deliver, compressed, weight.ravel(), flags, n)
    line["brainsim CSR, float spikes"] = per_step(
        events.deliver, compressed, weight.ravel(), flags.astype(jnp.float32), n
    )
    delay = jnp.asarray(rng.integers(1, 17, (n, fan_out)), jnp.int32)

    def delayed(conn, spikes, given, carry):
        # The step number rides in the ring's place in the carry; 16 slots, one delay per synapse.
        weight, delay = given
        into, ring, k = carry
        into, ring = events.deliver_delayed(conn, spikes, weight, delay, ring, k, into)
        return into, ring, k + 1

    line["brainsim FixedFanOut, delayed"] = per_step_carry(delayed, fixed, (weight, delay), flags, n)

    matrix = scipy.sparse.csr_matrix((weights.ravel(), targets.ravel(), np.arange(n + 1) * fan_out), (n, n))
    if n * n <= DENSE_LIMIT:
        dense = jnp.asarray(matrix.toarray())
        line["dense product"] = per_step(lambda _, s, w, into: into + s @ w, (), dense, flags.astype(jnp.float32), n)
    transposed = matrix.T.tocsr()
    bcsr = sparse.BCSR((jnp.asarray(transposed.data), transposed.indices, transposed.indptr), shape=(n, n))
    line["jax.experimental.sparse BCSR"] = per_step(
        lambda m, s, _, into: into + m @ s, bcsr, (), flags.astype(jnp.float32), n
    )
    floats = spikes.astype(np.float32)
    repeats = max(3, int(0.2 / (1e-9 * n * fan_out + 1e-5)))
    start = time.perf_counter()
    for k in range(repeats):
        transposed @ floats[k % PATTERNS]
    line["scipy.sparse, all rows"] = 1e6 * (time.perf_counter() - start) / repeats
    start = time.perf_counter()
    for k in range(repeats):
        matrix[np.flatnonzero(spikes[k % PATTERNS])].sum(0)
    line["scipy.sparse, spiking rows"] = 1e6 * (time.perf_counter() - start) / repeats
    return {k: round(v, 3) if isinstance(v, float) else v for k, v in line.items()}


def per_step_carry(step_function, conn, given, spikes, n_post):
    """Like :func:`per_step`, for what carries a ring of 16 slots."""
    steps = max(200, min(20_000, int(2e9 / (conn.n_synapses * float(spikes.mean()) * 10 + 3e4) / 10)))

    @jax.jit
    def run(conn, given, spikes, order):
        def step(carry, k):
            return step_function(conn, spikes[k], given, carry), None

        start = jnp.zeros(n_post, jnp.float32), jnp.zeros((16, n_post), jnp.float32), jnp.int32(0)
        return jax.lax.scan(step, start, order)[0][0]

    return 1e6 * seconds(run, conn, given, spikes, jnp.arange(steps) % PATTERNS) / steps


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the two smallest networks only")
    sizes = SIZES[:2] if parser.parse_args().quick else SIZES
    print(
        json.dumps(
            {"jax": jax.__version__, "device": jax.devices()[0].device_kind, "kernels": events.kernels()["contract"]}
        )
    )
    for n, fan_out in sizes:
        for activity in ACTIVITIES:
            print(json.dumps(settings(n, fan_out, activity)), flush=True)
