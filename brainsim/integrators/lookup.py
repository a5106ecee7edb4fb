"""Methods by name."""

import difflib
from collections.abc import Callable
from typing import Any

from brainsim.integrators.base import ODEMethod, SDEMethod
from brainsim.integrators.embedded import ADAPTIVE, ADAPTIVE_ALIASES, AdaptiveMethod
from brainsim.integrators.exponential import ExponentialEuler, ExponentialEulerMaruyama
from brainsim.integrators.implicit import BackwardEuler, CrankNicolson
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
    Ralston3,
    Ralston4,
    ThreeEighths,
)
from brainsim.integrators.rush_larsen import RushLarsen
from brainsim.integrators.semi_implicit import SemiImplicitEuler
from brainsim.integrators.staggered import StaggeredBackwardEuler, StaggeredCrankNicolson
from brainsim.integrators.stochastic import EulerMaruyama, StochasticHeun, TamedEuler
from brainsim.integrators.stochastic_runge_kutta import SRA1, SRI1, SRIW1

METHODS: dict[str, ODEMethod | SDEMethod] = {
    method.name: method
    for method in (
        Euler,
        Midpoint,
        Heun,
        RK2,
        RK3,
        Heun3,
        Ralston3,
        SSPRK3,
        RK4,
        Ralston4,
        ThreeEighths,
        SemiImplicitEuler(),
        ExponentialEuler(),
        ExponentialEuler(staggered=True),
        CoupledExponentialEuler(),
        ExponentialRosenbrockEuler(),
        RushLarsen(),
        StaggeredBackwardEuler(),
        StaggeredCrankNicolson(),
        BackwardEuler(),
        CrankNicolson(),
        EulerMaruyama(),
        TamedEuler(),
        StochasticHeun(),
        Milstein(),
        Milstein("stratonovich"),
        DerivativeFreeMilstein(),
        DerivativeFreeMilstein("stratonovich"),
        SRI1(),
        SRI1("stratonovich"),
        SRIW1(),
        SRA1(),
        ExponentialEulerMaruyama(),
        ExponentialEulerMaruyama(staggered=True),
    )
}
_ALIASES = {
    "exp_euler": "exponential_euler",
    "staggered_exp_euler": "staggered_exponential_euler",
    "exp_euler_maruyama": "exponential_euler_maruyama",
    "coupled_exp_euler": "coupled_exponential_euler",
    "rosenbrock_euler": "exponential_rosenbrock_euler",
    "implicit_euler": "backward_euler",
    "symplectic_euler": "semi_implicit_euler",
    "ralston": "rk2",
    "ralston2": "rk2",
    "heun2": "heun",
    "rk4_38": "three_eighths",
}


def get(method: str | Callable) -> Any:
    """The integration method that a name stands for; a method is returned as it is.

    Parameters
    ----------
    method : str, ODEMethod, SDEMethod, a class of these that needs no arguments, or any other callable
        Names are those of `METHODS`, in any case, with ``"exp_euler"`` short for ``"exponential_euler"``.

    Returns
    -------
    method : callable
        A method object, hashable if it was given by name.

    Raises
    ------
    ValueError
        For an unknown name. Lists the valid names and the nearest one.
    TypeError
        For what is neither a name nor callable.
    """
    if isinstance(method, type) and issubclass(method, ODEMethod | SDEMethod):
        return method()
    if callable(method):
        return method
    if not isinstance(method, str):
        raise TypeError(f"A method is a name or a callable, got {method!r}. Names: {', '.join(METHODS)}.")
    name = _normal_form(method)
    name = _ALIASES.get(name, name)
    if name in METHODS:
        return METHODS[name]
    if name in ADAPTIVE or name in ADAPTIVE_ALIASES:
        raise ValueError(
            f"'{method}' chooses its own steps: it is for `brainsim.integrate` and `integrate_adaptive`, and serves no"
            f" population. Methods of one step: {', '.join(METHODS)}."
        )
    raise ValueError(
        f"Unknown integration method '{method}'.{_hint(name, [*METHODS, *_ALIASES])} Valid names: {', '.join(METHODS)}."
    )


def get_adaptive(method: Any) -> AdaptiveMethod:
    """The adaptive method that a name stands for; a method is returned as it is.

    Raises
    ------
    ValueError, TypeError
        For what is not an adaptive method. Lists the valid names and the nearest one.
    """
    if isinstance(method, AdaptiveMethod):
        return method
    if not isinstance(method, str):
        names = ", ".join(ADAPTIVE)
        raise TypeError(
            f"An adaptive method is a name, an AdaptiveMethod or a solver of diffrax, got {method!r}. Names: {names}."
        )
    name = _normal_form(method)
    name = ADAPTIVE_ALIASES.get(name, name)
    if name not in ADAPTIVE:
        hint = _hint(name, [*ADAPTIVE, *ADAPTIVE_ALIASES])
        raise ValueError(f"'{method}' is not an adaptive integration method.{hint} Valid names: {', '.join(ADAPTIVE)}.")
    return ADAPTIVE[name]


def is_adaptive(method) -> bool:
    """Whether this names, or is, a method that chooses its own steps."""
    return isinstance(method, AdaptiveMethod) or (
        isinstance(method, str) and _normal_form(method) in {*ADAPTIVE, *ADAPTIVE_ALIASES}
    )


def _normal_form(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def _hint(name: str, valid: list[str]) -> str:
    near = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else ""
