from __future__ import annotations

import brainunit as u
import jax

from brainsim._core import Parameter, State
from brainsim.neurons.base import Neuron


class MorrisLecar(Neuron):
    r"""Morris-Lecar neuron: barnacle muscle fibre, with an instantaneous calcium and a slow potassium conductance.

    .. math:: C \dot V = \bar g_{Ca}\,m_\infty(V)\,(E_{Ca} - V) + \bar g_K w\,(E_K - V) + g_L (E_L - V) + I
    .. math:: \dot w = \phi\,\cosh\!\left(\frac{V - V_3}{2 V_4}\right) (w_\infty(V) - w)
    .. math:: m_\infty = \tfrac12 \left(1 + \tanh\frac{V - V_1}{V_2}\right),\qquad w_\infty = \tfrac12 \left(1 + \tanh\frac{V - V_3}{V_4}\right)

    A spike is an upward crossing of :math:`V_{th}`; nothing is reset. w starts at its steady state at the initial V
    unless given.

    The defaults are of class II: firing begins at a finite frequency, through a subcritical Hopf bifurcation near 94
    µA/cm². Class I, from frequency zero, through a saddle-node on the cycle near 40 µA/cm²: ``g_Ca`` = 4 mS/cm²,
    ``V_3`` = 12 mV, ``V_4`` = 17.4 mV, ``phi`` = 1/15 per ms.

    Accuracy at dt = 0.1 ms by default: intervals of 73.9 ms are 0.0087 ms (0.012 %) too long; the peak of V is within
    0.002 mV.

    References
    ----------
    C. Morris, H. Lecar, Biophys. J. 35:193 (1981);
    J. Rinzel, G. B. Ermentrout, in Methods in Neuronal Modeling, 2nd ed. (1998), chapter 7.
    """

    default_method = "staggered_exponential_euler"
    clamped = ()
    input_unit = u.uA / u.cm2

    C = Parameter(20.0 * u.uF / u.cm2, "membrane capacitance", positive=True)
    g_Ca = Parameter(4.4 * u.mS / u.cm2, "maximal calcium conductance", nonnegative=True)
    g_K = Parameter(8.0 * u.mS / u.cm2, "maximal potassium conductance", nonnegative=True)
    g_L = Parameter(2.0 * u.mS / u.cm2, "leak conductance", nonnegative=True)
    E_Ca = Parameter(120.0 * u.mV, "calcium reversal potential")
    E_K = Parameter(-84.0 * u.mV, "potassium reversal potential")
    E_L = Parameter(-60.0 * u.mV, "leak reversal potential")
    V_1 = Parameter(-1.2 * u.mV, "V at half activation of the calcium conductance")
    V_2 = Parameter(18.0 * u.mV, "width of that activation", positive=True)
    V_3 = Parameter(2.0 * u.mV, "V at half activation of the potassium conductance")
    V_4 = Parameter(30.0 * u.mV, "width of that activation", positive=True)
    phi = Parameter(0.04 / u.ms, "rate of the potassium conductance at V_3", positive=True)
    V_th = Parameter(0.0 * u.mV, "potential whose upward crossing is a spike")
    V = State(-60.85 * u.mV, "membrane potential")
    w = State(lambda cell: cell.w_inf(cell.V), "activation of the potassium conductance")

    def derivative(self, t, V, w, I, V_held):
        m_inf = 0.5 * (1.0 + u.math.tanh((V_held - self.V_1) / self.V_2))
        I_Ca = self.g_Ca * m_inf * (self.E_Ca - V)
        I_K = self.g_K * w * (self.E_K - V)
        I_L = self.g_L * (self.E_L - V)
        rate = self.phi * u.math.cosh((V - self.V_3) / (2.0 * self.V_4))
        return (I_Ca + I_K + I_L + I) / self.C, rate * (self.w_inf(V) - w)

    def w_inf(self, V: u.Quantity) -> jax.Array:
        """w as it becomes at a fixed V."""
        return 0.5 * (1.0 + u.math.tanh((V - self.V_3) / self.V_4))

    def fires(self, before, after):
        return self.spike_crossing(before["V"], after["V"], self.V_th, scale=self.V_th - self.E_L)
