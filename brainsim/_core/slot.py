"""Where a value goes, and what it must be to go there: the one check for every way in."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, cast

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim._core.site import OfSite
from brainsim._units import in_unit, joined, split_quantity


@dataclasses.dataclass(frozen=True)
class Slot:
    """What the array of a parameter or state must be.

    Assignment, inputs, sweeps, pure functions, distributions and files all convert through it, so that what one door
    refuses no other lets in.

    Parameters
    ----------
    path : str
        Where the value goes, for errors.
    unit : Unit
        Unit that the array is kept in.
    shape : tuple of int or None
        Shape of one value per element; None for any shape.
    dtype : numpy dtype
        Type that the array is kept in.
    positive, nonnegative : bool
        Refuse zero and what is below; refuse what is below zero.
    at_most : float, optional
        Refuse what is above, in ``unit``.
    grid : tuple of int, optional
        Shape that the elements are arranged in: values of this shape are accepted too, and kept flat.
    by_site : callable, optional
        Makes numbers of a value that depends on the place.
    """

    path: str
    unit: u.Unit | None
    shape: tuple[int, ...] | None
    dtype: np.dtype | None
    positive: bool = False
    nonnegative: bool = False
    at_most: float | None = None
    grid: tuple[int, ...] | None = None
    by_site: Callable[[OfSite], Any] | None = dataclasses.field(default=None, compare=False, repr=False)

    @property
    def kind(self) -> tuple[tuple[int, ...], u.Unit]:
        """Shape and unit of what is one value per element."""
        return cast(tuple[int, ...], self.shape), cast(u.Unit, self.unit)

    def convert(self, value: Any, *, what: str | None = None, lead: tuple[int, ...] = (), plain: bool = False) -> Any:
        """``value`` as a plain array.

        Parameters
        ----------
        value : quantity, number or array, () or the slot's shape, each after the axes of ``lead``
        what : str, optional
            What the value is called in errors; the path by default.
        lead : tuple of int
            Axes before those of one value: the steps of an input, the points of a sweep.
        plain : bool
            Take a number without unit to be in the slot's unit, as inside compiled code.

        Returns
        -------
        array, of shape ``lead`` or ``lead + shape``

        Raises
        ------
        UnitError, TypeError, ValueError
            For a wrong unit, type or shape, and for a value that is not finite or out of range.
        """
        what = what or self.path
        value = self.numbers(value) if isinstance(value, OfSite) else joined(value, what)
        number = value if plain and split_quantity(value)[1] == u.UNITLESS else in_unit(value, self.unit, what)
        if isinstance(number, Tracer):
            return self._traced(jnp.asarray(self._shaped(what, number, lead), self.dtype))
        try:
            given = np.asarray(number)
        except ValueError:
            raise ValueError(f"{what}: the values have different lengths, given {value!r}.") from None
        if given.dtype.kind not in "biuf":
            raise TypeError(f"{what}: expected numbers, given {value!r}.")
        given = self._shaped(what, given, lead)
        self._check_range(what, given)
        if given.dtype == self.dtype:  # arrays of JAX stay what they are
            return number if isinstance(number, jax.Array) and number.shape == given.shape else given
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            kept = given.astype(self.dtype)
        if kept.dtype.kind == "f":
            self._check_range(what, kept, f", as {kept.dtype}")
            if kept.dtype == np.float16:
                check_digits(what, given, self._shown_unit)
        else:
            whole = "true or false" if kept.dtype == np.bool_ else f"whole numbers ({kept.dtype})"
            _refuse(what, given, kept != given, f"must be {whole}", self._shown_unit)
        return kept

    def numbers(self, value: OfSite) -> Any:
        """The numbers that a value is at the places that the array is of."""
        return value if self.by_site is None else self.by_site(value)

    def _traced(self, array):
        """Inside a transformation a value cannot be refused: what is out of range becomes NaN, and so does the result."""
        if array.dtype.kind != "f" or not (self.positive or self.nonnegative or self.at_most is not None):
            return array
        allowed = array > 0 if self.positive else array >= 0 if self.nonnegative else True
        if self.at_most is not None:
            allowed = allowed & (array <= self.at_most * (1 + 1e-6))
        return jnp.where(allowed, array, jnp.nan)

    def _shaped(self, what, array, lead):
        """The array, flat if it came in the shape of the grid."""
        if self.shape is None and array.shape[: len(lead)] == lead:
            return array
        if self.grid is not None and array.shape == lead + self.grid:
            return array.reshape(lead + self.shape)
        accepted = [lead] if self.shape is None else [lead, lead + self.shape]
        if array.shape not in accepted:
            also = [] if self.grid is None else [lead + self.grid]
            shown = " or ".join(map(str, dict.fromkeys(accepted + also)))
            raise ValueError(f"{what}: expected shape {shown}, given {array.shape}.")
        return array

    @property
    def _shown_unit(self) -> str:
        return "" if self.unit in (None, u.UNITLESS) else f" {self.unit}"

    def _check_range(self, what, array, note=""):
        unit = self._shown_unit
        if array.size and array.dtype.kind == "f":  # no further arrays where all is well
            low, high = array.min(), array.max()
            enough = low > 0 if self.positive else low >= 0 or not self.nonnegative
            if np.isfinite(low) and np.isfinite(high) and enough and self.at_most is None:
                return
        if array.dtype.kind == "f":
            _refuse(what, array, ~np.isfinite(array), f"must be finite{note}", unit)
        if self.positive:
            _refuse(what, array, array <= 0, f"must be positive{note}", unit)
        if self.nonnegative:
            _refuse(what, array, array < 0, f"must not be negative{note}", unit)
        if self.at_most is not None:
            _refuse(
                what, array, array > self.at_most * (1 + 1e-6), f"must be at most {self.at_most:g}{unit}{note}", unit
            )


def check_digits(what: str, given: np.ndarray, unit: str = "") -> None:
    """Refuse numbers to be kept in 16 bits that are all so small that most of their digits would be lost.

    Raises
    ------
    ValueError
    """
    largest, least = np.max(np.abs(given), initial=0.0), np.finfo(np.float16).tiny
    if 0 < largest < least:
        raise ValueError(
            f"{what}: float16 loses the digits of numbers below {least:.1e}{unit}, and the largest here is {largest:.1e}; keep"
            " them in full precision."
        )


def _refuse(what, given, bad, must, unit):
    """Raise a ValueError that says what values ``must`` be, and shows the first of the ``bad`` ones."""
    if np.any(bad):
        first = given[bad].flat[0] if given.ndim else given
        where = f" ({int(bad.sum()):,} of {bad.size:,} values)" if given.ndim else ""
        raise ValueError(f"{what}: values {must}, given {first}{unit}{where}.")
