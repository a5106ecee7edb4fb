from __future__ import annotations

from typing import Any

import brainunit as u

from brainsim._core import Parameter
from brainsim.connectivity.distribution import Given
from brainsim.plasticity.base import Plasticity
from brainsim.plasticity.trace import Trace


class PowerLawSTDP(Plasticity):
    r"""STDP whose potentiation is a power law of the weight and whose depression is proportional to it, all pairs.

    .. math:: \dot x = -x/\tau_+,\quad \dot y = -y/\tau_-
    .. math:: \text{pre spike:}\quad w \leftarrow w - \lambda\alpha\,w\,y,\ x \leftarrow x + 1
    .. math:: \text{post spike:}\quad w \leftarrow w + \lambda\,w_0^{1-\mu} w^{\mu}\,x,\ y \leftarrow y + 1

    It has a stable distribution of weights without bounds. Post spikes change the weight before pre spikes of the same
    step do, both with traces from before the step's spikes (see :class:`Plasticity`). Weights are positive.

    Parameters
    ----------
    w_0 : quantity in the weight's unit
        Reference weight.
    learning_rate : float
        :math:`\lambda`.
    alpha : float
        Asymmetry of depression.
    mu : float
        Exponent of potentiation.
    tau_plus, tau_minus : quantity, time
        Time constants of the window.

    References
    ----------
    A. Morrison, A. Aertsen, M. Diesmann, Neural Comput. 19:1437 (2007).
    """

    w_0 = Parameter(1.0, "reference weight", unit="weight_unit")
    learning_rate = Parameter(0.1, "learning rate lambda")
    alpha = Parameter(0.11, "asymmetry of depression")
    mu = Parameter(0.4, "exponent of potentiation")
    tau_plus = Parameter(20.0 * u.ms, "time constant of potentiation", positive=True)
    tau_minus = Parameter(20.0 * u.ms, "time constant of depression", positive=True)
    w_min = Parameter(0.0, "lowest weight", unit="weight_unit")
    x = Trace("tau_plus", "presynaptic trace", side="pre")
    y = Trace("tau_minus", "postsynaptic trace", side="post")

    def __init__(self, *, w_0: Given, **values: Any):
        super().__init__(w_0=w_0, **values)

    def update(self, s):
        zero = 0.0 * s.w_0
        s.on_post(s.learning_rate * s.w_0 * s.x * s.power_law(zero, s.w_0, s.mu))
        s.on_pre(-s.learning_rate * s.alpha * s.w_0 * s.y * s.power_law(zero, s.w_0, 1.0 + 0.0 * s.mu))
