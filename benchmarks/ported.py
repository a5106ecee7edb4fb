"""Ported examples beside their originals: lines of code, and seconds of CPU of each in a process of its own.

One JSON line for each, or with ``--table`` the rows of the table in RESULTS.md. Each peer is given the folder of its examples,
in a copy of its repository, and a Python that has it; MNIST is a folder as torchvision has it::

    python benchmarks/ported.py --brian2 ~/brian2/examples ~/brian2-venv/bin/python \
        --nest ~/nest-simulator/pynest/examples ~/nest-venv/bin/python \
        --microcircuit ~/microcircuit-PD14-model/PyNEST ~/nest-venv/bin/python \
        --brainpy ~/brainpy-examples ~/brainpy-venv/bin/python \
        --snntorch ~/snntorch/examples ~/torch-venv/bin/python --mnist ~/data
    python benchmarks/ported.py --brian2 ~/brian2/examples - --lines  # nothing is run

Lines of code are those that are left without comments, docstrings and empty ones, of both formatted at 120 characters; of a notebook
those of all code cells. Of ours the first call is counted with importing and compiling, and a second in the same process; of the
original everything, with the compilers that it calls. One thread each. Notebooks are run as scripts, and nothing is shown.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
import tempfile
import tokenize
from io import StringIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.peers.originals import PEERS, Original  # noqa: E402

HERE = Path(__file__).parents[1] / "examples" / "ported"
QUIET = {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "JAX_PLATFORMS": "cpu", "TQDM_DISABLE": "1"}
OF_THIS_SHELL = ("PYTHONPATH", "JAX_COMPILATION_CACHE_DIR")  # what neither may profit from

OURS = """
import sys, time, runpy
begin = time.process_time()
import brainunit as u
import brainsim as bs
names = runpy.run_path(sys.argv[1])
def mnist(train, test):
    images = bs.data.images(sys.argv[3] + "/MNIST/raw")
    return bs.data.Images(*(part[:train] for part in images.train), *(part[:test] for part in images.test))
names["mnist"] = mnist
result = eval(sys.argv[2], names)
first = time.process_time() - begin
begin = time.process_time()
eval(sys.argv[2], names)
again = time.process_time() - begin
right = "validation accuracy"
if isinstance(result, bs.train.History) and right in result.names:
    print(f"{right} {result[right][-1]:.4f}")
print(first, again)
"""


def source_of(path: Path) -> str:
    """Code of a script, or of the cells of a notebook."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    lines = [line for cell in cells for line in cell.splitlines()]
    return "\n".join(line for line in lines if not line.startswith(("!", "%"))) + "\n"


def code_lines(source: str) -> int:
    """Lines with code on them, formatted at 120 characters."""
    form = [sys.executable, "-m", "ruff", "format", "--line-length", "120", "--isolated", "-"]
    source = subprocess.run(
        form, input=source.replace("# fmt: skip", ""), text=True, capture_output=True, check=True
    ).stdout
    taken: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            said = node.body[0]
            taken |= set(range(said.lineno, (said.end_lineno or said.lineno) + 1))
    silent = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    lines: set[int] = set()
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type not in silent:
            lines |= {k for k in range(token.start[0], token.end[0] + 1) if token.line.strip()}
    return len(lines - taken)


def surroundings(**more: str) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k not in OF_THIS_SHELL} | QUIET | more


def ours(path: Path, original: Original, mnist: Path | None) -> dict[str, float | str]:
    """Seconds of CPU of a first call, with everything before it, and of a second."""
    command = [sys.executable, "-c", OURS, str(path), original.call, str(mnist)]
    root = surroundings(PYTHONPATH=str(HERE.parents[1]))
    done = subprocess.run(command, capture_output=True, text=True, env=root)
    if done.returncode:
        raise RuntimeError(f"{path}: {done.stderr[-1000:]}")
    *said, seconds = done.stdout.strip().splitlines()
    first, again = map(float, seconds.split())
    return {"first (s)": round(first, 2), "again (s)": round(again, 3)} | said_of(said, "ours says")


def theirs(folder: Path, original: Original, python: str, mnist: Path | None) -> dict[str, float | str]:
    """Seconds of CPU of the original, compilers that it calls included, or why it did not run."""
    path = folder / files_of(original)[0]
    source = source_of(path)
    for old, new in original.changes.items():
        if old not in source:
            raise ValueError(f"{path}: no {old!r}")
        source = source.replace(old, new)
    with tempfile.TemporaryDirectory() as temporary:
        script = Path(temporary) / f"{path.stem}.py"
        script.write_text(source.replace("MNIST_FOLDER", str(mnist)), encoding="utf-8")
        # a home of its own: no code that an earlier run has compiled
        own = surroundings(HOME=temporary, MPLCONFIGDIR=str(Path.home() / ".config" / "matplotlib"))
        before = os.times()
        done = subprocess.run(
            [python, script.name],
            cwd=temporary,
            capture_output=True,
            text=True,
            env=own | {"PYTHONPATH": str(folder / "src")},
        )
        after = os.times()
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["nothing said"])[-1]
        return {"original (s)": "does not run", "error": last[-300:]}
    spent = sum(after[k] - before[k] for k in (2, 3))  # user and system time of what has ended
    return {"original (s)": round(spent, 2)} | said_of(done.stdout.splitlines(), "original says")


def said_of(lines: list[str], whose: str) -> dict[str, str]:
    """The last accuracy that was printed."""
    said = [line.strip() for line in lines if "accuracy" in line.lower() or "Acc:" in line]
    return {whose: said[-1]} if said else {}


def files_of(original: Original) -> tuple[str, ...]:
    return (original.files,) if isinstance(original.files, str) else original.files


def as_row(found: dict) -> str:
    """A row of the table: name, lines, seconds, remark."""
    keys = ("example", "lines", "lines of the original", "first (s)", "again (s)", "original (s)", "remark")
    return "| " + " | ".join(str(found.get(key, "")) for key in keys) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for peer in PEERS:
        parser.add_argument(f"--{peer}", nargs=2, metavar=("EXAMPLES", "PYTHON"), help=f"of {peer}")
    parser.add_argument("--mnist", type=Path, help="folder with MNIST/raw/train-images-idx3-ubyte and the others")
    parser.add_argument("--lines", action="store_true", help="count lines only")
    parser.add_argument("--table", action="store_true", help="print rows of a table")
    parser.add_argument("names", nargs="*", help="of examples, all by default")
    asked = parser.parse_args()
    for peer, originals in PEERS.items():
        folder, python = getattr(asked, peer) or ("", "")
        for name, original in originals.items():
            if asked.names and name not in asked.names or not (folder or asked.names):
                continue
            found: dict = {"example": name, "lines": code_lines((HERE / f"{name}.py").read_text(encoding="utf-8"))}
            if folder:
                sources = [source_of(Path(folder) / file) for file in files_of(original)]
                found["lines of the original"] = sum(map(code_lines, sources))
            if original.call and not asked.lines and (asked.mnist or "mnist" not in original.call):
                found |= ours(HERE / f"{name}.py", original, asked.mnist)
                if folder:
                    found |= theirs(Path(folder), original, python, asked.mnist)
            found["remark"] = original.remark
            print(as_row(found) if asked.table else json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
