"""Some elements of an array: which they are, and values given for them alone."""

from __future__ import annotations

from typing import Any, NamedTuple

import brainunit as u
import jax.numpy as jnp
import numpy as np


class Patched(NamedTuple):
    """A value of which some elements were given anew: pairs of flat positions and what was given for them."""

    base: Any
    parts: tuple[tuple[np.ndarray, Any], ...]


def elements(index: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    """Flat positions of the elements that ``index`` selects in an array of ``shape``.

    Raises
    ------
    IndexError
        For an index that does not fit; the message names ``what``.
    """
    try:
        return np.arange(int(np.prod(shape))).reshape(shape)[index]
    except IndexError:
        raise IndexError(f"{what}: the index {index!r} does not fit; the shape is {shape}.") from None


def replaced(array, ids: np.ndarray, part):
    """``array`` with ``part``, one value or one for each, at the flat positions ``ids``."""
    flat = jnp.asarray(array).ravel().at[ids.ravel()].set(jnp.broadcast_to(part, ids.shape).ravel())
    return flat.reshape(array.shape)


def own(value):
    """``value`` in arrays of our own, so that what its giver does to his changes nothing."""
    number = u.get_mantissa(value) if isinstance(value, u.Quantity) else value
    if not isinstance(number, np.ndarray):
        return value
    return u.Quantity(number.copy(), unit=value.unit) if isinstance(value, u.Quantity) else number.copy()
