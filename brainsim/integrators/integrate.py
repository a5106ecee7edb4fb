"""Integration of a system on its own."""

import math
from collections.abc import Callable
from typing import Any, cast

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._units import NumberLike
from brainsim.integrators.adaptive import integrate_adaptive
from brainsim.integrators.base import Scalar, SDEMethod
from brainsim.integrators.embedded import ADAPTIVE
from brainsim.integrators.lookup import get, is_adaptive


def integrate(
    f: Callable,
    y0: Any,
    duration: Scalar,
    dt: Scalar | None = None,
    method: str | Callable = "rk4",
    *,
    t0: Scalar = 0,
    save_every: int = 1,
    save_at: NumberLike | None = None,
    rtol: float | None = None,
    atol: Any = None,
    diffusion: Callable | None = None,
    key: jax.Array | None = None,
) -> tuple[Any, Any]:
    r"""Integrate :math:`\dot y = f(t, y)`, or with a diffusion :math:`dy = f\,dt + g\,dW`.

    Can be jitted, differentiated and vmapped over `y0`, `key`, `t0` and everything that `f` closes over.

    Parameters
    ----------
    f : callable
        ``f(t, y)`` gives dy/dt, a pytree like `y0`.
    y0 : pytree
        Initial state: arrays or quantities.
    duration, dt : scalar
        Length and step, both with a unit of time or both plain. They set the number of steps, so they must be concrete.
        An adaptive method chooses its own steps; `dt` is then the interval of what is saved, and may be left out.
    method : str or method
        See `brainsim.integrators.get`, and for adaptive methods `integrate_adaptive`, which offers more.
    t0 : scalar, optional
        Time of `y0`. A plain 0 is right with any unit.
    save_every : int, optional
        Keep one state in so many steps. It must divide the number of steps.
    save_at : array or quantity, optional
        Times to save, for adaptive methods, in place of `dt`.
    rtol, atol : optional
        Tolerances of adaptive methods, 1e-6 and 1e-9 unless given.
    diffusion : callable, optional
        ``g(t, y)``, for the methods for stochastic equations.
    key : jax.random.key, optional
        Needed with `diffusion`. Step i draws from ``fold_in(key, i)``, so a longer run begins as a shorter one.

    Returns
    -------
    times : array or quantity, (n_saved + 1,)
        From `t0` to ``t0 + duration``, in the unit of `dt`; or `save_at`; or the first and the last time.
    ys : pytree
        Like `y0`, with a leading axis over `times`.

    Raises
    ------
    ValueError
        When `duration` is not a multiple of `dt`, `save_every` does not divide the steps, or the method and the
        arguments do not fit together.
    """
    if is_adaptive(method):
        if diffusion is not None or key is not None:
            raise ValueError(
                f"{method!r} is for ordinary equations and takes no `diffusion` or `key`; try 'euler_maruyama'."
            )
        if dt is not None:
            if save_at is not None:
                raise ValueError(
                    "With an adaptive method give `dt`, the interval between saved states, or `save_at`, not both."
                )
            kept = jnp.arange(0, _count_saved(duration, dt, save_every) + 1, save_every)
            save_at = _start(t0, dt) + kept.astype(float) * dt
            duration = u.Quantity(duration).in_unit(dt.unit) if isinstance(dt, u.Quantity) else duration
        tolerances: dict[str, Any] = {
            name: value for name, value in (("rtol", rtol), ("atol", atol)) if value is not None
        }
        solution = integrate_adaptive(f, y0, duration, method, t0=t0, save_at=save_at, **tolerances)
        return solution.times, solution.ys
    stepper = get(method)
    given = [name for name, value in (("save_at", save_at), ("rtol", rtol), ("atol", atol)) if value is not None]
    if dt is None or given:
        what = f"takes no {' or '.join(f'`{name}`' for name in given)}" if given else "needs `dt`"
        raise ValueError(f"{stepper!r} has a fixed step and {what}; adaptive methods are {', '.join(ADAPTIVE)}.")
    if isinstance(stepper, SDEMethod) and (diffusion is None or key is None):
        raise ValueError(f"'{stepper.name}' is for stochastic equations and needs both `diffusion` and `key`.")
    if not isinstance(stepper, SDEMethod) and (diffusion is not None or key is not None):
        raise ValueError(
            f"{stepper!r} is for ordinary equations and takes no `diffusion` or `key`; try 'euler_maruyama'."
        )
    steps = _count_saved(duration, dt, save_every)
    start = _start(t0, dt)
    y0 = jax.tree.map(_strong_float, y0)
    dtype = jnp.result_type(*jax.tree.leaves(y0))

    def time(i):
        return start + i.astype(float) * dt

    def step(y, i):
        if isinstance(stepper, SDEMethod):
            noise = stepper.draw(
                lambda n: jax.random.normal(jax.random.fold_in(cast(jax.Array, key), i), (n,), dtype), y
            )
            return stepper(f, cast(Callable, diffusion), time(i), y, dt, noise), None
        return stepper(f, time(i), y, dt), None

    def chunk(y, first):
        y, _ = jax.lax.scan(step, y, first + jnp.arange(save_every))
        return y, y

    _, saved = jax.lax.scan(chunk, y0, jnp.arange(0, steps, save_every))
    ys = jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), y0, saved)
    return time(jnp.arange(0, steps + 1, save_every)), ys


def _count_saved(duration, dt, save_every: int) -> int:
    """Steps, of which one in `save_every` is saved."""
    steps = _count_steps(duration, dt)
    if not isinstance(save_every, int) or save_every < 1 or steps % save_every:
        raise ValueError(f"save_every must be a positive integer that divides the {steps} steps, got {save_every!r}.")
    return steps


def _count_steps(duration, dt) -> int:
    unit = u.get_unit(dt)
    if not u.get_unit(duration).has_same_dim(unit):
        raise u.UnitMismatchError(f"duration and dt must have the same dimension, got {duration} and {dt}.")
    try:
        ratio = float(u.Quantity(duration).to_decimal(unit)) / float(u.get_mantissa(dt))
    except jax.errors.ConcretizationTypeError as error:
        raise ValueError("duration and dt must be concrete: close over them instead of passing them to jit.") from error
    # float32 numbers carry a rounding error of some 1e-7 each
    if not 0.5 < ratio < math.inf or not math.isclose(ratio, round(ratio), rel_tol=1e-6):
        raise ValueError(f"duration must be a positive multiple of dt, got {duration} / {dt} = {ratio:.9g} steps.")
    return round(ratio)


def _start(t0, dt) -> Any:
    """`t0` with the unit of `dt`; a plain 0 is right with any."""
    if isinstance(t0, u.Quantity) or not isinstance(dt, u.Quantity):
        return t0
    if isinstance(t0, int | float) and t0 == 0:
        return 0.0 * dt.unit
    raise u.UnitMismatchError(
        f"t0 must have a unit of time because dt has one ('{dt.unit}'), got the plain number {t0}."
    )


def _strong_float(x):
    x = jnp.asarray(x)
    dtype = x.dtype if jnp.issubdtype(x.dtype, jnp.inexact) else jnp.result_type(float)
    return jax.lax.convert_element_type(x, dtype)
