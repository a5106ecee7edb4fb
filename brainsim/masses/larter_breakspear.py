from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter, State
from brainsim._units import Value
from brainsim.masses.base import Mass


class LarterBreakspear(Mass):
    r"""Pyramidal cells with sodium, potassium and calcium conductances, and inhibitory interneurons, as one region.

    .. math::
        \tau \dot V &= -[g_{Ca} + r_{NMDA} a_{ee} ((1 - C) Q_V + C I)]\,m_{Ca} (V - V_{Ca}) - g_K W (V - V_K) - g_L (V - V_L) \\
                    &\quad - [g_{Na} m_{Na} + a_{ee} ((1 - C) Q_V + C I)] (V - V_{Na}) - a_{ie} Z Q_Z + a_{ne} I_{ext} \\
        \tau \dot W &= \phi\,(m_K - W)/\tau_K \\
        \tau \dot Z &= b\,(a_{ni} I_{ext} + a_{ei} V Q_V)
    .. math:: m_x = \tfrac12 [1 + \tanh((V - T_x)/\delta_x)],\quad
              Q_V = \tfrac12 Q_{max} [1 + \tanh((V - V_T)/\delta_V)],\quad Q_Z = \tfrac12 Q_{max} [1 + \tanh((Z -
              Z_T)/\delta_Z)]

    I is the mean :math:`Q_V` of the other regions: send ``Q_V`` with weights that sum to 1 per region. All variables
    are without unit. With C = 0 the region rests at :math:`\delta_V` = 0.5 and oscillates from 0.55 on; at
    :math:`\delta_V` = 0.6 and
    :math:`\delta_Z` = 0.65 it is chaotic.

    Accuracy at dt = 0.1 ms by default: a run of 500 ms is within 4e-4 of its range.

    References
    ----------
    M. Breakspear, J. R. Terry, K. J. Friston, Network 14:703 (2003); C. J. Honey, R. Kotter, M. Breakspear, O. Sporns,
    PNAS 104:10240 (2007).
    """

    g_Ca = Parameter(1.1, "calcium conductance", nonnegative=True)
    g_K = Parameter(2.0, "potassium conductance", nonnegative=True)
    g_L = Parameter(0.5, "leak conductance", nonnegative=True)
    g_Na = Parameter(6.7, "sodium conductance", nonnegative=True)
    V_Ca = Parameter(1.0, "calcium reversal potential")
    V_K = Parameter(-0.7, "potassium reversal potential")
    V_L = Parameter(-0.5, "leak reversal potential")
    V_Na = Parameter(0.53, "sodium reversal potential")
    T_Ca = Parameter(-0.01, "threshold of the calcium channels")
    T_K = Parameter(0.0, "threshold of the potassium channels")
    T_Na = Parameter(0.3, "threshold of the sodium channels")
    delta_Ca = Parameter(0.15, "width of the calcium thresholds")
    delta_K = Parameter(0.3, "width of the potassium thresholds")
    delta_Na = Parameter(0.15, "width of the sodium thresholds")
    V_T = Parameter(0.0, "threshold of the pyramidal rate")
    Z_T = Parameter(0.0, "threshold of the interneuron rate")
    delta_V = Parameter(0.65, "width of the pyramidal thresholds")
    delta_Z = Parameter(0.7, "width of the interneuron thresholds")
    Q_max = Parameter(1.0, "largest rate")
    a_ee = Parameter(0.4, "excitatory to excitatory coupling")
    a_ei = Parameter(2.0, "excitatory to inhibitory coupling")
    a_ie = Parameter(2.0, "inhibitory to excitatory coupling")
    a_ne = Parameter(1.0, "input to excitatory coupling")
    a_ni = Parameter(0.4, "input to inhibitory coupling")
    r_NMDA = Parameter(0.25, "ratio of NMDA to AMPA receptors")
    I_ext = Parameter(0.3, "input from below the cortex")
    b = Parameter(0.1, "rate of the inhibitory population")
    phi = Parameter(0.7, "temperature factor of the potassium channels")
    tau_K = Parameter(1.0, "relaxation time of the potassium channels, per tau", positive=True)
    C = Parameter(0.0, "share of the excitation that comes from other regions")
    tau = Parameter(1.0 * u.ms, "unit of time", positive=True)
    V = State(-0.2, "mean potential of the pyramidal cells")
    W = State(0.3, "share of open potassium channels")
    Z = State(0.0, "mean potential of the interneurons")
    Q_V = State(lambda region: region.rate(region.V), "mean rate of the pyramidal cells")

    def derivative(self, t, V, W, Z, I):
        Q_V, Q_Z = self.rate(V), self.Q_max * rising(Z, self.Z_T, self.delta_Z)
        excitation = self.a_ee * ((1 - self.C) * Q_V + self.C * I)
        m_Ca, m_Na = rising(V, self.T_Ca, self.delta_Ca), rising(V, self.T_Na, self.delta_Na)
        dV = (
            -(self.g_Ca + self.r_NMDA * excitation) * m_Ca * (V - self.V_Ca)
            - self.g_K * W * (V - self.V_K)
            - self.g_L * (V - self.V_L)
            - (self.g_Na * m_Na + excitation) * (V - self.V_Na)
            - self.a_ie * Z * Q_Z
            + self.a_ne * self.I_ext
        )
        dW = self.phi * (rising(V, self.T_K, self.delta_K) - W) / self.tau_K
        dZ = self.b * (self.a_ni * self.I_ext + self.a_ei * V * Q_V)
        return dV / self.tau, dW / self.tau, dZ / self.tau

    def rate(self, V: Value) -> Value:
        """Mean rate of the pyramidal cells at V."""
        return self.Q_max * rising(V, self.V_T, self.delta_V)

    def observe(self, y):
        return {"Q_V": self.rate(y["V"])}


def rising(x, threshold, width):
    """Share of units above threshold."""
    return 0.5 * (1 + u.math.tanh((x - threshold) / width))
