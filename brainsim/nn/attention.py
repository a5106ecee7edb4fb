"""Attention over time as a readout: steps count by a score that is learned."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._core import Clock, Parameter, State
from brainsim._units import QuantityLike
from brainsim.nn.neurons import LeakyIntegrator, Neurons

BEFORE = -1e30  # a score below all, before the first step


class AttentiveIntegrator(LeakyIntegrator):
    r"""Leaky integrators that do not fire, and the mean of their potentials so far, weighted by attention.

    .. math:: \tau \dot V = E_L - V + R\,I,\qquad
              A_t = \frac{\sum_{k \le t} e^{q \cdot V_k}\, V_k}{\sum_{k \le t} e^{q \cdot V_k}}

    The query q has one number for each unit, and learns without being named; with q = 0, as it begins, A is the mean over the
    steps. The sums are carried from step to step, with the highest score kept apart, so that nothing overflows and the past is
    not stored.

    Exponential Euler, the default, is exact for constant input at any dt.

    References
    ----------
    D. Bahdanau, K. Cho, Y. Bengio, ICLR (2015); M. Milakov, N. Gimelshein, arXiv:1805.02867 (2018), for the sums.
    """

    learned = ("query",)  #: parameters that learn without being named

    query = Parameter(0.0 / u.mV, "what each potential adds to the score of a step, in 1/mV")
    attended = State(0.0 * u.mV, "mean of V over the steps, weighted by attention")
    total = State(0.0, "sum of the weights of all steps, over that of the highest score")
    highest = State(BEFORE, "highest score so far")

    def update(self, clock: Clock, drives: list) -> None:
        super().update(clock, drives)
        V, highest = self.plain("V"), self.plain("highest")
        score = jnp.sum(self.plain("query") * V)
        new = jax.lax.stop_gradient(jnp.maximum(highest, score))  # it cancels, and so does its derivative
        weight, before = jnp.exp(score - new), self.plain("total") * jnp.exp(highest - new)
        self.put("attended", (before * self.plain("attended") + weight * V) / (before + weight))
        self.put("total", before + weight)
        self.put("highest", new)


def AttentionReadout(*, tau: QuantityLike = 20.0 * u.ms, **options: Any) -> Neurons:
    """Leaky integrators read by attention over time, :class:`AttentiveIntegrator`: which steps count is learned.

    Parameters
    ----------
    tau : quantity, time
        Of the integrators.
    **options
        Other arguments of :class:`Neurons`, and values of the class.
    """
    return Neurons(AttentiveIntegrator, tau=tau, read=("attended", "last"), **options)
