"""The kernels can be switched off, and where they are missing this is said once."""

import os
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from brainsim import events
from brainsim.events import _library, _shared


def test_kernels_are_listed(monkeypatch):
    assert set(events.kernels()) == set(_library.HANDLERS)
    assert len(set(events.kernels().values())) == 1
    assert not any(events.kernels("tpu").values())
    monkeypatch.setattr(_library, "_loaded", False)
    assert not any(events.kernels().values())


def test_kernels_are_switched_off_silently():
    code = "from brainsim import events; assert not any(events.kernels().values())"
    command = [sys.executable, "-W", "error::RuntimeWarning", "-c", code]
    subprocess.run(command, env=os.environ | {"BRAINSIM_KERNELS": "0"}, check=True)


def test_a_missing_library_warns_what_to_install(monkeypatch):
    monkeypatch.delenv("BRAINSIM_KERNELS", raising=False)
    monkeypatch.setattr(_library, "EXTENSION_SUFFIXES", [".none"])
    with pytest.warns(
        RuntimeWarning, match=r"not built, so .* Install a C\+\+ compiler \(for example g\+\+\) and reinstall"
    ):
        assert not _library._load()


def test_a_library_of_other_sources_is_left_out(monkeypatch, tmp_path):
    """The sources change after it was built; so it is for one that does not say what it was built from."""
    monkeypatch.delenv("BRAINSIM_KERNELS", raising=False)
    here = Path(_library.__file__).parent
    (built,) = [path for suffix in EXTENSION_SUFFIXES if (path := here / f"_kernels{suffix}").is_file()]
    shutil.copytree(here / "csrc", tmp_path / "csrc")
    shutil.copy(built, tmp_path)
    monkeypatch.setattr(_library, "__file__", str(tmp_path / "_library.py"))
    (tmp_path / "csrc" / "contract.h").write_text((here / "csrc" / "contract.h").read_text() + "// changed\n")
    with pytest.warns(RuntimeWarning, match=r"are those of other sources.* Reinstall brainsim") as warned:
        assert not _library._load()
    assert len(warned) == 1
    with pytest.warns(RuntimeWarning, match="are those of other sources"):
        monkeypatch.setattr(_library, "_sources", lambda library: None)
        assert not _library._load()


def test_the_header_is_that_of_the_table():
    assert (Path(_library.__file__).parent / "csrc" / "shared.h").read_text() == _shared.header()


def test_a_broken_library_warns_and_is_left_out(monkeypatch, tmp_path):
    monkeypatch.delenv("BRAINSIM_KERNELS", raising=False)
    (tmp_path / "_kernels.so").write_bytes(b"not a library")
    monkeypatch.setattr(_library, "__file__", str(tmp_path / "_library.py"))
    monkeypatch.setattr(_library, "EXTENSION_SUFFIXES", [".so"])
    with pytest.warns(RuntimeWarning, match=r"_kernels.so could not be loaded"):
        assert not _library._load()
