"""The driver and the compiler of CUDA: found when a program is first lowered for a GPU, on whatever machine that is."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax

from brainsim.events import _library
from brainsim.events.cuda import structs

DRIVER = "libcuda.so.1"
TARGET, HERE = "brainsim.launch", "brainsim.launch_here"
SOURCES = Path(__file__).parent / "src"
TRIAL = 'typedef unsigned char Item;\n#include "line.cuh"\n', "pass"  # a program that serves, and its kernel

_WARNING = (
    "brainsim.events: {reason}, so spikes are delivered by plain JAX on the GPU, which is many times slower. {remedy}, or set"
    " BRAINSIM_KERNELS=0 to silence this warning."
)
_ready = threading.Lock()
_chosen = ""


def sources() -> dict[str, str]:
    """Text of each source by its name, with the header that is written from the structs."""
    return {path.name: path.read_text() for path in sorted(SOURCES.glob("*.cuh"))} | {"shared.cuh": structs.header()}


def cache_folder() -> Path:
    """Where compiled programs are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "brainsim", "cuda")


def compilers() -> Iterator[str]:
    """Where NVRTC may be: what ``BRAINSIM_NVRTC`` says, else the wheels that come with JAX, and what the system has."""
    if given := os.environ.get("BRAINSIM_NVRTC"):
        yield given
        return
    spec = importlib.util.find_spec("nvidia")
    folders = [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []
    for pattern in ("cu1[3-9]/lib/libnvrtc.so.*", "cuda_nvrtc/lib/libnvrtc.so.*"):
        for folder in folders:
            yield from (str(path) for path in sorted(folder.glob(pattern)) if ".alt" not in path.name)
    yield from ("libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so")
    for folder in ("/usr/local/cuda/lib64", "/usr/local/cuda/targets/x86_64-linux/lib"):
        yield from (str(path) for path in sorted(Path(folder).glob("libnvrtc.so.*")) if ".alt" not in path.name)


def host(name: str, result: Any, *arguments: Any) -> Callable | None:
    """A function of the compiled library; None where that was not built."""
    function = _library.host(name, result)
    if function is not None:
        function.argtypes = list(arguments)
    return function


def opened(driver: str | None, compiler: str | None) -> str:
    """Open the libraries and hand the sources over; an error, or nothing."""
    text = ctypes.c_char_p
    source, keep_in = host("cuda_source", None, text, text), host("cuda_keep_in", None, text)
    to_open = host("cuda_open", text, text, text)
    if source is None or keep_in is None or to_open is None:
        return "the compiled kernels are not there"
    for name, content in sources().items():
        source(name.encode(), content.encode())
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        keep_in(str(folder).encode())
    except OSError:  # nothing is kept then
        keep_in(b"")
    error = to_open(*(path and path.encode() for path in (driver, compiler)))
    return error.decode(errors="replace")


def compiled_size(program: str, architecture: int) -> int:
    """Bytes of what NVRTC compiles a program to, for an architecture such as 90.

    Raises
    ------
    RuntimeError
        Where it does not compile.
    """
    function = host("cuda_compile", ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(ctypes.c_int64))
    if function is None:
        raise RuntimeError("the compiled kernels are not there")
    size = ctypes.c_int64()
    if error := function(program.encode(), architecture, ctypes.byref(size)):
        raise RuntimeError(error.decode(errors="replace"))
    return size.value


def chosen() -> str:
    """The NVRTC that was opened; nothing where none was."""
    return _chosen


def find_compiler(driver: str | None) -> str:
    """Open the first NVRTC whose programs can be loaded; an error, or nothing."""
    global _chosen
    said = ""
    for path in compilers():
        error = opened(driver, path)
        if not error:
            try:
                prepare(*TRIAL)  # a compiler may be newer than the driver
            except RuntimeError as failure:
                error = str(failure)
        if not error:
            _chosen = path
            return ""
        said = said or error
    return said or "it is not installed"


@functools.cache
def available() -> bool:
    """Whether programs are lowered to these kernels; where they cannot be, that is said once.

    On a machine without a GPU they are: what is exported there runs elsewhere.
    """
    if not _library.can_launch():
        return False  # which was said when the library was not found
    devices = _devices()
    if not devices:
        return True
    with _ready:
        if error := find_compiler(DRIVER):
            _warn(
                f"NVRTC or the driver of CUDA could not be loaded ({error})",
                "Install JAX with its CUDA wheels, as jax[cuda12] or jax[cuda13]",
            )
            return False
    return True


def has_large_parameters() -> bool:
    """Whether driver and compiler are there, and know of kernels with more than 4 KB of parameters (CUDA 12.1)."""
    function = host("cuda_version", ctypes.c_int)
    return function is not None and function() >= 12010


def prepare(program: str, kernels: str) -> None:
    """Compile and load a program and its kernels, names with a space between them, for the GPUs of this process, so that
    nothing has to be when it runs.
    """
    text = ctypes.c_char_p
    function = host("cuda_prepare", text, text, text, ctypes.c_int)
    for device in _devices():
        ordinal = getattr(device, "local_hardware_id", None)
        if function is None or (error := function(program.encode(), kernels.encode(), int(ordinal or 0))):
            raise RuntimeError(
                f"brainsim.events: a kernel could not be loaded on {device}: {error.decode(errors='replace')}"
            )


def _devices() -> list:
    try:
        return jax.local_devices(backend="cuda")
    except RuntimeError:
        return []


def _warn(reason: str, remedy: str) -> None:
    warnings.warn(_WARNING.format(reason=reason, remedy=remedy), RuntimeWarning, stacklevel=4)


@ctypes.CFUNCTYPE(None)
def _open() -> None:
    """For programs that were lowered elsewhere, and are run here."""
    try:
        with _ready:
            find_compiler(DRIVER)
    except Exception as error:  # the call that needs them says that they are not there
        _warn(f"NVRTC or the driver of CUDA could not be loaded ({error})", "Install JAX with its CUDA wheels")


def when_needed() -> None:
    """See to it that the libraries are opened when a program needs them."""
    if (function := host("cuda_when_needed", None, type(_open))) is not None:
        function(_open)


if _library.can_launch():
    when_needed()
