"""Random networks, run in other ways than by one call of ``simulate``, which must not matter."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.ways import WAYS, differences

# Four networks for each way; more are slow.
SEEDS = [*range(32), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(32, 100))]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_small_random_network_runs_the_same_in_another_way(seed):
    way = WAYS[seed % len(WAYS)]
    assert not differences(seed, way, small=True, rtol=1e-9), way.__name__


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_random_networks_run_the_same_in_every_way(precision):
    program = [sys.executable, "-m", "tests.fuzz.fuzz", "0", "500", precision]
    done = subprocess.run(program, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
