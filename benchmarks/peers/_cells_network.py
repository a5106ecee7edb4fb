"""The cells, the synapses and the clock that the benchmarks of networks of cells share. Imports no simulator."""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
import time
from typing import NamedTuple

import numpy as np

from ._report import peak_rss_mb, restrict_cpus

SIMULATORS = ("brainsim", "neuron", "arbor")
DT, R_A = 0.025, 100.0  # ms, ohm cm
SOMA, DENDRITE, DIAMETER, EACH = 20.0, 150.0, 1.5, 10  # um, um, um, compartments of a dendrite
TAU, EXCITATION, INHIBITION = 2.0, 0.0, -80.0  # ms, mV, mV


class Wiring(NamedTuple):
    """Who reaches what: the cell it comes from, the cell and the compartment that it reaches, delay in ms, weight in nS."""

    source: np.ndarray
    target: np.ndarray
    compartment: np.ndarray
    delay: np.ndarray
    weight: np.ndarray

    def of(self, chosen: np.ndarray) -> Wiring:
        return Wiring(*(field[chosen] for field in self))


class Circuit(NamedTuple):
    """Parents of the dendrites of each cell (-1: the soma), the current into each soma in nA, and the synapses of both kinds."""

    parents: list[list[int]]
    current: np.ndarray
    excitatory: Wiring
    inhibitory: Wiring

    @property
    def sizes(self) -> np.ndarray:
        """Compartments of each cell; the soma's is the first, then dendrite by dendrite."""
        return np.array([1 + EACH * len(parents) for parents in self.parents])


def circuit(cells: int, synapses: int, seed: int = 0) -> Circuit:
    rng = np.random.default_rng(seed)
    counts = rng.integers(2, 20, cells)
    parents = [[int(rng.integers(-1, k)) if k > 1 else -1 for k in range(count)] for count in counts]
    sizes = 1 + EACH * counts
    current = rng.uniform(0.04, 0.12, cells) * np.sqrt(counts) * (rng.random(cells) < 0.9)
    target = rng.integers(0, cells, synapses)
    wiring = Wiring(
        rng.integers(0, cells, synapses),
        target,
        (rng.random(synapses) * sizes[target]).astype(int),
        np.round(rng.uniform(1.0, 10.0, synapses) / DT) * DT,
        rng.uniform(0.02, 0.1, synapses),
    )
    inhibits = wiring.source < cells // 10
    return Circuit(parents, current, wiring.of(~inhibits), wiring.of(inhibits))


class Made(NamedTuple):
    """Wall and CPU time to build, and `run(ms)`, which runs from the beginning on and gives the number of spikes."""

    version: str
    build: tuple[float, float]
    run: object
    precision: str = "float64"


def spent(began: tuple[float, float] = (0.0, 0.0)) -> tuple[float, float]:
    """Wall and CPU time since then."""
    return time.perf_counter() - began[0], time.process_time() - began[1]


def measure(options) -> dict:
    """One line of results."""
    restrict_cpus(1)
    given = circuit(options.cells, options.synapses)
    module = importlib.import_module(f"peers.cells_network_in_{options.simulator}")
    made: Made = module.build(given, options.precision)
    times = []
    for duration in (1.0, 1.0, *[options.duration] * options.repeat):
        began = spent()
        spikes = made.run(duration)
        times.append(spent(began))
    (first, _), (again, _), *timed = times
    wall, cpu = map(min, zip(*timed))
    total = int(given.sizes.sum())
    row = {"simulator": options.simulator, "version": made.version, "precision": made.precision, "cells": options.cells}
    row |= {"compartments": total, "synapses": options.synapses, "duration_ms": options.duration, "spikes": int(spikes)}
    row |= dict(zip(("build_s", "build_cpu_s"), (round(time, 2) for time in made.build)))
    row |= {"compile_s": round(max(0.0, first - again), 2), "run_s": round(wall, 2), "run_cpu_s": round(cpu, 2)}
    row |= {"ns": round(cpu / (options.duration / DT) / total * 1e9, 1)}
    return row | {"peak_rss_mb": round(peak_rss_mb())}


def main(description: str) -> None:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--simulator", choices=(*SIMULATORS, "all"), default="brainsim")
    parser.add_argument("--precision", choices=("float32", "float64"), default="float32", help="of brainsim")
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--synapses", type=int, default=100_000)
    parser.add_argument("--duration", type=float, default=100.0, help="ms that are timed")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--python", default="", help="interpreters of peers: neuron=/path,arbor=/path")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args()
    if options.simulator != "all":
        row = measure(options)
        print(json.dumps(row) if options.json else "  ".join(f"{k} {v}" for k, v in row.items()), flush=True)
        return
    pythons = dict(pair.split("=", 1) for pair in options.python.split(",") if pair)
    for simulator in SIMULATORS:
        command = [pythons.get(simulator, sys.executable), sys.argv[0], "--simulator", simulator]
        for name in ("precision", "cells", "synapses", "duration", "repeat"):
            command += [f"--{name}", str(getattr(options, name))]
        subprocess.run([*command, *(["--json"] if options.json else [])], check=False)
