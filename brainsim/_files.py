"""Writing files so that a crash, a full disk or another process never leaves half of one."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A new file beside ``path`` to write into, which takes its place at the end of the block, whole or not at all.

    Raises
    ------
    OSError
        If the file cannot be written; what stood at ``path`` still does.
    """
    path = Path(os.path.realpath(path))  # a link goes on pointing to the file
    check_writable(path)
    beside = _beside(path)
    try:
        yield beside
        if path.exists():
            os.chmod(beside, path.stat().st_mode & 0o777)
        flush(beside)
        os.replace(beside, path)
        flush(path.parent, within=False)
    finally:
        beside.unlink(missing_ok=True)


def check_writable(path: str | Path) -> None:
    """Refuse a place where no file can be written, by trying."""
    path = Path(os.path.realpath(path))
    if path.exists():
        if not path.is_file():
            raise OSError(f"{path} is {'a folder' if path.is_dir() else 'not a regular file'}.")
        open(path, "ab").close()
    beside = _beside(path)
    try:
        open(beside, "xb").close()
    finally:
        beside.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")


def flush(path: Path, within: bool = True) -> None:
    """Wait until a file, or a folder (with all that is in it if ``within``), is on the disk."""
    if path.is_dir():
        for part in path.iterdir() if within else ():
            flush(part)
        if os.name == "nt":
            return  # folders cannot be opened there
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(folder: Path, *, shared: bool = False) -> Iterator[bool]:
    """Keep other processes out of a folder that uses this lock too; False where the system has no locks."""
    if fcntl is None:
        yield False
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
            held = True
        except OSError:  # a file system without locks
            held = False
        yield held
    finally:
        os.close(descriptor)


class Remembering:
    """A binary file for a library that must not see a write fail: the first error is kept, and raised by ``check``.

    HDF5 ends in a segmentation fault where it cannot write what it still holds.
    """

    def __init__(self, path: Path):
        self._file, self.error = path.open("w+b"), None

    def _do(self, call, *args):
        try:
            return call(*args)
        except OSError as error:
            self.error = self.error or error
            return None

    def write(self, data) -> int:
        if self.error is None:
            self._do(self._file.write, data)
        return len(data)

    def flush(self) -> None:
        if self.error is None:
            self._do(self._file.flush)

    def truncate(self, size=None) -> int:
        if self.error is None:
            self._do(self._file.truncate, size)
        return size or 0

    def seek(self, offset, whence=0) -> int:
        return self._do(self._file.seek, offset, whence) or 0

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer) -> int:
        return self._do(self._file.readinto, buffer) or 0

    def read(self, size=-1) -> bytes:
        return self._do(self._file.read, size) or b""

    def check(self) -> None:
        """Close the file, and raise what went wrong."""
        self._do(self._file.close)
        if self.error is not None:
            raise self.error
