"""Stored against procedural connectivity: time of a delivery, memory, and time to build.

One JSON line per setting, times in microseconds per delivery inside one compiled ``lax.scan`` of many steps with other
spikes.

    python benchmarks/procedural.py [--quick]
"""

import argparse
import json
import time

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats

from brainsim import events
from brainsim.connectivity import BlockModel, FixedProbability, Procedural

# Neurons, synapses of each, fraction that spikes.
SETTINGS = (
    (4_000, 80, 0.002),
    (40_000, 80, 0.002),
    (40_000, 1_000, 0.002),
    (1_000_000, 10, 0.0002),
    (1_000_000, 100, 0.0002),
)
PATTERNS = 8  # different spikes that take turns
LARGEST_STORED = 20_000_000  # synapses


def per_step(conn, weight, spikes, budget=0.5):
    """Microseconds of a delivery."""

    @jax.jit
    def run(conn, weight, spikes, order):
        step = lambda into, k: (events.deliver(conn, spikes[k], weight, into), None)  # noqa: E731
        return jax.lax.scan(step, jnp.zeros(conn.n_post, jnp.float32), order)[0]

    steps = PATTERNS
    while True:
        order, best = jnp.arange(steps) % PATTERNS, np.inf
        for _ in range(3):  # the first compiles
            start = time.perf_counter()
            run(conn, weight, spikes, order).block_until_ready()
            best = min(best, time.perf_counter() - start)
        if best > budget / 4 or steps > 50_000:
            return 1e6 * best / steps
        steps = int(steps * min(64, max(2, budget / best)))


def size(*arrays):
    """Megabytes of the leaves."""
    return sum(x.nbytes for x in jax.tree.leaves(arrays)) / 1e6


def settings(n, fan_out, activity):
    rng = np.random.default_rng(0)
    p = fan_out / n
    spikes = jnp.asarray(rng.random((PATTERNS, n)) < activity)
    line = {"neurons": n, "synapses": n * fan_out, "spikes": round(float(spikes.sum(1).mean()), 1)}
    normal = events.Quantiles(scipy.stats.norm.ppf(events.Quantiles.probabilities()))
    one = jnp.float32(1.0)

    def timed(name, make, weight_of):
        start = time.perf_counter()
        conn = make()
        weight = weight_of(conn)
        jax.block_until_ready(jax.tree.leaves((conn, weight)))
        built = time.perf_counter() - start
        us = per_step(conn, weight, spikes)
        events_per_step = line["spikes"] * fan_out
        line[name] = {
            "us": round(us, 2),
            "ns per synaptic event": round(1e3 * us / events_per_step, 2),
            "MB": round(size(conn, weight), 3),
            "build s": round(built, 3),
        }

    def stored():
        synapses = FixedProbability(p).connect(n, n, np.random.default_rng(0))
        return events.CSR(synapses.indptr, synapses.indices, n)

    if n * fan_out <= LARGEST_STORED:
        timed("CSR, one weight", stored, lambda conn: one)
        timed("CSR, weights", stored, lambda conn: jnp.asarray(rng.standard_normal(conn.n_synapses, np.float32)))
    timed("procedural probability, one weight", lambda: events.ProceduralFixedProbability(n, n, p), lambda conn: one)
    timed(
        "procedural probability, normal weights",
        lambda: events.ProceduralFixedProbability(n, n, p, 0, normal),
        lambda conn: one,
    )
    timed("procedural out-degree, one weight", lambda: events.ProceduralFixedOutDegree(n, n, fan_out), lambda conn: one)
    timed(
        "procedural out-degree, normal weights",
        lambda: events.ProceduralFixedOutDegree(n, n, fan_out, 0, normal),
        lambda conn: one,
    )
    numbers = BlockModel((n // 4,) * 4, n=np.full((4, 4), n * fan_out // 16))
    for name, weights in (("one weight", None), ("normal weights", normal)):
        rule, neurons = Procedural(numbers), np.arange(n)
        made = lambda: rule.form(n, n, neurons, neurons, True, np.random.default_rng(0), weights)  # noqa: B023, E731
        timed(f"procedural blocks with numbers, {name}", made, lambda conn: one)
    return line


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the two smallest networks only")
    chosen = SETTINGS[:2] if parser.parse_args().quick else SETTINGS
    print(
        json.dumps(
            {"jax": jax.__version__, "device": jax.devices()[0].device_kind, "kernels": events.kernels()["procedural"]}
        )
    )
    for setting in chosen:
        print(json.dumps(settings(*setting)), flush=True)
