"""The kernels can be switched off, and where they are missing this is said once."""

import os
import subprocess
import sys

import pytest

from brainsim import events
from brainsim.events import _library


def test_kernels_are_listed():
    assert set(events.kernels()) == set(_library.HANDLERS)
    assert len(set(events.kernels().values())) == 1


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


def test_a_broken_library_warns_and_is_left_out(monkeypatch, tmp_path):
    monkeypatch.delenv("BRAINSIM_KERNELS", raising=False)
    (tmp_path / "_kernels.so").write_bytes(b"not a library")
    monkeypatch.setattr(_library, "__file__", str(tmp_path / "_library.py"))
    monkeypatch.setattr(_library, "EXTENSION_SUFFIXES", [".so"])
    with pytest.warns(RuntimeWarning, match=r"_kernels.so could not be loaded"):
        assert not _library._load()
