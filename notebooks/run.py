"""Run every notebook of this folder from top to bottom, in a temporary copy.

    python notebooks/run.py              all of them
    python notebooks/run.py 01 02        those whose name begins so
    python notebooks/run.py --keep out   keep the executed copies, with their outputs, in the folder out

As many run at a time as there are cores, up to two. Prints one line per notebook, and for one that fails the cell and the
error; the exit status is then 1.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]
import _kernel  # noqa: E402

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


def report(path: Path, keep: Path | None) -> bool:
    """Execute one notebook and say how it went."""
    started = time.perf_counter()
    problem = run(path, keep)
    said = f"{path.name}: {'ok' if problem is None else 'FAILED'}, {time.perf_counter() - started:.0f} s"
    print(said if problem is None else f"{said}\n{problem}", flush=True)
    return problem is None


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
    # Compiling in one thread by the older of two ways takes a fifth less of all; see tests/conftest.py.
    quickly = ["--xla_cpu_parallel_codegen_split_count=1"]
    quickly += ["--xla_cpu_use_fusion_emitters=false"] * importlib.metadata.version("jaxlib").startswith("0.10.")
    os.environ["XLA_FLAGS"] = " ".join([*quickly, os.environ.get("XLA_FLAGS", "")])
    with tempfile.TemporaryDirectory() as kernels:
        _kernel.begin(Path(kernels))  # each has imported everything
        with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:  # each waits for a process of its own
            well = list(pool.map(lambda path: report(path, options.keep), paths))
    return 0 if all(well) else 1


if __name__ == "__main__":
    raise SystemExit(main())
