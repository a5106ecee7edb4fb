from __future__ import annotations

from typing import Any

import brainunit as u

from brainsim._core import Parameter
from brainsim.connectivity.distribution import Given
from brainsim.plasticity.base import Plasticity
from brainsim.plasticity.trace import Trace


class PolicyGradient(Plasticity):
    r"""Post spikes that come unexpectedly potentiate: the likelihood gradient of a neuron with escape noise.

    .. math:: \dot w = A\,x\,(Y - \rho(u)),\qquad \rho(u) = \rho_0\,e^{(u - \theta)/\Delta}
    .. math:: \dot x = -x/\tau,\quad \text{pre spike: } x \leftarrow x + 1

    with Y the train of post spikes and u the membrane potential. Inside :class:`RewardModulated` it is R-max, which
    climbs the expected reward. In a step the expectation acts for the step, with u at t + dt, then the post spikes at t
    + dt; then spikes enter x. w is kept in [w_min, w_max].

    Parameters
    ----------
    A : quantity in the weight's unit
        Change by a spike at x = 1.
    tau : quantity, time
        Time constant of x, that of the postsynaptic potential.
    rho_0 : quantity, frequency
        Rate at the threshold.
    theta, Delta : quantity, voltage
        Threshold and width of the escape noise.
    w_min, w_max : quantity in the weight's unit, optional
        Bounds.

    References
    ----------
    J.-P. Pfister, T. Toyoizumi, D. Barber, W. Gerstner, Neural Comput. 18:1318 (2006);
    N. Fremaux, H. Sprekeler, W. Gerstner, J. Neurosci. 30:13326 (2010).
    """

    drifts = True

    A = Parameter(0.0, "change by a spike", unit="weight_unit")
    tau = Parameter(20.0 * u.ms, "time constant of the presynaptic trace", positive=True)
    rho_0 = Parameter(60.0 * u.Hz, "rate at the threshold")
    theta = Parameter(-50.0 * u.mV, "threshold of the escape noise")
    Delta = Parameter(2.0 * u.mV, "width of the escape noise", positive=True)
    x = Trace("tau", "presynaptic trace", side="pre")

    def __init__(self, *, A: Given, **values: Any):
        super().__init__(A=A, **values)

    def update(self, s):
        expected = s.rho_0 * ((s.post.V - s.theta) / s.Delta).map(u.math.exp)
        s.every_step(-s.A * s.x * expected * s.dt)
        s.on_post(s.A * s.x)
