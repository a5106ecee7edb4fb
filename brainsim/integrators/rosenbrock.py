"""Exponential methods with the whole Jacobian of the coupled variables."""

import math
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from brainsim.integrators.base import Field, Leaves, ODEMethod
from brainsim.integrators.coupled import Coupled, check_coupling, identity_like, product
from brainsim.integrators.exponential import ExponentialEuler

_HALVINGS = 32
PARTS = 16  # short steps that stand for one over which the linearisation does not hold
HOLDS = 0.25  # what it leaves out, as a share of the step, up to which it holds


def phi_product(z: jax.Array, first: jax.Array, second: jax.Array | None = None) -> jax.Array:
    r""":math:`\varphi_1(Z)\,w_1 + \varphi_2(Z)\,w_2` for matrices (d, d, \*batch) and vectors (d, \*batch).

    :math:`\varphi_1(z) = (e^z - 1)/z` and :math:`\varphi_2(z) = (\varphi_1(z) - 1)/z`. The last column of the
    exponential of
    :math:`\begin{pmatrix} Z & w_2 & w_1 \\ 0 & 0 & 1 \\ 0 & 0 & 0 \end{pmatrix}`, by scaling and squaring its
    difference from 1, so that nothing is lost for small Z (Al-Mohy & Higham 2011). A row whose own growth exceeds
    exp(30) (float32) or exp(64) is an underestimate that stays finite.
    """
    single = jnp.finfo(z.dtype).bits <= 32
    most, terms = (30.0, 8) if single else (64.0, 14)
    own = jnp.moveaxis(jnp.diagonal(z), -1, 0)
    z = z * jnp.where(own > most, most / jnp.where(own > most, own, 1), 1)[:, None]

    # The norm decides how often to halve, and units of the variables must not count in it
    scale = jax.lax.stop_gradient(_balance(z))
    z, first = z * scale[None] / scale[:, None], first / scale
    second = jnp.zeros_like(first) if second is None else second / scale
    norm = jax.lax.stop_gradient(jnp.max(jnp.sum(jnp.abs(z), 1), 0, keepdims=True))
    halvings = jnp.clip(jnp.ceil(jnp.log2(jnp.where(norm > 0, norm, 1) / 0.5)), 0, _HALVINGS)
    small = jnp.exp2(-halvings)  # (1, *batch)
    z, first, second = z * small[None], first * small, second * small

    # phi2 w2 (as `tail`) joins phi1 w1 in `last`; phi1 w2 is the `middle`
    inverse = jnp.array([1 / math.factorial(k) for k in range(terms + 2)], z.dtype)
    one = identity_like(z)

    def taylor(carry, k):
        last, middle, tail = carry
        last = inverse[k] * first + product(z, last)
        middle = inverse[k] * second + product(z, middle)
        tail = inverse[k + 1] * second + product(z, tail)
        return (last, middle, tail), None

    down = jnp.arange(terms, 0, -1)
    zero = jnp.zeros_like(first)
    (last, middle, tail), _ = jax.lax.scan(taylor, (zero, zero, zero), down)
    last = last + small * tail

    def square(carry, k):
        def double(carry):
            expm1, middle, last, step = carry
            new = (
                2 * expm1 + product(expm1, expm1),
                2 * middle + product(expm1, middle),
                2 * last + product(expm1, last) + step * middle,
                2 * step,
            )
            on = k < halvings
            return (jnp.where(on[None], new[0], expm1), *(jnp.where(on, a, b) for a, b in zip(new[1:], carry[1:])))

        return jax.lax.cond(jnp.any(k < halvings), double, lambda carry: carry, carry), None

    def undo(last):
        expm1, _ = jax.lax.scan(lambda m, k: (product(z, m + inverse[k] * one), None), jnp.zeros_like(z), down)
        return jax.lax.scan(square, (expm1, middle, last, small), jnp.arange(_HALVINGS))[0][2]

    return scale * jax.lax.cond(jnp.any(halvings > 0), undo, lambda last: last, last)


def _balance(z: jax.Array) -> jax.Array:
    """Scales (d, *batch) of the variables that make rows and columns of z alike (Osborne 1960)."""
    off = jnp.abs(z) * (1 - identity_like(z))
    scale = jnp.ones_like(z[0])
    for _ in range(3):
        row = jnp.sum(off * scale[None], 1) / scale
        column = jnp.sum(off / scale[:, None], 0) * scale
        fits = (row > 0) & (column > 0)
        scale = scale * (jnp.where(fits, row, 1) / jnp.where(fits, column, 1)) ** 0.25
    return scale


