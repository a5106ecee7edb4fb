"""What a distribution of weights, delays or initial states is, with units.

A distribution is drawn in two places: values on synapses with numpy, fast and once, and values that a compiled function
draws, such as initial states vmapped over seeds, with JAX. Both give plain arrays in the unit that is asked for.

Every continuous distribution here is an increasing function of a standard variable (normal or uniform), written once
for both: numpy or JAX supplies the standard variable, and truncating the distribution is truncating that variable.
"""

from __future__ import annotations

import abc
import functools
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim._errors import NamesArguments
from brainsim._units import NumberLike

from ._sources import BLOCK, DrawnSource, JaxSource, NormalNumbers, NumpySource, Source

if TYPE_CHECKING:
    from .bounded import Clipped, Truncated

SIZES = 1 << 4, 1 << 8, 1 << 12, 1 << 16  # to which draws are rounded up: few, as each is compiled, which takes longer


@dataclass(frozen=True, eq=False)
class Distribution(metaclass=NamesArguments):
    """A distribution of one variable, with a unit.

    Arguments of all distributions are quantities or plain numbers of one dimension. They are scalars, or arrays that
    broadcast to the shape sampled (one value per neuron, say).
    """

    def __post_init__(self):
        unit = self.unit
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, Distribution):
                self._magnitude(field.name, unit)
        self._validate()

    @property
    def name(self) -> str:
        """Name of the distribution in messages."""
        return type(self).__name__

    @property
    def unit(self) -> u.Unit:
        """Unit in which the first argument was given."""
        first = getattr(self, fields(self)[0].name)
        return first.unit if isinstance(first, Distribution) else u.get_unit(first)

    def sample(
        self,
        rng: np.random.Generator,
        shape: int | tuple[int, ...] = (),
        unit: u.Unit = u.UNITLESS,
        dtype: Any = np.float64,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Draw values with numpy.

        Parameters
        ----------
        rng : numpy.random.Generator
            The only source of randomness.
        shape : int or tuple of int
            Shape of the result.
        unit : brainunit.Unit
            Unit of the result; of the distribution's dimension.
        dtype : numpy dtype
            float32 or float64; float32 is drawn as such, in half the memory.
        out : ndarray, optional
            What the values are written to, of this shape and dtype: memory that is used again costs less than new one.

        Returns
        -------
        ndarray, shape `shape`
            Plain numbers in `unit`.

        Raises
        ------
        brainunit.UnitMismatchError
            If `unit` has another dimension than the distribution.
        TypeError
            If `rng` is not a numpy Generator.
        """
        if not isinstance(rng, np.random.Generator):
            raise TypeError(
                f"{self.name}: rng is {type(rng).__name__}; give a numpy.random.Generator, or a JAX key to sample_jax"
            )
        shape, dtype, unit = _shape(shape), np.dtype(dtype), self._unit(unit)
        if not self.is_of_numbers:
            values = np.asarray(self._sample(NumpySource(rng, shape, dtype), unit), dtype)
            if out is None:
                return values
            out[...] = values
            return out
        plain, values = self.plain(unit), np.empty(shape, dtype) if out is None else out
        flat = values.reshape(-1)  # a view
        normal = plain._normal if dtype == np.float32 and flat.flags.c_contiguous else None
        for start in range(0, flat.size, BLOCK):
            part = flat[start : start + BLOCK]
            if normal is None:
                part[:] = plain._sample(NumpySource(rng, part.shape, dtype), u.UNITLESS)
            else:
                normal.draw(rng, part)
        return values

    def sample_jax(
        self, key: jax.Array, shape: int | tuple[int, ...] = (), unit: u.Unit = u.UNITLESS, dtype: Any = None
    ) -> jax.Array:
        """Draw values with JAX; may be traced, and is differentiable in the distribution's arguments.

        Parameters
        ----------
        key : jax.Array
            PRNG key.
        shape : int or tuple of int
            Shape of the result.
        unit : brainunit.Unit
            Unit of the result; of the distribution's dimension.
        dtype : JAX dtype, optional
            Floating type; JAX' default where not given.

        Returns
        -------
        jax.Array, shape `shape`
            Plain numbers in `unit`.

        Raises
        ------
        brainunit.UnitMismatchError
            If `unit` has another dimension than the distribution.
        """
        dtype = jnp.result_type(float) if dtype is None else jnp.dtype(dtype)
        shape, unit = _shape(shape), self._unit(unit)
        drawn = _rounded_up(shape) if self.is_of_numbers else shape
        values = self._on_host(DrawnSource(key, drawn, dtype), unit) if self._is_linear else None
        values = self._sample(JaxSource(key, drawn, dtype), unit) if values is None else values
        values = values if isinstance(values, Tracer) else np.asarray(values, dtype)
        values = values if drawn == shape else values[: shape[0]]
        # JAX would compile a program for each size
        return values if isinstance(values, Tracer) else jax.device_put(np.array(values))

    def _on_host(self, source: DrawnSource, unit: u.Unit) -> np.ndarray | None:
        """Drawn without compiling what is computed; None where it is part of a program."""
        try:
            return self._sample(source, unit)
        except jax.errors.TracerArrayConversionError:
            return None

    @property
    def _is_linear(self) -> bool:
        """Whether values are sums and products of standard ones, which are the same numbers on the host."""
        return False

    @property
    def is_of_numbers(self) -> bool:
        """Whether all arguments are single numbers."""
        values = [u.get_mantissa(getattr(self, field.name)) for field in fields(self)]
        return all(v.is_of_numbers if isinstance(v, Distribution) else np.ndim(v) == 0 for v in values)

    @functools.cached_property
    def _is_plain(self) -> bool:
        """Whether all arguments are numbers without unit."""
        values = [getattr(self, field.name) for field in fields(self)]
        return all(v._is_plain if isinstance(v, Distribution) else v is None or isinstance(v, float) for v in values)

    @functools.cached_property
    def _normal(self) -> NormalNumbers | None:
        """The normal numbers that a distribution of plain numbers is made of; None for others."""
        return None

    def plain(self, unit: u.Unit) -> Distribution:
        """The same with its arguments as plain numbers in ``unit``: many draws look the unit up once."""
        if unit is u.UNITLESS and self._is_plain:
            return self
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(
            self,
            **{
                name: value.plain(unit) if isinstance(value, Distribution) else self._magnitude(name, unit)
                for name, value in given.items()
                if value is not None
            },
        )

    def quantile(self, q: Any, unit: u.Unit = u.UNITLESS) -> np.ndarray:
        """Value below which the variable lies with probability ``q``, for a distribution of scalar arguments.

        Parameters
        ----------
        q : array of float in (0, 1)
            Probabilities.
        unit : brainunit.Unit
            Unit of the result; of the distribution's dimension.

        Returns
        -------
        ndarray of float64, the shape of `q`
            Plain numbers in `unit`.

        Raises
        ------
        brainunit.UnitMismatchError
            If `unit` has another dimension than the distribution.
        ValueError
            If an argument is an array: then there is a distribution for each element.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, Distribution) and np.ndim(value):
                raise ValueError(
                    f"{self.name}: {field.name} has shape {np.shape(value)}; give a scalar for one quantile function"
                )
        q = np.asarray(q, np.float64)
        return np.asarray(self._quantile(q, NumpySource(None, q.shape, np.dtype(np.float64)), self._unit(unit)))

    @abc.abstractmethod
    def _quantile(self, q: np.ndarray, source: NumpySource, unit: u.Unit) -> Any:
        """Quantiles in `unit`."""

    def clip(self, low: Any = None, high: Any = None) -> Clipped:
        """Return this distribution with values outside [low, high] set to the nearer bound; see `Clipped`."""
        return _bounded().Clipped(self, low, high)

    def truncate(self, low: Any = None, high: Any = None) -> Truncated:
        """Return this distribution given that the value lies in [low, high]; see `Truncated`."""
        return _bounded().Truncated(self, low, high)

    @abc.abstractmethod
    def _sample(self, source: Source, unit: u.Unit) -> Any:
        """Draw from `source`, in `unit`."""

    def _unit(self, unit) -> u.Unit:
        if not isinstance(unit, u.Unit):
            raise TypeError(f"{self.name}: unit is {unit!r}; give a unit such as u.mV, or u.UNITLESS")
        return unit

    def _validate(self) -> None:
        """Refuse arguments of the right dimension that make no distribution."""

    def _magnitude(self, name: str, unit: u.Unit):
        """Argument `name` as plain numbers in `unit`; a bound that is not given is infinite."""
        value = getattr(self, name)
        if value is None:
            return -np.inf if name == "low" else np.inf
        if unit is u.UNITLESS and isinstance(value, float | np.ndarray):  # what blocks are drawn with, many times
            return value
        given = u.get_unit(value)
        if not given.has_same_dim(unit):
            number = f"{name} = {value}" if np.ndim(value) == 0 else f"{name} of shape {np.shape(value)}"
            raise u.UnitMismatchError(f"{self.name}: expected {_describe(unit)}, given {number} ({_describe(given)})")
        return value.to_decimal(unit) if isinstance(value, u.Quantity) else value

    def _concrete(self, *names: str) -> list[np.ndarray] | None:
        """Arguments in the distribution's own unit; None while one is traced, when there is no value to check."""
        values = [self._magnitude(name, self.unit) for name in names]
        if any(isinstance(value, Tracer) for value in values):
            return None
        try:
            return [np.asarray(value, np.float64) for value in values]
        except (TypeError, ValueError):
            given = ", ".join(f"{name} = {getattr(self, name)!r}" for name in names)
            raise TypeError(f"{self.name}: given {given}; give quantities or numbers") from None

    def _refuse(self, bad, accepted: str) -> None:
        if np.any(bad):
            given = ", ".join(f"{field.name} = {getattr(self, field.name)}" for field in fields(self))
            raise ValueError(f"{self.name}: given {given}; {accepted}")


