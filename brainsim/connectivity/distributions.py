"""Distributions of weights, delays and initial states, with units."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._sources import NormalNumbers
from .distribution import Continuous, Distribution


@dataclass(frozen=True, eq=False)
class Constant(Distribution):
    r"""Always the same value.

    .. math:: P(X = x) = 1

    Parameters
    ----------
    value : quantity or float
        The value.
    """

    value: Any

    def _sample(self, source, unit):
        return source.numpy.full(source.shape, source.argument(self._magnitude("value", unit)), source.dtype)

    def _quantile(self, q, source, unit):
        return self._sample(source, unit)

    def _validate(self):
        if values := self._concrete("value"):
            self._refuse(~np.isfinite(values[0]), "give a finite value")


@dataclass(frozen=True, eq=False)
class Normal(Continuous):
    r"""Normal distribution.

    .. math:: X = \mu + \sigma Z,\qquad Z \sim \mathcal{N}(0, 1)

    Parameters
    ----------
    mean, std : quantity or float
        Mean :math:`\mu` and standard deviation :math:`\sigma \ge 0`.

    Raises
    ------
    brainunit.UnitMismatchError
        If the dimensions differ.
    ValueError
        If std is negative.
    """

    mean: Any
    std: Any
    standard = "normal"

    @property
    def _is_linear(self):
        return True

    def _validate(self):
        if values := self._concrete("mean", "std"):
            mean, std = values
            self._refuse(
                ~(np.isfinite(mean) & np.isfinite(std) & (std >= 0)), "give a finite mean and a std of 0 or larger"
            )

    @functools.cached_property
    def _normal(self):
        return NormalNumbers(float(self.mean), float(self.std))

    def _from_standard(self, z, source, unit):
        mean, std = source.argument(self._magnitude("mean", unit)), source.argument(self._magnitude("std", unit))
        return mean + std * z

    def _to_standard(self, x, source, unit):
        mean, std = source.argument(self._magnitude("mean", unit)), source.argument(self._magnitude("std", unit))
        return (x - mean) / std


@dataclass(frozen=True, eq=False)
class LogNormal(Continuous):
    r"""Log-normal distribution, given by the mean and standard deviation of the variable itself.

    .. math::

        X = e^{\mu + \sigma Z},\qquad Z \sim \mathcal{N}(0, 1),\qquad
        \sigma^2 = \ln\!\left(1 + \frac{\mathrm{std}^2}{\mathrm{mean}^2}\right),\qquad
        \mu = \ln(\mathrm{mean}) - \sigma^2 / 2

    Many libraries take :math:`\mu` and :math:`\sigma` of the logarithm instead; those have no unit.

    Parameters
    ----------
    mean, std : quantity or float
        Mean (> 0) and standard deviation (:math:`\ge 0`) of X.

    Raises
    ------
    brainunit.UnitMismatchError
        If the dimensions differ.
    ValueError
        If mean is not positive or std is negative.
    """

    mean: Any
    std: Any
    standard = "normal"

    def _validate(self):
        if values := self._concrete("mean", "std"):
            mean, std = values
            accepted = "give a finite mean larger than 0 and a std of 0 or larger, both of the variable itself"
            self._refuse(~(np.isfinite(mean) & np.isfinite(std) & (mean > 0) & (std >= 0)), accepted)

    def _log_moments(self, source, unit):
        mean, std = source.argument(self._magnitude("mean", unit)), source.argument(self._magnitude("std", unit))
        variance = source.numpy.log1p((std / mean) ** 2)
        return source.numpy.log(mean) - variance / 2, source.numpy.sqrt(variance)

    def _from_standard(self, z, source, unit):
        mu, sigma = self._log_moments(source, unit)
        return source.numpy.exp(mu + sigma * z)

    def _to_standard(self, x, source, unit):
        mu, sigma = self._log_moments(source, unit)
        positive = x > 0
        log_x = source.numpy.log(source.numpy.where(positive, x, 1.0))
        return source.numpy.where(positive, (log_x - mu) / sigma, -np.inf)


@dataclass(frozen=True, eq=False)
class Uniform(Continuous):
    r"""Uniform distribution on an interval.

    .. math:: X = a + (b - a) U,\qquad U \sim \mathcal{U}[0, 1)

    Parameters
    ----------
    low, high : quantity or float
        Ends :math:`a \le b` of the interval.

    Raises
    ------
    brainunit.UnitMismatchError
        If the dimensions differ.
    ValueError
        If low is above high.
    """

    low: Any
    high: Any
    standard = "uniform"

    @property
    def _is_linear(self):
        return True

    def _validate(self):
        if values := self._concrete("low", "high"):
            low, high = values
            self._refuse(~(np.isfinite(low) & np.isfinite(high) & (low <= high)), "give finite ends, low <= high")

    def _from_standard(self, z, source, unit):
        low, high = source.argument(self._magnitude("low", unit)), source.argument(self._magnitude("high", unit))
        return low + (high - low) * z

    def _to_standard(self, x, source, unit):
        low, high = source.argument(self._magnitude("low", unit)), source.argument(self._magnitude("high", unit))
        return (x - low) / (high - low)


@dataclass(frozen=True, eq=False)
class LogUniform(Continuous):
    r"""Uniform distribution of the logarithm: each factor of ten is as likely as any other.

    .. math:: X = a\,(b / a)^U,\qquad U \sim \mathcal{U}[0, 1)

    Parameters
    ----------
    low, high : quantity or float
        Ends :math:`0 < a \le b` of the interval.

    Raises
    ------
    brainunit.UnitMismatchError
        If the dimensions differ.
    ValueError
        If low is not positive or above high.
    """

    low: Any
    high: Any
    standard = "uniform"

    def _validate(self):
        if values := self._concrete("low", "high"):
            low, high = values
            bad = ~(np.isfinite(low) & np.isfinite(high) & (low > 0) & (low <= high))
            self._refuse(bad, "give finite ends larger than 0, low <= high")

    def _from_standard(self, z, source, unit):
        low, high = source.argument(self._magnitude("low", unit)), source.argument(self._magnitude("high", unit))
        return low * (high / low) ** z

    def _to_standard(self, x, source, unit):
        low, high = source.argument(self._magnitude("low", unit)), source.argument(self._magnitude("high", unit))
        positive = x > 0
        log_x = source.numpy.log(source.numpy.where(positive, x, 1.0))
        return source.numpy.where(positive, (log_x - source.numpy.log(low)) / source.numpy.log(high / low), -np.inf)
