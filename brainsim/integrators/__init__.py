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

from brainsim.integrators.base import ODEMethod as ODEMethod
from brainsim.integrators.base import SDEMethod as SDEMethod
from brainsim.integrators.exponential import (
    ExponentialEuler as ExponentialEuler,
)
from brainsim.integrators.exponential import (
    ExponentialEulerMaruyama as ExponentialEulerMaruyama,
)
from brainsim.integrators.integrate import integrate as integrate
from brainsim.integrators.lookup import METHODS as METHODS
from brainsim.integrators.lookup import get as get
from brainsim.integrators.runge_kutta import (
    RK2 as RK2,
)
from brainsim.integrators.runge_kutta import (
    RK4 as RK4,
)
from brainsim.integrators.runge_kutta import (
    ButcherTableau as ButcherTableau,
)
from brainsim.integrators.runge_kutta import (
    Euler as Euler,
)
from brainsim.integrators.runge_kutta import (
    Heun as Heun,
)
from brainsim.integrators.runge_kutta import (
    Midpoint as Midpoint,
)
from brainsim.integrators.runge_kutta import (
    RungeKutta as RungeKutta,
)
from brainsim.integrators.stochastic import EulerMaruyama as EulerMaruyama
from brainsim.integrators.stochastic import StochasticHeun as StochasticHeun