#: What a number of a model may be given as.
Given: TypeAlias = NumberLike | Sequence[u.Quantity] | Distribution


def _rounded_up(shape: tuple[int, ...]) -> tuple[int, ...]:
    # Each operation of a draw is compiled for a size: populations of like size share them. The first numbers of a longer
    # draw are those of a shorter one where each number is made of the key and its place.
    by_place = jax.config.jax_threefry_partitionable  # pyright: ignore[reportAttributeAccessIssue]  made at run time
    if len(shape) != 1 or not 0 < shape[0] <= SIZES[-1] or not by_place:
        return shape
    return (next(size for size in SIZES if size >= shape[0]),)


class Continuous(Distribution):
    """An increasing function of a standard variable."""

    standard: str  # "normal" or "uniform"

    @abc.abstractmethod
    def _from_standard(self, z: Any, source: Source, unit: u.Unit) -> Any:
        """Turn standard values into values in `unit`."""

    @abc.abstractmethod
    def _to_standard(self, x: Any, source: Source, unit: u.Unit) -> Any:
        """Turn values in `unit` into standard values; infinite ones outside the support of an unbounded variable."""

    def _sample(self, source, unit):
        self._magnitude(fields(self)[0].name, unit)  # refuse a wrong unit before drawing
        return self._from_standard(getattr(source, self.standard)(), source, unit)

    def _quantile(self, q, source, unit):
        return self._from_standard(source.ndtri(q) if self.standard == "normal" else q, source, unit)


def _bounded():
    from . import bounded  # which is made of distributions

    return bounded


def _shape(shape) -> tuple[int, ...]:
    return (int(shape),) if np.ndim(shape) == 0 else tuple(int(n) for n in shape)


def _describe(unit: u.Unit) -> str:
    return "a plain number" if unit.has_same_dim(u.UNITLESS) else f"a quantity in {unit}"
