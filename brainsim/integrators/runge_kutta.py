"""Explicit Runge-Kutta methods: one class, and a table for each method."""

import functools
import math
import operator
from dataclasses import dataclass

from brainsim.integrators.base import Leaves, ODEMethod, PlainFunction


@dataclass(frozen=True)
class ButcherTableau:
    r"""Coefficients of an explicit Runge-Kutta method, checked at construction.

    .. math::

        k_i = f\big(t + c_i\,dt,\; y + dt \sum_{j<i} a_{ij} k_j\big), \qquad y_{next} = y + dt \sum_i b_i k_i

    Parameters
    ----------
    a : tuple of tuples of float
        Row i holds the i weights of the stages before stage i, so the first row is empty: only the part strictly below the
        diagonal can be written down.
    b, c : tuple of float
        Weights and nodes, one per stage.
    order : int
        Order of convergence. The order conditions are verified up to order 4.

    Raises
    ------
    ValueError
        When the shapes do not fit, a row of `a` does not sum to its node in `c`, or a condition of `order` fails.

    References
    ----------
    Hairer, Nørsett & Wanner (1993), Solving Ordinary Differential Equations I, section II.1 and II.2.
    """

    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    c: tuple[float, ...]
    order: int

    def __post_init__(self):
        stages = len(self.b)
        if len(self.a) != stages or len(self.c) != stages:
            raise ValueError(f"a, b and c must have one row per stage, got {len(self.a)}, {stages} and {len(self.c)}.")
        for i, row in enumerate(self.a):
            if len(row) != i:
                raise ValueError(f"Row {i} of a must have {i} entries (strictly below the diagonal), got {len(row)}.")
            if not math.isclose(math.fsum(row), self.c[i], abs_tol=1e-14):
                raise ValueError(f"Row {i} of a must sum to c[{i}] = {self.c[i]}, got {math.fsum(row)}.")
        if not 1 <= self.order <= stages:
            raise ValueError(f"An explicit method with {stages} stages has an order of 1 to {stages}, got {self.order}.")
        for order, condition, value, expected in self._order_conditions():
            if order <= self.order and not math.isclose(value, expected, abs_tol=1e-14):
                raise ValueError(f"Order {self.order} needs {condition} = {expected:.4g}, got {value:.4g}.")

    def _order_conditions(self):
        def dot(x, y):
            return math.fsum(p * q for p, q in zip(x, y, strict=False))

        b, c = self.b, self.c
        c2, ac = [x**2 for x in c], [dot(row, c) for row in self.a]
        yield 1, "sum(b)", math.fsum(b), 1
        yield 2, "b·c", dot(b, c), 1 / 2
        yield 3, "b·c²", dot(b, c2), 1 / 3
        yield 3, "b·(a c)", dot(b, ac), 1 / 6
        yield 4, "b·c³", dot(b, [x**3 for x in c]), 1 / 4
        yield 4, "(b c)·(a c)", dot([x * y for x, y in zip(b, c, strict=True)], ac), 1 / 8
        yield 4, "b·(a c²)", dot(b, [dot(row, c2) for row in self.a]), 1 / 12
        yield 4, "b·(a a c)", dot(b, [dot(row, ac) for row in self.a]), 1 / 24


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


Euler = RungeKutta("euler", ButcherTableau(a=((),), b=(1.0,), c=(0.0,), order=1))
"""Forward Euler, order 1."""

Midpoint = RungeKutta("midpoint", ButcherTableau(a=((), (1 / 2,)), b=(0.0, 1.0), c=(0.0, 1 / 2), order=2))
"""Explicit midpoint rule, order 2 (Runge 1895)."""

Heun = RungeKutta("heun", ButcherTableau(a=((), (1.0,)), b=(1 / 2, 1 / 2), c=(0.0, 1.0), order=2))
"""Heun's method (explicit trapezoidal rule), order 2."""

RK2 = RungeKutta("rk2", ButcherTableau(a=((), (2 / 3,)), b=(1 / 4, 3 / 4), c=(0.0, 2 / 3), order=2))
"""Ralston's method, order 2: the two-stage method with the smallest bound on the truncation error (Ralston 1962)."""

RK4 = RungeKutta(
    "rk4",
    ButcherTableau(
        a=((), (1 / 2,), (0.0, 1 / 2), (0.0, 0.0, 1.0)),
        b=(1 / 6, 1 / 3, 1 / 3, 1 / 6),
        c=(0.0, 1 / 2, 1 / 2, 1.0),
        order=4,
    ),
)
"""The classical Runge-Kutta method, order 4 (Kutta 1901)."""
