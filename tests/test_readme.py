"""The README's first screen runs when pasted, and prints what it says."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NUMBER = r"[+-]?\d[\d,]*(?:\.\d+)?"


def blocks(language):
    return re.findall(
        rf"^```{language}\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


def printed_by(block, folder) -> list[str]:
    # In a process of its own: as pasted, in float32, without the strictness of the tests.
    environment = {k: v for k, v in os.environ.items() if k != "JAX_ENABLE_X64"}
    environment |= {"MPLBACKEND": "Agg", "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", block]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()


def test_first_block_prints_what_the_readme_says(tmp_path):
    printed, expected = printed_by(blocks("python")[0], tmp_path), blocks("text")[0].strip().splitlines()
    assert (tmp_path / "first.png").stat().st_size > 10_000
    assert [re.sub(NUMBER, "#", line) for line in printed] == [re.sub(NUMBER, "#", line) for line in expected]
    # The wiring is the same everywhere; rates of a chaotic network and what follows from them depend on the last bit.
    assert printed[0] == expected[0]
    for got, wanted in zip(printed[1:], expected[1:]):
        numbers = [[float(x.replace(",", "")) for x in re.findall(NUMBER, line)] for line in (got, wanted)]
        assert numbers[0] == pytest.approx(numbers[1], rel=0.15), (got, wanted)


def test_the_classifier_has_the_accuracy_that_the_readme_says(tmp_path):
    (line,) = printed_by(blocks("python")[1], tmp_path)
    (expected,) = blocks("text")[1].strip().splitlines()
    accuracies = [float(re.fullmatch(rf"test accuracy ({NUMBER})%", each)[1]) for each in (line, expected)]
    assert accuracies[0] == pytest.approx(accuracies[1], abs=1.5)


def code_lines(source) -> int:
    """Lines of code: without empty ones, comments and docstrings."""
    tree, count = (
        ast.parse(source),
        len([line for line in source.splitlines() if line.strip() and line.strip()[0] != "#"]),
    )
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            text = ast.get_source_segment(source, node.body[0])
            count -= len([line for line in text.splitlines() if line.strip()])
    return count


def test_code_lines_are_counted():
    assert code_lines('"""A text.\n\nOf two."""\n\nx = 1  # one\n# none\ndef f():\n    "It."\n    return x\n') == 3


@pytest.mark.parametrize(("source", "most"), [("README.md", 25), ("examples/ported/snntorch_tutorial_6.py", 30)])
def test_classifiers_are_short(source, most):
    """Of digits, from data to accuracy, dense in 25 lines of code and with convolutions in 30."""
    block = blocks("python")[1] if source == "README.md" else (ROOT / source).read_text(encoding="utf-8")
    assert 5 < code_lines(block) <= most


def test_learning_without_the_past_is_one_word_more():
    """In the notebook of the first classifier, which runs: the same call of ``fit`` with ``gradient="e_prop"``."""
    cells = json.loads((ROOT / "notebooks" / "07_first_classifier.ipynb").read_text(encoding="utf-8"))["cells"]
    trees = [ast.parse("".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    fits = [call for call in calls if ast.unparse(call.func) == "bs.train.fit"]
    past, local = ({k.arg: ast.unparse(k.value) for k in call.keywords if k.arg != "epochs"} for call in fits)
    assert local == {**past, "gradient": "'e_prop'"}
    assert [ast.unparse(call.args[1]) for call in fits] == ["(x, y)", "(x, y)"]


def test_first_screen():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").split("```python")[0]
    assert "make demo" in lines and "make test" in lines
