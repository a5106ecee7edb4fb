from __future__ import annotations

from typing import Any

import brainunit as u

from brainsim._core import Parameter
from brainsim.connectivity.distribution import Given
from brainsim.plasticity.base import Plasticity
from brainsim.plasticity.trace import Trace


class HomeostaticScaling(Plasticity):
    r"""Synaptic scaling: all weights of a neuron grow or shrink together until it fires at its target rate.

    .. math:: \dot w = \beta\,w\,(r_0 - r),\qquad r = y/\tau,\quad \dot y = -y/\tau,\quad \text{post spike: } y \leftarrow y + 1

    with the rate at t + dt, before the spikes fired then; one Euler step, and w kept in [w_min, w_max]. Weights also
    change while all is silent: they grow. Ratios between the weights of a neuron stay as they are.

    Parameters
    ----------
    target_rate : quantity, frequency
        :math:`r_0`.
    beta : float
        Relative change of the weights for each spike that is missing.
    tau : quantity, time
        Window of the rate.
    w_min, w_max : quantity in the weight's unit, optional
        Bounds.

    References
    ----------
    G. G. Turrigiano, K. R. Leslie, N. S. Desai, L. C. Rutherford, S. B. Nelson, Nature 391:892 (1998);
    M. C. W. van Rossum, G. Q. Bi, G. G. Turrigiano, J. Neurosci. 20:8812 (2000).
    """

    drifts = True

    target_rate = Parameter(5.0 * u.Hz, "rate at which neurons are kept", nonnegative=True)
    beta = Parameter(1e-3, "relative change for each spike that is missing")
    tau = Parameter(1000.0 * u.ms, "window of the rate", positive=True)
    y = Trace("tau", "postsynaptic spikes in the window", side="post")

    def __init__(self, *, target_rate: Given, **values: Any):
        super().__init__(target_rate=target_rate, **values)

    def update(self, s):
        s.every_step(s.beta * s.dt * s.w * (s.target_rate - s.y / s.tau))
