"""The README's first screen runs when pasted, and prints what it says."""

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


def test_first_screen():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").split("```python")[0]
    assert "make demo" in lines and "make test" in lines
