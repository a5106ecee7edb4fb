"""Labelled images: the MNIST family, as IDX files or npz."""

from __future__ import annotations

import gzip
import math
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
PARTS = {"train": "train", "test": "t10k"}  # what the files of MNIST are called


class Images(NamedTuple):
    """Images, from 0 to 1, and their labels, for training and for testing.

    Parameters
    ----------
    train_images, test_images : float32 array, (n, height, width, channels), or without channels
    train_labels, test_labels : int32 array, (n,)
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    @property
    def train(self) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels to learn from."""
        return self.train_images, self.train_labels

    @property
    def test(self) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels to test with."""
        return self.test_images, self.test_labels


def images(path: str | Path) -> Images:
    """A data set of the MNIST family (MNIST, Fashion-MNIST, KMNIST, EMNIST, or any in one of these forms).

    Parameters
    ----------
    path : str or Path
        An npz file with ``x_train``, ``y_train``, ``x_test`` and ``y_test``, as Keras has it; a folder of IDX files,
        ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte`` and ``t10k-...``, each perhaps with ``.gz``; or a folder
        of npz files ``*train*.npz`` and ``*test*.npz`` with ``x`` and ``y``, which are joined in the order of their names.

    Returns
    -------
    Images

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    ValueError
        If it holds something else; the message says what was looked for.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"data.images: there is nothing at {path}.")
    if path.is_file():
        arrays = _npz(path)
        names = ("x_train", "y_train", "x_test", "y_test")
        if not set(names) <= arrays.keys():
            raise ValueError(
                f"data.images: {path} holds {', '.join(sorted(arrays)) or 'nothing'}; expected {', '.join(names)}."
            )
        parts = {"train": (arrays["x_train"], arrays["y_train"]), "test": (arrays["x_test"], arrays["y_test"])}
    else:
        parts = {part: _in_folder(path, part) for part in PARTS}
    checked = [_checked(path, part, *arrays) for part, arrays in parts.items()]
    return Images(*checked[0], *checked[1])


def read_idx(path: str | Path) -> np.ndarray:
    """The array of an IDX file, perhaps with ``.gz``.

    Raises
    ------
    ValueError
        If it is none, or is not whole.

    References
    ----------
    Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits.
    """
    path = Path(path)
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"data.read_idx: {path} is not a whole gzip file: {error}.") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in IDX_TYPES:
        raise ValueError(
            f"data.read_idx: {path} is not an IDX file; it begins with {content[:4].hex(' ') or 'nothing'}."
        )
    dtype, axes = np.dtype(IDX_TYPES[content[2]]), content[3]
    start = 4 + 4 * axes
    shape = struct.unpack(f">{axes}I", content[4:start]) if len(content) >= start else ()
    if len(content) != start + math.prod(shape) * dtype.itemsize or not shape:
        raise ValueError(
            f"data.read_idx: {path} says it has the shape {shape} of {dtype}, and has {len(content)} bytes."
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def read_npz(path: str | Path, names: Sequence[str], what: str, by_ending: bool = False) -> dict[str, np.ndarray]:
    """Arrays of an npz file by these names, or by what their names end with.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If it is none, or has not all of them; the message begins with ``what``.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{what}: there is no file {path}.")
    arrays, found = _npz(path, what), {}
    for name in names:
        found[name] = next((key for key in arrays if key == name or (by_ending and key.endswith(f"_{name}"))), None)
    missing = [name for name, key in found.items() if key is None]
    if missing:
        raise ValueError(
            f"{what}: {path} has no {', '.join(missing)}; it holds {', '.join(sorted(arrays)) or 'nothing'}."
        )
    return {name: arrays[key] for name, key in found.items()}


def _npz(path: Path, what: str = "data.images") -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise ValueError(f"{what}: {path} is not an npz file of plain arrays.") from error


def _in_folder(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    stem = PARTS[part]
    found = []
    for what in ("images-idx3-ubyte", "labels-idx1-ubyte"):
        named = [folder / f"{stem}-{what}{end}" for end in ("", ".gz")]
        found += [read_idx(file) for file in named if file.is_file()][:1]
    if len(found) == 2:
        return found[0], found[1]
    files = sorted(folder.glob(f"*{part}*.npz"))
    stored = [arrays for arrays in map(_npz, files) if {"x", "y"} <= arrays.keys()]
    if not stored:
        raise ValueError(
            f"data.images: {folder} holds neither {stem}-images-idx3-ubyte and {stem}-labels-idx1-ubyte (or .gz) nor"
            f" *{part}*.npz with x and y."
        )
    return np.concatenate([arrays["x"] for arrays in stored]), np.concatenate([arrays["y"] for arrays in stored])


def _checked(path: Path, part: str, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if x.ndim not in (3, 4) or y.ndim != 1 or len(x) != len(y) or not len(x) or y.dtype.kind not in "iu":
        raise ValueError(
            f"data.images: of {part}, {path} holds images of shape {x.shape} and labels of shape {y.shape} and type"
            f" {y.dtype}; expected (n, height, width) and whole numbers (n,)."
        )
    scale = 255 if x.dtype == np.uint8 else 1
    return x.astype(np.float32) / np.float32(scale), y.astype(np.int32)
