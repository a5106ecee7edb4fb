"""Stochastic Runge-Kutta methods of Rößler: strong order 1 and 1.5, without derivatives."""

import math
from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp

from brainsim.integrators.base import Leaves, PlainFunction, SDEMethod
from brainsim.integrators.milstein import _Interpreted
from brainsim.integrators.stochastic import increments, kick, plus, times


@dataclass(frozen=True)
class SRI1(_Interpreted):
    r"""Rößler's SRI1: strong order 1, weak order 1.

    .. math::

        H^\pm_k = y \pm \sum_j g_j(t, y)\, \frac{I_{(j,k)}}{\sqrt{dt}}, \qquad
        y_{next} = y + f\,dt + \sum_k g_k\,dW_k + \tfrac{\sqrt{dt}}{2} \sum_k [g_k(t, H^+_k) - g_k(t, H^-_k)]

    with :math:`I_{(j,k)} = \tfrac12 (dW_j dW_k - \delta_{jk}\,dt)` for Itô equations, without :math:`\delta_{jk}\,dt`
    for Stratonovich ones. Two more evaluations of g for each Wiener process of general noise, two for other noise.

    Parameters
    ----------
    interpretation : {"ito", "stratonovich"}
        What dW means.

    Notes
    -----
    **Where it stops being right**: strong order 1 needs commutative noise, as for `Milstein`. Otherwise it is 0.5.

    References
    ----------
    Rößler (2010), SIAM J. Numer. Anal. 48:922, table 5.1.
    """

    short_name: ClassVar[str] = "sri1"

    def step(self, f: PlainFunction, g: PlainFunction, t, y: Leaves, dt, noise: Leaves) -> Leaves:
        dw, root = increments(dt, noise), jnp.sqrt(dt)
        diffusion = g(t, y)
        after = plus(y, times(dt, f(t, y)), kick(self, diffusion, dw))
        integrals = times(0.5 / root, self.twice_integrals(dt, dw))

        def difference(shift):
            return [
                root / 2 * (a - b) for a, b in zip(g(t, plus(y, shift)), g(t, plus(y, times(-1, shift))), strict=True)
            ]

        if self.noise != "general":
            return plus(after, difference(kick(self, diffusion, integrals)))
        for k in range(self.processes):
            change = difference([b @ i[:, k] for b, i in zip(diffusion, integrals, strict=True)])
            after = plus(after, [c[..., k] for c in change])
        return after


