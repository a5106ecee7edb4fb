r"""Spikes drawn by chance, so that their mean is smooth: relaxations of the threshold, in place of a surrogate.

A neuron with ``surrogate=Escape(width=0.1)`` fires in a step with the probability

.. math:: p = \sigma\!\left(\frac{x}{w}\right),\qquad x = \frac{V - V_{th}}{V_{th} - V_{reset}}

with x what a surrogate is given. The classes differ in the derivative alone: with the same seed they fire the same spikes.
"""

from __future__ import annotations

import abc
import dataclasses
import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from brainsim._errors import NamesArguments

__all__ = ["Chance", "Escape", "ScoreFunction", "StraightThroughGumbel"]

HIGHEST = 30.0  # exponent that counts


@dataclass(frozen=True)
class Chance(metaclass=NamesArguments):
    r"""A spike with probability :math:`\sigma(x/w)` in each step. Subclasses are frozen dataclasses of positive numbers.

    Parameters
    ----------
    width : float
        w, in units of the distance from reset to threshold.
    """

    width: float = 0.1

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{type(self).__name__}: {field.name} must be a positive number, got {value}.")

    def __call__(self, x: jax.Array) -> jax.Array:
        """Without a draw: 1 where a spike is more likely than not, else 0."""
        return (x > 0).astype(x.dtype)

    def odds(self, x: jax.Array) -> jax.Array:
        r""":math:`p/(1 - p) = e^{x/w}`; the exponent counts as 30 at most."""
        return jnp.exp(jnp.minimum(x / self.width, HIGHEST))

    @abc.abstractmethod
    def spike(self, odds: jax.Array, draw: jax.Array) -> jax.Array:
        """1 where ``draw``, uniform between 0 and 1, is below the probability, else 0; with the derivative of the kind."""


def fired(odds, draw):
    """Who fires, as floats without a derivative."""
    odds = jax.lax.stop_gradient(odds)
    return (draw < odds / (1 + odds)).astype(odds.dtype)


@dataclass(frozen=True)
class Escape(Chance):
    r"""Sigmoid escape noise; the derivative is that of the probability, :math:`ds = dp`.

    References
    ----------
    W. Gerstner, W. Kistler, Spiking Neuron Models (2002), section 5.3; J. Gygax, F. Zenke, Neural Comput. 37:886 (2025).
    """

    def spike(self, odds, draw):
        p = odds / (1 + odds)
        return fired(odds, draw) + (p - jax.lax.stop_gradient(p))


@dataclass(frozen=True)
class StraightThroughGumbel(Chance):
    r"""Derivative of the relaxed draw: :math:`ds = d\,\sigma\!\left(\frac{x/w + l}{T}\right)`, with the logistic noise l
    that decides about the spike, :math:`s = [x/w + l > 0]`.

    Parameters
    ----------
    width : float
    temperature : float
        T.

    References
    ----------
    E. Jang, S. Gu, B. Poole, ICLR (2017); C. Maddison, A. Mnih, Y. W. Teh, ICLR (2017).
    """

    temperature: float = 1.0

    def spike(self, odds, draw):
        possible = odds > 0
        noise = jnp.log1p(-draw) - jnp.log(jnp.maximum(draw, jnp.finfo(odds.dtype).tiny))
        soft = jax.nn.sigmoid((jnp.log(jnp.where(possible, odds, 1)) + noise) / self.temperature)
        soft = jnp.where(possible, soft, 0)
        return fired(odds, draw) + (soft - jax.lax.stop_gradient(soft))


@dataclass(frozen=True)
class ScoreFunction(Chance):
    r"""No derivative of the spike; the population keeps :math:`\ln P(s)` of each step as its state ``log_p``.

    With it :func:`brainsim.train.reinforce` gives a gradient without bias, of any loss:

    .. math:: \nabla \langle L \rangle = \bigl\langle (L - b)\,\nabla \textstyle\sum_t \ln P(s_t) + \nabla L \bigr\rangle

    References
    ----------
    R. J. Williams, Mach. Learn. 8:229 (1992).
    """

    def spike(self, odds, draw):
        return fired(odds, draw)

    def log_probability(self, odds: jax.Array, spikes: jax.Array) -> jax.Array:
        """Of what was drawn."""
        possible = odds > 0
        return jnp.where(spikes > 0, jnp.log(jnp.where(possible, odds, 1)), 0) - jnp.log1p(odds)
