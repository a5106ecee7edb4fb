"""Sequences of different length in one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def padded(sequences: Sequence[ArrayLike], n_steps: int | None = None, value: float = 0) -> tuple[Any, np.ndarray]:
    """Sequences of different length in one array, filled up behind their ends, and their lengths.

    ``inputs, lengths = padded(sequences)``, and ``fit(net, (inputs, targets, lengths), ...)`` counts what is before an
    end alone. Labels of steps are padded by ``value=-1``.

    Parameters
    ----------
    sequences : sequence of array, (length, ...)
        Each with one row for each step, and rows of one shape.
    n_steps : int, optional
        Steps of all; by default those of the longest.
    value : float
        What is behind an end.

    Returns
    -------
    inputs : array, (n, n_steps, ...)
    lengths : int array, (n,)

    Raises
    ------
    ValueError
        For none, for rows of different shape, and for a sequence that is empty or longer than ``n_steps``.
    """
    arrays = [np.asarray(sequence) for sequence in sequences]
    if not arrays:
        raise ValueError("padded: there are no sequences.")
    for k, array in enumerate(arrays):
        if array.ndim == 0 or not len(array) or array.shape[1:] != arrays[0].shape[1:]:
            raise ValueError(
                f"padded: sequence {k} has shape {array.shape}; expected steps of shape {arrays[0].shape[1:]}, one at least."
            )
    lengths = np.array([len(array) for array in arrays])
    longest = int(lengths.max())
    steps = longest if n_steps is None else n_steps
    if longest > steps:
        raise ValueError(f"padded: sequence {lengths.argmax()} has {longest} steps, more than {steps}.")
    inputs = np.full((len(arrays), steps, *arrays[0].shape[1:]), value, np.result_type(*arrays))
    for row, array in zip(inputs, arrays):
        row[: len(array)] = array
    return inputs, lengths
