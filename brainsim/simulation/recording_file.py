"""Recordings on the disk: an HDF5 file behind 512 bytes of text that name the format and a checksum of the rest."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import brainunit as u
import numpy as np

from brainsim._files import Remembering, replacing

MARK = b"brainsim recording 1\n"
HEAD = 512  # HDF5 leaves so many bytes to others, its "user block"


def write(path, window: dict, spikes: dict, samples: dict, labels: dict) -> None:
    """Write a recording.

    Parameters
    ----------
    path : str or Path
    window : dict of str to float
        ``dt``, ``start`` and ``stop`` in ms.
    spikes : dict of str to SpikeTrain
    samples : dict of str to Samples
    labels : dict of str to str
        Under which label each train was asked for: its name by label.
    """
    import h5py

    check_place(path)
    with replacing(path) as beside:
        target = Remembering(beside)
        with h5py.File(target, "w", userblock_size=HEAD) as file:
            file.attrs["window"], file.attrs["labels"] = json.dumps(window), json.dumps(labels)
            for label, held in samples.items():
                group = file.create_group(f"samples/{label}")
                group["array"] = np.asarray(held.array)
                if held.elements is not None:
                    group["elements"] = held.elements
                if held.places is not None:
                    group["places"] = held.places if isinstance(held.places, list) else held.places.names()
                group.attrs["facts"] = json.dumps(
                    {"unit": str(held.unit), "path": held.path, "first": held.first, "every": held.every}
                )
            for name, train in spikes.items():
                group = file.create_group(f"spikes/{name}")
                group["steps"], group["indices"], group["units"] = train.steps, train.indices, train.units
                group.attrs["window"] = [float(q.to_decimal(u.ms)) for q in (train.start, train.stop)]
                if train.within is not None:
                    group["within"] = train.within
        target.check()
        with beside.open("r+b") as content:
            content.seek(HEAD)
            digest = hashlib.file_digest(content, "sha256").hexdigest()
            content.seek(0)
            content.write(_head(digest))


def check_place(path) -> None:
    """Refuse to write over what is not a recording."""
    if os.path.isfile(path) and os.path.getsize(path):
        with open(path, "rb") as content:
            if not content.read(HEAD).startswith(b"brainsim recording "):
                raise FileExistsError(f"Recording: {path} is another file, not a recording; give another name.")


@contextlib.contextmanager
def opened(path) -> Iterator:
    """The HDF5 file of a recording whose content is what was written.

    Raises
    ------
    FileNotFoundError, ValueError
    """
    import h5py

    path = Path(path)
    if path.is_dir():
        raise ValueError(f"Recording: {path} is a folder, not a recording of brainsim.")
    with path.open("rb") as content:
        head = content.read(HEAD)
        if not head.startswith(MARK):
            raise ValueError(f"Recording: {path} is not a recording of brainsim that this version reads.")
        if head != _head(hashlib.file_digest(content, "sha256").hexdigest()):
            raise ValueError(f"Recording: {path} is damaged: its content is not what was written.")
    with h5py.File(path) as file:
        yield file


def read(file) -> tuple[dict, dict, dict, dict]:
    """``(window, spikes, samples, labels)`` as :func:`write` takes them, as plain dictionaries."""
    window, labels = json.loads(file.attrs["window"]), json.loads(file.attrs["labels"])
    spikes = {
        name: {key: group[key][...] for key in ("steps", "indices", "units", "within") if key in group}
        | {"n": group["units"].size}
        | {name: ms * u.ms for name, ms in zip(("start", "stop"), group.attrs.get("window", ()))}
        for name, group in file.get("spikes", {}).items()
    }
    samples = {
        label: json.loads(group.attrs["facts"])
        | {"array": group["array"][...], "elements": group["elements"][...] if "elements" in group else None}
        | {"places": group["places"].asstr()[...].tolist() if "places" in group else None}
        for label, group in file.get("samples", {}).items()
    }
    return window, spikes, samples, labels


def _head(digest: str) -> bytes:
    return (MARK + f"sha256 {digest}\n".encode()).ljust(HEAD, b"\0")
