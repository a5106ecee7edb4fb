from __future__ import annotations

from typing import Any

import brainunit as u

from brainsim._core import Parameter
from brainsim.connectivity.distribution import Given
from brainsim.plasticity.rates import RateRule
from brainsim.plasticity.trace import Trace


class BCM(RateRule):
    r"""The rule of Bienenstock, Cooper and Munro: a threshold between depression and potentiation that slides.

    .. math:: \dot w = \eta\,x\,y\,(y - \theta),\qquad \tau_\theta \dot\theta = \frac{y^2}{y_0} - \theta

    with activities x and y (in Hz, from spikes filtered with ``tau_x`` and ``tau_y``, or variables of the populations)
    at t + dt and before the spikes fired then. The threshold moves first, then the weights by one Euler step; w is kept
    in [w_min, w_max].

    Parameters
    ----------
    eta : quantity, the weight's unit per time
        Learning rate, for activities of 1.
    y_0 : float
        Activity that the neuron is led to.
    tau_theta : quantity, time
        Time constant of the threshold; it has to be quicker than the weights.
    tau_x, tau_y, pre_variable, post_variable
        Where activities come from; see :class:`RateRule`.
    w_min, w_max : quantity in the weight's unit, optional
        Bounds.

    References
    ----------
    E. L. Bienenstock, L. N. Cooper, P. W. Munro, J. Neurosci. 2:32 (1982); N. Intrator, L. N. Cooper, Neural Netw. 5:3
    (1992).
    """

    eta = Parameter(0.0, "learning rate", unit="rate_unit")
    y_0 = Parameter(10.0, "activity that the neuron is led to", positive=True)
    tau_theta = Parameter(1000.0 * u.ms, "time constant of the threshold", positive=True)
    theta = Trace("tau_theta", "sliding threshold", side="post", of=lambda s: s.rule.activities(s)[1] ** 2 / s.y_0)

    def __init__(self, *, eta: Given, **values: Any):
        super().__init__(eta=eta, **values)

    @property
    def rate_unit(self) -> u.Unit | None:
        return self.weight_unit / u.second if self.bound else None

    def update(self, s):
        x, y = self.activities(s)
        s.every_step(s.eta * s.dt * x * y * (y - s.theta))
