"""What a projection has of every synapse, as a matrix."""

from __future__ import annotations

from typing import Any

import brainunit as u
import numpy as np

from brainsim._errors import NotEnoughMemoryError, UnknownNameError, suggestion
from brainsim._memory import available_bytes, human
from brainsim._units import split_quantity, with_unit


def matrix_of(projection: Any, name: str, missing: float) -> u.Quantity | np.ndarray:
    """What :meth:`Projection.as_matrix` gives; arguments and errors as there."""
    if name not in ("weight", "delay"):
        raise UnknownNameError(f"{projection.path} has no {name!r} of synapses.{suggestion(name, ('weight', 'delay'))}")
    values = getattr(projection, name)
    if values is None:
        raise ValueError(f"{projection.path}: there is no delay.")
    pre, post = projection.pairs()
    shape = projection.n_pre, projection.n_post
    needed = 8 * shape[0] * shape[1]
    if needed > available_bytes():
        raise NotEnoughMemoryError(
            f"{projection.path}: a matrix of {shape[0]} x {shape[1]} needs {human(needed)}, {human(available_bytes())} are free."
        )
    number, unit = split_quantity(values)
    numbers = np.asarray(number)
    numbers = numbers.ravel() if numbers.ndim else np.broadcast_to(numbers, pre.shape)
    matrix = np.full(shape, missing, numbers.dtype)
    matrix[pre, post] = 0 if name == "weight" else numbers
    if name == "weight":
        np.add.at(matrix, (pre, post), numbers)
    elif not np.array_equal(matrix[pre, post], numbers):
        raise ValueError(f"{projection.path}: several synapses of one pair have different delays; use pairs().")
    return with_unit(matrix, unit)
