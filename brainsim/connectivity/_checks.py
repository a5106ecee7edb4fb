"""Validation shared by the connection rules; every message names the rule, what was given and what is accepted."""

import numbers
import operator

import numpy as np

INT32_MAX = np.iinfo(np.int32).max


def probability(rule: str, name: str, value) -> float:
    """Return ``value`` as a float in [0, 1]."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))
    if not is_number or not 0.0 <= float(value) <= 1.0:  # NaN fails the comparison
        raise ValueError(f"{rule}: {name} = {value!r} is not a probability; give a number between 0 and 1")
    return float(value)


def distinct(ids: np.ndarray) -> bool:
    """Whether each is there once; those of most views ascend, which is seen at once."""
    return bool(np.all(ids[1:] > ids[:-1])) or len(np.unique(ids)) == len(ids)


def count(rule: str, name: str, value) -> int:
    """Return ``value`` as an int >= 0."""
    accepted = f"{rule}: {name} = {value!r} is not accepted; give a whole number, 0 or larger"
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(accepted)
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(accepted) from None
    if number < 0:
        raise ValueError(accepted)
    return number


def flag(rule: str, name: str, value) -> bool:
    """Return ``value`` as a bool, refusing anything that merely counts as true."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{rule}: {name} = {value!r} is not accepted; give True or False")
    return bool(value)


def index_array(rule: str, name: str, value) -> np.ndarray:
    """Return ``value`` as a one-dimensional array of indices >= 0 (not copied)."""
    array = np.asarray(value)
    if array.ndim != 1:
        raise ValueError(f"{rule}: {name} has shape {array.shape}; give a one-dimensional array of indices")
    if array.size == 0:
        return array.astype(np.int32)  # an empty list arrives as float64
    if not np.issubdtype(array.dtype, np.integer):
        hint = f"; np.flatnonzero({name}) turns a mask into indices" if array.dtype == bool else ""
        raise TypeError(f"{rule}: {name} holds {array.dtype} values; give integer indices{hint}")
    if array.min() < 0:
        where = int(np.argmin(array))
        raise ValueError(f"{rule}: {name}[{where}] = {array[where]} is negative; indices count from 0")
    return array


def within(rule: str, name: str, indices: np.ndarray, size: int, side: str) -> None:
    """Refuse indices at or above ``size``, the number of ``side`` neurons."""
    if indices.size and indices.max() >= size:
        where = int(np.argmax(indices))
        raise ValueError(
            f"{rule}: {name}[{where}] = {indices[where]} is out of range; "
            f"there are {size} {side} neurons, so indices are 0 to {size - 1}"
            if size
            else f"{rule}: {name}[{where}] = {indices[where]} is out of range; there are no {side} neurons"
        )


def generator(rule: str, rng) -> np.random.Generator:
    """Refuse anything but a ``numpy.random.Generator``: results depend on nothing global."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"{rule}: rng is {type(rng).__name__}; give a numpy.random.Generator, np.random.default_rng(seed)"
        )
    return rng