@dataclass(frozen=True)
class SRIW1(SDEMethod):
    r"""Rößler's SRIW1, for Itô equations: strong order 1.5, weak order 2.

    Four evaluations of g and two of f:

    .. math::

        H^{(0)}_i &= y + \sum_j A^{(0)}_{ij} f(H^{(0)}_j)\,dt + \sum_j B^{(0)}_{ij} g(H^{(1)}_j)\,I_{(1,0)}/dt \\
        H^{(1)}_i &= y + \sum_j A^{(1)}_{ij} f(H^{(0)}_j)\,dt + \sum_j B^{(1)}_{ij} g(H^{(1)}_j)\,\sqrt{dt} \\
        y_{next} &= y + \sum_i \alpha_i f(H^{(0)}_i)\,dt + \sum_i \left(\beta^{(1)}_i I_{(1)} + \beta^{(2)}_i I_{(1,1)}/\sqrt{dt}
            + \beta^{(3)}_i I_{(1,0)}/dt + \beta^{(4)}_i I_{(1,1,1)}/dt\right) g(H^{(1)}_i)

    Takes two standard normal numbers for each Wiener process: one gives :math:`I_{(1)} = dW`, both give
    :math:`I_{(1,0)} = \tfrac{dt}{2}(dW + \sqrt{dt/3}\,\xi_2)`, the time integral of W over the step.

    Notes
    -----
    **Where it stops being right**: scalar noise, and diagonal noise of which g at an element depends on that element
    only. Other diagonal noise has order 0.5; general noise is refused.

    References
    ----------
    Rößler (2010), SIAM J. Numer. Anal. 48:922, section 6.
    """

    name: ClassVar[str] = "sriw1"
    strong_order: ClassVar[float] = 1.5
    weak_order: ClassVar[float] = 2.0
    interpretation: ClassVar[str] = "ito"
    accepts: ClassVar[tuple[str, ...]] = ("diagonal", "scalar")
    normals: ClassVar[int] = 2

    def step(self, f: PlainFunction, g: PlainFunction, t, y: Leaves, dt, noise: Leaves) -> Leaves:
        root = jnp.sqrt(dt)
        dw, time_integral = _pair(dt, noise)

        def stage(drifts, diffusions):
            return plus(
                y, *(times(a * dt, k) for a, k in drifts), *([w * x for w, x in zip(b, k)] for b, k in diffusions)
            )

        def constant(b):
            return [b * root] * len(y)

        f1, g1 = f(t, y), g(t, y)
        f2 = f(t + 3 / 4 * dt, stage([(3 / 4, f1)], [(times(3 / 2, time_integral), g1)]))
        g2 = g(t + 1 / 4 * dt, stage([(1 / 4, f1)], [(constant(1 / 2), g1)]))
        g3 = g(t + dt, stage([(1, f1)], [(constant(-1), g1)]))
        # A(1) takes the drift of the third stage, which is that of the first
        g4 = g(t + 1 / 4 * dt, stage([(1 / 4, f1)], [(constant(-5), g1), (constant(3), g2), (constant(1 / 2), g3)]))

        second = [(w * w - dt) / (2 * root) for w in dw]
        third = [(w**3 - 3 * dt * w) / (6 * dt) for w in dw]

        def weight(b1, b2, b3, b4):
            return [b1 * w + b2 * ww + b3 * z + b4 * www for w, ww, z, www in zip(dw, second, time_integral, third)]

        weights = (
            weight(-1, -1, 2, -2),
            weight(4 / 3, 4 / 3, -4 / 3, 5 / 3),
            weight(2 / 3, -1 / 3, -2 / 3, -2 / 3),
            weight(0, 0, 0, 1),
        )
        return stage([(1 / 3, f1), (2 / 3, f2)], list(zip(weights, (g1, g2, g3, g4))))


@dataclass(frozen=True)
class SRA1(SDEMethod):
    r"""Rößler's SRA1, for additive noise: strong order 1.5, weak order 2.

    .. math::

        H = y + \tfrac34 f(t, y)\,dt + \tfrac32 g(t + dt)\,I_{(1,0)}/dt, \qquad
        y_{next} = y + [\tfrac13 f(t, y) + \tfrac23 f(t + \tfrac34 dt, H)]\,dt + g(t + dt)\,dW + [g(t) - g(t +
        dt)]\,I_{(1,0)}/dt

    Any structure of noise. Takes two standard normal numbers for each Wiener process, as `SRIW1`.

    Notes
    -----
    **Where it stops being right**: g must not depend on y (it may depend on t). Itô and Stratonovich are then the same.
    With multiplicative noise the strong order is 0.5.

    References
    ----------
    Rößler (2010), SIAM J. Numer. Anal. 48:922, section 6.
    """

    name: ClassVar[str] = "sra1"
    strong_order: ClassVar[float] = 1.5
    weak_order: ClassVar[float] = 2.0
    interpretation: ClassVar[str] = "ito"
    normals: ClassVar[int] = 2
    additive_only: ClassVar[bool] = True

    def step(self, f: PlainFunction, g: PlainFunction, t, y: Leaves, dt, noise: Leaves) -> Leaves:
        dw, time_integral = _pair(dt, noise)
        drift, now, ahead = times(dt, f(t, y)), g(t, y), g(t + dt, y)
        middle = plus(y, times(3 / 4, drift), times(3 / 2, kick(self, ahead, time_integral)))
        noise = plus(kick(self, ahead, dw), kick(self, now, time_integral), times(-1, kick(self, ahead, time_integral)))
        return plus(y, times(1 / 3, drift), times(2 / 3 * dt, f(t + 3 / 4 * dt, middle)), noise)


def _pair(dt, noise: Leaves) -> tuple[Leaves, Leaves]:
    """dW, and the integral of W over the step divided by dt."""
    dw = increments(dt, [n[0] for n in noise])
    return dw, [(w + jnp.sqrt(dt) * n[1] / math.sqrt(3)) / 2 for w, n in zip(dw, noise, strict=True)]
