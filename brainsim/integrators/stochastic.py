"""Euler-Maruyama, tamed Euler and Heun for stochastic differential equations."""

import functools
import operator
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from brainsim.integrators.base import Leaves, PlainFunction, SDEMethod


@dataclass(frozen=True)
class EulerMaruyama(SDEMethod):
    r"""Euler-Maruyama, for Itô equations: strong order 0.5 (1 where the noise is additive), weak order 1.

    .. math:: y_{next} = y + f(t, y)\,dt + g(t, y)\,dW, \qquad dW = \sqrt{dt}\,\xi

    Called as every `SDEMethod`: ``EulerMaruyama()(f, g, t, y, dt, noise) -> y_next``. Any structure of noise.

    References
    ----------
    Maruyama (1955), Rend. Circ. Mat. Palermo 4:48; Kloeden & Platen (1992), section 10.2.
    """

    name: ClassVar[str] = "euler_maruyama"
    strong_order: ClassVar[float] = 0.5
    weak_order: ClassVar[float] = 1.0
    interpretation: ClassVar[str] = "ito"

    def step(self, f: PlainFunction, g: PlainFunction, t, y: Leaves, dt, noise: Leaves) -> Leaves:
        return plus(y, times(dt, f(t, y)), kick(self, g(t, y), increments(dt, noise)))


@dataclass(frozen=True)
class TamedEuler(SDEMethod):
    r"""Tamed Euler, for Itô equations whose drift grows faster than linearly: strong order 0.5, weak order 1.

    .. math:: y_{next} = y + \frac{f(t, y)\,dt}{1 + |f(t, y)|\,dt / s} + g(t, y)\,dW

    elementwise: no step of the drift is longer than s. Where the drift is superlinear and one-sided Lipschitz
    (:math:`-y^3`) the moments of Euler-Maruyama explode and those of this method do not. Any structure of noise.

    Parameters
    ----------
    scale : float
        The longest step s, in the unit in which each leaf of y is given (that of the declared state, in a neuron). What
        the drift does in a step should be well below it, as it is shortened by that fraction.

    Notes
    -----
    **Where it stops being right**: g must be globally Lipschitz. The result depends on `scale`, hence on the unit of y.

    References
    ----------
    Hutzenthaler, Jentzen & Kloeden (2012), Ann. Appl. Probab. 22:1611.
    """

    scale: float = 1.0

    name: ClassVar[str] = "tamed_euler"
    scale_free: ClassVar[bool] = False
    strong_order: ClassVar[float] = 0.5
    weak_order: ClassVar[float] = 1.0
    interpretation: ClassVar[str] = "ito"

    def __post_init__(self):
        super().__post_init__()
        if not self.scale > 0:
            raise ValueError(f"TamedEuler: scale must be positive, got {self.scale!r}.")

    def step(self, f: PlainFunction, g: PlainFunction, t, y: Leaves, dt, noise: Leaves) -> Leaves:
        drift = [step / (1 + jnp.abs(step) / self.scale) for step in times(dt, f(t, y))]
        return plus(y, drift, kick(self, g(t, y), increments(dt, noise)))


@dataclass(frozen=True)
class StochasticHeun(SDEMethod):
    r"""Heun's method, for Stratonovich equations: strong order 1 and weak order 1.

    .. math::

        \tilde y = y + f(t, y)\,dt + g(t, y)\,dW, \qquad
        y_{next} = y + \tfrac12 [f(t, y) + f(t + dt, \tilde y)]\,dt + \tfrac12 [g(t, y) + g(t + dt, \tilde y)]\,dW

    Strong order 1 needs commutative noise (diagonal noise of which g at an element depends on no other, scalar noise,
    or a commutative matrix). Otherwise it is 0.5. With g = 0 it is `Heun`, of order 2. Any structure of noise.

    References
    ----------
    Rümelin (1982), SIAM J. Numer. Anal. 19:604.
    """

    name: ClassVar[str] = "stochastic_heun"
    strong_order: ClassVar[float] = 1.0
    weak_order: ClassVar[float] = 1.0
    interpretation: ClassVar[str] = "stratonovich"

    def step(self, f: PlainFunction, g: PlainFunction, t, y: Leaves, dt, noise: Leaves) -> Leaves:
        dw = increments(dt, noise)
        drift, diffusion = times(dt, f(t, y)), kick(self, g(t, y), dw)
        ahead = plus(y, drift, diffusion)
        return plus(y, _mean(drift, times(dt, f(t + dt, ahead))), _mean(diffusion, kick(self, g(t + dt, ahead), dw)))


def increments(dt, noise: Leaves) -> Leaves:
    """dW of standard normal numbers."""
    root = jnp.sqrt(dt)
    return [root * n for n in noise]


def kick(method: SDEMethod, diffusion: Leaves, dw: Leaves) -> Leaves:
    """g dW: elementwise, or the matrix product where the noise is general."""
    if method.noise == "general":
        return [b @ w for b, w in zip(diffusion, dw, strict=True)]
    return [b * w for b, w in zip(diffusion, dw, strict=True)]


def column(diffusion: PlainFunction, j: int) -> PlainFunction:
    """The diffusion of the j-th Wiener process of general noise."""
    return lambda t, y: [b[..., j] for b in diffusion(t, y)]


def derivative_along(g: PlainFunction, t, y: Leaves, direction: Leaves) -> Leaves:
    """The derivative of g(t, y) in y, in a direction."""
    return jax.jvp(lambda y: g(t, y), (y,), (direction,))[1]


def plus(y: Leaves, *terms: Leaves) -> Leaves:
    """The sum, leaf by leaf."""
    return [functools.reduce(operator.add, rest, x) for x, *rest in zip(y, *terms, strict=True)]


def times(factor, y: Leaves) -> Leaves:
    """A multiple, leaf by leaf."""
    return [factor * x for x in y]


def _mean(a: Leaves, b: Leaves) -> Leaves:
    return [(x + y) / 2 for x, y in zip(a, b, strict=True)]
