"""Command line and clocks of the benchmark of sweeps. Imports no simulator."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
from typing import NamedTuple

import numpy as np

from ._report import Task, peak_rss_mb, restrict_cpus

WAYS = {"brainsim": "brainsim", "loop": "brainsim_loop", "brian2": "brian2", "brainpy": "brainpy"}


class Sweep(NamedTuple):
    """A network, and the drives that it is run with; `processes` work beside each other where the way has them."""

    task: Task
    drives_mv: np.ndarray
    processes: int

    @property
    def steps(self) -> int:
        """Of each run."""
        return round(self.task.duration_s * 1e4)


def measure(sweep: Sweep, way: str) -> dict:
    """One row. A way gives `build_s`, `compile_s`, `run_s`, `run_cpu_s`, `version`, `setting` and the rate of each run."""
    restrict_cpus(sweep.processes)
    row = importlib.import_module(f"peers.swept_in_{WAYS[way]}").run(sweep)
    rates = np.asarray(row.pop("rates"), float)
    done = len(sweep.drives_mv) * sweep.task.duration_s
    row |= {"throughput": done / row["run_s"], "cpu_throughput": done / row["run_cpu_s"]}
    row |= {"rate_hz_first": float(rates[0]), "rate_hz_last": float(rates[-1]), "peak_rss_mb": peak_rss_mb()}
    facts = {"way": way, "neurons": sweep.task.neurons, "values": len(rates), "duration_s": sweep.task.duration_s}
    row = facts | {"processes": sweep.processes} | row
    return {key: float(f"{value:.4g}") if isinstance(value, float) else value for key, value in row.items()}


def main(description: str) -> None:
    """One JSON line per way."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--way", choices=(*WAYS, "all"), default="brainsim")
    parser.add_argument("--values", type=int, default=64, help="drives, each a run (default 64)")
    parser.add_argument("--scale", type=float, default=1.0, help="1 is 4,000 neurons, 320,000 synapses")
    parser.add_argument("--duration", type=float, default=0.5, help="biological seconds of each run (default 0.5)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)), help="default: one per CPU")
    parser.add_argument(
        "--python",
        type=lambda text: dict(part.split("=", 1) for part in text.split(",")),
        default={},
        metavar="NAME=PATH,...",
        help="another interpreter for some ways, where they are installed apart",
    )
    parser.add_argument("--json", action="store_true", help="JSON lines, not a table")
    options = parser.parse_args()
    for name, least in (("values", 1), ("processes", 1)):
        if getattr(options, name) < least:
            parser.error(f"--{name}: expected at least {least}, given {getattr(options, name)}")
    chosen = tuple(WAYS) if options.way == "all" else (options.way,)
    for way in chosen:
        python = options.python.get(way)
        if python is None and len(chosen) == 1:
            drives = np.linspace(16, 24, options.values) if options.values > 1 else np.array([20.0])
            task = Task(options.scale, options.duration, options.seed, options.processes)
            row = measure(Sweep(task, drives, options.processes), way)
        else:
            command = [python or sys.executable, sys.argv[0], f"--way={way}", "--json"]
            asked = ("values", "scale", "duration", "seed", "processes")
            command += [f"--{name}={getattr(options, name)}" for name in asked]
            done = subprocess.run(command, capture_output=True, text=True)
            lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
            reason = (done.stderr.strip().splitlines() or ["no result"])[-1]
            row = json.loads(lines[-1]) if lines else {"way": way, "values": options.values, "error": reason}
        print(json.dumps(row) if options.json else "  ".join(f"{k} {v}" for k, v in row.items()), flush=True)
