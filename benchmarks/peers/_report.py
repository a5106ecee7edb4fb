"""Command line, clocks and tables that the network benchmarks share. Imports no simulator."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_STARTED = time.perf_counter()
SIMULATORS = ("brainsim", "brian2", "nest", "brainpy")
TRANSIENT_S = 0.2
DT_MS = 0.1
SYNAPSES_PER_NEURON = 80
COLUMNS = (
    "simulator",
    "version",
    "threads",
    "neurons",
    "synapses",
    "duration_s",
    "build_s",
    "compile_s",
    "run_s",
    "run_cpu_s",
    "total_s",
    "rate_hz",
    "peak_rss_mb",
)


class Task(NamedTuple):
    """What to simulate: `scale` multiplies 3,200 excitatory and 800 inhibitory neurons; `populations` is for brainsim."""

    scale: float
    duration_s: float
    seed: int
    threads: int | None
    populations: int = 1

    @property
    def n_excitatory(self) -> int:
        return round(3200 * self.scale)

    @property
    def n_inhibitory(self) -> int:
        return round(800 * self.scale)

    @property
    def neurons(self) -> int:
        return self.n_excitatory + self.n_inhibitory

    @property
    def probability(self) -> float:
        """Of any pair of neurons; 80 synapses per neuron are expected at every scale."""
        return SYNAPSES_PER_NEURON / self.neurons


class Stopwatch:
    """Wall time and CPU time (all threads, finished children included) of named phases, in seconds."""

    def __init__(self):
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    @contextmanager
    def __call__(self, phase: str):
        wall, cpu = time.perf_counter(), cpu_seconds()
        yield
        self.wall[phase] = time.perf_counter() - wall
        self.cpu[phase] = cpu_seconds() - cpu


def cpu_seconds() -> float:
    """CPU time of this process and of the children it has waited for."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def peak_rss_mb() -> float:
    """Largest resident memory of this process so far, in MB.

    On Linux from VmHWM: `ru_maxrss` survives fork and exec, and would report a larger parent's memory.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def seconds_since_start() -> float:
    """Wall time since the interpreter started (to 10 ms, on Linux), elsewhere since this file was imported."""
    try:
        start_ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - start_ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):
        return time.perf_counter() - _STARTED


def mean_rate(spike_times_s, task: Task) -> float:
    """Spikes per neuron and second; the first 200 ms are left out of runs longer than 400 ms."""
    skip = TRANSIENT_S if task.duration_s > 2 * TRANSIENT_S else 0.0
    return float((spike_times_s >= skip).sum()) / task.neurons / (task.duration_s - skip)


def restrict_cpus(threads: int | None) -> None:
    """Leave this process `threads` CPUs; XLA sizes its pools by that. Call before importing jax."""
    if threads and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def main(benchmark: str, description: str, simulators=SIMULATORS, **defaults) -> None:
    """Parse the command line of `benchmark` and print one line, or one table row, per simulator."""
    options = _parser(description, simulators, **defaults).parse_args()
    task = Task(options.scale, options.duration, options.seed, options.threads, options.populations)
    if options.simulator == "all" or options.repeat > 1:
        chosen = simulators if options.simulator == "all" else (options.simulator,)
        rows = [_in_fresh_processes(benchmark, name, task, options) for name in chosen]
        _add_ratios(rows)
    else:
        rows = [_measure(benchmark, options.simulator, task)]
    for row in rows:
        if options.json:
            print(json.dumps(row), flush=True)
    if not options.json:
        print(_table(rows))
    if all("error" in row for row in rows):
        sys.exit(1)


def _measure(benchmark: str, simulator: str, task: Task) -> dict:
    peer = importlib.import_module(f"peers.in_{simulator}")
    row = {
        "simulator": simulator,
        "benchmark": benchmark,
        "neurons": task.neurons,
        "duration_s": task.duration_s,
        "dt_ms": DT_MS,
        "seed": task.seed,
        "threads": task.threads or "default",
    }
    row |= getattr(peer, benchmark)(task)
    row.setdefault("peak_rss_mb", peak_rss_mb())
    row["total_s"] = seconds_since_start()
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}


def _in_fresh_processes(benchmark: str, simulator: str, task: Task, options) -> dict:
    """Run `repeat` times, each in its own interpreter; the row of the median wall time, with the median CPU time."""
    command = [options.python.get(simulator, sys.executable), sys.argv[0], "--simulator", simulator, "--json"]
    command += [f"--scale={task.scale}", f"--duration={task.duration_s}"]
    command += [f"--threads={task.threads}"] if task.threads else []
    command += [f"--populations={task.populations}"]
    rows = []
    for repetition in range(options.repeat):
        done = subprocess.run([*command, f"--seed={task.seed + repetition}"], capture_output=True, text=True)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode or not lines:
            reason = (done.stderr.strip().splitlines() or ["no result"])[-1]
            return {"simulator": simulator, "neurons": task.neurons, "error": reason}
        rows.append(json.loads(lines[-1]))
    rows.sort(key=lambda row: row["run_s"])
    row = rows[(len(rows) - 1) // 2]
    if len(rows) > 1:
        for key in ("run_s", "run_cpu_s"):
            row[f"{key}_all"] = [each[key] for each in rows]
            row[key] = round(statistics.median(row[f"{key}_all"]), 4)
        row["rate_hz_mean"] = round(statistics.mean(each["rate_hz"] for each in rows), 3)
    return row


def _add_ratios(rows: list[dict]) -> None:
    reference = next((row for row in rows if row["simulator"] == "brainsim" and "error" not in row), None)
    for row in rows:
        if reference and "error" not in row:
            row["run_s_ratio"] = round(row["run_s"] / reference["run_s"], 2)
            row["total_s_ratio"] = round(row["total_s"] / reference["total_s"], 2)


def _table(rows: list[dict]) -> str:
    shown = [column for column in (*COLUMNS, "run_s_ratio", "total_s_ratio") if any(column in row for row in rows)]
    cells = [shown, *([_cell(row.get(column, "")) for column in shown] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    for row in rows:
        if "error" in row:
            lines.append(f"{row['simulator']}: {row['error']}")
        elif "setting" in row:
            lines.append(f"{row['simulator']}: {row['setting']}")
    return "\n".join(lines)


def _cell(value) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if value < 100 else f"{value:.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def add_python(parser: argparse.ArgumentParser) -> None:
    """Let simulators have interpreters of their own: ``--python nest=PATH,brian2=PATH``."""
    parser.add_argument(
        "--python",
        type=lambda text: dict(part.split("=", 1) for part in text.split(",")),
        default={},
        metavar="NAME=PATH,...",
        help="another interpreter for some simulators, where they are installed apart",
    )


def _parser(description: str, simulators, scale=1.0, duration=1.0) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--simulator", choices=(*simulators, "all"), default="all")
    parser.add_argument("--scale", type=float, default=scale, help="1 is 4,000 neurons, 320,000 synapses")
    parser.add_argument("--duration", type=float, default=duration, help="biological seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="default: what the simulator does when nothing is said")
    parser.add_argument(
        "--populations",
        type=int,
        choices=(1, 2),
        default=1,
        help="of COBA-LIF in brainsim: one with two views, or E and I",
    )
    parser.add_argument(
        "--repeat", type=int, default=1, help="fresh processes, seeds seed, seed+1, ...; the median run is kept"
    )
    add_python(parser)
    parser.add_argument("--json", action="store_true", help="one JSON line per simulator")
    return parser
