"""Methods for stochastic differential equations with diagonal noise."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp

from brainsim.integrators.base import Leaves, PlainFunction, SDEMethod


@dataclass(frozen=True)
class _EulerMaruyama(SDEMethod):
    r"""Euler-Maruyama, for Itô equations: strong order 0.5 (1 where the noise is additive), weak order 1.

    .. math:: y_{next} = y + f(t, y)\,dt + g(t, y)\,dW, \qquad dW = \sqrt{dt}\,\xi

    Called as every `SDEMethod`: ``EulerMaruyama(f, g, t, y, dt, noise) -> y_next``.

    References
    ----------
    Maruyama (1955), Rend. Circ. Mat. Palermo 4:48; Kloeden & Platen (1992), section 10.2.
    """

    name: ClassVar[str] = "euler_maruyama"
    strong_order: ClassVar[float] = 0.5
    weak_order: ClassVar[float] = 1.0
    interpretation: ClassVar[str] = "ito"

    def step(self, f: PlainFunction, g: PlainFunction, t, y: Leaves, dt, noise: Leaves) -> Leaves:
        return _advance(y, dt, f(t, y), g(t, y), noise)


@dataclass(frozen=True)
class _StochasticHeun(SDEMethod):
    r"""Heun's method, for Stratonovich equations: strong order 1 and weak order 1.

    .. math::

        \tilde y = y + f(t, y)\,dt + g(t, y)\,dW, \qquad
        y_{next} = y + \tfrac12 [f(t, y) + f(t + dt, \tilde y)]\,dt + \tfrac12 [g(t, y) + g(t + dt, \tilde y)]\,dW

    Strong order 1 needs commutative noise: g_k at element i depends on no state but y_k at element i. Otherwise it is 0.5.
    With g = 0 it is `Heun`, of order 2. Called as every `SDEMethod`: ``StochasticHeun(f, g, t, y, dt, noise) -> y_next``.

    References
    ----------
    Rümelin (1982), SIAM J. Numer. Anal. 19:604.
    """

    name: ClassVar[str] = "stochastic_heun"
    strong_order: ClassVar[float] = 1.0
    weak_order: ClassVar[float] = 1.0
    interpretation: ClassVar[str] = "stratonovich"

    def step(self, f: PlainFunction, g: PlainFunction, t, y: Leaves, dt, noise: Leaves) -> Leaves:
        drift, diffusion = f(t, y), g(t, y)
        ahead = _advance(y, dt, drift, diffusion, noise)
        return _advance(y, dt, _mean(drift, f(t + dt, ahead)), _mean(diffusion, g(t + dt, ahead)), noise)


def _advance(y: Leaves, dt, drift: Leaves, diffusion: Leaves, noise: Leaves) -> Leaves:
    root = jnp.sqrt(dt)
    return [x + dt * a + b * (root * n) for x, a, b, n in zip(y, drift, diffusion, noise, strict=True)]


def _mean(a: Leaves, b: Leaves) -> Leaves:
    return [(x + y) / 2 for x, y in zip(a, b, strict=True)]


EulerMaruyama = _EulerMaruyama()
StochasticHeun = _StochasticHeun()
