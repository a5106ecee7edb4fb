from __future__ import annotations

import brainunit as u
import jax.numpy as jnp

from brainsim import events
from brainsim._core import Parameter, State
from brainsim.plasticity.base import Plasticity


class PairSTDP(Plasticity):
    r"""Pair-based spike-timing-dependent plasticity, additive, all pairs.

    .. math:: \dot x = -x/\tau_+,\quad \dot y = -y/\tau_-
    .. math:: \text{pre spike:}\quad w \leftarrow w - A_-\,y,\ x \leftarrow x + 1
    .. math:: \text{post spike:}\quad w \leftarrow w + A_+\,x,\ y \leftarrow y + 1

    with w kept in [w_min, w_max]. A pre spike counts when it reaches the synapse (after an axonal delay; on emission where
    every synapse has its own delay). Updates use the traces from before the spikes of the same step, depression first, so
    a pre and a post spike at the same time do not pair.

    Parameters
    ----------
    A_plus, A_minus : quantity in the weight's unit
        Change for a pair at zero lag.
    tau_plus, tau_minus : quantity, time
        Time constants of the window.
    w_min, w_max : quantity in the weight's unit
        Bounds.

    References
    ----------
    S. Song, K. D. Miller, L. F. Abbott, Nat. Neurosci. 3:919 (2000);
    A. Morrison, M. Diesmann, W. Gerstner, Biol. Cybern. 98:459 (2008).
    """

    A_plus = Parameter(0.0, "potentiation at zero lag", unit="weight_unit", shape=())
    A_minus = Parameter(0.0, "depression at zero lag", unit="weight_unit", shape=())
    tau_plus = Parameter(20.0 * u.ms, "time constant of potentiation", shape=(), positive=True)
    tau_minus = Parameter(20.0 * u.ms, "time constant of depression", shape=(), positive=True)
    w_min = Parameter(0.0, "lowest weight", unit="weight_unit", shape=())
    w_max = Parameter(0.0, "highest weight", unit="weight_unit", shape=())
    x = State(0.0, "presynaptic trace", shape="n_pre")
    y = State(0.0, "postsynaptic trace", shape="n_post")

    def __init__(self, *, A_plus, A_minus, w_max, **values):
        super().__init__(A_plus=A_plus, A_minus=A_minus, w_max=w_max, **values)

    def update(self, clock, conn, by_post, pre, post, weight):
        x = self.plain("x") * jnp.exp(-clock.step_ms / self.plain("tau_plus"))
        y = self.plain("y") * jnp.exp(-clock.step_ms / self.plain("tau_minus"))
        low, high = self.plain("w_min"), self.plain("w_max")
        weight = events.add_on_pre(conn, pre, weight, -self.plain("A_minus") * y, low, high)
        weight = events.add_on_post(conn, by_post, post, weight, self.plain("A_plus") * x, low, high)
        self.put("x", x + pre)
        self.put("y", y + post)
        return weight
