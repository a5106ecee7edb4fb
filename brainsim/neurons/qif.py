from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter, State
from brainsim.neurons.base import Neuron


class QIF(Neuron):
    r"""Quadratic integrate-and-fire neuron, the normal form of the onset of firing through a saddle-node.

    .. math:: \tau \dot V = a_0\,(V - E_L)(V - V_c) + R I,\qquad V > V_{peak} \Rightarrow V \leftarrow V_{reset}

    Between :math:`E_L`, the rest, and the critical potential :math:`V_c` the membrane relaxes to rest; beyond it V runs
    away, in finite time. The spike is cut at :math:`V_{peak}`; what V reaches in the step of a spike depends on dt, and the
    reset replaces it. With V alone, exponential Euler is of order 2 here.

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
