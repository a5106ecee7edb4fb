"""Values on synapses that follow from the distance of the two neurons."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass
from typing import Any

import brainunit as u
import numpy as np

from brainsim._units import in_unit, with_unit

from .of_pairs import SynapseValue


class DistanceValue(SynapseValue):
    """A weight or delay of each synapse that follows from its distance.

    Distances are Euclidean, the shortest way where an axis is periodic. A subclass gives the values :meth:`at`
    distances.
    """

    what = "the function of distance"

    @abc.abstractmethod
    def at(self, distance: u.Quantity | np.ndarray) -> u.Quantity | np.ndarray:
        """Values, a quantity or plain numbers, at distances (a quantity in the unit of the positions, (n,))."""

    def of(self, placed, pre, post):
        return self.at(with_unit(placed.space.distances(pre, post), placed.space.unit))


@dataclass(frozen=True, eq=False)
class OfDistance(DistanceValue):
    r"""A weight or delay that is a function of the distance between the two neurons.

    .. math:: x_s = a\, f(d_s)

    For example::

        weight=OfDistance(DifferenceOfGaussians(0.2, 0.8, ratio=0.5), scale=2 * u.nS)
        weight=OfDistance(lambda d: 2 * u.nS / (1 + d / (50 * u.um)))

    Parameters
    ----------
    function : Kernel or callable
        Profile :math:`f`: a kernel, or a function of the distances of some synapses (a quantity in the unit of the
        positions, (n,)) that gives a quantity or plain numbers, (n,).
    scale : quantity or float
        Factor :math:`a`. Default 1.

    Raises
    ------
    TypeError
        If what is given is not a function.
    """

    function: Any
    scale: Any = 1.0

    def __post_init__(self):
        if not callable(self.function):
            raise TypeError(f"OfDistance: function is {self.function!r}; give a kernel or a function of distance")

    def at(self, distance):
        return self.function(distance) * self.scale


@dataclass(frozen=True, eq=False)
class DistanceDelay(DistanceValue):
    r"""Delay of a signal that travels at a constant velocity.

    .. math:: \delta_s = \max(\delta_0 + d_s / v,\ \delta_{min})

    Delays are rounded to whole steps, as all are; one that is shorter than a step is refused unless there is a minimum.

    Parameters
    ----------
    velocity : quantity, length per time (1 / time for positions without unit)
        Conduction velocity :math:`v`.
    offset : quantity, time
        Delay :math:`\delta_0` at distance zero. Default 0.
    minimum : quantity, time, optional
        Shortest delay.

    Raises
    ------
    UnitError, ValueError
        For an offset or minimum that is not a time, or a velocity that is not positive; at ``connect``, for a velocity in
        another unit than length per time.
    """

    velocity: Any
    offset: Any = None
    minimum: Any = None

    def __post_init__(self):
        if not np.all(u.get_mantissa(self.velocity) > 0):
            raise ValueError(f"DistanceDelay: velocity = {self.velocity}; give a positive one")
        for name in ("offset", "minimum"):
            if getattr(self, name) is not None:
                in_unit(getattr(self, name), u.ms, f"DistanceDelay: {name}")

    def at(self, distance):
        ms = np.asarray(in_unit(distance / self.velocity, u.ms, "DistanceDelay: distance / velocity"))
        offset = 0.0 if self.offset is None else float(in_unit(self.offset, u.ms, "DistanceDelay: offset"))
        least = -math.inf if self.minimum is None else float(in_unit(self.minimum, u.ms, "DistanceDelay: minimum"))
        return u.Quantity(np.maximum(offset + ms, least), unit=u.ms)
