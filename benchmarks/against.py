"""This working tree against another commit of brainsim: run and compile times, taken in turn on the same machine.

    python -m benchmarks.against d2824f8
    python -m benchmarks.against HEAD~1 --only coba_lif:1 --repeat 5

The commit is checked out into a temporary folder and its kernels are built there. COBA-LIF and COBA-HH with 4,000 and
40,000 neurons and STDP then run in fresh processes, one commit after the other, and of each number the least is kept:
whatever else the machine does only ever adds to it. One JSON line for each benchmark: seconds of wall time here and
there, CPU time of the run, and ratios below 1 where this tree is faster.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: Name of the benchmark, its scale, and biological seconds.
CASES = (("coba_lif", 1, 1), ("coba_lif", 10, 1), ("coba_hh", 1, 1), ("coba_hh", 10, 1), ("stdp", 0.25, 10))
MEASURED = ("run_s", "run_cpu_s", "compile_s", "build_s")


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """A folder with the files of ``commit``, its kernels built."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "brainsim"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--detach", "--quiet", str(tree), commit], check=True)
        try:
            command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
            subprocess.run(command, cwd=tree, check=True, stdout=subprocess.DEVNULL, env=environment())
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def environment() -> dict[str, str]:
    """The environment without what would mix the trees up or keep compiled programs."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "JAX_COMPILATION_CACHE_DIR")}


def measured(tree: Path, name: str, scale: float, duration: float, threads: int | None) -> dict[str, float]:
    """One fresh process."""
    command = [sys.executable, f"benchmarks/{name}.py", "--simulator", "brainsim", "--json"]
    command += [f"--scale={scale}", f"--duration={duration}", *([f"--threads={threads}"] if threads else [])]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, env=environment())
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise RuntimeError(f"{name} in {tree}:\n{done.stderr}")
    row = json.loads(lines[-1])
    return {key: row[key] for key in (*MEASURED, "neurons", "rate_hz")}


def compared(trees: dict[str, Path], case, repeat: int, threads: int | None) -> dict:
    """The least of each time, here and there, and their ratios."""
    name, scale, duration = case
    rows: dict[str, list] = {where: [] for where in trees}
    for _ in range(repeat):
        for where, tree in trees.items():
            rows[where].append(measured(tree, name, scale, duration, threads))
    result = {"benchmark": name, "neurons": rows["here"][0]["neurons"], "duration_s": duration, "repeat": repeat}
    for key in MEASURED:
        least = {where: min(row[key] for row in taken) for where, taken in rows.items()}
        result[key] = least | {"ratio": round(least["here"] / least["there"], 3)}
    return result | {"rate_hz": {where: taken[0]["rate_hz"] for where, taken in rows.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commit", help="what to compare with, as git names it")
    parser.add_argument("--repeat", type=int, default=3, help="processes of each commit (default 3)")
    parser.add_argument("--threads", type=int, help="CPUs to leave each process; all by default")
    parser.add_argument(
        "--only", nargs="*", metavar="NAME[:SCALE]", help="coba_lif coba_lif:10 stdp ...; all by default"
    )
    options = parser.parse_args()
    chosen = [case for case in CASES if not options.only or {case[0], f"{case[0]}:{case[1]}"} & set(options.only)]
    if not chosen:
        parser.error(f"--only: accepted are {', '.join(f'{name}:{scale}' for name, scale, _ in CASES)}")
    with checked_out(options.commit) as there:
        for case in chosen:
            print(
                json.dumps(compared({"there": there, "here": ROOT}, case, options.repeat, options.threads)), flush=True
            )


if __name__ == "__main__":
    main()
