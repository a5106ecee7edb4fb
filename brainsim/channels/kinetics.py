"""How gates move: towards a steady state, by rates or by a time constant; and what temperature makes of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from brainsim.integrators.exponential import phi1


class Rates(NamedTuple):
    r"""A gate that opens at rate :math:`\alpha` and closes at rate :math:`\beta`: :math:`\dot x = \alpha\,(1 - x) -
    \beta\,x`.
    """

    alpha: Any
    beta: Any

    @property
    def steady(self) -> jax.Array:
        """Where the gate ends, in [0, 1]."""
        return self.alpha / (self.alpha + self.beta)

    @property
    def tau(self) -> u.Quantity:
        """Time constant of the approach."""
        return 1.0 / (self.alpha + self.beta)

    def slope(self, x: jax.Array) -> u.Quantity:
        """dx/dt."""
        return self.alpha * (1.0 - x) - self.beta * x


class Relaxation(NamedTuple):
    r"""A gate that relaxes to a steady state: :math:`\dot x = (x_\infty - x)/\tau`."""

    steady: jax.Array
    tau: u.Quantity

    def slope(self, x: jax.Array) -> u.Quantity:
        """dx/dt."""
        return (self.steady - x) / self.tau


def exprel(x: ArrayLike) -> jax.Array:
    r""":math:`(e^x - 1)/x`, which is 1 at x = 0.

    The textbook form :math:`a\,x/(e^x - 1)` is ``a / exprel(x)``, with its exact limit.
    Value and derivatives are good everywhere, at the cost of one transcendental function.

    Parameters
    ----------
    x : float array of any shape
        Without unit: ``(V - 13 * u.mV) / (4 * u.mV)``.

    Returns
    -------
    float array like x
    """
    return _exprel(x)


def log_sigmoid(x):
    """Logarithm of the logistic function, without overflow: ``exp(y + log_sigmoid(x))`` is :math:`e^y/(1 + e^{-x})`."""
    return -jnp.logaddexp(jnp.zeros_like(x), -x)


def q10(factor: float, celsius: float, measured: float) -> float:
    r"""Factor of the rates at another temperature, :math:`Q_{10}^{(T - T_0)/10}`.

    Parameters
    ----------
    factor : float
        What ten degrees make of a rate, :math:`Q_{10}`.
    celsius : float
        Temperature T, in °C.
    measured : float
        Temperature :math:`T_0` that the rates were measured at, in °C.

    Returns
    -------
    float
        The ``phi`` of a channel.
    """
    return factor ** ((celsius - measured) / 10.0)


_exprel = jax.jit(phi1)  # compiled as one where a cell is built outside of any compiled function: its steady state
