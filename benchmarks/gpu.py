"""All checks on a GPU in one run of at most eight minutes: builds, tests, and what it takes.

    python benchmarks/gpu.py --out results      # on a machine with a GPU, JAX for it and what brainsim needs
    python benchmarks/gpu.py --out results --dry    # the same on the CPU at tiny sizes, to see that it works

Prints one JSON line for each measurement as it comes, then a table with the goals; both are written to files too. Each task is
a process of its own, so that one that fails or takes too long costs no other. Kernels are built where they are not there, which
takes a C++ compiler, setuptools and two minutes; a library that was built elsewhere serves as `brainsim/events/_kernels.so`.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
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
    "machine": 20,
    "build": 170,
    "device": 50,
    "coba_lif": 100,
    "sweep": 75,
    "pd14": 90,
    "suite": 120,
    "coba_hh": 90,
    "stdp": 40,
    "training": 50,
    "loops": 100,
}
ALL = 465  # seconds of all tasks together
LEFT = "BRAINSIM_SECONDS"  # where a task reads how long it may take
NEEDED = ("jax", "jaxlib", "flax", "optax", "orbax.checkpoint", "brainunit", "diffrax", "optimistix", "numpy", "scipy")
NEEDED += ("matplotlib", "rich", "h5py", "xarray", "setuptools", "pytest")
# How XLA may run the loop: what is measured beside its own way
LOOPS = {
    "as it is": "",
    "no command buffers": "--xla_gpu_enable_command_buffer=",
    "whole loops captured": "--xla_gpu_enable_command_buffer=FUSION,CUSTOM_CALL,WHILE,CONDITIONAL"
    " --xla_gpu_graph_min_graph_size=1",
}


# -- tasks, each in a process of its own -------------------------------------------------------------------------------


def machine(dry: bool):
    """What is here, and what is missing."""
    here = [name for name in NEEDED if importlib.util.find_spec(name.partition(".")[0])]
    versions = {name: importlib.metadata.version(name.replace(".", "-")) for name in here}
    plugins = sorted(
        f"{x.name} {x.version}"
        for x in importlib.metadata.distributions()
        if x.name.startswith(("jax-cuda", "nvidia-"))
    )
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    missing = [name for name in NEEDED if name not in here] + ([] if compiler else ["a C++ compiler"])
    yield {"python": sys.version.split()[0], "missing": missing, "versions": versions, "plugins": plugins}
    query = "--query-gpu=name,driver_version,memory.total,memory.used,clocks.sm,clocks.max.sm"
    if shutil.which("nvidia-smi"):
        yield {"gpus": finished(["nvidia-smi", query, "--format=csv"], 15)[0].strip().splitlines()}
    else:
        yield {"gpus": "there is no nvidia-smi"}


def build(dry: bool):
    """The kernels, where they are not there."""
    started, folder = time.perf_counter(), ROOT / "brainsim" / "events"
    if (folder / "_kernels.so").is_file():
        yield {"seconds": 0.0, "built": ["_kernels.so"]}  # brainsim says where it is that of other sources
        return
    with tempfile.TemporaryDirectory() as place:  # without pyproject.toml, which setuptools reads from version 77 on
        beside = Path(place, "brainsim", "events")
        shutil.copytree(folder.parent, beside.parent)
        shutil.copy(ROOT / "setup.py", place)
        out, code = finished([sys.executable, "setup.py", "-q", "build_ext", "-i"], SECONDS["build"] - 5, folder=place)
        for path in beside.glob("_kernels*.so"):
            shutil.copy(path, folder)
    found = sorted(path.name for path in folder.glob("_kernels*.so"))
    error = {} if found and not code else {"error": f"{code}: {out[-2000:]}"}  # where it fails, setuptools goes on
    yield {"seconds": time.perf_counter() - started, "built": found} | error


def device(dry: bool):
    """Driver, compiler, and one delivery against the definition: what is wrong here is wrong everywhere."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from brainsim import events
    from brainsim.events.cuda import toolkit

    facts = {"jax": jax.__version__, "platform": jax.default_backend(), "device": jax.devices()[0].device_kind}
    started, there = time.perf_counter(), dry or (jax.default_backend() == "gpu" and toolkit.available())
    facts |= {"kernels": there, "opened_s": time.perf_counter() - started}
    facts |= {"large_parameters": toolkit.has_large_parameters(), "compiler": toolkit.chosen()}
    yield facts | ({} if there else {"error": "JAX finds no GPU, or no kernels serve it"})
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
    largest = float(np.abs(found - expected).max())
    wrong = {} if same and largest < 1e-5 else {"error": f"reproducible: {same}, largest difference {largest}"}
    yield {"first_s": first, "difference": largest, "reproducible": same} | wrong


