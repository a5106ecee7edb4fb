"""The kernels for GPUs, run on the CPU: with a driver and a compiler of the tests, everything else is what a GPU is told."""

import contextlib
import ctypes
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import jax
import pytest

from brainsim.events import _backends, _library
from brainsim.events.cuda import toolkit

SOURCE = Path(__file__).parent / "device.cc"


@pytest.fixture(scope="session")
def device_library(request, tmp_path_factory):
    """The library that stands for driver and compiler; what it compiles is kept in pytest's cache."""
    compiler = os.environ.get("CXX", "c++")
    if not _library.can_launch() or shutil.which(compiler) is None:
        pytest.skip("the kernels are not compiled, or there is no compiler")
    cache = getattr(request.config, "cache", None)
    folder = Path(cache.mkdir("device")) if cache is not None else tmp_path_factory.mktemp("device")
    library = folder / f"{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]}.so"
    if not library.is_file():
        beside = library.with_suffix(f".{os.getpid()}")
        subprocess.run([compiler, "-O1", "-std=c++17", "-fPIC", "-shared", SOURCE, "-o", beside, "-ldl"], check=True)
        beside.replace(library)
    return ctypes.CDLL(str(library))


@pytest.fixture
def device(device_library, monkeypatch):
    """The same, in use."""
    name = device_library._name
    if not toolkit.has_large_parameters():  # another test has opened others
        monkeypatch.setattr(toolkit, "cache_folder", lambda: Path(name).parent)
        assert toolkit.opened(name, name) == ""
    return device_library


@pytest.fixture
def emulated(device):
    """``with emulated():`` what is traced in the block is served by the kernels for GPUs, run here."""

    @contextlib.contextmanager
    def serve(turned=False):
        device.device_turned(int(turned))
        with _backends.served_by(_backends.EMULATED):
            yield device
        device.device_turned(0)

    return serve


@pytest.fixture(autouse=True, scope="module")
def no_programs_of_others():
    """Those of another driver, which another module has opened."""
    yield
    jax.clear_caches()
