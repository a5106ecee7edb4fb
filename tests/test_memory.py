"""What a process holds: nothing that it does not use."""

import subprocess
import sys

import pytest

from brainsim import _memory

FIRST = """
import sys, brainunit as u, brainsim as bs
net = bs.Network()
net.E = bs.neurons.LIF(2)
bs.simulate(net, 1 * u.ms, record="E.V")
print(*(name for name in ("dask", "pandas", "xarray", "orbax.checkpoint") if name in sys.modules))
import dask.array
print(u.Quantity(dask.array.ones(3), unit=u.mV))
"""


def test_a_run_loads_no_library_that_it_does_not_use():
    """dask alone, which brainunit looks for in every sum of quantities, takes 0.7 s and 50 MB; its arrays stay lazy."""
    pytest.importorskip("dask.array")
    done = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, check=True)
    loaded, shown = done.stdout.splitlines()
    assert loaded == "" and "dask.array" in shown


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_what_was_freed_goes_back_to_the_system():
    if _memory._trim() is None:
        pytest.skip("a C library that cannot")
    kept = [b"x" * 60_000 for _ in range(1000)]  # from the heap: larger ones are mapped, and go back at once
    last, before = b"y" * 60_000, resident()
    del kept
    _memory.give_back()
    assert before - resident() > 40e6 and len(last)


def resident() -> float:
    with open("/proc/self/statm") as file:
        return float(file.read().split()[1]) * 4096