def suite(dry: bool):
    """The tests that are marked for a GPU, compiled as for users; side by side where pytest can, as compiling takes the time."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-v",
        "-m",
        "gpu",
        "tests/events/cuda",
        "--optimised",
        "-p",
        "no:cacheprovider",
    ]
    command += ["-W", "default", "--tb=short", *(["-n", "4"] if importlib.util.find_spec("xdist") else [])]
    out, code = finished(command, SECONDS["suite"] - 10)
    lines = out.strip().splitlines() or [""]
    failed = [x for x in lines if "FAILED" in x or "ERROR" in x or x.startswith("E  ")]
    counts = {
        word.lower(): sum(f" {word}" in x or x.startswith(word) for x in lines)
        for word in ("PASSED", "FAILED", "SKIPPED")
    }
    wrong = {} if code in (0, 5) else {"error": f"{code}: {(failed or lines)[0]}"}
    yield {"code": code, "said": lines[-1], **counts, "failures": failed[:40]} | wrong


def finished(command: list[str], seconds: float, environment: dict | None = None, folder=ROOT) -> tuple[str, object]:
    """What a command says, and its code; after so many seconds it is stopped, with all that it started."""
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        task = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code: object = task.wait(min(seconds, float(os.environ.get(LEFT, "inf")) - 5))
        except subprocess.TimeoutExpired:
            os.killpg(task.pid, signal.SIGKILL)
            task.wait()
            code = "stopped"
        said.seek(0)
        return said.read(), code


def coba_lif(dry: bool):
    from peers.in_brainsim import build_coba_lif

    for scale in (0.1, 0.2) if dry else (1, 10, 100, 1000):
        duration = 2.0 if scale < 100 else 0.3
        yield _measured(lambda scale=scale: build_coba_lif(scale, 0), ["cells.spikes"], dry, duration)
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
    from peers.in_brainsim import build_stdp

    yield _measured(lambda: build_stdp(0.1 if dry else 1, 0), ["post.spikes"], dry, 1.0)


def loops(dry: bool):
    """COBA-LIF with 4,000 neurons, the loop run in other ways: which is best here."""
    for name, flags in LOOPS.items():
        environment = os.environ | {"XLA_FLAGS": "" if dry else flags}
        command = [sys.executable, __file__, "--task", "smallest", *(["--dry"] if dry else [])]
        out, code = finished(command, 45, environment)
        found = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        yield (
            {"name": name, "flags": flags}
            | (found[0] if found else {"error": f"{code}: {out[-1000:]}"})
            | {"task": "loops"}
        )


def smallest(dry: bool):
    from peers.in_brainsim import build_coba_lif

    yield _measured(lambda: build_coba_lif(0.1 if dry else 1, 0), ["cells.spikes"], dry, 2.0)


def pd14(dry: bool):
    from models import pd14 as model

    yield _measured(lambda: model.build(scale=0.01 if dry else 1, seed=0), model.RECORD, dry, 1.0)


def sweep(dry: bool):
    import brainunit as u
    import numpy as np
    from peers.in_brainsim import build_coba_lif

    import brainsim as bs

    for runs, seconds in ((4, 0.002), (8, 0.002)) if dry else ((256, 2.0), (4096, 0.25)):
        net, duration = build_coba_lif(0.1 if dry else 1, 0), seconds * u.second
        values = {"cells.tau": np.linspace(18.0, 22.0, runs) * u.ms}
        options = dict(record="cells.spikes", reduce=lambda rec: {"spikes": len(rec.spikes["cells"])}, progress=False)
        started = time.perf_counter()
        bs.sweep(net, values, 0.2 * u.ms, **options)
        compiled = time.perf_counter() - started
        started = time.perf_counter()
        found = bs.sweep(net, values, duration, **options)
        took = time.perf_counter() - started
        steps, rate = round(1e4 * seconds), np.mean(found["spikes"]) / net.cells.count / seconds
        once = {"us_per_step": 1e6 * took / steps, "rate_hz": float(rate), "steps": steps, "compile_s": compiled}
        yield {"runs": runs} | once


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
    trains, differ = None, {}
    for _ in range(1 if dry else 3):
        net.reset()
        started = time.perf_counter()
        recording = bs.simulate(net, duration, record=record, progress=False)
        least = min(least, time.perf_counter() - started)
        now = [(np.asarray(x.indices), np.asarray(x.steps)) for x in recording.spikes.values()]
        if trains is not None and any(not np.array_equal(a, b) for x, y in zip(trains, now) for a, b in zip(x, y)):
            differ = {"error": "two runs with one seed differ"}
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
    } | differ


TASKS = {
    task.__name__: task
    for task in (machine, build, device, coba_lif, sweep, pd14, suite, coba_hh, stdp, training, loops, smallest)
}


# -- all of them -------------------------------------------------------------------------------------------------------


def run(name: str, dry: bool, seconds: float) -> Iterator[dict]:
    """The lines of a task as they come; it is stopped after so many seconds, with all that it started."""
    command = [sys.executable, __file__, "--task", name, *(["--dry"] if dry else [])]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    environment[LEFT] = str(seconds)
    if dry:
        environment["JAX_PLATFORMS"] = "cpu"
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+", errors="replace") as said:
        task = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=said, text=True, start_new_session=True
        )
        watch = threading.Timer(seconds, lambda: os.killpg(task.pid, signal.SIGKILL))
        watch.start()
        assert task.stdout is not None
        for line in task.stdout:
            if line.startswith("{"):
                yield json.loads(line)
        code, late = task.wait(), not watch.is_alive()
        watch.cancel()
        said.seek(0)
        heard = said.read()
    took = round(time.perf_counter() - started, 1)
    if code:
        reason = f"stopped after {seconds:.0f} s" if late else f"code {code}"
        yield {"task": name, "error": f"{heard[-3000:]}\n{reason}", "seconds": took}
    else:
        yield {"task": name, "done": True, "seconds": took, "warned": heard[-500:]}


def rounded(line: dict) -> dict:
    return {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in line.items()}


def goal_of(line: dict) -> float | None:
    return GOALS.get((line["task"], line.get("runs") or line.get("neurons")))


def table(lines: list[dict]) -> str:
    """What was measured, with the goals, and what went wrong."""
    rows = [("task", "size", "µs a step", "goal", "", "Hz", "build s", "compile s")]
    for line in lines:
        if "us_per_step" not in line:
            continue
        size, goal = line.get("runs") or line.get("neurons"), goal_of(line)
        passed = (
            "" if goal is None else "reached" if line["us_per_step"] <= goal else f"{line['us_per_step'] / goal:.2g} x"
        )
        numbers = (line["us_per_step"], goal, passed, line.get("rate_hz"), line.get("build_s"), line.get("compile_s"))
        name = " ".join(filter(None, (line["task"], line.get("name"))))
        rows.append(
            (name, f"{size:,}", *("" if x is None else x if isinstance(x, str) else f"{x:.3g}" for x in numbers))
        )
    widths = [max(map(len, column)) for column in zip(*rows)]
    found = ["  ".join(x.ljust(w) for x, w in zip(row, widths)).rstrip() for row in rows]
    return "\n".join(
        [*found, *(f"{x['task']}: {x['error'].strip().splitlines()[-1][:300]}" for x in lines if "error" in x)]
    )


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
    with (options.out / "gpu.jsonl").open("w") as file:

        def note(line):
            lines.append(line)
            for out in (sys.stdout, file):
                print(json.dumps(line), file=out, flush=True)

        for name in options.only or SECONDS:
            left = ALL - (time.perf_counter() - started) if not options.dry else 3600
            if left < 10:
                note({"task": name, "error": "no time was left"})
                continue
            for line in run(name, options.dry, min(SECONDS[name], left) if not options.dry else left):
                note(line)
    text = table(lines)
    (options.out / "gpu.txt").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
