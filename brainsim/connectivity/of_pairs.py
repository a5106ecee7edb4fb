"""Functions of pairs of neurons: conditions, probabilities, weights and delays."""

from __future__ import annotations

import abc
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import brainunit as u
import numpy as np
from numpy.typing import DTypeLike

from brainsim._errors import NamesArguments
from brainsim._units import in_unit

from .placed import Placed, Side

BLOCK = 1 << 17  # synapses whose values are in memory at once
ARGUMENTS = (("i", "j"), ("pre", "post"))


class SynapseValue(metaclass=NamesArguments):
    """A weight or delay of each synapse that follows from the two neurons.

    A subclass gives the values :meth:`of` some synapses.
    """

    what = "the function of pairs"  # in errors

    @abc.abstractmethod
    def of(self, placed: Placed, pre: np.ndarray, post: np.ndarray) -> Any:
        """Values, a quantity or plain numbers, () or (n,), of synapses from neurons ``pre`` to ``post``, (n,) each, which
        are numbered within their views.
        """

    def between(
        self, placed: Placed, pre: np.ndarray, post: np.ndarray, unit: u.Unit, dtype: DTypeLike, what: str
    ) -> np.ndarray:
        """Values of the synapses from neurons ``pre`` to neurons ``post`` of two views, plain, in ``unit``.

        Raises
        ------
        UnitError, ValueError
            If the values have another dimension or shape, or are not finite; the message names ``what``.
        """
        values = np.empty(len(pre), dtype)
        for start in range(0, len(pre), BLOCK):
            part = slice(start, start + BLOCK)
            found = np.asarray(in_unit(self.of(placed, pre[part], post[part]), unit, what))
            if found.shape not in ((), pre[part].shape):
                raise ValueError(f"{what}: {self.what} gives shape {found.shape} for {pre[part].shape} pairs.")
            if not np.isfinite(found).all():
                raise ValueError(f"{what}: {self.what} gives nan or infinite values.")
            values[part] = found
        return values


@dataclass(frozen=True, eq=False)
class OfPairs(SynapseValue):
    r"""A weight or delay that is a function of the two neurons.

    .. math:: x_s = f(i_s, j_s)

    What ``weight`` and ``delay`` of :meth:`brainsim.Network.connect` make of a function::

        weight=lambda i, j: 2 * u.nS * np.exp(-abs(i - j) / 10)
        delay=lambda pre, post: 1 * u.ms + abs(pre.x - post.x) / (0.3 * u.m / u.second)

    Parameters
    ----------
    function : callable
        Of arguments named ``i`` and ``j``: the numbers of some neurons within their views, (n,) each; or named ``pre``
        and ``post``: these neurons, with ``index``, ``x``, ``y``, ``z`` and ``position``. Gives one value for all or
        one for each. NumPy or JAX; coordinates are as they stand, also where the space is periodic (`OfDistance` goes the
        shorter way).

    Raises
    ------
    TypeError
        For what is not a function of such arguments.
    """

    function: Callable

    def __post_init__(self):
        checked(self.function, "OfPairs")

    def of(self, placed, pre, post):
        return applied(self.function, placed, pre, post)


def checked(function: Any, what: str) -> Callable:
    """A function of pairs.

    Raises
    ------
    TypeError
        For something else; the message begins with ``what``.
    """
    accepted = "give a function of the indices, lambda i, j: ..., or of the neurons, lambda pre, post: pre.x ..."
    if not callable(function):
        raise TypeError(f"{what}: given {function!r}; {accepted}")
    if _names(function) not in ARGUMENTS:
        raise TypeError(f"{what}: its arguments are {', '.join(_names(function)) or 'none'}; {accepted}")
    return function


def applied(function: Callable, placed: Placed | None, pre: np.ndarray, post: np.ndarray) -> Any:
    """What a function of pairs gives for neurons ``pre`` and ``post``, (n,) each, numbered within their views."""
    pre, post = (side.astype(np.int64, copy=False) for side in (pre, post))  # so that products do not overflow
    sides = (None, None) if placed is None else (lambda: placed.pre, lambda: placed.post)
    numbered = _names(function) == ("i", "j")
    neurons = (pre, post) if numbered else tuple(Side(index, where) for index, where in zip((pre, post), sides))
    try:
        return function(*neurons)
    except ValueError as error:
        if "truth value" not in str(error):  # that of an array, in NumPy and JAX
            raise
        raise ValueError(
            "a function of pairs gets arrays of pairs: write & | ~ in place of and, or, not, and np.where in place of if"
            f" ({error})"
        ) from error


def _names(function) -> tuple[str, ...]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    needed = [p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return tuple(p.name for p in needed)
