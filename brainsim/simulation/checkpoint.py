"""Checkpoints on the disk: a folder with the arrays, written by orbax, and a page that names its files and their
checksums.

The page is written last, in one piece, and names the folder that counts. So a crash at any moment leaves the old
checkpoint or the new one, and two processes that save to one place do not mix.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from brainsim._files import flush, locked, replacing
from brainsim._memory import human

FORMAT = "brainsim network, 1"
PAGE = "brainsim.json"
OURS = re.compile(r"\.?brainsim(\.json|-[0-9a-f]{8})(\..*)?")  # all that ever stands in such a folder


def checksum(array) -> str:
    """Of the bytes of an array."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def write(path: Path, arrays: dict, facts: dict) -> None:
    """Write a checkpoint, in the place of an earlier one.

    Parameters
    ----------
    path : Path
        A new or empty folder, or one with an earlier checkpoint.
    arrays : dict of str to dict of str to array
        Arrays by kind and path.
    facts : dict
        What else is kept, as JSON.

    Raises
    ------
    FileExistsError
        If something else stands there; it is not touched.
    OSError
        If the checkpoint cannot be written; an earlier one stays.
    """
    check_place(path)
    path.mkdir(parents=True, exist_ok=True)
    table = {kind: {name: _describe(array) for name, array in group.items()} for kind, group in arrays.items()}
    flat = {f"{kind}:{name}": array for kind, group in arrays.items() for name, array in group.items()}
    with locked(path) as alone:
        before = _read_page(path)
        data = f"brainsim-{secrets.token_hex(4)}"
        try:
            _reserve(path / f"{data}.room", sum(array.nbytes for array in flat.values()))
            _save(path / data, flat)
            page = {"format": FORMAT, "data": data, "files": _files(path / data), "arrays": table, **facts}
            with replacing(path / PAGE) as beside:
                beside.write_text(json.dumps(page | {"checksum": _checksum_of(page)}, indent=1), encoding="utf-8")
        except BaseException:
            _remove(path, lambda name: name.startswith(data))
            raise
        if alone:  # what this one replaces, and what saves left behind that were killed
            _remove(path, lambda name: OURS.fullmatch(name) and name not in (PAGE, data))
        elif before:  # another one may be at work
            _remove(path, lambda name: name == before["data"])


def _remove(folder: Path, which) -> None:
    for part in folder.iterdir():
        if which(part.name):
            shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)


def check_place(path: Path) -> None:
    """Refuse what is neither free nor a checkpoint.

    Raises
    ------
    FileExistsError
    """
    if not os.path.lexists(path):
        return
    if not path.is_dir():
        raise FileExistsError(f"save: {path} is a file; give a new folder, or one with an earlier checkpoint.")
    other = sorted(entry.name for entry in path.iterdir() if not OURS.fullmatch(entry.name))
    if other and not (path / PAGE).is_file():
        raise FileExistsError(
            f"save: {path} is not a checkpoint, it holds {other[0]!r}; give a new folder, or one with an earlier checkpoint."
        )


@contextlib.contextmanager
def reading(path: Path) -> Iterator[dict]:
    """What a checkpoint says about itself; nobody replaces it inside the block.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is none, or it is damaged.
    """
    if not os.path.lexists(path):
        raise FileNotFoundError(f"load: no checkpoint at {path}.")
    if not path.is_dir():
        raise ValueError(f"load: {path} is not a checkpoint of brainsim.")
    with locked(path, shared=True):
        page = _read_page(path)
        if page is None:
            raise ValueError(f"load: {path} is not a checkpoint of brainsim, or its {PAGE} is damaged.")
        if page["format"] != FORMAT:
            raise ValueError(f"load: {path} has the format {page['format']!r}; this version reads {FORMAT!r}.")
        yield page


def read_arrays(path: Path, page: dict) -> dict:
    """The arrays of a checkpoint, all of whose files are what was written.

    Raises
    ------
    ValueError
        If anything is damaged.
    """
    folder = path / page["data"]
    try:
        found = _files(folder)
    except OSError as error:
        raise ValueError(f"load: {path} is damaged: {error}.") from error
    for name in sorted(page["files"].keys() | found.keys()):
        if found.get(name) != page["files"].get(name):
            raise ValueError(f"load: {path} is damaged: {page['data']}/{name} is not what was written.")
    table = {(kind, name): fact for kind, group in page["arrays"].items() for name, fact in group.items()}
    stored = _restore(folder, [":".join(key) for key, fact in table.items() if 0 not in fact["shape"]])
    arrays: dict = {kind: {} for kind in page["arrays"]}
    for (kind, name), fact in table.items():
        array = stored.get(f"{kind}:{name}", np.zeros(fact["shape"], fact["dtype"]))
        arrays[kind][name] = array
    return arrays


def _describe(array) -> dict:
    return {"shape": list(np.shape(array)), "dtype": str(array.dtype)}


def _files(folder: Path) -> dict[str, str]:
    """A checksum of every file of a folder."""
    sums = {}
    for file in sorted(folder.rglob("*")):
        if not file.is_dir():
            with file.open("rb") as content:
                sums[file.relative_to(folder).as_posix()] = hashlib.file_digest(content, "sha256").hexdigest()
    return sums


def _checksum_of(page: dict) -> str:
    return hashlib.sha256(json.dumps(page, sort_keys=True).encode()).hexdigest()


def _read_page(path: Path) -> dict | None:
    try:
        page = json.loads((path / PAGE).read_text(encoding="utf-8"))
        whole = page.pop("checksum") == _checksum_of(page) and re.fullmatch(r"brainsim-[0-9a-f]{8}", page["data"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return page if whole else None


def _reserve(file: Path, size: int) -> None:
    """Refuse a disk without room before orbax meets it, whose threads fail at length."""
    with file.open("xb") as room:
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(room.fileno(), 0, size + 4096)
        except OSError as error:
            raise OSError(error.errno, f"save: no room for {human(size)}, {error.strerror}", str(file.parent)) from None
    file.unlink()


def _save(folder: Path, arrays: dict) -> None:
    import orbax.checkpoint as ocp

    # Orbax refuses arrays of no elements; their shapes stand on the page.
    stored = {name: np.asarray(array) for name, array in arrays.items() if np.size(array)}
    try:
        with ocp.StandardCheckpointer() as checkpointer:
            checkpointer.save(folder, stored)
        flush(folder)
    except OSError:
        raise
    except Exception as error:  # of the libraries below: a disk that has become full has no one type there
        raise OSError(
            f"save: cannot write {folder}: {(str(error).splitlines() or [type(error).__name__])[0]}"
        ) from error


def _restore(folder: Path, names: list[str]) -> dict:
    import orbax.checkpoint as ocp

    as_numpy = {name: ocp.RestoreArgs(restore_type=np.ndarray) for name in names}
    with ocp.PyTreeCheckpointer() as checkpointer:
        return checkpointer.restore(folder, restore_args=as_numpy)
