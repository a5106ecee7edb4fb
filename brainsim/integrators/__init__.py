"""Integration methods: pure functions of (f, t, y, dt) on pytrees of arrays or quantities.

A method is a frozen, hashable object. One for ordinary equations is called as ``method(f, t, y, dt) -> y_next``, one for
stochastic equations as ``method(f, g, t, y, dt, noise) -> y_next``. Methods without parameters are exported as ready
objects (``RK4(f, t, y, dt)``), those with parameters as classes (``ExponentialEuler(staggered=True)(f, t, y, dt)``).

| name in `get` | object | order |
| --- | --- | --- |
| ``euler`` | `Euler` | 1 |
| ``midpoint``, ``heun``, ``rk2`` | `Midpoint`, `Heun`, `RK2` (Ralston) | 2 |
| ``rk4`` | `RK4` | 4 |
| ``exponential_euler``, ``staggered_exponential_euler`` | `ExponentialEuler` | 1; exact where linear |
| ``euler_maruyama`` | `EulerMaruyama` | strong 0.5, weak 1, Itô |
| ``stochastic_heun`` | `StochasticHeun` | strong 1, weak 1, Stratonovich |
| ``exponential_euler_maruyama`` and ``staggered_...`` | `ExponentialEulerMaruyama` | strong 0.5, weak 1, Itô |

Adaptive, implicit, delay and fractional methods join with the same call: what they need beyond it (tolerances, a history,
a memory length) is a field of the object.
"""

from brainsim.integrators.base import ODEMethod, SDEMethod
from brainsim.integrators.exponential import ExponentialEuler, ExponentialEulerMaruyama
from brainsim.integrators.implicit import BackwardEuler, CrankNicolson
from brainsim.integrators.integrate import integrate
from brainsim.integrators.lookup import METHODS, get
from brainsim.integrators.milstein import DerivativeFreeMilstein, Milstein
from brainsim.integrators.rosenbrock import CoupledExponentialEuler, ExponentialRosenbrockEuler
from brainsim.integrators.runge_kutta import (
    RK2,
    RK3,
    RK4,
    SSPRK3,
    Euler,
    Heun,
    Heun3,
    Midpoint,
    Ralston2,
    Ralston3,
    Ralston4,
    RungeKutta,
    ThreeEighths,
)
from brainsim.integrators.rush_larsen import RushLarsen
from brainsim.integrators.stochastic import EulerMaruyama, StochasticHeun, TamedEuler
from brainsim.integrators.stochastic_runge_kutta import SRA1, SRI1, SRIW1
from brainsim.integrators.tableau import ButcherTableau

__all__ = [
    "BackwardEuler",
    "ButcherTableau",
    "CoupledExponentialEuler",
    "CrankNicolson",
    "DerivativeFreeMilstein",
    "Euler",
    "EulerMaruyama",
    "ExponentialEuler",
    "ExponentialEulerMaruyama",
    "ExponentialRosenbrockEuler",
    "Heun",
    "Heun3",
    "METHODS",
    "Midpoint",
    "Milstein",
    "ODEMethod",
    "RK2",
    "RK3",
    "RK4",
    "Ralston2",
    "Ralston3",
    "Ralston4",
    "RungeKutta",
    "RushLarsen",
    "SDEMethod",
    "SRA1",
    "SRI1",
    "SRIW1",
    "SSPRK3",
    "StochasticHeun",
    "TamedEuler",
    "ThreeEighths",
    "get",
    "integrate",
]
