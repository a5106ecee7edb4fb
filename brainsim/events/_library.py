"""The compiled kernels: found, loaded and registered with XLA once, at import.

The library is a plain shared object that setuptools built from ``csrc/``. Where it is missing, every operation is
served by its plain-JAX definition.
"""

from __future__ import annotations

import ctypes
import os
import sys
import warnings
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import jax

from brainsim.events._shared import digest

HUGE_PAGE = 1 << 21

HANDLERS = (
    "contract",
    "rows",
    "convolution",
    "recurrence",
    "deliver_together",
    "procedural",
    "deliver_delayed",
    "deliver_sorted",
    "sorted_gradient",
    "pass_on",
    "take_spiking",
    "take_due",
    "put_reached",
    "deliver_due",
    "add_on_due",
    "is_due",
    "delay_line",
    "add_on_pre",
    "add_on_post",
    "poisson_counts",
    "poisson_input",
    "poisson_inputs",
    "bernoulli_spikes",
    "append_events",
    "fresh",
    "finite",
    "join",
    "split",
    "tree",
)

LAUNCHERS = {"launch": "CUDA", "launch_here": "cpu"}  # of kernels for GPUs; see events/cuda

_WARNING = (
    "brainsim.events: {reason}, so spikes are delivered by plain JAX, which is many times slower on a CPU. {remedy}, "
    "or set BRAINSIM_KERNELS=0 to silence this warning."
)
_COMPILER = "Install a C++ compiler (for example g++) and reinstall brainsim to build the kernels"
_REBUILD = "Reinstall brainsim to build them anew (in a clone also: python setup.py build_ext --inplace)"


_host: ctypes.CDLL | None = None  # the library, where it is loaded


def _load() -> bool:
    """Register the handlers; whether they are there."""
    global _host
    if os.environ.get("BRAINSIM_KERNELS", "1") == "0":
        return False
    folder = Path(__file__).parent
    paths = [path for suffix in EXTENSION_SUFFIXES if (path := folder / f"_kernels{suffix}").is_file()]
    if not paths:
        return _warn("the compiled kernels were not built", _COMPILER)
    try:
        library = ctypes.CDLL(str(paths[0]))
        if _sources(library) != digest(folder / "csrc"):
            return _warn(f"the compiled kernels in {paths[0].name} are those of other sources than these", _REBUILD)
        for name in HANDLERS:
            capsule = jax.ffi.pycapsule(getattr(library, f"brainsim_{name}"))
            jax.ffi.register_ffi_target(target(name), capsule, platform="cpu")
        for name, platform in LAUNCHERS.items():
            if hasattr(library, f"brainsim_{name}"):
                capsule = jax.ffi.pycapsule(getattr(library, f"brainsim_{name}"))
                jax.ffi.register_ffi_target(target(name), capsule, platform=platform)
        _host = library
    except Exception as error:  # whatever is wrong with a binary, the plain definitions are right
        return _warn(f"the compiled kernels in {paths[0].name} could not be loaded ({error})", _COMPILER)
    return True


def _warn(reason: str, remedy: str) -> bool:
    warnings.warn(_WARNING.format(reason=reason, remedy=remedy), RuntimeWarning, stacklevel=5)
    return False


def _sources(library: ctypes.CDLL) -> str | None:
    """The digest of the sources that a library was built from; None where it does not say."""
    if not hasattr(library, "brainsim_sources"):
        return None
    library.brainsim_sources.restype = ctypes.c_char_p
    return library.brainsim_sources().decode()


def target(name: str) -> str:
    """The name under which XLA knows a handler."""
    return f"brainsim.{name}"


_loaded = _load()


def lowering(name: str) -> Callable | None:
    """What calls a handler; None where the library has none."""
    if not _loaded or name not in HANDLERS:
        return None

    def lower(context, *arguments, numbers, aliases):
        rule = jax.ffi.ffi_lowering(target(name), operand_output_aliases=aliases)
        return rule(context, *arguments, numbers=numbers)

    return lower


def can_launch() -> bool:
    """Whether kernels can be launched on a GPU, where there is one."""
    return _loaded and hasattr(_host, "brainsim_launch")


def host(name: str, result: Any) -> Callable | None:
    """A function of the library that is called on the host, with a result of a type of ctypes; None without a library."""
    if not _loaded or _host is None:
        return None
    function = getattr(_host, f"brainsim_{name}")
    function.restype = result
    return function


def use_huge_pages(array: jax.Array) -> None:
    """Ask Linux to hold a large array on the CPU in pages of 2 MB: rows are read at random, and small pages miss the
    TLB.
    """
    if (
        sys.platform != "linux"
        or array.nbytes < 2 * HUGE_PAGE
        or {d.platform for d in array.devices()} != {"cpu"}
        or len(array.devices()) > 1
    ):
        return
    begin = -(-array.unsafe_buffer_pointer() // HUGE_PAGE) * HUGE_PAGE
    length = (array.unsafe_buffer_pointer() + array.nbytes - begin) // HUGE_PAGE * HUGE_PAGE
    madvise = ctypes.CDLL(None).madvise
    for advice in (14, 25):  # MADV_HUGEPAGE, and MADV_COLLAPSE at once; a kernel that does not know one refuses it
        madvise(ctypes.c_void_p(begin), ctypes.c_size_t(length), advice)
