"""Run every notebook of this folder from top to bottom, in a temporary copy.

    python notebooks/run.py              all of them
    python notebooks/run.py 01 02        those whose name begins so
    python notebooks/run.py --keep out   keep the executed copies, with their outputs, in the folder out

Prints one line per notebook, and for one that fails the cell and the error; the exit status is then 1.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TIMEOUT = 600  # seconds for one cell


def run(path: Path, keep: Path | None) -> str | None:
    """Execute one notebook; what went wrong, or None."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook, timeout=TIMEOUT, kernel_name="python3", resources={"metadata": {"path": folder}}
        )
        try:
            client.execute()
            return None
        except CellExecutionError as error:
            k, cell = next(
                (k, c)
                for k, c in enumerate(notebook.cells)
                if any(o.output_type == "error" for o in c.get("outputs", ()))
            )
            return f"cell {k + 1} of {len(notebook.cells)} fails:\n{_indented(cell.source)}\n  {error.ename}: {error.evalue}"
        except (CellTimeoutError, DeadKernelError) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            if keep is not None:
                nbformat.write(notebook, keep / path.name)


def _indented(text):
    return re.sub("^", "    ", text, flags=re.MULTILINE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="beginnings of names; default: all")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the executed notebooks here")
    options = parser.parse_args()
    paths = [p for p in sorted(HERE.glob("*.ipynb")) if not options.names or p.name.startswith(tuple(options.names))]
    if not paths:
        print(f"no notebook begins with {' or '.join(options.names) or 'anything'} in {HERE}", file=sys.stderr)
        return 2
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
    # The kernel runs in another folder: brainsim is found there also where it is not installed.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    # Threads of LAPACK wait by spinning: on a busy machine they make small systems of equations a hundred times slower.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    failed = 0
    for path in paths:
        started = time.perf_counter()
        problem = run(path, options.keep)
        failed += problem is not None
        print(
            f"{path.name}: {'ok' if problem is None else 'FAILED'}, {time.perf_counter() - started:.0f} s", flush=True
        )
        if problem is not None:
            print(problem, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
