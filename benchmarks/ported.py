"""Ported examples beside their originals: lines of code, and seconds of CPU of each in a process of its own.

One JSON line for each. The originals are read from where a copy of the peer's repository is::

    python benchmarks/ported.py --brian2 ~/brian2/examples --python ~/brian2-venv/bin/python
    python benchmarks/ported.py --nest ~/nest-simulator/pynest/examples --python ~/nest-venv/bin/python
    python benchmarks/ported.py --brian2 ~/brian2/examples --lines  # nothing is run

Lines of code are those that are left without comments, docstrings and empty ones, of both formatted at 120 characters.
Runs are as the originals have them: the same sizes and durations. Where an original takes too long a part of it is run, of both.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
import tempfile
import time
import tokenize
from io import StringIO
from pathlib import Path

HERE = Path(__file__).parents[1] / "examples" / "ported"
PAPERS = "frompapers"

# Ours: (its file, call at the size of the original, what to replace in the original)
BRIAN2 = {
    "brian2_adaptive_threshold": ("adaptive_threshold.py", "run(duration=2000 * u.ms)", {}),
    "brian2_jeffress": ("synapses/jeffress.py", "run()", {}),
    "brian2_phase_locking": ("phase_locking.py", "run(duration=1 * u.second)", {}),
    "brian2_reliability": ("reliability.py", "run()", {}),
    "brian2_stop": ("network_operation_stop.py", None, {}),  # of ten cells
    "brian2_custom_events": ("advanced/custom_events.py", "run()", {}),
    "brian2_vogels2011": (f"{PAPERS}/Vogels_et_al_2011.py", None, {}),  # takes long: tests have it
    "brian2_sturzl2000": (f"{PAPERS}/Sturzl_et_al_2000.py", "run()", {}),
    "brian2_rothman_manis2003": (f"{PAPERS}/Rothman_Manis_2003.py", "run(dt=0.1 * u.ms)", {}),
    "brian2_clopath2010_homeostasis": (f"{PAPERS}/Clopath_et_al_2010_homeostasis.py", "run()", {}),
    "brian2_clopath2010_pairing": (f"{PAPERS}/Clopath_et_al_2010_no_homeostasis.py", "run()", {}),
    "brian2_graupner_brunel2012": (f"{PAPERS}/Graupner_Brunel_2012.py", None, {}),  # hours of the original
    "brian2_kremer2011": (
        f"{PAPERS}/Kremer_et_al_2011_barrel_cortex.py",
        "run(side=3, duration=1 * u.second)",
        {"barrelarraysize = 5": "barrelarraysize = 3", "run(5*second": "run(1*second"},
    ),
    "brian2_diehl2015": (f"{PAPERS}/Diehl_Cook_2015.py", None, {}),  # needs MNIST: see tests/examples
    "brian2_stimberg2018": (
        f"{PAPERS}/Stimberg_et_al_2018/example_6_COBA_with_astro.py",
        "run(duration=0.5 * u.second)",
        {
            "duration = 8*second": "duration = 0.5*second",
            "import plot_utils as pu": "",
            "plt.style": "raise SystemExit #",
        },
    ),
}

NEST = {
    "nest_balanced_neuron": ("balancedneuron.py", None, {}),
    "nest_correlospinmatrix": ("correlospinmatrix_detector_two_neuron.py", None, {}),  # of one pair in turn
    "nest_gap_junctions": ("gap_junctions_two_neurons.py", None, {}),
    "nest_multimeter": ("multimeter_file.py", None, {}),
    "nest_precise_spiking": ("precise_spiking.py", "run()", {}),
    "nest_repeated_stimulation": ("repeated_stimulation.py", None, {}),
    "nest_structural_plasticity": (
        "structural_plasticity.py",
        "run(n=1000, duration=10 * u.second)",
        {"self.t_sim = 200000.0": "self.t_sim = 10000.0"},
    ),
    "nest_tsodyks_depression": ("iaf_tum_2000_short_term_depression.py", "run()", {}),
}
# Notebooks, of which lines are counted
BRAINPY = {
    "brainpy_cann2d": ("attractors/Wu_2008_CANN_2D.ipynb", None, {}),
    "brainpy_decision": ("dynamics_analysis/2d_decision_making_model.ipynb", None, {}),
    "brainpy_integrator_rnn": ("recurrent_networks/integrator_rnn.ipynb", None, {}),
    "brainpy_mi2017": ("working_memory/Mi_2017_working_memory_capacity.ipynb", None, {}),
    "brainpy_ping": ("oscillation_synchronization/Susin_Destexhe_2021_gamma_oscillation_PING.ipynb", None, {}),
}
SNNTORCH = {
    "snntorch_regression": ("tutorial_regression_1.ipynb", None, {}),
    "snntorch_tutorial_5": ("tutorial_5_FCN.ipynb", None, {}),
    "snntorch_tutorial_6": ("tutorial_6_CNN.ipynb", None, {}),
}
PEERS = {"brian2": BRIAN2, "nest": NEST, "brainpy": BRAINPY, "snntorch": SNNTORCH}

OURS = """
import sys, time, runpy
begin = time.process_time()
import brainunit as u
names = runpy.run_path(sys.argv[1])
eval(sys.argv[2], names)
first = time.process_time() - begin
begin = time.process_time()
eval(sys.argv[2], names)
print(first, time.process_time() - begin)
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
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            taken |= set(range(body[0].lineno, body[0].end_lineno + 1))
    silent = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    lines: set[int] = set()
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type not in silent:
            lines |= {k for k in range(token.start[0], token.end[0] + 1) if token.line.strip()}
    return len(lines - taken)


