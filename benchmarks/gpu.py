"""All checks on a GPU in one run of at most eight minutes: builds, tests, and what it takes.

    python benchmarks/gpu.py --out results      # on a machine with a GPU, JAX for it and what brainsim needs
    python benchmarks/gpu.py --out results --dry    # the same on the CPU at tiny sizes, to see that it works

Prints one JSON line for each measurement, then a table with the goals; both are written to files too. Each task is a process
of its own, so that one that fails or takes too long costs no other. Kernels are built where they are not there.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

# Microseconds a step at most, on one H100 or H200, by task and neurons (or runs); PD14: of real time; both as `ratio` of these
GOALS = {
    ("coba_lif", 4_000): 8,
    ("coba_lif", 40_000): 10,
    ("coba_lif", 400_000): 20,
    ("coba_lif", 4_000_000): 100,
    ("coba_hh", 4_000): 16,
    ("coba_hh", 40_000): 20,
    ("coba_hh", 400_000): 40,
    ("coba_hh", 4_000_000): 200,
    ("pd14", 77_169): 10,
    ("sweep", 256): 25,
}
SECONDS = {  # that each task may take, in the order in which they are done
    "build": 100,
    "device": 40,
    "coba_lif": 90,
    "sweep": 60,
    "stdp": 40,
    "suite": 110,
    "coba_hh": 90,
    "training": 60,
    "pd14": 110,
}
ALL = 470  # seconds of all tasks together


# -- tasks, each in a process of its own -------------------------------------------------------------------------------


def build(dry: bool):
    """The kernels, where they are not there."""
    started = time.perf_counter()
    out, code = finished([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], SECONDS["build"] - 5)
    yield {"seconds": time.perf_counter() - started, "error": out[-2000:] if code else ""}


def device(dry: bool):
    """Driver, compiler, and one delivery against the definition: what is wrong here is wrong everywhere."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from brainsim import events
    from brainsim.events.cuda import toolkit

    facts = {"jax": jax.__version__, "platform": jax.default_backend(), "device": jax.devices()[0].device_kind}
    yield facts | {"kernels": dry or toolkit.available(), "large_parameters": toolkit.has_large_parameters()}
    rng = np.random.default_rng(0)
    conn = events.CSR(np.arange(1001) * 20, rng.integers(0, 900, 20_000), 900)
    spikes, weight = jnp.asarray(rng.random(1000) < 0.1), jnp.asarray(rng.random(20_000), jnp.float32)
    into = jnp.zeros(900, jnp.float32)
    run = jax.jit(lambda s, w, g: events.deliver(conn, s, w, g))
    started = time.perf_counter()
    found = np.asarray(run(spikes, weight, into))
    first = time.perf_counter() - started
    with events.served_by("plain"):
        expected = np.asarray(events.deliver(conn, spikes, weight, into))
    same = all(np.asarray(run(spikes, weight, into)).tobytes() == found.tobytes() for _ in range(20))
    yield {"first_s": first, "error": float(np.abs(found - expected).max()), "reproducible": same}


