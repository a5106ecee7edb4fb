from __future__ import annotations

from typing import Any

import brainunit as u

from brainsim._core import Parameter
from brainsim.connectivity.distribution import Given
from brainsim.plasticity.rates import RateRule


class Oja(RateRule):
    r"""Oja's rule: Hebbian growth that keeps the weights of a neuron normalised.

    .. math:: \dot w = \eta\,y\,(w_1\,x - y\,w)

    with activities x and y (in Hz, from spikes filtered with ``tau_x`` and ``tau_y``, or variables of the populations)
    at t + dt and before the spikes fired then; one Euler step, and w kept in [w_min, w_max]. For a linear neuron,
    :math:`y = \sum w x / w_1`, the weights go to the first principal component of the inputs, with norm :math:`w_1`.

    Parameters
    ----------
    eta : quantity, frequency
        Learning rate, for activities of 1.
    w_1 : quantity in the weight's unit
        Norm of the weights.
    tau_x, tau_y, pre_variable, post_variable
        Where activities come from; see :class:`RateRule`.
    w_min, w_max : quantity in the weight's unit, optional
        Bounds.

    References
    ----------
    E. Oja, J. Math. Biol. 15:267 (1982).
    """

    eta = Parameter(0.0 * u.Hz, "learning rate")
    w_1 = Parameter(1.0, "norm of the weights", unit="weight_unit")

    def __init__(self, *, eta: Given, w_1: Given, **values: Any):
        super().__init__(eta=eta, w_1=w_1, **values)

    def update(self, s):
        x, y = self.activities(s)
        s.every_step(s.eta * s.dt * y * (s.w_1 * x - y * s.w))
