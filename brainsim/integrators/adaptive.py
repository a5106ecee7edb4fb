"""Integration with steps chosen by their error, behind diffrax."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim._units import NumberLike
from brainsim.integrators.base import Leaves, Scalar, Stripped, _decimal, _is_quantity
from brainsim.integrators.lookup import get_adaptive

ADJOINTS = {
    "checkpoint": "RecursiveCheckpointAdjoint",
    "direct": "DirectAdjoint",
    "forward": "ForwardMode",
    "backsolve": "BacksolveAdjoint",
}


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Solution:
    """What `integrate_adaptive` gives. Called with times, it evaluates the dense output.

    Attributes
    ----------
    times : array or quantity, (n_saved,)
        Times of `ys`.
    ys : pytree
        Like `y0`, with a leading axis over `times`.
    steps, rejected : int32 array, ()
        Steps that were accepted, and tried in vain.
    """

    times: Any
    ys: Any
    steps: jax.Array
    rejected: jax.Array
    _dense: Any = None
    _like: Any = None

    def __call__(self, t: NumberLike) -> Any:
        """The state at times between the first and the last, an array or quantity of any shape; NaN outside.

        Raises
        ------
        ValueError
            When the integration kept no dense output.
        """
        if self._dense is None:
            raise ValueError("This solution has no dense output: integrate with dense=True.")
        times, plain = self._like
        t = jnp.asarray(_decimal(t, u.get_unit(times), "t"))
        flat = t.ravel().astype(u.get_mantissa(times).dtype)
        start, end = self._dense.t0, self._dense.t1
        inside = (flat >= start) & (flat <= end)
        leaves = jax.vmap(self._dense.evaluate)(jnp.clip(flat, start, end))
        leaves = [jnp.where(inside.reshape(-1, *(1,) * (x.ndim - 1)), x, jnp.nan) for x in leaves]
        return _like(plain, [x.reshape(*t.shape, *x.shape[1:]) for x in leaves])


def integrate_adaptive(
    f: Callable,
    y0: Any,
    duration: Scalar,
    method: Any = "dormand_prince",
    *,
    t0: Scalar = 0,
    rtol: float = 1e-6,
    atol: Any = 1e-9,
    save_at: NumberLike | None = None,
    dense: bool = False,
    jumps: NumberLike | None = None,
    first_step: Scalar | None = None,
    max_steps: int = 4096,
    adjoint: str = "checkpoint",
) -> Solution:
    r"""Integrate :math:`\dot y = f(t, y)` with steps chosen so that each has an error below ``atol + rtol |y|``.

    For systems without spikes: a reset in the middle is a discontinuity that a controller cannot see coming. Can be
    jitted, differentiated (see `adjoint`) and vmapped over `y0`, `t0`, `duration`, `save_at` and everything that `f`
    closes over.

    Parameters
    ----------
    f : callable
        ``f(t, y)`` gives dy/dt, a pytree like `y0`.
    y0 : pytree
        Initial state: arrays or quantities.
    duration : scalar
        Length, with a unit of time or plain.
    method : str, AdaptiveMethod or diffrax solver, optional
        One of `ADAPTIVE`: ``"heun_euler"``, ``"bogacki_shampine"``, ``"rkf45"``, ``"cash_karp"``, ``"dormand_prince"``
        (or ``"dopri5"``), ``"tsit5"``, ``"dormand_prince8"``, and ``"kvaerno5"`` for stiff systems.
    t0 : scalar, optional
        Time of `y0`. A plain 0 is right with any unit.
    rtol : float, optional
        Relative tolerance.
    atol : float or pytree, optional
        Absolute tolerance: a number in the unit of each leaf, or a pytree like `y0` of scalars with units.
    save_at : array or quantity, (n_saved,), optional
        Times to give the state at, increasing, by dense output. Without it, the first and the last.
    dense : bool, optional
        Keep the interpolant: the solution can then be called with any time. Memory for `max_steps` steps.
    jumps : array or quantity, optional
        Times at which f jumps (steps of a current): the integration stops and starts there.
    first_step : scalar, optional
        Step to try first.
    max_steps : int, optional
        Bound on the steps.
    adjoint : {"checkpoint", "direct", "forward", "backsolve"}, optional
        How to differentiate: in reverse with checkpoints; in both modes with more memory; forward only; in reverse by
        integrating the adjoint equation backward, whose gradients carry an error of the tolerance.

    Returns
    -------
    solution : Solution
        With `times`, `ys`, `steps`, `rejected`, and the dense output when called.

    Raises
    ------
    brainunit.UnitMismatchError
        When a derivative, a time or a tolerance has the wrong unit.
    ValueError
        For a method or adjoint that does not exist, tolerances that are not positive, or times outside the integration.
    RuntimeError
        When `max_steps` did not suffice.

    References
    ----------
    Hairer, Nørsett & Wanner (1993), Solving Ordinary Differential Equations I, section II.4; Kidger (2021), On Neural
    Differential Equations, PhD thesis, Oxford (diffrax).
    """
    import diffrax

    if adjoint not in ADJOINTS:
        raise ValueError(f"adjoint must be one of {', '.join(map(repr, ADJOINTS))}, got {adjoint!r}.")
    if not isinstance(max_steps, int) or max_steps < 1:
        raise ValueError(f"max_steps must be a positive integer, got {max_steps!r}.")
    solver = method if isinstance(method, diffrax.AbstractSolver) else get_adaptive(method).solver()
    timed = _is_quantity(duration)
    plain = Stripped(u.Quantity(0.0, unit=u.get_unit(duration)) if timed and _is_zero(t0) else t0, y0, duration)
    if not plain.leaves:
        raise ValueError("y0 has no arrays to integrate.")
    dtype = jnp.finfo(jnp.result_type(*plain.leaves)).dtype

    def time(t, name):
        return jnp.asarray(_decimal(t, u.get_unit(duration), name)).astype(dtype)

    start = jnp.asarray(plain.t).astype(dtype)
    end = start + jnp.asarray(plain.dt).astype(dtype)
    scale = _absolute_tolerances(plain, atol)
    if _known(rtol) and not float(rtol) >= 0:
        raise ValueError(f"rtol must not be negative, got {rtol}.")
    slope = plain.rate(f, "dy/dt")

    def scaled(t, leaves, _):
        natural = [(x * s).astype(leaf.dtype) for x, s, leaf in zip(leaves, scale, plain.leaves)]
        return [x.astype(dtype) / s for x, s in zip(slope(t, natural), scale)]

    saved = None if save_at is None else _inside(time(save_at, "save_at"), start, end, "save_at")
    controller = diffrax.PIDController(rtol=rtol, atol=1.0)
    if jumps is not None:
        controller = diffrax.ClipStepSizeController(
            controller, jump_ts=_inside(time(jumps, "jumps"), start, end, "jumps")
        )
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(scaled),
        solver,
        start,
        end,
        None if first_step is None else time(first_step, "first_step"),
        [x.astype(dtype) / s for x, s in zip(plain.leaves, scale)],
        saveat=diffrax.SaveAt(t0=saved is None, t1=saved is None, ts=saved, dense=dense),
        stepsize_controller=controller,
        adjoint=getattr(diffrax, ADJOINTS[adjoint])(),
        max_steps=max_steps,
    )
    ts, ys = cast(jax.Array, solution.ts), cast(Leaves, solution.ys)  # something is saved at all times
    times = u.Quantity(ts, unit=u.get_unit(duration)) if timed else ts
    return Solution(
        times,
        plain.wrap([x * s for x, s in zip(ys, scale)]),
        solution.stats["num_accepted_steps"],
        solution.stats["num_rejected_steps"],
        solution.interpolation,
        (times[:1], plain.wrap([jnp.asarray(s, dtype) for s in scale])) if dense else None,
    )


def _like(scales, leaves):
    """Scaled leaves as the user's pytree; `scales` is one of what a leaf of 1 stands for."""
    given, treedef = jax.tree_util.tree_flatten(scales, is_leaf=_is_quantity)
    values = []
    for scale, x in zip(given, leaves):
        number = u.get_mantissa(scale)
        value = (x * number).astype(number.dtype)
        values.append(u.Quantity(value, unit=scale.unit) if _is_quantity(scale) else value)
    return jax.tree_util.tree_unflatten(treedef, values)


