"""Functions of distance: the profile of a probability, a weight or a delay in space."""

from __future__ import annotations

import abc
import math
from dataclasses import Field, dataclass, fields
from typing import Any

import brainunit as u
import numpy as np

from brainsim._errors import NamesArguments
from brainsim._units import NumberLike, in_unit, split_quantity


def _fields(kernel: Any) -> tuple[Field, ...]:
    return fields(kernel)  # each kernel is a dataclass


class Kernel(metaclass=NamesArguments):
    """A number for each distance, 1 or less in size.

    A kernel is called with distances and gives plain numbers. Its lengths are the fields of its dataclass, all of one
    dimension; a new kernel says its :meth:`profile`, and a falling :meth:`bound` of it with its inverse, :meth:`reach`.
    """

    def __post_init__(self):
        first = _fields(self)[0].name
        unit = split_quantity(getattr(self, first))[1]
        for field in _fields(self):
            value = float(in_unit(getattr(self, field.name), unit, f"{type(self).__name__}: {field.name}"))
            if not (math.isfinite(value) and value > 0):
                raise ValueError(
                    f"{type(self).__name__}: {field.name} = {getattr(self, field.name)}; give a positive length"
                )

    @property
    def unit(self) -> u.Unit:
        """Unit of the kernel's lengths."""
        return split_quantity(getattr(self, _fields(self)[0].name))[1]

    def length(self, name: str) -> float:
        """The length ``name`` as a plain number in the kernel's unit."""
        return float(in_unit(getattr(self, name), self.unit, f"{type(self).__name__}: {name}"))

    @abc.abstractmethod
    def profile(self, r: np.ndarray) -> np.ndarray:
        """Values at plain distances in the kernel's unit."""

    @abc.abstractmethod
    def bound(self, r: np.ndarray) -> np.ndarray:
        """What no value at these plain distances, or at longer ones, exceeds; falling from 1."""

    @abc.abstractmethod
    def reach(self, level: float) -> float:
        """Distance, plain, at which the bound has fallen to ``level``; infinite for level 0 where it never does."""

    def __call__(self, distance: NumberLike) -> np.ndarray:
        """Values, plain, at distances given as a quantity of the kernel's dimension."""
        return self.profile(np.asarray(in_unit(distance, self.unit, type(self).__name__), np.float64))


@dataclass(frozen=True)
class Gaussian(Kernel):
    r"""Bell-shaped.

    .. math:: k(r) = e^{-r^2 / 2 \sigma^2}

    A profile :math:`e^{-(r/\lambda)^2}` has :math:`\sigma = \lambda / \sqrt 2`.

    Parameters
    ----------
    sigma : quantity or float
        Standard deviation.
    """

    sigma: NumberLike

    def profile(self, r):
        return np.exp(-0.5 * (r / self.length("sigma")) ** 2)

    bound = profile

    def reach(self, level):
        return self.length("sigma") * math.sqrt(max(0.0, -2.0 * math.log(level))) if level > 0 else math.inf


@dataclass(frozen=True)
class ExponentialDecay(Kernel):
    r"""Falling by a factor e in each length constant.

    .. math:: k(r) = e^{-r / \lambda}

    Parameters
    ----------
    length_constant : quantity or float
        Length constant :math:`\lambda`.
    """

    length_constant: NumberLike

    def profile(self, r):
        return np.exp(-r / self.length("length_constant"))

    bound = profile

    def reach(self, level):
        return self.length("length_constant") * max(0.0, -math.log(level)) if level > 0 else math.inf


@dataclass(frozen=True)
class DifferenceOfGaussians(Kernel):
    r"""Mexican hat: positive near by, negative around.

    .. math:: k(r) = e^{-r^2 / 2 \sigma_c^2} - a\, e^{-r^2 / 2 \sigma_s^2}

    As the profile of a weight it is taken with its sign; as that of a probability, negative values count as zero.

    Parameters
    ----------
    sigma_center, sigma_surround : quantity or float
        Standard deviations :math:`\sigma_c < \sigma_s`.
    ratio : float
        Height :math:`a` of the surround, 0 to 1.
    """

    sigma_center: NumberLike
    sigma_surround: NumberLike
    ratio: float

    def __post_init__(self):
        unit = split_quantity(self.sigma_center)[1]
        for name in ("sigma_center", "sigma_surround"):
            in_unit(getattr(self, name), unit, f"DifferenceOfGaussians: {name}")
        if not 0 < self.length("sigma_center") < self.length("sigma_surround") < math.inf:
            raise ValueError(
                f"DifferenceOfGaussians: given sigma_center = {self.sigma_center} and sigma_surround ="
                f" {self.sigma_surround}; give positive lengths, the center's the smaller one"
            )
        if not 0 <= self.ratio <= 1:
            raise ValueError(f"DifferenceOfGaussians: ratio = {self.ratio}; give a number between 0 and 1")

    def profile(self, r):
        center, surround = self.length("sigma_center"), self.length("sigma_surround")
        return np.exp(-0.5 * (r / center) ** 2) - self.ratio * np.exp(-0.5 * (r / surround) ** 2)

    def bound(self, r):
        return np.exp(-0.5 * (r / self.length("sigma_center")) ** 2)

    def reach(self, level):
        return Gaussian(self.length("sigma_center")).reach(level)
