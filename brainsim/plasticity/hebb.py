from __future__ import annotations

from typing import Any

import brainunit as u

from brainsim._core import Parameter
from brainsim.connectivity.distribution import Given
from brainsim.plasticity.rates import RateRule


class Hebb(RateRule):
    r"""Hebb's rule of rates, with a decay of weights and offsets that make it the covariance rule.

    .. math:: \dot w = \eta\,(x - x_0)(y - y_0) - \lambda\,w

    with activities x and y (in Hz, from spikes filtered with ``tau_x`` and ``tau_y``, or variables of the populations)
    at t + dt and before the spikes fired then; one Euler step, and w kept in [w_min, w_max].

    Parameters
    ----------
    eta : quantity, the weight's unit per time
        Learning rate, for activities of 1.
    x_0, y_0 : float
        Offsets; the mean activities give the covariance rule.
    decay : quantity, frequency
        :math:`\lambda`.
    tau_x, tau_y, pre_variable, post_variable
        Where activities come from; see :class:`RateRule`.
    w_min, w_max : quantity in the weight's unit, optional
        Bounds.

    References
    ----------
    D. O. Hebb, The Organization of Behavior (1949); T. J. Sejnowski, J. Math. Biol. 4:303 (1977).
    """

    eta = Parameter(0.0, "learning rate", unit="rate_unit")
    x_0 = Parameter(0.0, "offset of the presynaptic activity")
    y_0 = Parameter(0.0, "offset of the postsynaptic activity")
    decay = Parameter(0.0 * u.Hz, "rate at which weights decay")

    def __init__(self, *, eta: Given, **values: Any):
        super().__init__(eta=eta, **values)

    @property
    def rate_unit(self) -> u.Unit | None:
        return self.weight_unit / u.second if self.bound else None

    def update(self, s):
        x, y = self.activities(s)
        s.every_step(s.eta * s.dt * (x - s.x_0) * (y - s.y_0))
        s.every_step(-s.decay * s.dt * s.w)
