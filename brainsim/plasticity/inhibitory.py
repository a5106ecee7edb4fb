from __future__ import annotations

from typing import Any

import brainunit as u

from brainsim._core import Parameter
from brainsim.connectivity.distribution import Given
from brainsim.plasticity.base import Plasticity
from brainsim.plasticity.trace import Trace


class InhibitorySTDP(Plasticity):
    r"""Inhibitory STDP that keeps postsynaptic neurons at a target rate.

    .. math:: \dot x = -x/\tau,\quad \dot y = -y/\tau
    .. math:: \text{pre spike:}\quad w \leftarrow w + \eta\,(y - 2\,r_0\,\tau),\ x \leftarrow x + 1
    .. math:: \text{post spike:}\quad w \leftarrow w + \eta\,x,\ y \leftarrow y + 1

    with w, the strength of an inhibitory synapse, kept in [w_min, w_max]. Near coincident spikes potentiate in either
    order and each pre spike alone depresses, so that on average the weights rest where the postsynaptic rate is
    :math:`r_0`. Post spikes change the weight before pre spikes of the same step do, both with traces from before the
    step's spikes (see :class:`Plasticity`). Where inhibition has negative weights, give ``eta`` a negative sign and
    swap the bounds' roles.

    Parameters
    ----------
    eta : quantity in the weight's unit
        Learning rate.
    w_max, w_min : quantity in the weight's unit
        Bounds.
    target_rate : quantity, frequency
        :math:`r_0`.
    tau : quantity, time
        Time constant of both traces.

    References
    ----------
    T. P. Vogels, H. Sprekeler, F. Zenke, C. Clopath, W. Gerstner, Science 334:1569 (2011).
    """

    eta = Parameter(0.0, "learning rate", unit="weight_unit")
    target_rate = Parameter(5.0 * u.Hz, "rate at which postsynaptic neurons are kept", nonnegative=True)
    tau = Parameter(20.0 * u.ms, "time constant of the traces", positive=True)
    w_min = Parameter(0.0, "lowest weight", unit="weight_unit")
    w_max = Parameter(0.0, "highest weight", unit="weight_unit")
    x = Trace("tau", "presynaptic trace", side="pre")
    y = Trace("tau", "postsynaptic trace", side="post")

    def __init__(self, *, eta: Given, w_max: Given, **values: Any):
        super().__init__(eta=eta, w_max=w_max, **values)

    def update(self, s):
        s.on_post(s.eta * s.x)
        s.on_pre(s.eta * (s.y - 2.0 * s.target_rate * s.tau))
