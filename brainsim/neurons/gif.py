from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter, State
from brainsim.neurons.base import Neuron


class GIF(Neuron):
    r"""Generalised integrate-and-fire neuron: linear equations, two internal currents and a moving threshold.

    .. math:: C \dot V &= G\,(E_L - V) + I_1 + I_2 + I \\
              \dot\Theta &= a\,(V - E_L) - b\,(\Theta - \Theta_\infty) \\
              \dot I_j &= -k_j I_j
    .. math:: V > \Theta \;\Rightarrow\; V \leftarrow V_r,\quad \Theta \leftarrow \max(\Theta, \Theta_r),\quad
              I_j \leftarrow R_j I_j + A_j

    The paper divides all currents by C; here C is 100 pF, so 1 V/s of the paper is 100 pA. The twenty firing patterns
    of its table are :data:`~brainsim.neurons.patterns.MIHALAS_NIEBUR_2009`. The default method takes the internal
    currents as they are at the beginning of the step; ``method="rk4"`` is exact to rounding at any usable dt.

    Accuracy at dt = 0.1 ms by default: intervals of 13.9 ms are 0.022 ms (0.15 %) too long.

    References
    ----------
    S. Mihalas, E. Niebur, Neural Comput. 21:704 (2009).
    """

    C = Parameter(100.0 * u.pF, "membrane capacitance", positive=True)
    G = Parameter(5.0 * u.nS, "leak conductance", positive=True)
    E_L = Parameter(-70.0 * u.mV, "leak reversal potential")
    V_r = Parameter(-70.0 * u.mV, "potential after a spike")
    Theta_inf = Parameter(-50.0 * u.mV, "threshold at rest")
    Theta_r = Parameter(-60.0 * u.mV, "threshold after a spike, at least")
    a = Parameter(0.0 * u.Hz, "pull of the potential on the threshold")
    b = Parameter(10.0 * u.Hz, "rate at which the threshold returns", positive=True)
    k_1 = Parameter(200.0 * u.Hz, "decay of the first internal current")
    k_2 = Parameter(20.0 * u.Hz, "decay of the second internal current")
    R_1 = Parameter(0.0, "what a spike leaves of the first internal current")
    R_2 = Parameter(1.0, "what a spike leaves of the second internal current")
    A_1 = Parameter(0.0 * u.pA, "what a spike adds to the first internal current")
    A_2 = Parameter(0.0 * u.pA, "what a spike adds to the second internal current")
    V = State(-70.0 * u.mV, "membrane potential")
    Theta = State(-50.0 * u.mV, "threshold")
    I_1 = State(0.0 * u.pA, "first internal current")
    I_2 = State(0.0 * u.pA, "second internal current")

    def derivative(self, t, V, Theta, I_1, I_2, I):
        dV = (self.G * (self.E_L - V) + I_1 + I_2 + I) / self.C
        dTheta = self.a * (V - self.E_L) - self.b * (Theta - self.Theta_inf)
        return dV, dTheta, -self.k_1 * I_1, -self.k_2 * I_2

    def fires(self, before, after):
        return self.spike_where(after["V"], after["Theta"], scale=self.Theta_inf - self.V_r)

    def after_spike(self, y):
        return {
            "V": self.V_r,
            "Theta": u.math.maximum(y["Theta"], self.Theta_r),
            "I_1": self.R_1 * y["I_1"] + self.A_1,
            "I_2": self.R_2 * y["I_2"] + self.A_2,
        }
