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

from brainsim.integrators.base import ODEMethod as ODEMethod, SDEMethod as SDEMethod
from brainsim.integrators.exponential import (
    ExponentialEuler as ExponentialEuler,
    ExponentialEulerMaruyama as ExponentialEulerMaruyama,
)
from brainsim.integrators.integrate import integrate as integrate
from brainsim.integrators.lookup import METHODS as METHODS, get as get
from brainsim.integrators.runge_kutta import (
    RK2 as RK2,
    RK4 as RK4,
    ButcherTableau as ButcherTableau,
    Euler as Euler,
    Heun as Heun,
    Midpoint as Midpoint,
    RungeKutta as RungeKutta,
)
from brainsim.integrators.stochastic import EulerMaruyama as EulerMaruyama, StochasticHeun as StochasticHeun
