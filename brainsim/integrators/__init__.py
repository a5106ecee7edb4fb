"""Integration methods: pure functions of (f, t, y, dt) on pytrees of arrays or quantities.

A method of one step is a frozen, hashable object. One for ordinary equations is called as
``method(f, t, y, dt) -> y_next``, one for stochastic equations as ``method(f, g, t, y, dt, noise) -> y_next``.
Runge-Kutta methods are ready objects (``RK4(f, t, y, dt)``); those with parameters are classes
(``ExponentialEuler(staggered=True)(f, t, y, dt)``). `Divided` takes any of the former in several short parts of a step, `Untried`
spares it the trial that a population makes of a method before a run.

| name in `get` | object | order | domain |
| --- | --- | --- | --- |
| ``euler`` | `Euler` | 1 | not stiff |
| ``midpoint``, ``heun``, ``rk2`` | `Midpoint`, `Heun`, `RK2` (Ralston) | 2 | not stiff |
| ``rk3``, ``heun3``, ``ralston3``, ``ssprk3`` | `RK3`, `Heun3`, `Ralston3`, `SSPRK3` | 3 | not stiff |
| ``rk4``, ``ralston4``, ``three_eighths`` | `RK4`, `Ralston4`, `ThreeEighths` | 4 | not stiff |
| ``exponential_euler``, ``staggered_exponential_euler`` | `ExponentialEuler` | 1; exact where linear | stiff in each variable's own rate |
| ``coupled_exponential_euler`` | `CoupledExponentialEuler` | 1; 2 if autonomous | stiff; variables coupled at the same element |
| ``exponential_rosenbrock_euler`` | `ExponentialRosenbrockEuler` | 2 | stiff; variables coupled at the same element |
| ``staggered_backward_euler`` | `StaggeredBackwardEuler` | 1 | membranes: gates, then V; no runaway |
| ``staggered_crank_nicolson`` | `StaggeredCrankNicolson` | 1; 2 in the period | membranes: gates, then V |
| ``semi_implicit_euler`` | `SemiImplicitEuler` | 1 | as Euler; oscillators keep their energy |
| ``rush_larsen`` | `RushLarsen` | 1 | gates linear in themselves; V not stiff |
| ``backward_euler`` | `BackwardEuler` | 1 | stiff; no runaway within a step |
| ``crank_nicolson`` | `CrankNicolson` | 2 | stiff; no runaway within a step |

| stochastic | object | strong, weak order | domain |
| --- | --- | --- | --- |
| ``euler_maruyama`` | `EulerMaruyama` | 0.5, 1 | Itô, any noise |
| ``tamed_euler`` | `TamedEuler` | 0.5, 1 | Itô, superlinear one-sided Lipschitz drift, any noise |
| ``exponential_euler_maruyama``, ``staggered_...`` | `ExponentialEulerMaruyama` | 0.5, 1 | Itô, exact for Ornstein-Uhlenbeck |
| ``stochastic_heun`` | `StochasticHeun` | 1, 1 | Stratonovich, commutative noise (else 0.5) |
| ``milstein``, ``stratonovich_milstein`` | `Milstein` | 1, 1 | commutative noise (else 0.5) |
| ``derivative_free_milstein``, ``stratonovich_...`` | `DerivativeFreeMilstein` | 1, 1 | commutative noise (else 0.5) |
| ``sri1``, ``stratonovich_sri1`` | `SRI1` | 1, 1 | commutative noise (else 0.5) |
| ``sriw1`` | `SRIW1` | 1.5, 2 | Itô, scalar noise, or diagonal of which each element drives itself |
| ``sra1`` | `SRA1` | 1.5, 2 | additive noise of any structure |

| adaptive (`integrate`, `integrate_adaptive`) | order |
| --- | --- |
| ``heun_euler``, ``bogacki_shampine``, ``dormand_prince8`` | 2(1), 3(2), 8(7) |
| ``rkf45``, ``cash_karp``, ``dormand_prince`` or ``dopri5``, ``tsit5`` | 5(4) |
| ``kvaerno5`` | 5(4), implicit |

Delay equations: `integrate_dde`, with any method for ordinary equations. Fractional equations: `integrate_fractional`,
with `CaputoL1` (order 2 - alpha) and `GrunwaldLetnikov` (order 1).
"""

from brainsim.integrators.adaptive import Solution, integrate_adaptive
from brainsim.integrators.base import Field, ODEMethod, SDEMethod
from brainsim.integrators.delay import integrate_dde
from brainsim.integrators.divided import Divided, Untried
from brainsim.integrators.embedded import (
    ADAPTIVE,
    RKF45,
    AdaptiveMethod,
    BogackiShampine,
    CashKarp,
    DormandPrince,
    DormandPrince8,
    EmbeddedTableau,
    HeunEuler,
    Kvaerno5,
    Tsit5,
)
from brainsim.integrators.exponential import ExponentialEuler, ExponentialEulerMaruyama
from brainsim.integrators.fractional import (
    FRACTIONAL,
    CaputoL1,
    FractionalMethod,
    GrunwaldLetnikov,
    integrate_fractional,
)
from brainsim.integrators.implicit import BackwardEuler, CrankNicolson
from brainsim.integrators.integrate import integrate
from brainsim.integrators.lookup import METHODS, get, get_adaptive
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
from brainsim.integrators.semi_implicit import SemiImplicitEuler
from brainsim.integrators.staggered import StaggeredBackwardEuler, StaggeredCrankNicolson
from brainsim.integrators.stochastic import EulerMaruyama, StochasticHeun, TamedEuler
from brainsim.integrators.stochastic_runge_kutta import SRA1, SRI1, SRIW1
from brainsim.integrators.tableau import ButcherTableau
from brainsim.integrators.tolerance import Adaptive

__all__ = [
    "ADAPTIVE",
    "Adaptive",
    "AdaptiveMethod",
    "BackwardEuler",
    "BogackiShampine",
    "ButcherTableau",
    "CaputoL1",
    "CashKarp",
    "CoupledExponentialEuler",
    "CrankNicolson",
    "DerivativeFreeMilstein",
    "Divided",
    "DormandPrince",
    "DormandPrince8",
    "EmbeddedTableau",
    "Euler",
    "EulerMaruyama",
    "ExponentialEuler",
    "ExponentialEulerMaruyama",
    "ExponentialRosenbrockEuler",
    "FRACTIONAL",
    "Field",
    "FractionalMethod",
    "GrunwaldLetnikov",
    "Heun",
    "Heun3",
    "HeunEuler",
    "Kvaerno5",
    "METHODS",
    "Midpoint",
    "Milstein",
    "ODEMethod",
    "RK2",
    "RK3",
    "RK4",
    "RKF45",
    "Ralston2",
    "Ralston3",
    "Ralston4",
    "RungeKutta",
    "RushLarsen",
    "SemiImplicitEuler",
    "SDEMethod",
    "SRA1",
    "SRI1",
    "SRIW1",
    "SSPRK3",
    "Solution",
    "StaggeredBackwardEuler",
    "StaggeredCrankNicolson",
    "StochasticHeun",
    "TamedEuler",
    "ThreeEighths",
    "Tsit5",
    "Untried",
    "get",
    "get_adaptive",
    "integrate",
    "integrate_adaptive",
    "integrate_dde",
    "integrate_fractional",
]
