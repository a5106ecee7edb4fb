"""A step divided into shorter ones, none longer than a method can take."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import brainunit as u
import jax
import numpy as np
from jax.core import Tracer

from brainsim.integrators.base import Field, Leaves, ODEMethod
from brainsim.integrators.lookup import get


@dataclass(frozen=True)
class Divided(ODEMethod):
    """Another method, in as many equal parts of a step as it takes for none to be longer than ``longest``.

    For a cell whose equations need shorter steps than the network that it stands in: inputs are held over the whole
    step, and a spike is stamped with its end. Called as every `ODEMethod`: ``method(f, t, y, dt) -> y_next``.

    Parameters
    ----------
    method : str or ODEMethod
        The method of each part.
    longest : quantity, time, or number
        What a part may last at most, in the kind that ``dt`` has; a number for equations without units.

    Raises
    ------
    ValueError
        For a ``longest`` that is not positive, or a ``dt`` that is traced: how many parts there are is part of the
        program. A population takes the number before a run, by :meth:`at`.
    """

    method: Any
    longest: Any

    def __post_init__(self):
        method = get(self.method)
        if not isinstance(method, ODEMethod):
            raise TypeError(f"Divided: takes a method for ordinary equations, given {self.method!r}.")
        longest = self.longest
        number = longest.to_decimal(u.ms) if isinstance(longest, u.Quantity) else longest
        number = float(np.asarray(number))
        if not (number > 0 and math.isfinite(number)):
            raise ValueError(f"Divided: longest must be a positive time, given {self.longest!r}.")
        object.__setattr__(self, "method", method)
        # A plain number is hashable, and a quantity is not
        object.__setattr__(self, "longest", (number, isinstance(longest, u.Quantity)))

    @property
    def name(self) -> str:
        """That of the method, divided."""
        number, is_time = self.longest
        return f"Divided({self.method.name!r}, {number:g}{' * u.ms' if is_time else ''})"

    @property
    def order(self) -> int:
        """Order of convergence of the method of each part."""
        return self.method.order

    @property
    def failure(self) -> str:
        """What NaN means."""
        return getattr(self.method, "failure", "")

    def at(self, dt: Any) -> "Parts":
        """The method for steps of ``dt``, a quantity or a number."""
        number, is_time = self.longest
        length = float(np.asarray(dt.to_decimal(u.ms) if is_time else dt))
        return Parts(self.method, max(1, math.ceil(length / number * (1 - 1e-9))))

    def __call__(self, f: Callable, t, y, dt):
        if isinstance(u.get_mantissa(dt), Tracer):
            raise ValueError(
                f"{self.name}: dt is traced, so that the number of parts is not known; take at(dt) before."
            )
        return self.at(dt)(f, t, y, dt)

    def step(self, f: Field, t, y: Leaves, dt) -> Leaves:
        """Not to be had: how long ``dt`` is, is not known here."""
        raise ValueError(f"{self.name}: the number of parts is not known; take at(dt).")


@dataclass(frozen=True)
class Untried(ODEMethod):
    """Another method as it is, in steps of any length: a population takes it without having tried it.

    Where the results of a paper belong to the steps of its program as much as to the equations, or where errors are
    what is studied.

    Parameters
    ----------
    method : str or ODEMethod
    """

    method: Any

    def __post_init__(self):
        method = get(self.method)
        if not isinstance(method, ODEMethod) or isinstance(method, Divided):
            raise TypeError(f"Untried: takes a method of one step for ordinary equations, given {self.method!r}.")
        object.__setattr__(self, "method", method)

    @property
    def name(self) -> str:
        """That of the method."""
        return f"Untried({getattr(self.method, 'name', type(self.method).__name__)!r})"

    @property
    def order(self) -> int:
        """That of the method; 1 where it does not say."""
        return getattr(self.method, "order", 1)

    @property
    def failure(self) -> str:
        """What NaN means."""
        return getattr(self.method, "failure", "")

    def step(self, f: Field, t, y: Leaves, dt) -> Leaves:
        return self.method.step(f, t, y, dt)


@dataclass(frozen=True)
class Parts(ODEMethod):
    """``method`` in ``count`` equal parts of a step; what `Divided` is at one length of the step."""

    method: ODEMethod
    count: int

    def step(self, f: Field, t, y: Leaves, dt) -> Leaves:
        h = dt / self.count
        return jax.lax.fori_loop(0, self.count, lambda k, y: self.method.step(f, t + k * h, y, h), y)