def _absolute_tolerances(plain: Stripped, atol) -> list:
    units = [u.UNITLESS if unit is None else unit for unit in plain.units]
    single = not _is_quantity(atol) and jax.tree_util.treedef_is_leaf(jax.tree.structure(atol))
    given = [atol] * len(units) if single else jax.tree_util.tree_flatten(atol, is_leaf=_is_quantity)[0]
    if not single and jax.tree_util.tree_structure(atol, is_leaf=_is_quantity) != plain.treedef:
        raise ValueError(
            f"atol must be a plain number, in the unit of each leaf, or have the structure of y, {plain.treedef}."
        )
    values = []
    for name, value, unit in zip(plain.names, given, units):
        value = value if single else _decimal(value, unit, f"atol of {name}")
        if _known(value) and not (np.ndim(value) == 0 and float(value) > 0):
            raise ValueError(f"atol of {name} must be a positive number, got {value}.")
        values.append(value)
    return values


def _inside(times, start, end, name: str):
    """Times of a mesh that may miss the end by rounding."""
    if times.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {times.shape}.")
    if _known(times) and _known(start) and _known(end):
        ts, first, last = np.asarray(times), float(start), float(end)
        slack = 16 * np.finfo(ts.dtype).eps * max(abs(first), abs(last))
        if not (np.all(np.diff(ts) >= 0) and np.all(ts >= first - slack) and np.all(ts <= last + slack)):
            raise ValueError(f"{name} must increase from {first:.9g} to {last:.9g} at most, got {ts}.")
    return jnp.clip(times, start, end)


def _known(x) -> bool:
    return not isinstance(x, Tracer)


def _is_zero(t0) -> bool:
    return isinstance(t0, int | float) and t0 == 0
