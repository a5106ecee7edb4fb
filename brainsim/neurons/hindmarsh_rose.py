from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter, State
from brainsim.neurons.base import Neuron


class HindmarshRose(Neuron):
    r"""Hindmarsh-Rose neuron: bursts, and chaos, of a polynomial model with slow adaptation.

    .. math::
        \tau \dot V &= y - a V^3 + b V^2 - z + I \\
        \tau \dot y &= c - d V^2 - y \\
        \tau \dot z &= r\,[s\,(V - V_R) - z]

    Only time has a unit, :math:`\tau`. A spike is an upward crossing of :math:`V_{th}`; nothing is reset. With the
    defaults, rest is stable up to I = 1.36, with firing beside it from about 1.3; the cell bursts at I = 2, is chaotic
    at 3.25 and fires regularly at 4. The default method is Runge-Kutta 4: no variable relaxes exponentially.

    Accuracy at dt = 0.1 ms by default: intervals of 9.7 ms are 0.0012 ms (0.013 %) too long.

    References
    ----------
    J. L. Hindmarsh, R. M. Rose, Proc. R. Soc. Lond. B 221:87 (1984).
    """

    default_method = "rk4"
    clamped = ()
    input_unit = u.UNITLESS

    tau = Parameter(1.0 * u.ms, "unit of time", positive=True)
    a = Parameter(1.0, "cubic term")
    b = Parameter(3.0, "quadratic term")
    c = Parameter(1.0, "drive of the recovery")
    d = Parameter(5.0, "quadratic term of the recovery")
    r = Parameter(0.006, "slowness of the adaptation", positive=True)
    s = Parameter(4.0, "strength of the adaptation")
    V_R = Parameter(-1.6, "V without adaptation")
    V_th = Parameter(1.0, "V whose upward crossing is a spike")
    V = State(-1.6045, "excitation, like a membrane potential")
    y = State(lambda cell: cell.c - cell.d * cell.V**2, "fast recovery")
    z = State(lambda cell: cell.s * (cell.V - cell.V_R), "slow adaptation")

    def derivative(self, t, V, y, z, I):
        dV = y - self.a * V**3 + self.b * V**2 - z + I
        dy = self.c - self.d * V**2 - y
        dz = self.r * (self.s * (V - self.V_R) - z)
        return dV / self.tau, dy / self.tau, dz / self.tau

    def fires(self, before, after):
        return self.spike_crossing(before["V"], after["V"], self.V_th, scale=1.0)
