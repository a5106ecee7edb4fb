"""Exponential Euler, linearised by forward differentiation."""

import math
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from brainsim.integrators.base import Field, Leaves, ODEMethod, PlainFunction, SDEMethod
from brainsim.integrators.coupled import implicit_step
from brainsim.integrators.stochastic import kick


# phi1 costs one transcendental function per element, so its form was measured: 4,000 float32 Hodgkin-Huxley cells in
# lax.scan, staggered, one thread, best of 12, default XLA options, ns per cell and step with jax 0.10 / 0.12; error of
# phi1 for z < 1. 4 T / (z (1 - T)^2), T = tanh(z/4)     11 / 7.2     4 ulp of float32 expm1(z) / z
# 22 / 11      3 ulp (exp(z) - 1) / z                       16 / 9.2     unbounded near 0 y_inf + (y - y_inf) exp(z), by
# hand    6.7 / 6.7    unbounded where a is small In float64 the first takes 0.4 to 0.7 of the time of the second.
# Linearising by jvp costs nothing over the same formula by hand. How XLA groups the loops matters as much as the
# formula: with xla_cpu_use_multi_output_fusion the first takes 16 / 11 and the last 10 / 8.1.
@jax.custom_jvp
@jax.jit  # traced once, however many equations it stands in
def phi1(z: jax.Array) -> jax.Array:
    r"""Elementwise :math:`\varphi_1(z) = (e^z - 1)/z`, with :math:`\varphi_1(0) = 1`; value and derivatives are good at
    0.

    Relative error: at most 5 ulp for z < 1; above, where the solution grows, it rises as :math:`e^{z/2}` ulp (200 ulp
    at z = 10). Beyond z = 30 in float32 (64 in float64) phi1 is an underestimate that stays finite, so that a runaway
    element does not turn into NaN.
    """
    # tanh because exp(z) - 1 = 4 T / (1 - T)^2 with T = tanh(z/4) loses no digits near 0, and is the cheapest function
    # of XLA
    z = jnp.asarray(z)
    largest = 7.5 if jnp.finfo(z.dtype).bits <= 32 else 16.0
    z = jnp.where(jnp.abs(z) < 1e-20, jnp.asarray(1e-20, z.dtype), z)
    tanh = jnp.tanh(jnp.minimum(z * 0.25, largest))
    return 4 * tanh / (z * (1 - tanh) ** 2)


@phi1.defjvp
def _phi1_jvp(primals, tangents):
    (z,), (dz,) = primals, tangents
    value = phi1(z)
    return value, _phi1_derivative(jnp.asarray(z), value) * dz


def _phi1_derivative(z, value):
    """phi1'(z) = phi1(z) + (1 - phi1(z))/z, which cancels near 0: there its Taylor series, sum of z**k / (k! (k + 2))."""
    terms = 9 if jnp.finfo(z.dtype).bits <= 32 else 16
    near = jnp.abs(z) < 0.5
    near_z, far_z = jnp.where(near, z, 0), jnp.where(near, 1, z)  # each branch is finite where it is not used
    series = jnp.zeros_like(z)
    for k in reversed(range(terms)):
        series = series * near_z + 1 / (math.factorial(k) * (k + 2))
    return jnp.where(near, series, value + (1 - value) / far_z)


