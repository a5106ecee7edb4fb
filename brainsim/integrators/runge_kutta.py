"""Explicit Runge-Kutta methods: one class, and a table for each method."""

import functools
import math
import operator
from dataclasses import dataclass

from brainsim.integrators.base import Leaves, ODEMethod, PlainFunction
from brainsim.integrators.tableau import ButcherTableau


@dataclass(frozen=True)
class RungeKutta(ODEMethod):
    """The explicit Runge-Kutta method of a table. Called as every `ODEMethod`: ``method(f, t, y, dt) -> y_next``.

    Parameters
    ----------
    name : str
        What `brainsim.integrators.get` and messages call it.
    tableau : ButcherTableau
        Its coefficients.
    """

    name: str
    tableau: ButcherTableau

    @property
    def order(self) -> int:
        """Order of convergence: the error at a fixed time falls as dt**order."""
        return self.tableau.order

    def __repr__(self) -> str:
        return f"<{self.name}, Runge-Kutta of order {self.order}>"

    def step(self, f: PlainFunction, t, y: Leaves, dt) -> Leaves:
        slopes: list[Leaves] = []
        for node, row in zip(self.tableau.c, self.tableau.a, strict=True):
            slopes.append(f(t if node == 0 else t + node * dt, _advance(y, dt, row, slopes)))
        return _advance(y, dt, self.tableau.b, slopes)


def _advance(y: Leaves, dt, weights, slopes) -> Leaves:
    """y + dt * sum(weight * slope), without the terms of weight zero."""
    terms = [(w, k) for w, k in zip(weights, slopes, strict=True) if w != 0]
    if not terms:
        return y

    def total(i):
        return functools.reduce(operator.add, (k[i] if w == 1 else w * k[i] for w, k in terms))

    return [leaf + dt * total(i) for i, leaf in enumerate(y)]


def _method(name: str, order: int, a, b) -> RungeKutta:
    """The nodes are the sums of the rows."""
    return RungeKutta(name, ButcherTableau(a=a, b=b, c=tuple(float(sum(row)) for row in a), order=order))


Euler = _method("euler", 1, ((),), (1.0,))
"""Forward Euler, order 1."""

Midpoint = _method("midpoint", 2, ((), (1 / 2,)), (0.0, 1.0))
"""Explicit midpoint rule, order 2 (Runge 1895)."""

Heun = _method("heun", 2, ((), (1.0,)), (1 / 2, 1 / 2))
"""Heun's method (explicit trapezoidal rule), order 2."""

RK2 = _method("rk2", 2, ((), (2 / 3,)), (1 / 4, 3 / 4))
"""Ralston's method, order 2: the two-stage method with the smallest bound on the truncation error (Ralston 1962)."""

Ralston2 = RK2

RK3 = _method("rk3", 3, ((), (1 / 2,), (-1.0, 2.0)), (1 / 6, 2 / 3, 1 / 6))
"""Kutta's method, order 3 (Kutta 1901)."""

Heun3 = _method("heun3", 3, ((), (1 / 3,), (0.0, 2 / 3)), (1 / 4, 0.0, 3 / 4))
"""Heun's method, order 3 (Heun 1900)."""

Ralston3 = _method("ralston3", 3, ((), (1 / 2,), (0.0, 3 / 4)), (2 / 9, 1 / 3, 4 / 9))
"""Ralston's method, order 3, with the smallest bound on the truncation error (Ralston 1962)."""

SSPRK3 = _method("ssprk3", 3, ((), (1.0,), (1 / 4, 1 / 4)), (1 / 6, 1 / 6, 2 / 3))
"""The strong-stability-preserving method, order 3: a convex combination of Euler steps (Shu & Osher 1988)."""

RK4 = _method("rk4", 4, ((), (1 / 2,), (0.0, 1 / 2), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6))
"""The classical Runge-Kutta method, order 4 (Kutta 1901)."""

_ROOT5 = math.sqrt(5.0)
Ralston4 = _method(
    "ralston4",
    4,
    (
        (),
        (2 / 5,),
        ((-2889 + 1428 * _ROOT5) / 1024, (3785 - 1620 * _ROOT5) / 1024),
        ((-3365 + 2094 * _ROOT5) / 6040, (-975 - 3046 * _ROOT5) / 2552, (467040 + 203968 * _ROOT5) / 240845),
    ),
    (
        (263 + 24 * _ROOT5) / 1812,
        (125 - 1000 * _ROOT5) / 3828,
        (3426304 + 1661952 * _ROOT5) / 5924787,
        (30 - 4 * _ROOT5) / 123,
    ),
)
"""Ralston's method, order 4, with the smallest bound on the truncation error (Ralston 1962)."""

ThreeEighths = _method(
    "three_eighths", 4, ((), (1 / 3,), (-1 / 3, 1.0), (1.0, -1.0, 1.0)), (1 / 8, 3 / 8, 3 / 8, 1 / 8)
)
"""The 3/8 rule, order 4 (Kutta 1901)."""
