"""Delay differential equations, by the method of steps."""

import itertools
from collections.abc import Callable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim._units import NumberLike
from brainsim.integrators.base import Field, Leaves, ODEMethod, Scalar, Stripped, _decimal, _is_quantity
from brainsim.integrators.integrate import _count_saved, _start, _strong_float
from brainsim.integrators.lookup import get


def integrate_dde(
    f: Callable,
    history: Any,
    duration: Scalar,
    dt: Scalar,
    *,
    delays: Any,
    method: str | ODEMethod = "rk4",
    t0: Scalar = 0,
    save_every: int = 1,
    breaks: NumberLike | None = None,
) -> tuple[Any, Any]:
    r"""Integrate :math:`\dot y(t) = f(t, y(t), y(t - \tau_1), \dots)` with a fixed step.

    The past is kept as a cubic Hermite interpolant of states and slopes, so it is of order 4 at any time, and the order
    is that of the method (at most 4) for delays that are not multiples of the step as well. Can be jitted,
    differentiated (in constant delays too) and vmapped.

    Parameters
    ----------
    f : callable
        ``f(t, y, delayed)`` gives dy/dt, a pytree like y. `delayed` has the structure of `delays`, with a y at each
        place: for one delay it is a y, for a tuple or dict of delays a tuple or dict of ys.
    history : callable or pytree
        ``history(t)`` gives y for t up to `t0`; a pytree stands for a constant history. Its value at `t0` is the
        initial state.
    duration, dt : scalar
        Length and step, both with a unit of time or both plain, and concrete.
    delays : scalar, callable, or pytree of these
        Constant delays of at least `dt`, and state-dependent delays ``delay(t, y)``, which give a scalar that is not
        negative.
    method : str or ODEMethod, optional
        See `brainsim.integrators.get`.
    t0 : scalar, optional
        Start. A plain 0 is right with any unit.
    save_every : int, optional
        Keep one state in so many steps. It must divide the number of steps.
    breaks : array or quantity, optional
        Times at which a derivative of the solution jumps, to be stepped on.

    Returns
    -------
    times : array or quantity, (n_saved + 1,)
        From `t0` to ``t0 + duration``, in the unit of `dt`.
    ys : pytree
        Like y, with a leading axis over `times`.

    Raises
    ------
    ValueError
        For a constant delay below `dt`, a delay that is not a scalar, or a duration that is not a multiple of `dt`.
    TypeError
        For a method that is not for ordinary equations.
    brainunit.UnitMismatchError
        When a derivative, a delay or a time has the wrong unit.

    Notes
    -----
    The slope usually jumps at t0, and higher derivatives jump at the sums of delays after it. The steps of constant
    delays land on those that would cost order: a step is divided where one falls inside.

    **Where it stops being right**: the jumps of state-dependent delays are not located; unless given in `breaks`, a
    step across one has an error of second order. A state-dependent delay shorter than the step reads the interpolant of
    the last step beyond its end. One delay serves the whole system: `jax.vmap` gives each of many systems its own.
    Delayed slopes (neutral equations) are not covered. All states are held, and their slopes.

    References
    ----------
    Bellen & Zennaro (2003), Numerical Methods for Delay Differential Equations; Hairer, Nørsett & Wanner (1993),
    section II.17.
    """
    method = get(method)
    if not isinstance(method, ODEMethod):
        raise TypeError(f"Delay equations take a method for ordinary equations, got {method!r}.")
    steps = _count_saved(duration, dt, save_every)
    start = _start(t0, dt)
    past = history if callable(history) else lambda t: history
    y0 = jax.tree.map(_strong_float, past(start))
    plain = Stripped(start, y0, dt)
    dtype = jnp.result_type(*plain.leaves)

    names, delays, structure = _flatten(delays)
    fixed = [_constant(name, delay, plain) for name, delay in zip(names, delays) if not callable(delay)]
    first = jnp.asarray(plain.t, float)
    even = first + jnp.arange(steps + 1) * u.get_mantissa(dt)
    extra = [] if breaks is None else list(jnp.ravel(jnp.asarray(_decimal(breaks, plain.unit_of_time, "breaks"))))
    mesh = _mesh(
        even, [first + sum(taus) for taus in _sums(fixed, method.order - 1)] + extra, float(u.get_mantissa(dt))
    )

    def before(t) -> Leaves:
        return plain.unwrap(past(plain.time(t)), [unit or u.UNITLESS for unit in plain.units], "history")

    def right_side(memory, known):
        """f of t and y alone, with the past in `memory`, whose interpolant ends at mesh[known]."""

        def delayed(delay, t, y):
            if callable(delay):
                delay = delay(t, y)
            delay = jnp.asarray(_decimal(delay, plain.unit_of_time, "a delay"))
            if delay.shape != ():
                raise ValueError(
                    f"A delay is one number for the whole system, got shape {delay.shape}. Use jax.vmap for many"
                    " systems."
                )
            s = jnp.asarray(_decimal(t, plain.unit_of_time, "t")) - delay
            early = before(jnp.minimum(s, first))
            late = _interpolate(mesh, memory, s, known)
            return plain.wrap([jnp.where(s <= first, a, b) for a, b in zip(early, late)])

        def at(t, y):
            return f(t, y, jax.tree_util.tree_unflatten(structure, [delayed(delay, t, y) for delay in delays]))

        return Field(at, plain)

    def step(carry, i):
        y, memory = carry
        t, length = mesh[i], (mesh[i + 1] - mesh[i]).astype(dtype)
        slope = right_side(memory, i - 1)(t, y)
        memory = [m.at[i].set(jnp.stack([x, s])) for m, x, s in zip(memory, y, slope)]
        y = method.step(right_side(memory, i), t, y, length)
        y = [new.astype(old.dtype) for new, old in zip(y, plain.leaves)]
        return (y, memory), y

    memory = [jnp.zeros((len(mesh), 2, *x.shape), x.dtype) for x in plain.leaves]
    _, later = jax.lax.scan(step, (plain.leaves, memory), jnp.arange(len(mesh) - 1))
    kept = jnp.searchsorted(mesh, even[::save_every])
    leaves = [jnp.concatenate([x[None], rest])[kept] for x, rest in zip(plain.leaves, later)]
    times = even[::save_every]
    return plain.time(times), plain.wrap(leaves)


