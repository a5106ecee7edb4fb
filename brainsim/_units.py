"""Units at the door: quantities become plain arrays in a declared unit, and back."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from numbers import Number
from typing import Any, TypeAlias

import brainunit as u
import jax
import numpy as np
from numpy.typing import ArrayLike

from brainsim._errors import UnitError

UNITLESS = u.UNITLESS
QuantityLike: TypeAlias = u.Quantity | u.Unit  # what people write: ``2 * u.ms``, or ``u.second`` for one second
NumberLike: TypeAlias = QuantityLike | ArrayLike  # numbers with a unit or without, one or many
Value: TypeAlias = u.Quantity | jax.Array  # what equations compute with


def _leave_dask_alone() -> None:
    """Let quantities ask whether an array is one of dask's without importing dask.

    Each sum of two quantities asks, for the text of an error that may never be seen (saiunit 0.5), and the import takes a
    second where dask is installed. Nothing is one of its arrays before it has been imported.
    """
    with contextlib.suppress(ImportError, AttributeError):  # other versions ask in another way, or not at all
        from saiunit import _backend

        asked = _backend.is_dask_array
        _backend.is_dask_array = lambda x: "dask.array" in sys.modules and asked(x)


_leave_dask_alone()


def split_quantity(value: Any) -> tuple[Any, u.Unit]:
    """``(number, unit)`` of a quantity, a bare unit or a plain number."""
    if isinstance(value, u.Quantity):
        return value.mantissa, value.unit
    if isinstance(value, u.Unit):
        return 1.0, value
    return value, UNITLESS


def in_unit(value: Any, unit: Any, what: str) -> Any:
    """The plain number or array of ``value`` in ``unit``.

    Raises
    ------
    UnitError
        If ``value`` has another dimension; the message names ``what``.
    """
    value = joined(value, what)
    number, given = split_quantity(value)
    if given is unit or given == unit:
        return number
    if not given.has_same_dim(unit):
        what_it_is = "a number without unit" if _is_number(number) else "what is no number"
        shown = what_it_is if given == UNITLESS else f"{given}"
        expected = "a number without unit" if unit == UNITLESS else f"{unit}"
        raise UnitError(f"{what}: expected {expected}, given {shown} ({_short(value)}).")
    return u.Quantity(number, unit=given).to_decimal(unit)


def _is_number(value) -> bool:
    parts = value if isinstance(value, list | tuple) else [value]
    return all(hasattr(part, "dtype") or isinstance(part, Number | list | tuple) for part in parts)


def joined(value, what: str):
    """A list of quantities as one quantity; anything else as it is."""
    if not isinstance(value, list | tuple) or not any(isinstance(part, u.Quantity) for part in value):
        return value
    unit = next(part.unit for part in value if isinstance(part, u.Quantity))
    return u.Quantity(np.stack([np.asarray(in_unit(part, unit, what)) for part in value]), unit=unit)


def _short(value) -> str:
    """A value as text of one line."""
    text = " ".join(str(value).split())
    return text if len(text) <= 80 else f"{text[:60]} ... {text[-15:]}"


@contextlib.contextmanager
def named(what: str) -> Iterator[None]:
    """Say ``what`` in the unit errors of distributions, which do not know what they are for."""
    try:
        yield
    except u.UnitMismatchError as error:
        raise UnitError(f"{what}: {error}.") from None


def with_unit(array: Any, unit: Any) -> Any:
    """The quantity ``array * unit``; the plain array if ``unit`` is dimensionless."""
    return array if unit == UNITLESS else u.Quantity(array, unit=unit)


_NARROW, _WIDE = np.dtype(np.float32), np.dtype(np.float64)


def float_dtype() -> np.dtype:
    """The float type of this process: float32, or float64 with ``jax_enable_x64``."""
    return _WIDE if jax.config.jax_enable_x64 else _NARROW  # type: ignore[attr-defined]
