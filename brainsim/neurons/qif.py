from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter, State
from brainsim.neurons.base import Neuron


class QIF(Neuron):
    r"""Quadratic integrate-and-fire neuron, the normal form of the onset of firing through a saddle-node.

    .. math:: \tau \dot V = a_0\,(V - E_L)(V - V_c) + R I,\qquad V > V_{peak} \Rightarrow V \leftarrow V_{reset}

    Between :math:`E_L`, the rest, and the critical potential :math:`V_c` the membrane relaxes to rest; beyond it V runs
    away, in finite time. The spike is cut at :math:`V_{peak}`; what V reaches in the step of a spike depends on dt, and
    the reset replaces it. With V alone, exponential Euler is of order 2 here.

    Accuracy at dt = 0.1 ms by default: intervals of 42.2 ms are 0.051 ms (0.12 %) too long.

    References
    ----------
    P. E. Latham, B. J. Richmond, P. G. Nelson, S. Nirenberg, J. Neurophysiol. 83:808 (2000);
    W. Gerstner et al., Neuronal Dynamics (2014), section 5.3.
    """

    tau = Parameter(10.0 * u.ms, "membrane time constant", positive=True)
    a_0 = Parameter(0.07 / u.mV, "curvature", positive=True)
    E_L = Parameter(-65.0 * u.mV, "resting potential")
    V_c = Parameter(-50.0 * u.mV, "critical potential, from which V runs away without input")
    R = Parameter(1.0 * u.Mohm, "membrane resistance", positive=True)
    V_peak = Parameter(-30.0 * u.mV, "potential at which a spike is taken")
    V_reset = Parameter(-68.0 * u.mV, "potential after a spike")
    V = State(-65.0 * u.mV, "membrane potential")

    def derivative(self, t, V, I):
        return (self.a_0 * (V - self.E_L) * (V - self.V_c) + self.R * I) / self.tau

    def fires(self, before, after):
        return self.spike_where(after["V"], self.V_peak)


class AdQIF(QIF):
    r"""Quadratic integrate-and-fire neuron with an adaptation current.

    .. math:: \tau \dot V &= a_0\,(V - E_L)(V - V_c) + R\,(I - w) \\
              \tau_w \dot w &= a\,(V - E_L) - w
    .. math:: V > V_{peak} \Rightarrow V \leftarrow V_{reset},\quad w \leftarrow w + b

    The Izhikevich neuron in units of a membrane. While the neuron is refractory V is held and w goes on.

    Accuracy at dt = 0.1 ms by default: intervals of 59.5 ms are 0.043 ms (0.072 %) too long.

    References
    ----------
    E. M. Izhikevich, IEEE Trans. Neural Netw. 14:1569 (2003); J. Touboul, SIAM J. Appl. Math. 68:1045 (2008).
    """

    R = Parameter(100.0 * u.Mohm, "membrane resistance", positive=True)
    tau_w = Parameter(100.0 * u.ms, "time constant of adaptation", positive=True)
    a = Parameter(1.0 * u.nS, "adaptation by voltage")
    b = Parameter(20.0 * u.pA, "adaptation by each spike")
    w = State(0.0 * u.pA, "adaptation current")

    def derivative(self, t, V, w, I):
        return super().derivative(t, V, I - w), (self.a * (V - self.E_L) - w) / self.tau_w

    def after_spike(self, y):
        return {"V": self.V_reset, "w": y["w"] + self.b}
