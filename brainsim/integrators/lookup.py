"""Methods by name."""

import difflib

from brainsim.integrators.base import ODEMethod, SDEMethod
from brainsim.integrators.exponential import ExponentialEuler, ExponentialEulerMaruyama
from brainsim.integrators.runge_kutta import RK2, RK4, Euler, Heun, Midpoint
from brainsim.integrators.stochastic import EulerMaruyama, StochasticHeun

METHODS: dict[str, ODEMethod | SDEMethod] = {
    method.name: method
    for method in (
        Euler,
        Midpoint,
        Heun,
        RK2,
        RK4,
        ExponentialEuler(),
        ExponentialEuler(staggered=True),
        EulerMaruyama,
        StochasticHeun,
        ExponentialEulerMaruyama(),
        ExponentialEulerMaruyama(staggered=True),
    )
}
_ALIASES = {
    "exp_euler": "exponential_euler",
    "staggered_exp_euler": "staggered_exponential_euler",
    "exp_euler_maruyama": "exponential_euler_maruyama",
    "ralston": "rk2",
}


def get(method):
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
    name = method.strip().lower().replace("-", "_").replace(" ", "_")
    name = _ALIASES.get(name, name)
    if name in METHODS:
        return METHODS[name]
    near = difflib.get_close_matches(name, [*METHODS, *_ALIASES], n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    raise ValueError(f"Unknown integration method '{method}'.{hint} Valid names: {', '.join(METHODS)}.")