def ours(path: Path, call: str) -> tuple[float, float]:
    """Seconds of CPU of a first call, with everything before it, and of a second."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", OURS, str(path), call]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    first, second = map(float, done.stdout.split()[-2:])
    return first, second


def theirs(path: Path, python: str, changes: dict) -> float:
    """Seconds of CPU of the original, compilers that it calls included; nothing is drawn."""
    source = path.read_text(encoding="utf-8")
    for old, new in changes.items():
        if old not in source:
            raise ValueError(f"{path}: no {old!r}")
        source = source.replace(old, new)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / path.name
        script.write_text(source, encoding="utf-8")
        before = os.times()
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"MPLBACKEND": "Agg"}
        done = subprocess.run([python, script.name], cwd=folder, capture_output=True, text=True, env=environment)
        after = os.times()
    if done.returncode:
        raise RuntimeError(f"{path}: {done.stderr[-500:]}")
    return sum(after[k] - before[k] for k in (2, 3))  # user and system time of what has ended


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for peer in PEERS:
        parser.add_argument(f"--{peer}", type=Path, help=f"folder of the examples of {peer}")
    parser.add_argument("--python", help="a Python that has the peer")
    parser.add_argument("--lines", action="store_true", help="count lines only")
    parser.add_argument("names", nargs="*", help="of examples, all by default")
    asked = parser.parse_args()
    folder, examples = next(
        ((getattr(asked, peer), known) for peer, known in PEERS.items() if getattr(asked, peer)), (None, BRIAN2)
    )
    for name, (file, call, changes) in examples.items():
        if asked.names and name not in asked.names:
            continue
        row: dict = {"example": name, "lines": code_lines((HERE / f"{name}.py").read_text(encoding="utf-8"))}
        if folder:
            row["lines of the original"] = code_lines(source_of(folder / file))
        if call and not asked.lines:
            first, second = ours(HERE / f"{name}.py", call)
            row |= {"call": call, "first (s)": round(first, 2), "again (s)": round(second, 3)}
            if folder and asked.python:
                begin = time.perf_counter()
                row["original (s)"] = round(theirs(folder / file, asked.python, changes), 2)
                row["original, wall (s)"] = round(time.perf_counter() - begin, 1)
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
