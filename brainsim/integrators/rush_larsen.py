"""Splitting for gates: the gates exactly, the rest by Euler."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, cast

import jax
import jax.numpy as jnp
from jax.extend.core import Literal

from brainsim._errors import suggestion
from brainsim.integrators.base import Leaves, ODEMethod, PlainFunction, Stripped
from brainsim.integrators.exponential import phi1

_CALLS = ("jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "checkpoint", "remat2")


@dataclass(frozen=True)
class RushLarsen(ODEMethod):
    r"""Rush-Larsen splitting for cells with gates, order 1.

    .. math::

        m_{next} = m + dt\,\varphi_1(a_m\,dt)\,f_m(t, V, m), \quad a_m = \frac{\partial f_m}{\partial m}; \qquad
        V_{next} = V + dt\,f_V(t, V, m_{next})

    The gates advance first, all from the same y and each exactly at fixed V; then all other leaves advance by Euler's
    method with the new gates. Called as every `ODEMethod`: ``RushLarsen()(f, t, y, dt) -> y_next``.

    Parameters
    ----------
    gates : tuple of str or int, optional
        Leaves of y that are gates: names (keys or attributes of y) or positions among the leaves. Without it, they are
        detected when the step is traced: every leaf after the first (the membrane potential) whose rate is linear in
        the leaf itself.

    Raises
    ------
    ValueError
        For a gate that is not a leaf of y. Lists the leaves.

    Notes
    -----
    **Where it stops being right**: a gate is exact when its rate is linear in the gate,
    :math:`\alpha (1 - m) - \beta m`, with coefficients that do not depend on other gates and are constant over the
    step. A gate given by hand that is not linear in itself is linearised at the start of the step. Rates that depend on
    other gates (Markov schemes) see their old values. The potential takes an explicit step, so dt is bounded by the
    fastest conductance, :math:`dt < 2 C / g`; `ExponentialEuler(staggered=True)` is the same splitting with V advanced
    exponentially too. Detection sees what does not depend on the leaf whatever the values are; a rate computed inside a
    loop counts as not linear.

    References
    ----------
    Rush & Larsen (1978), IEEE Trans. Biomed. Eng. 25:389; Marsh, Ziaratgahi & Spiteri (2012), IEEE Trans. Biomed. Eng.
    59:2506.
    """

    gates: tuple[str | int, ...] | None = None

    name: ClassVar[str] = "rush_larsen"
    order: ClassVar[int] = 1

    def __post_init__(self):
        if self.gates is not None:
            object.__setattr__(self, "gates", (self.gates,) if isinstance(self.gates, str | int) else tuple(self.gates))

    def __call__(self, f: Callable, t, y, dt):
        if self.gates is None or all(isinstance(gate, int) for gate in self.gates):
            return super().__call__(f, t, y, dt)
        positions = tuple(_position(gate, Stripped(t, y, dt).names) for gate in self.gates)
        return replace(self, gates=positions)(f, t, y, dt)

    def step(self, f: PlainFunction, t, y: Leaves, dt) -> Leaves:
        gates, after = self._positions(f, t, y), list(y)
        for k in gates:
            slope, rate = jax.jvp(_own_slope(f, t, y, k), (y[k],), (jnp.ones_like(y[k]),))
            after[k] = y[k] + dt * phi1(rate * dt) * slope
        slopes = f(t, after)
        return [after[k] if k in gates else y[k] + dt * slopes[k] for k in range(len(y))]

    def _positions(self, f: PlainFunction, t, y: Leaves) -> tuple[int, ...]:
        if self.gates is None:
            return tuple(k for k in range(1, len(y)) if _is_linear_in_itself(f, t, y, k))
        gates = cast(tuple[int, ...], self.gates)  # names have been replaced by their places
        for gate in gates:
            if not 0 <= gate < len(y):
                raise ValueError(f"RushLarsen: gate {gate} is not a leaf of y, which has the leaves 0 to {len(y) - 1}.")
        return gates


def _position(gate: str | int, names: list[str]) -> int:
    if isinstance(gate, int):
        return gate
    short = [name.removeprefix("y").strip("[].'\"") for name in names]
    if gate not in short:
        raise ValueError(f"RushLarsen: gate {gate!r} is not a leaf of y.{suggestion(gate, short)}")
    return short.index(gate)


def _own_slope(f: PlainFunction, t, y: Leaves, k: int) -> Callable:
    return lambda leaf: f(t, [*y[:k], leaf, *y[k + 1 :]])[k]


def _is_linear_in_itself(f: PlainFunction, t, y: Leaves, k: int) -> bool:
    """Whether the derivative of f_k in y_k is computed without y_k."""

    def rate(leaf):
        return jax.jvp(_own_slope(f, t, y, k), (leaf,), (jnp.ones_like(leaf),))[1]

    jaxpr = jax.make_jaxpr(rate)(jax.ShapeDtypeStruct(y[k].shape, y[k].dtype)).jaxpr
    return not _depends(jaxpr, [True])[0]


def _depends(jaxpr, marked: list[bool]) -> list[bool]:
    """Which results of a program depend on its marked arguments."""
    touched = {var for var, mark in zip(jaxpr.invars, marked) if mark}

    def is_touched(var) -> bool:
        return not isinstance(var, Literal) and var in touched

    for equation in jaxpr.eqns:
        marks = [is_touched(var) for var in equation.invars]
        if not any(marks):
            continue
        inner = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
        inner = getattr(inner, "jaxpr", inner)
        if equation.primitive.name in _CALLS and inner is not None and len(inner.invars) == len(marks):
            results = _depends(inner, marks)
        else:
            results = [True] * len(equation.outvars)
        touched |= {var for var, mark in zip(equation.outvars, results) if mark}
    return [is_touched(var) for var in jaxpr.outvars]
