"""Connectivities of every exported format, small enough to hold against a matrix."""

import inspect

import numpy as np
import pytest

from brainsim import events

N_PRE, N_POST = 37, 45  # not multiples of eight: the ends of the kernels' blocks count


def csr(rng):
    counts = rng.integers(0, 12, N_PRE)
    counts[3] = 0
    indptr = np.concatenate([[0], np.cumsum(counts)])
    return events.CSR(indptr, rng.integers(0, N_POST, indptr[-1]), N_POST)


BUILD = {
    events.CSR: csr,
    events.FixedFanOut: lambda rng: events.FixedFanOut(rng.integers(0, N_POST, (N_PRE, 6)), N_POST),
    events.Diagonal: lambda rng: events.Diagonal(N_PRE),
    events.Block: lambda rng: events.Block(N_PRE, N_POST, 5, 30, 11, N_POST),
    events.Dense: lambda rng: events.Dense(N_PRE, N_POST),
}

EXPORTED = [x for n in events.__all__ if inspect.isclass(x := getattr(events, n)) and issubclass(x, events.Format)]


@pytest.fixture(params=[x for x in EXPORTED if not inspect.isabstract(x)], ids=lambda x: x.__name__)
def conn(request, rng):
    """One connectivity of each format; a new format adds its line to ``BUILD``."""
    return BUILD[request.param](rng)


@pytest.fixture
def build():
    """``build(format, rng)``, a connectivity of that format."""
    return lambda kind, rng: BUILD[kind](rng)


@pytest.fixture
def rng():
    return np.random.default_rng(20240)


@pytest.fixture(params=["kernel", "plain"])
def implementation(request):
    """Both ways to serve an operation."""
    if request.param == "kernel" and not all(events.kernels().values()):
        pytest.skip("the kernels are not compiled")
    with events.served_by(request.param):
        yield request.param


@pytest.fixture
def both():
    """A function's result by the kernel and by plain JAX."""
    if not all(events.kernels().values()):
        pytest.skip("the kernels are not compiled")

    def run(function):
        kernel = function()
        with events.served_by("plain"):
            return kernel, function()

    return run