def suite(dry: bool):
    """The tests that are marked for a GPU."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-m",
        "gpu",
        "tests/events/cuda",
        "-p",
        "no:cacheprovider",
        "--durations=0",
    ]
    out, code = finished(command, SECONDS["suite"] - 10)
    lines = out.strip().splitlines() or [""]
    yield {
        "code": code,
        "said": lines[-1],
        "failed": [x for x in lines if x.startswith(("FAILED", "ERROR", "E  "))][:20],
    }


def finished(command: list[str], seconds: float) -> tuple[str, object]:
    """What a command says, and its code; it is stopped after so many seconds."""
    try:
        found = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds
        )
        return found.stdout, found.returncode
    except subprocess.TimeoutExpired as late:
        out = late.stdout or b""
        return out.decode(errors="replace") if isinstance(out, bytes) else out, "stopped"


def coba_lif(dry: bool):
    from peers.in_brainsim import _build_coba_lif

    for scale in (0.1, 0.2) if dry else (1, 10, 100, 1000):
        yield _measured(
            lambda scale=scale: _build_coba_lif(scale, 0), ["cells.spikes"], dry, 2.0 if scale < 100 else 0.3
        )
    if not dry:
        from models import coba_lif as model

        yield _measured(lambda: model.build(scale=1, seed=0), ["E.spikes", "I.spikes"], dry, 2.0) | {"populations": 2}


def coba_hh(dry: bool):
    from models import coba_hh as model

    for scale in (0.1, 0.2) if dry else (1, 10, 100, 1000):
        yield _measured(
            lambda scale=scale: model.build(scale=scale, seed=0),
            ["E.spikes", "I.spikes"],
            dry,
            1.0 if scale < 100 else 0.2,
        )


def stdp(dry: bool):
    from peers.in_brainsim import _build_stdp

    yield _measured(lambda: _build_stdp(0.1 if dry else 1, 0), ["post.spikes"], dry, 1.0)


def pd14(dry: bool):
    from models import pd14 as model

    yield _measured(lambda: model.build(scale=0.01 if dry else 1, seed=0), model.RECORD, dry, 1.0)


def sweep(dry: bool):
    import brainunit as u
    import numpy as np
    from peers.in_brainsim import _build_coba_lif

    import brainsim as bs

    duration = (2 if dry else 500) * u.ms
    for runs in (4, 8) if dry else (256, 4096):
        net = _build_coba_lif(0.1 if dry else 1, 0)
        values = {"cells.tau": np.linspace(18.0, 22.0, runs) * u.ms}
        options = dict(
            record="cells.spikes", reduce=lambda rec: {"rate": rec.spikes["cells"].rate().mean()}, progress=False
        )
        bs.sweep(net, values, 0.2 * u.ms, **options)
        started = time.perf_counter()
        found = bs.sweep(net, values, duration, **options)
        took = time.perf_counter() - started
        rates = np.asarray(found["rate"].to_decimal(u.Hz) if hasattr(found["rate"], "to_decimal") else found["rate"])
        steps = round(float(duration / (0.1 * u.ms)))
        yield {"runs": runs, "us_per_step": 1e6 * took / steps, "rate_hz": float(rates.mean()), "steps": steps}


def training(dry: bool):
    from peers import trained_in_brainsim
    from peers._training import TASKS

    for name in ("ff",) if dry else ("ff", "rec"):
        task = TASKS[name]._replace(batch=4, steps=5) if dry else TASKS[name]
        step = trained_in_brainsim.prepare(task, "brainsim")[1]
        started = time.perf_counter()
        step()
        first, least = time.perf_counter() - started, float("inf")
        for _ in range(2 if dry else 20):
            started = time.perf_counter()
            step()
            least = min(least, time.perf_counter() - started)
        yield {"name": name, "ms_per_step": 1e3 * least, "compile_s": first - least}


def _measured(make, record, dry: bool, duration_s: float) -> dict:
    """Build, first call, and the least of three runs; microseconds a step."""
    import brainunit as u
    import numpy as np

    import brainsim as bs

    started = time.perf_counter()
    net = make()
    built = time.perf_counter() - started
    duration = (0.02 if dry else duration_s) * u.second
    started = time.perf_counter()
    bs.simulate(net, 0.1 * u.ms, record=record, progress=False)
    compiled, least = time.perf_counter() - started, float("inf")
    trains = None
    for _ in range(1 if dry else 3):
        net.reset()
        started = time.perf_counter()
        recording = bs.simulate(net, duration, record=record, progress=False)
        least = min(least, time.perf_counter() - started)
        now = [(np.asarray(x.indices), np.asarray(x.times / u.ms)) for x in recording.spikes.values()]
        if trains is not None and any(not np.array_equal(a, b) for x, y in zip(trains, now) for a, b in zip(x, y)):
            return {"error": "two runs with one seed differ"}
        trains = now
    neurons = sum(population.count for population in net.populations.values())
    spikes = sum(len(indices) for indices, _ in trains)
    steps = round(float(duration / (0.1 * u.ms)))
    return {
        "neurons": neurons,
        "synapses": sum(projection.n_synapses for projection in net.projections.values()),
        "us_per_step": 1e6 * least / steps,
        "real_time": least / float(duration / u.second),
        "rate_hz": spikes / neurons / float(duration / u.second),
        "build_s": built,
        "compile_s": compiled,
    }


TASKS = {task.__name__: task for task in (build, device, coba_lif, sweep, stdp, suite, coba_hh, training, pd14)}


# -- all of them -------------------------------------------------------------------------------------------------------


def run(name: str, dry: bool, seconds: float) -> list[dict]:
    """The lines of a task, which is stopped after so many seconds: those that were there stay."""
    command = [sys.executable, __file__, "--task", name, *(["--dry"] if dry else [])]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    if dry:
        environment["JAX_PLATFORMS"] = "cpu"
    started = time.perf_counter()
    try:
        found = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=seconds)
        out, said, code = found.stdout, found.stderr, found.returncode
    except subprocess.TimeoutExpired as late:
        out, said = (
            x.decode(errors="replace") if isinstance(x, bytes) else x or "" for x in (late.stdout, late.stderr)
        )
        code = "stopped"
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    took = round(time.perf_counter() - started, 1)
    if code:
        lines.append({"task": name, "error": f"{code}: {said[-3000:]}", "seconds": took})
    else:
        lines.append({"task": name, "done": True, "seconds": took, "warned": said[-500:]})
    return lines


def rounded(line: dict) -> dict:
    return {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in line.items()}


def goal_of(line: dict) -> float | None:
    return GOALS.get((line["task"], line.get("runs") or line.get("neurons")))


def table(lines: list[dict]) -> str:
    """What was measured, with the goals."""
    rows = [("task", "size", "µs a step", "goal", "Hz", "compile s")]
    for line in lines:
        if "us_per_step" not in line:
            continue
        size, goal = line.get("runs") or line.get("neurons"), goal_of(line)
        numbers = (line["us_per_step"], goal, line.get("rate_hz"), line.get("compile_s"))
        rows.append((line["task"], f"{size:,}", *("" if x is None else f"{x:.3g}" for x in numbers)))
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(x.ljust(w) for x, w in zip(row, widths)).rstrip() for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("gpu-results"), help="folder for the results")
    parser.add_argument("--dry", action="store_true", help="on the CPU, at tiny sizes")
    parser.add_argument("--only", nargs="+", choices=TASKS, help="some of the tasks")
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        for line in TASKS[options.task](options.dry):
            print(json.dumps(rounded({"task": options.task, **line})), flush=True)
        return
    options.out.mkdir(parents=True, exist_ok=True)
    started, lines = time.perf_counter(), []
    for name in options.only or SECONDS:
        left = ALL - (time.perf_counter() - started) if not options.dry else 3600
        if left < 10:
            lines.append({"task": name, "error": "no time was left"})
            print(json.dumps(lines[-1]), flush=True)
            continue
        for line in run(name, options.dry, min(SECONDS[name], left) if not options.dry else left):
            lines.append(line)
            print(json.dumps(line), flush=True)
        (options.out / "gpu.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = table(lines)
    (options.out / "gpu.txt").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
