"""Images, and the probabilities of input events that they are encoded as."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Images(NamedTuple):
    """Probabilities of an input event per step and pixel, (n, pixels), and labels (n,), of three sets."""

    train: np.ndarray
    train_labels: np.ndarray
    valid: np.ndarray
    valid_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray

    def fewer(self, train: int, valid: int, test: int) -> Images:
        """The first so many of each set."""
        return Images(*(array[:n] for array, n in zip(self, np.repeat([train, valid, test], 2))))


def encode(images) -> np.ndarray:
    """Each image divided by its sum, then all of them by the largest value; float32 (n, pixels)."""
    flat = np.asarray(images, np.float64).reshape(len(images), -1)
    flat = flat / np.maximum(flat.sum(1, keepdims=True), 1e-12)
    return (flat / flat.max()).astype(np.float32)


def split(images, labels, test_images, test_labels, valid: int) -> Images:
    """Encode, and take the last ``valid`` of the training images for validation."""
    p, labels = encode(images), np.asarray(labels, np.int32)
    cut = len(p) - valid
    return Images(p[:cut], labels[:cut], p[cut:], labels[cut:], encode(test_images), np.asarray(test_labels, np.int32))


def digits() -> Images:
    """The 1,797 digits of 8 x 8 pixels that come with scikit-learn: 1,297, 250 and 250, always the same."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(images))
    images, labels = images[order], labels[order]
    return split(images[:1547], labels[:1547], images[1547:], labels[1547:], valid=250)


def full(path) -> Images:
    """50,000, 10,000 and 10,000 images: the last 10,000 of the training set are for validation."""
    return split(*read(path), valid=10_000)


def small(path) -> Images:
    """8,000, 1,000 and 1,000 of the 10,000 test images, in the order of NumPy's legacy generator with seed 0."""
    _, _, images, labels = read(path)
    order = np.random.RandomState(0).permutation(10_000)
    images, labels = images[order], labels[order]
    return split(images[:9000], labels[:9000], images[9000:], labels[9000:], valid=1000)


def read(path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training images and labels, test images and labels, as they are stored.

    Parameters
    ----------
    path : str or Path
        A file ``mnist.npz`` with ``x_train``, ``y_train``, ``x_test`` and ``y_test``; a folder with the four IDX files
        of MNIST or Fashion-MNIST (``train-images-idx3-ubyte``, also with ``.gz``); or a folder with
        ``mnist_train_*.npz`` and ``mnist_test.npz`` of ``x`` and ``y`` each.

    Raises
    ------
    FileNotFoundError
        If there is none of these.
    """
    path = Path(path)
    if path.is_file():
        with np.load(path) as stored:
            return tuple(stored[name] for name in ("x_train", "y_train", "x_test", "y_test"))
    parts, test = sorted(path.glob("mnist_train_*.npz")), path / "mnist_test.npz"
    if parts and test.exists():
        stored = [np.load(part) for part in parts]
        train = (np.concatenate([part[name] for part in stored]) for name in "xy")
        return (*train, *(np.load(test)[name] for name in "xy"))
    names = [f"{which}-{what}" for which in ("train", "t10k") for what in ("images-idx3-ubyte", "labels-idx1-ubyte")]
    files = [
        next((f for f in (path / name, path / f"{name}.gz", path / name.replace("-idx", ".idx")) if f.exists()), None)
        for name in names
    ]
    if any(file is None for file in files):
        raise FileNotFoundError(
            f"{path}: expected mnist.npz, or a folder with {', '.join(names)} (or .gz), or one with mnist_train_*.npz"
            " and mnist_test.npz."
        )
    return tuple(_idx(file) for file in files)


def _idx(file: Path) -> np.ndarray:
    """An array in the IDX format: two zeros, type, number of dimensions, dimensions as big-endian int32, and the bytes."""
    with (gzip.open if file.suffix == ".gz" else open)(file, "rb") as stream:
        content = stream.read()
    if content[:3] != b"\x00\x00\x08":
        raise ValueError(f"{file}: no IDX file of unsigned bytes.")
    shape = np.frombuffer(content, ">i4", content[3], offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(shape)
