"""Cells, reference spikes and the clock that the benchmarks of cells share. Imports no simulator."""

from __future__ import annotations

import argparse
import importlib
import json
import math
import subprocess
import sys
import time
from typing import NamedTuple

import numpy as np

from ._report import peak_rss_mb, restrict_cpus

SIMULATORS = ("brainsim", "neuron", "arbor", "jaxley")
DT, CHECKED, R_A = 0.025, 50.0, 100.0  # ms, ms, ohm cm
TOLERANCE = {"brainsim": 0.05, "neuron": 0.05, "arbor": 0.5, "jaxley": 0.5}  # ms: of second order, of first order


class System(NamedTuple):
    """Cells of one shape: cables, or binary trees of branches with one compartment. Lengths in um, current in nA."""

    name: str
    cells: int
    compartments: int  # of each
    length: float  # of a cable, or of a branch
    diameter: float
    current: float
    levels: int = 0  # of a tree
    reference: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())  # spike times at both ends, in ms

    @property
    def total(self) -> int:
        return self.cells * self.compartments


SYSTEMS = {
    s.name: s
    for s in (
        System(*("hh_1000", 1000, 1, 20.0, 20.0, 0.125), reference=((1.9041, 16.8394, 31.5031, 46.1548),) * 2),
        System(
            *("cable_1000", 1, 1000, 1000.0, 1.0, 0.1),
            reference=((1.2395, 15.3241, 29.1937, 43.0515), (3.8553, 17.9773, 31.8542, 45.712)),
        ),
        System(
            *("cable_10000", 1, 10_000, 10_000.0, 1.0, 0.1),
            reference=((1.2395, 15.3254, 29.1965, 43.056), (30.6571, 45.5269)),
        ),
        System("tree_1023", 1, 1023, 20.0, 2.0, 3.0, levels=10, reference=((3.8567,), (3.9694,))),
        System(
            *("forest_100x100", 100, 100, 1000.0, 1.0, 0.1),
            reference=((1.2431, 15.3307, 29.2012, 43.0599), (3.8568, 17.9804, 31.8582, 45.7168)),
        ),
        System(
            *("forest_1000x20", 1000, 20, 1000.0, 1.0, 0.1),
            reference=((1.2804, 15.4015, 29.3048, 43.1971), (3.892, 18.0679, 31.9816, 45.8741)),
        ),
    )
}


class Measured(NamedTuple):
    """What a simulator hands back: `run(ms)` runs from the beginning on and gives spike times at both ends."""

    version: str
    build_s: float
    run: object
    precision: str = "float64"


def crossings(trace, dt=DT, begin=0.0) -> np.ndarray:
    """Times at which a trace, a value every dt, passes 0 mV upwards, by straight lines."""
    trace = np.asarray(trace, float)
    k = np.flatnonzero((trace[:-1] <= 0) & (trace[1:] > 0))
    return begin + dt * (k + trace[k] / (trace[k] - trace[k + 1]))


def error_of(system: System, found) -> float:
    """The largest difference of a spike time; infinite where there is another number of spikes."""
    worst = 0.0
    for mine, right in zip(found, system.reference, strict=True):
        mine = np.asarray(mine)[np.asarray(mine) <= CHECKED]
        if len(mine) != len(right):
            return math.inf
        worst = max(worst, float(np.abs(mine - np.asarray(right)).max(initial=0.0)))
    return worst


def measure(options) -> dict:
    """One line of results."""
    restrict_cpus(1)
    system, module = SYSTEMS[options.system], importlib.import_module(f"peers.cells_in_{options.simulator}")
    if options.gradient:
        return {"simulator": options.simulator, "precision": options.precision, **module.gradient(options.precision)}
    made: Measured = module.build(system, options.precision)
    began = time.perf_counter()
    found = made.run(CHECKED)
    first = time.perf_counter() - began
    began = time.perf_counter()
    made.run(CHECKED)
    compile_s = max(0.0, first - (time.perf_counter() - began))
    error, allowed = error_of(system, found), TOLERANCE[options.simulator]
    row = {"simulator": options.simulator, "version": made.version, "system": system.name, "precision": made.precision}
    row |= {"compartments": system.total, "error_ms": round(error, 4), "spikes": len(found[0])}
    if not error <= allowed:
        shown = [np.round(t, 3).tolist() for t in found]
        sys.exit(f"{row}: spikes at {shown} ms are not those of the reference, {system.reference}, within {allowed} ms")
    least = {options.duration: math.inf, 2 * options.duration: math.inf}
    for duration in (*least, *tuple(least) * options.repeat):
        began = time.process_time()
        made.run(duration)
        spent = time.process_time() - began
        least[duration] = min(least[duration], spent)
    once, twice = least.values()
    per_step = (twice - once) / round(options.duration / DT) / system.total * 1e9
    row |= {"ns": round(per_step, 2), "build_s": round(made.build_s, 3), "compile_s": round(compile_s, 3)}
    row |= {"call_s": round(max(0.0, 2 * once - twice), 3)}
    return row | {"peak_rss_mb": round(peak_rss_mb())}


def main(description: str) -> None:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--simulator", choices=(*SIMULATORS, "all"), default="brainsim")
    parser.add_argument("--system", choices=(*SYSTEMS, "all"), default="cable_1000")
    parser.add_argument("--precision", choices=("float32", "float64"), default="float32", help="of brainsim and jaxley")
    parser.add_argument("--duration", type=float, default=200.0, help="ms that are timed")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--gradient", action="store_true", help="time the gradient instead")
    parser.add_argument("--python", default="", help="interpreters of peers: neuron=/path,arbor=/path")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args()
    pythons = dict(pair.split("=", 1) for pair in options.python.split(",") if pair)
    if "all" not in (options.simulator, options.system) and options.simulator not in pythons:
        row = measure(options)
        print(json.dumps(row) if options.json else "  ".join(f"{k} {v}" for k, v in row.items()), flush=True)
        return
    simulators = SIMULATORS if options.simulator == "all" else (options.simulator,)
    for system in SYSTEMS if options.system == "all" else (options.system,):
        for simulator in simulators:
            command = [pythons.get(simulator, sys.executable), sys.argv[0]]
            command += ["--simulator", simulator, "--system", system]
            command += ["--precision", options.precision, "--duration", str(options.duration)]
            command += ["--repeat", str(options.repeat)]
            command += ["--gradient"] * options.gradient + ["--json"] * options.json
            subprocess.run(command, check=False)
