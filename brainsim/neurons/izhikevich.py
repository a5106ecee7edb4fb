from __future__ import annotations

from brainunit import ms, mV

from brainsim._core import Parameter, State
from brainsim.neurons.base import Neuron


class Izhikevich(Neuron):
    r"""Simple model of spiking neurons.

    .. math:: \dot V = k_2 V^2 + k_1 V + k_0 - u + I,\qquad \dot u = a\,[b\,(V - V_b) - \lambda u]
    .. math:: V > V_{peak} \Rightarrow V \leftarrow c,\quad u \leftarrow u + d

    with :math:`k_2 = 0.04`, :math:`k_1 = 5`, :math:`k_0 = 140`, :math:`V_b = 0` and :math:`\lambda = 1` in nearly all
    that is published:
    :math:`\dot V = 0.04\,V^2 + 5\,V + 140 - u + I`, :math:`\dot u = a\,(b\,V - u)`. Three of the twenty patterns of
    2004 have others (:data:`~brainsim.neurons.patterns.IZHIKEVICH_2004`).

    V, u and I are in mV, time in ms; so a receptor with a reversal potential has weights without unit. u starts at b V
    unless given. The paper resets where V reaches 30 mV, :math:`\ge`; that is the same for all but one number.

    The paper's program steps 1 ms: V twice by half a millisecond with Euler's method, then u with the new V. At that
    step the result belongs to the step as much as to the equations. With ``method="euler"`` both variables start from
    the same values, as in NEST with ``consistent_integration``. The default, exponential Euler, takes the slope of the
    parabola along: at dt = 0.1 ms each interval between spikes is less than a tenth of a millisecond off, with Euler a
    quarter to a third.

    Accuracy at dt = 0.1 ms by default: intervals of 42.4 ms are 0.068 ms (0.16 %) too long.

    References
    ----------
    E. M. Izhikevich, IEEE Trans. Neural Netw. 14:1569 (2003), 15:1063 (2004).
    """

    a = Parameter(0.02 / ms, "rate of recovery")
    b = Parameter(0.2, "sensitivity of recovery to V")
    c = Parameter(-65.0 * mV, "potential after a spike")
    d = Parameter(8.0 * mV, "recovery added by each spike")
    V_peak = Parameter(30.0 * mV, "potential at which a spike is taken")
    k_2 = Parameter(0.04 / mV, "quadratic coefficient")
    k_1 = Parameter(5.0, "linear coefficient")
    k_0 = Parameter(140.0 * mV, "constant term")
    V_b = Parameter(0.0 * mV, "potential from which recovery counts V")
    decay = Parameter(1.0, "decay of recovery, in units of its rate: lambda")
    V = State(-70.0 * mV, "membrane potential")
    u = State(lambda cell: cell.b * (cell.V - cell.V_b), "membrane recovery", unit=mV)

    input_unit = mV

    def derivative(self, t, V, u, I):
        dV = (self.k_2 * V**2 + self.k_1 * V + self.k_0 - u + I) / ms
        du = self.a * (self.b * (V - self.V_b) - self.decay * u)
        return dV, du

    def fires(self, before, after):
        return self.spike_where(after["V"], self.V_peak, scale=self.V_peak - self.c)

    def after_spike(self, y):
        return {"V": self.c, "u": y["u"] + self.d}