@dataclass(frozen=True)
class ExponentialEuler(ODEMethod):
    r"""Exponential Euler with the diagonal of the Jacobian, found by automatic differentiation.

    .. math::

        y_k \leftarrow y_k + dt\,\varphi_1(a_k\,dt)\,f_k(t, y), \qquad
        a_k = \frac{\partial f_k}{\partial y_k}, \qquad \varphi_1(z) = \frac{e^z - 1}{z}

    elementwise for each leaf k of y. Called as every `ODEMethod`: ``method(f, t, y, dt) -> y_next``.

    Parameters
    ----------
    staggered : bool
        If False, all leaves start from the same y. If True, the leaves advance one after the other **from the last to
        the first**, and each sees those that have advanced already. With the gates declared after V, the gates advance
        first and then V: with gates read half a step before V, that is of order 2. Conductances that follow V at once
        are taken at V in the middle of the step, found by a half step. (Leaves are in the order of `jax.tree.leaves`:
        that of a tuple or dataclass is as written; a plain dict is sorted by key.) For Hodgkin-Huxley cells at
        dt = 0.025 ms this leaves 0.04 % of the spikes wrong, and V first 1.26 %.

    Notes
    -----
    Exact, for any dt, where f_k is linear in y_k with coefficients that are constant over the step: leaky membranes
    with constant input, gates at a fixed voltage, exponential synapses. Everywhere else the order is 1.

    **Where it stops being right**: element i of f_k must depend on y_k at element i only. Within one leaf a
    coupling between elements (diffusion, gap junctions, compartments of a cable) enters `a` as the sum of a row of the
    Jacobian, which is then no longer the rate of that element: the step stays consistent (order 1) but is exact for
    nothing. Coupling between leaves is explicit, hence stable only for small dt, and where a > 0 (upstroke of a spike,
    AdEx) the exponential is no more stable than Euler. The method is linearised at the start of each step, never within
    it.

    The cost is one forward derivative of f_k per leaf and one `tanh` per element.

    References
    ----------
    Rush & Larsen (1978), IEEE Trans. Biomed. Eng. 25:389; MacGregor (1987), Neural and Brain Modeling;
    Hochbruck & Ostermann (2010), Acta Numerica 19:209.
    """

    staggered: bool = False
    order: ClassVar[int] = 1

    @property
    def name(self) -> str:
        return "staggered_exponential_euler" if self.staggered else "exponential_euler"

    def step(self, f: Field, t, y: Leaves, dt) -> Leaves:
        return _sweep(f, t, y, dt, self.staggered, lambda k, leaf, slope, z: leaf + dt * phi1(z) * slope)


@dataclass(frozen=True)
class ExponentialEulerMaruyama(SDEMethod):
    r"""Exponential Euler for the drift, with the variance that the linearised drift gives the noise; Itô, strong order
    0.5.

    .. math::

        y_k \leftarrow y_k + dt\,\varphi_1(a_k\,dt)\,f_k + g_k \sqrt{dt\,\varphi_1(2 a_k\,dt)}\;\xi_k

    The Ornstein-Uhlenbeck process has its exact distribution at any dt. What `ExponentialEuler` says of `staggered` and
    of where it stops being right holds here too. Called as every `SDEMethod`:
    ``method(f, g, t, y, dt, noise) -> y_next``. Any structure of noise; elements that share a Wiener process have their
    own variances exactly, their covariance where they share their rate.

    References
    ----------
    Gillespie (1996), Phys. Rev. E 54:2084.
    """

    staggered: bool = False
    strong_order: ClassVar[float] = 0.5
    weak_order: ClassVar[float] = 1.0
    interpretation: ClassVar[str] = "ito"

    @property
    def name(self) -> str:
        return "staggered_exponential_euler_maruyama" if self.staggered else "exponential_euler_maruyama"

    def step(self, f: Field, g: PlainFunction, t, y: Leaves, dt, noise: Leaves) -> Leaves:
        shaped = kick(self, g(t, y), noise)

        def advance(k, leaf, slope, z):
            p = phi1(z)
            variance = dt * p * (1 + z * p / 2)  # phi1(2z) = phi1(z) (1 + e**z)/2
            return leaf + dt * p * slope + shaped[k] * jnp.sqrt(variance)

        return _sweep(f, t, y, dt, self.staggered, advance)


def _sweep(f: Field, t, y: Leaves, dt, staggered: bool, advance) -> Leaves:
    """`advance(k, y_k, f_k, a_k dt)` for each leaf, from the last to the first."""
    seen, new, held = list(y), list(y), y
    for turn in f.turns(len(y)):
        k = turn[0]
        if staggered and f.holds and k == max(f.potentials):
            held = midway(f, t, seen, dt)
        if len(turn) > 1 or turn in f.together:
            for k, leaf in zip(turn, implicit_step(f, t, seen, turn, dt)):
                new[k] = leaf
            if staggered:
                seen = list(new)
            continue
        slope, rate = own_slope(f, t, seen, held, k)
        new[k] = advance(k, seen[k], slope, rate * dt)
        if staggered:
            seen[k] = new[k]
    return new


def midway(f: Field, t, y: Leaves, dt) -> Leaves:
    """y with its potentials in the middle of the step: conductances that follow V are taken there."""
    seen = list(y)
    for k in reversed(f.potentials):
        slope, rate = own_slope(f, t, seen, y, k)
        seen[k] = seen[k] + dt / 2 * phi1(rate * dt / 2) * slope
    return seen


def own_slope(f: Field, t, y: Leaves, held: Leaves, k: int) -> tuple[jax.Array, jax.Array]:
    """f_k and its derivative in y_k, with what is held."""
    return jax.jvp(lambda leaf: f.held(t, [*y[:k], leaf, *y[k + 1 :]], held)[k], (y[k],), (jnp.ones_like(y[k]),))
