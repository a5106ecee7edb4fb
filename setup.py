"""Builds the compiled kernels of ``brainsim.events``; everything else about the package is in ``pyproject.toml``.

The kernels are a plain shared library that brainsim loads with ctypes. Without a C++ compiler, or without the headers
that jaxlib ships, the installation goes on without them, and plain JAX serves.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import runpy
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SOURCES = Path("brainsim/events/csrc")
SHARED = runpy.run_path("brainsim/events/_shared.py")  # imports nothing but the standard library


def jaxlib_include() -> str | None:
    """Where jaxlib's headers are, found without importing it."""
    spec = importlib.util.find_spec("jaxlib")
    folders = (spec.submodule_search_locations or []) if spec else []
    found = [str(Path(f, "include")) for f in folders if Path(f, "include/xla/ffi/api/ffi.h").is_file()]
    return found[0] if found else None


class BuildKernels(build_ext):
    """Builds the library where it can, and says so where it cannot."""

    in_clone = False

    def run(self):
        self.in_clone = bool(self.inplace)  # setuptools builds elsewhere and copies
        super().run()

    def build_extension(self, ext):
        if jaxlib_include() is None:
            return self.warn("jaxlib's headers were not found: brainsim is installed without compiled kernels")
        digest = SHARED["digest"](SOURCES)
        ext.define_macros.append(("BRAINSIM_SOURCES", f'"{digest}"'))
        built = Path(self.get_ext_fullpath(ext.name))
        if built.is_file() and not self.force:  # whatever the times of the files say, it knows what it was built from
            if digest.encode() in built.read_bytes():
                return None
            self.force = True
        if self.compiler.compiler_type == "msvc":
            ext.include_dirs.append(jaxlib_include())
            ext.extra_compile_args = ["/O2", "/std:c++17", "/EHsc"]
        else:
            ext.extra_compile_args = ["-O3", "-std=c++17", "-ffp-contract=off", "-g0", "-isystem", jaxlib_include()]
            ext.extra_compile_args.append("-fvisibility-inlines-hidden")  # what is called within is called directly
            # Nobody asks for errno or traps, and loops with roots and quotients are vectorised; the bits are the same
            ext.extra_compile_args += ["-fno-math-errno", "-fno-trapping-math"]
            if self.in_clone or os.environ.get("BRAINSIM_OBJECTS") == "kept":
                self.compiler._compile = kept(self.compiler._compile)
            side_by_side(self.compiler)
        return super().build_extension(ext)

    def get_export_symbols(self, ext):
        return ext.export_symbols  # a library for ctypes has no PyInit_ function


def side_by_side(compiler) -> None:
    """Let it compile the files of a library on all cores: one after the other they take minutes."""
    one, all_of = compiler._compile, compiler.compile

    def compile_all(*arguments, **options):
        waiting = []
        with ThreadPoolExecutor(min(os.cpu_count() or 1, 16)) as pool:
            compiler._compile = lambda *file: waiting.append(pool.submit(one, *file))
            try:
                objects = all_of(*arguments, **options)
            finally:
                compiler._compile = one
        for file in waiting:
            file.result()  # or what went wrong
        return objects

    compiler.compile = compile_all


def included(source: Path) -> list[Path]:
    """A source with all of ours that it includes."""
    found, waiting = [], [source]
    while waiting:
        path = waiting.pop()
        if path in found or not path.is_file():
            continue
        found.append(path)
        waiting += [path.parent / name for name in re.findall(r'^#include "(\w+\.h)"', path.read_text(), re.MULTILINE)]
    return sorted(found)


def kept(compile_one):
    """The compiler of one file, for clones: what a file was compiled to is kept, by all that it was compiled from.

    Most commits change few files; branches, other working trees and benchmarks of earlier commits need the same ones. So do
    other versions of Python: nothing of it is included, and where jaxlib's headers lie does not matter.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "brainsim", "kernels")
    compiler = subprocess.run([os.environ.get("CXX", "c++"), "--version"], capture_output=True, text=True).stdout
    versions = [platform.platform(), compiler, importlib.metadata.version("jaxlib")]

    def compile_kept(to, source, suffix, *arguments):
        texts = [path.read_text() for path in included(Path(source))]
        options = re.sub(r"'(-I[^']*|-isystem', '[^']*)'(, )?", "", str(arguments))
        if not any("BRAINSIM_SOURCES" in text for text in texts):  # which names all sources, and only one file says
            options = re.sub(r"-DBRAINSIM_SOURCES=\S*", "", options)
        key = hashlib.sha256("\0".join([*versions, options, *texts]).encode()).hexdigest()
        place = folder / f"{key}.o"
        if place.is_file():
            shutil.copyfile(place, to)
            return
        compile_one(to, source, suffix, *arguments)
        folder.mkdir(parents=True, exist_ok=True)
        beside = place.with_suffix(f".{os.getpid()}")
        shutil.copyfile(to, beside)
        beside.replace(place)

    return compile_kept


def write_header() -> None:
    """Write what the kernels share with Python."""
    path, text = SOURCES / "shared.h", SHARED["header"]()
    if not path.is_file() or path.read_text() != text:
        path.write_text(text)


def symbols() -> list[str]:
    """Symbols that the library exports; only Windows wants to be told."""
    text = "".join(path.read_text() for path in SOURCES.glob("*.cc"))
    names = re.findall(r"^BRAINSIM_HANDLER\w*\((\w+),", text, re.MULTILINE)
    names += re.findall(r"^BRAINSIM_HOST\(\w+, (\w+)\)", text, re.MULTILINE)
    return ["brainsim_sources", *(f"brainsim_{name}" for name in names)]


write_header()

setup(
    ext_modules=[
        Extension(
            "brainsim.events._kernels",
            sources=sorted(str(path) for path in SOURCES.glob("*.cc")),
            depends=sorted(str(path) for path in SOURCES.glob("*.h")),
            export_symbols=symbols() if sys.platform == "win32" else [],
            language="c++",
            optional=True,
        )
    ],
    cmdclass={"build_ext": BuildKernels},
)
