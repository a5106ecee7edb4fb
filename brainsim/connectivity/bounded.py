"""Distributions within bounds."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from typing import Any, cast

import brainunit as u
import numpy as np

from . import _sources
from ._sources import NumpySource
from .distribution import Continuous, Distribution


@dataclass(frozen=True, eq=False)
class _Bounded(Distribution):
    """A distribution with bounds: fields `distribution`, `low` and `high`."""

    distribution: Distribution
    low: Any
    high: Any

    def __post_init__(self):
        if not isinstance(self.distribution, Distribution):
            given = f"{self.distribution!r}"
            raise TypeError(f"{self.name}: distribution is {given}; give a distribution such as Normal(mean, std)")
        if self.low is None and self.high is None:
            raise ValueError(f"{self.name}: neither low nor high is given; give one or both")
        super().__post_init__()

    def _validate(self):
        if bounds := self._concrete("low", "high"):
            low, high = bounds
            self._refuse(~(low <= high), "give bounds low <= high")

    @property
    def _single_bounds(self) -> tuple[float, float]:
        """Bounds of plain numbers as float32 has them."""
        low, high = self._bounds(NumpySource(None, (), np.dtype(np.float32)), u.UNITLESS)
        return float(low), float(high)

    def _bounds(self, source, unit):
        return source.argument(self._magnitude("low", unit)), source.argument(self._magnitude("high", unit))


@dataclass(frozen=True, eq=False)
class Clipped(_Bounded):
    r"""A distribution whose values outside an interval are set to the nearer bound.

    .. math:: Y = \min(\max(X, a), b)

    The bounds gather the probability that lay outside. `Truncated` leaves it out instead.

    Parameters
    ----------
    distribution : Distribution
        Distribution of X.
    low, high : quantity or float, optional
        Bounds :math:`a \le b`; one that is not given does not bound.

    Raises
    ------
    brainunit.UnitMismatchError
        If a bound has another dimension than the distribution.
    TypeError, ValueError
        If there is no distribution or no bound, or low is above high.
    """

    distribution: Distribution
    low: Any = None
    high: Any = None

    @property
    def _is_linear(self):
        return self.distribution._is_linear

    @functools.cached_property
    def _normal(self):
        inner = self.distribution._normal
        return None if inner is None else inner.clipped(*self._single_bounds)

    def _sample(self, source, unit):
        return source.numpy.clip(self.distribution._sample(source, unit), *self._bounds(source, unit))

    def _quantile(self, q, source, unit):
        return np.clip(self.distribution._quantile(q, source, unit), *self._bounds(source, unit))


@dataclass(frozen=True, eq=False)
class Truncated(_Bounded):
    r"""A distribution given that its value lies in an interval, as if redrawn until it does.

    .. math:: P(Y \le y) = P(X \le y \mid a \le X \le b)

    Drawn by inverting the distribution function, so the time does not depend on how much lies inside, and gradients
    pass. Mean and standard deviation are those of X before truncation.

    Parameters
    ----------
    distribution : Normal, LogNormal or Uniform
        Distribution of X.
    low, high : quantity or float, optional
        Bounds :math:`a \le b`; one that is not given does not bound.

    Raises
    ------
    brainunit.UnitMismatchError
        If a bound has another dimension than the distribution.
    TypeError, ValueError
        If the distribution is not continuous, no bound is given, low is above high, or the interval holds less than
        1e-30 of the distribution (11 standard deviations off a normal one).
    """

    distribution: Distribution
    low: Any = None
    high: Any = None

    def __post_init__(self):
        if isinstance(self.distribution, Distribution) and not isinstance(self.distribution, Continuous):
            raise TypeError(
                f"{self.name}: distribution is {self.distribution.name}; give Normal, LogNormal or Uniform "
                "(truncate first and clip afterwards: Normal(mean, std).truncate(...).clip(...))"
            )
        super().__post_init__()

    def _validate(self):
        super()._validate()
        inner = self._inner
        if not (bounds := self._concrete("low", "high")) or not inner._concrete(*(f.name for f in fields(inner))):
            return
        given = (u.get_mantissa(getattr(inner, f.name)) for f in fields(inner))
        shape = np.broadcast_shapes(*map(np.shape, (*bounds, *given)))
        source = NumpySource(None, shape, np.dtype(np.float64))
        mass = getattr(_sources, f"{inner.standard}_mass")(*self._standard_bounds(source, self.unit))
        self._refuse(~(mass > 1e-30), "give bounds that hold some of the distribution")

    @functools.cached_property
    def _normal(self):
        inner = self._inner._normal
        least, most = self._standard_bounds(NumpySource(None, (), np.dtype(np.float32)), u.UNITLESS)
        if inner is None or _sources.normal_mass(least, most) < _sources.MOST:
            return None
        # Rounding of the way back must not leave the interval
        return inner._replace(least=float(least), most=float(most)).clipped(*self._single_bounds)

    def _sample(self, source, unit):
        inner = self._inner
        inner._magnitude(fields(inner)[0].name, unit)  # refuse a wrong unit in the distribution's own name
        z = getattr(_sources, f"truncated_{inner.standard}")(source, *self._standard_bounds(source, unit))
        # Rounding of the way back must not leave the interval.
        return source.numpy.clip(inner._from_standard(z, source, unit), *self._bounds(source, unit))

    def _quantile(self, q, source, unit):
        inner, (low, high) = self._inner, self._standard_bounds(source, unit)
        if inner.standard == "uniform":
            low, high = np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)
            z = low + (high - low) * q
        elif np.all(low > 0):  # mirrored, since the lower tail alone is resolved
            z = -source.ndtri(source.ndtr(-high) + (source.ndtr(-low) - source.ndtr(-high)) * (1 - q))
        else:
            z = source.ndtri(source.ndtr(low) + (source.ndtr(high) - source.ndtr(low)) * q)
        return np.clip(inner._from_standard(z, source, unit), *self._bounds(source, unit))

    @property
    def _inner(self) -> Continuous:
        return cast(Continuous, self.distribution)  # others have been refused

    def _standard_bounds(self, source, unit):
        xp = source.numpy
        standard = []
        for bound in self._bounds(source, unit):
            # Infinite bounds stay as they are, without passing through arithmetic whose gradient would be undefined.
            finite = xp.isfinite(bound)
            with np.errstate(divide="ignore", invalid="ignore"):  # a width of zero gives infinite or undefined bounds
                inside = self._inner._to_standard(xp.where(finite, bound, xp.zeros_like(bound)), source, unit)
            standard.append(xp.where(finite, inside, bound))
        return standard