@dataclass(frozen=True)
class _Exponential(ODEMethod):
    coupling: str = "elementwise"

    with_time: ClassVar[bool]

    def __post_init__(self):
        check_coupling(self, self.coupling)

    def step(self, f: Field, t, y: Leaves, dt) -> Leaves:
        system = Coupled(f, y, self.coupling)
        start = system.stack(y)
        dt = jnp.asarray(dt, start.dtype)
        slope, jacobian = system.slope_and_jacobian(t, start)
        change = dt * system.change_with_time(t, start) if self.with_time else jnp.zeros_like(slope)
        end = start + phi_product(dt * jacobian, dt * slope, dt * change if self.with_time else None)
        if not system.elementwise:
            return system.unstack(end)
        linear = slope + product(jacobian, end - start) + change
        holds = _holds(start, end, dt * (system.slope(t + dt, end) - linear))

        def in_parts():
            short, method = dt / PARTS, ExponentialEuler(staggered=True)
            leaves = jax.lax.fori_loop(0, PARTS, lambda k, y: method.step(f, t + k * short, y, short), y)
            return jnp.where(holds, end, system.stack(leaves))

        return system.unstack(jax.lax.cond(jnp.all(holds), lambda: end, in_parts))


def _holds(start: jax.Array, end: jax.Array, left_out: jax.Array) -> jax.Array:
    """At which elements a step from ``start`` to ``end`` is what its linearisation says: (1, *batch)."""
    size = jnp.abs(start) + jnp.abs(end)
    scale = 1 / jnp.where(size > 0, size, 1)
    rest, step = (jnp.max(jnp.abs(x) * scale, 0, keepdims=True) for x in (left_out, end - start))
    return (rest <= HOLDS * step) | (rest < HOLDS / 16)


@dataclass(frozen=True)
class CoupledExponentialEuler(_Exponential):
    r"""Exponential Euler with the whole Jacobian of the coupled variables: order 1, and 2 where f does not depend on t.

    .. math:: y_{next} = y + dt\,\varphi_1(dt\,J)\,f(t, y), \qquad J = \frac{\partial f}{\partial y}(t, y)

    Exact, for any dt, for linear systems with constant coefficients, coupled ones too. Called as every `ODEMethod`.

    Parameters
    ----------
    coupling : {"elementwise", "full"}
        What may depend on what. ``"elementwise"``: f at element i of any leaf depends on the leaves at element i only,
        as in a population of neurons; all leaves have one shape, and the cost per element is that of d forward
        derivatives of f and, where dt J is not small, of some 20 products of d x d matrices. ``"full"``: anything on
        anything, with one dense Jacobian of all elements of all leaves.

    Notes
    -----
    **Where it stops being right**: with ``"elementwise"``, coupling between elements (a cable, gap junctions, a
    vector-valued system in one leaf) gives a wrong Jacobian, and the order falls to 1. Linearised at the start of each
    step only. Where the rates at its end show that this does not hold, as in the upstroke of a spike, the element takes
    16 short steps of staggered exponential Euler instead; with ``"full"`` it does not, and growth within a step beyond
    exp(30) in float32 or exp(64) in float64 is an underestimate that stays finite.

    References
    ----------
    Pope (1963), Commun. ACM 6:491; Hochbruck & Ostermann (2010), Acta Numerica 19:209.
    """

    name: ClassVar[str] = "coupled_exponential_euler"
    order: ClassVar[int] = 1
    with_time: ClassVar[bool] = False


@dataclass(frozen=True)
class ExponentialRosenbrockEuler(_Exponential):
    r"""Exponential Rosenbrock-Euler: order 2, A-stable.

    .. math:: y_{next} = y + dt\,\varphi_1(dt\,J)\,f(t, y) + dt^2 \varphi_2(dt\,J)\,\frac{\partial f}{\partial t}(t, y),
        \qquad \varphi_2(z) = \frac{\varphi_1(z) - 1}{z}

    `CoupledExponentialEuler` with what f changes in time: exact for linear systems whose input grows linearly.
    Arguments and domain as there.

    References
    ----------
    Hochbruck, Ostermann & Schweitzer (2009), SIAM J. Numer. Anal. 47:786.
    """

    name: ClassVar[str] = "exponential_rosenbrock_euler"
    order: ClassVar[int] = 2
    with_time: ClassVar[bool] = True
