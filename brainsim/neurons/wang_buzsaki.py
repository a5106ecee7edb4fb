from __future__ import annotations

import brainunit as u
import jax

from brainsim._core import Parameter, State
from brainsim.channels.kinetics import Rates
from brainsim.channels.potassium import k_traubmiles, k_wangbuzsaki
from brainsim.channels.sodium import na_traubmiles, na_wangbuzsaki, na_wangbuzsaki_m_inf
from brainsim.neurons.base import Neuron


class WangBuzsaki(Neuron):
    r"""Wang-Buzsáki neuron: fast-spiking hippocampal interneuron.

    .. math:: C \dot V = \bar g_{Na} m_\infty^3(V)\,h\,(E_{Na} - V) + \bar g_K n^4 (E_K - V) + g_L (E_L - V) + I
    .. math:: \dot x = \alpha_x(V)\,(1 - x) - \beta_x(V)\,x,\qquad x = h, n

    with the rates of :class:`~brainsim.channels.Na_WangBuzsaki` and :class:`~brainsim.channels.K_WangBuzsaki`, times
    ``phi``. In all else, spikes, surrogate and initial gates, as :class:`HodgkinHuxley`. The default
    method is Runge-Kutta 4, stable up to dt = 0.3 ms for inputs of up to 20 µA/cm².

    Accuracy at dt = 0.1 ms by default: intervals of 16.8 ms are 0.00023 ms (0.0014 %) too short; the peak of V is
    within 0.3 mV.

    References
    ----------
    X.-J. Wang, G. Buzsáki, J. Neurosci. 16:6402 (1996).
    """

    default_method = "rk4"
    clamped = ()
    input_unit = u.uA / u.cm2

    C = Parameter(1.0 * u.uF / u.cm2, "membrane capacitance", positive=True)
    g_Na = Parameter(35.0 * u.mS / u.cm2, "maximal sodium conductance", nonnegative=True)
    g_K = Parameter(9.0 * u.mS / u.cm2, "maximal potassium conductance", nonnegative=True)
    g_L = Parameter(0.1 * u.mS / u.cm2, "leak conductance", nonnegative=True)
    E_Na = Parameter(55.0 * u.mV, "sodium reversal potential")
    E_K = Parameter(-90.0 * u.mV, "potassium reversal potential")
    E_L = Parameter(-65.0 * u.mV, "leak reversal potential")
    phi = Parameter(5.0, "factor of the rates", positive=True)
    V_th = Parameter(0.0 * u.mV, "potential whose upward crossing is a spike")
    V = State(-64.0 * u.mV, "membrane potential")
    h = State(lambda cell: cell.rates(cell.V)[0].steady, "inactivation of the sodium conductance; 1 is open")
    n = State(lambda cell: cell.rates(cell.V)[1].steady, "activation of the potassium conductance")

    def derivative(self, t, V, h, n, I, V_held):
        I_Na = self.g_Na * self.m_inf(V_held) ** 3 * h * (self.E_Na - V)
        I_K = self.g_K * n**4 * (self.E_K - V)
        I_L = self.g_L * (self.E_L - V)
        rates_h, rates_n = self.rates(V)
        return (I_Na + I_K + I_L + I) / self.C, rates_h.slope(h), rates_n.slope(n)

    def m_inf(self, V: u.Quantity) -> jax.Array:
        """Activation of the sodium conductance, which follows V at once."""
        return na_wangbuzsaki_m_inf(V)

    def rates(self, V: u.Quantity) -> tuple[Rates, Rates]:
        """Opening and closing rates of h and n at V: those of the channels, with the numbers of the cell."""
        return na_wangbuzsaki(V, self.phi)["h"], k_wangbuzsaki(V, self.phi)["n"]

    def fires(self, before, after):
        return self.spike_crossing(before["V"], after["V"], self.V_th, scale=self.V_th - self.E_L)


class ReducedTraub(WangBuzsaki):
    r"""Reduced Traub-Miles neuron: excitatory cell with instantaneous sodium activation.

    .. math:: C \dot V = \bar g_{Na} m_\infty^3(V)\,h\,(E_{Na} - V) + \bar g_K n^4 (E_K - V) + g_L (E_L - V) + I
    .. math:: \dot x = \alpha_x(V)\,(1 - x) - \beta_x(V)\,x,\qquad x = h, n

    with the rates of :class:`TraubMiles`, here at :math:`V_T` = -67 mV. In all else as :class:`HodgkinHuxley`.

    Activation without delay and a strong sodium conductance make a stiff upstroke, which a step that follows
    :math:`m_\infty` would overshoot; the default method holds it as it is in the middle of the step (``V_held`` of
    ``derivative``). Runge-Kutta 4 needs dt of at most 0.02 ms.

    Accuracy at dt = 0.1 ms by default: intervals of 22.9 ms are 0.16 ms (0.72 %) too long; the peak of V is within 1
    mV.

    References
    ----------
    G. B. Ermentrout, N. Kopell, PNAS 95:1259 (1998);
    M. Olufsen, M. Whittington, M. Camperi, N. Kopell, J. Comput. Neurosci. 14:33 (2003).
    """

    default_method = "staggered_exponential_euler"

    g_Na = Parameter(100.0 * u.mS / u.cm2, "maximal sodium conductance", nonnegative=True)
    g_K = Parameter(80.0 * u.mS / u.cm2, "maximal potassium conductance", nonnegative=True)
    E_Na = Parameter(50.0 * u.mV, "sodium reversal potential")
    E_K = Parameter(-100.0 * u.mV, "potassium reversal potential")
    E_L = Parameter(-67.0 * u.mV, "leak reversal potential")
    phi = Parameter(1.0, "factor of the rates", positive=True)
    V_T = Parameter(-67.0 * u.mV, "shift of the rates along V: sets the threshold")
    V = State(-67.0 * u.mV, "membrane potential")

    def m_inf(self, V):
        return na_traubmiles(V, self.V_T, self.phi)["m"].steady

    def rates(self, V):
        return na_traubmiles(V, self.V_T, self.phi)["h"], k_traubmiles(V, self.V_T, self.phi)["n"]
