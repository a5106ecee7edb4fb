"""Milstein's method, with the derivative of the diffusion and without."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp

from brainsim.integrators.base import Leaves, PlainFunction, SDEMethod
from brainsim.integrators.stochastic import column, derivative_along, increments, kick, plus, times

INTERPRETATIONS = ("ito", "stratonovich")


@dataclass(frozen=True)
class _Interpreted(SDEMethod):
    """A method for both kinds of equations."""

    interpretation: str = "ito"

    strong_order: ClassVar[float] = 1.0
    weak_order: ClassVar[float] = 1.0
    short_name: ClassVar[str]

    def __post_init__(self):
        super().__post_init__()
        if self.interpretation not in INTERPRETATIONS:
            raise ValueError(
                f"{type(self).__name__}: interpretation must be 'ito' or 'stratonovich', got {self.interpretation!r}."
            )

    @property
    def name(self) -> str:
        return self.short_name if self.interpretation == "ito" else f"stratonovich_{self.short_name}"

    def twice_integrals(self, dt, dw: Leaves) -> Leaves:
        """dW dW - dt of an Itô equation, dW dW of a Stratonovich one; matrices over the processes where the noise is
        general.
        """
        correction = dt if self.interpretation == "ito" else 0
        if self.noise == "general":
            return [jnp.outer(w, w) - correction * jnp.eye(self.processes, dtype=w.dtype) for w in dw]
        return [w * w - correction for w in dw]


@dataclass(frozen=True)
class Milstein(_Interpreted):
    r"""Milstein's method: strong order 1, weak order 1.

    .. math::

        y_{next} = y + f\,dt + \sum_j g_j\,dW_j + \tfrac12 \sum_{j,k} (g_j \cdot \nabla)\, g_k\, (dW_j dW_k -
        \delta_{jk}\,dt)

    for Itô equations, without :math:`\delta_{jk}\,dt` for Stratonovich ones. The derivative of g is found by automatic
    differentiation: one forward derivative for diagonal and scalar noise, and one more for each process of general
    noise.

    Parameters
    ----------
    interpretation : {"ito", "stratonovich"}
        What dW means.

    Notes
    -----
    **Where it stops being right**: strong order 1 needs commutative noise (diagonal noise of which g at an element
    depends on no other, scalar noise, or a commutative matrix), as no Lévy areas are drawn. Otherwise it is 0.5.

    References
    ----------
    Milstein (1974), Theory Probab. Appl. 19:557; Kloeden & Platen (1992), section 10.3.
    """

    short_name: ClassVar[str] = "milstein"

    def step(self, f: PlainFunction, g: PlainFunction, t, y: Leaves, dt, noise: Leaves) -> Leaves:
        dw = increments(dt, noise)
        if self.noise != "general":
            diffusion = g(t, y)
            along = derivative_along(g, t, y, diffusion)
            second = [0.5 * d * i for d, i in zip(along, self.twice_integrals(dt, dw), strict=True)]
            return plus(y, times(dt, f(t, y)), kick(self, diffusion, dw), second)
        diffusion = kick(self, g(t, y), dw)
        second = kick(self, derivative_along(g, t, y, diffusion), dw)
        if self.interpretation == "ito":
            for j in range(self.processes):
                own = column(g, j)
                second = plus(second, times(-dt, derivative_along(own, t, y, own(t, y))))
        return plus(y, times(dt, f(t, y)), diffusion, times(0.5, second))


@dataclass(frozen=True)
class DerivativeFreeMilstein(_Interpreted):
    r"""Milstein's method with a difference in place of the derivative: strong order 1, weak order 1.

    .. math::

        y_{next} = y + f\,dt + \sum_j g_j\,dW_j
            + \frac{1}{4\sqrt{dt}} \sum_{j,k} [g_k(t, y + g_j \sqrt{dt}) - g_k(t, y - g_j \sqrt{dt})]\,(dW_j dW_k - \delta_{jk}\,dt)

    for Itô equations, without :math:`\delta_{jk}\,dt` for Stratonovich ones. Parameters and domain as for `Milstein`; g
    need not be given in a form that can be differentiated. The difference is central, because the mean of dW dW is not
    zero: with one to a side the order would be 0.5 for Stratonovich equations. Two more evaluations of g for each
    Wiener process of general noise, two for other noise.

    References
    ----------
    Platen (1984); Kloeden & Platen (1992), section 11.1.
    """

    short_name: ClassVar[str] = "derivative_free_milstein"

    def step(self, f: PlainFunction, g: PlainFunction, t, y: Leaves, dt, noise: Leaves) -> Leaves:
        dw, root = increments(dt, noise), jnp.sqrt(dt)
        diffusion, twice = g(t, y), self.twice_integrals(dt, dw)
        after = plus(y, times(dt, f(t, y)), kick(self, diffusion, dw))

        def derivative(shift):
            return [
                (a - b) / (4 * root) for a, b in zip(g(t, plus(y, shift)), g(t, plus(y, times(-1, shift))), strict=True)
            ]

        if self.noise != "general":
            return plus(after, kick(self, derivative(times(root, diffusion)), twice))
        for j in range(self.processes):
            along = derivative([root * b[..., j] for b in diffusion])
            after = plus(after, kick(self, along, [i[j] for i in twice]))
        return after