def _flatten(delays):
    keyed, structure = jax.tree_util.tree_flatten_with_path(delays, is_leaf=lambda x: callable(x) or _is_quantity(x))
    if not keyed:
        raise ValueError("delays holds no delay; without one use `brainsim.integrate`.")
    return ["delays" + jax.tree_util.keystr(path) for path, _ in keyed], [delay for _, delay in keyed], structure


def _constant(name: str, delay, plain: Stripped):
    tau = _decimal(delay, plain.unit_of_time, name)
    if np.shape(tau) != ():
        raise ValueError(
            f"{name} is one number for the whole system, got shape {np.shape(tau)}. Use jax.vmap for many systems."
        )
    if not isinstance(tau, Tracer):
        dt = float(plain.dt)
        if not float(tau) >= dt * (1 - 1e-6):
            raise ValueError(f"{name} must be at least the step, got {delay} with a step of {plain.time(dt)}.")
    return tau


def _sums(taus: list, levels: int):
    for level in range(1, levels + 1):
        yield from itertools.combinations_with_replacement(taus, level)


def _mesh(even, extra: list, dt: float):
    """The even mesh with extra points, sorted; those that fall on it are left out where their values are known."""
    if not extra:
        return even
    if any(isinstance(x, Tracer) for x in (even, *extra)):
        return jnp.sort(
            jnp.concatenate([even, jnp.clip(jnp.stack([jnp.asarray(x, even.dtype) for x in extra]), even[0], even[-1])])
        )
    points, more = np.asarray(even), np.sort(np.array(extra, float))
    more = more[(more > points[0]) & (more < points[-1])]
    apart = np.min(np.abs(more[:, None] - points[None]), axis=1, initial=np.inf) > 1e-6 * dt
    more = more[apart]
    more = more[np.diff(more, prepend=-np.inf) > 1e-6 * dt]
    return jnp.asarray(np.sort(np.concatenate([points, more])), even.dtype)


def _interpolate(mesh, memory: Leaves, s, known) -> Leaves:
    """y(s) by the cubic Hermite polynomial of its interval, or of the last one known; before one is known, along the
    slope at the start.
    """
    j = jnp.clip(jnp.searchsorted(mesh, s, side="right") - 1, 0, jnp.maximum(known - 1, 0))
    length = mesh[j + 1] - mesh[j]
    safe = jnp.where(length > 0, length, 1)
    x = (s - mesh[j]) / safe
    leaves = []
    for m in memory:
        (y0, slope0), (y1, slope1) = m[j], m[j + 1]
        z, h = x.astype(m.dtype), length.astype(m.dtype)
        cubic = (
            y0
            + z * (h * slope0)
            + z**2 * (3 * (y1 - y0) - h * (2 * slope0 + slope1))
            + z**3 * (2 * (y0 - y1) + h * (slope0 + slope1))
        )
        leaves.append(jnp.where(known > 0, cubic, m[0, 0] + (s - mesh[0]).astype(m.dtype) * m[0, 1]))
    return leaves
