from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter, State
from brainsim.channels.potassium import k_traubmiles
from brainsim.channels.sodium import na_traubmiles
from brainsim.neurons.hodgkin_huxley import HodgkinHuxley


class TraubMiles(HodgkinHuxley):
    r"""Hodgkin-Huxley neuron with the rates of Traub and Miles, as in the COBA-HH benchmark; hippocampal pyramidal
    cell.

    .. math:: C \dot V = \bar g_{Na} m^3 h\,(E_{Na} - V) + \bar g_K n^4 (E_K - V) + g_L (E_L - V) + I
    .. math:: \dot x = \alpha_x(V)\,(1 - x) - \beta_x(V)\,x,\qquad x = m, h, n

    with :math:`v = (V - V_T)/\mathrm{mV}` and rates per ms

    .. math::
        \alpha_m &= \frac{0.32\,(13 - v)}{e^{(13 - v)/4} - 1}, & \beta_m &= \frac{0.28\,(v - 40)}{e^{(v - 40)/5} - 1} \\
        \alpha_h &= 0.128\,e^{(17 - v)/18}, & \beta_h &= \frac{4}{1 + e^{(40 - v)/5}} \\
        \alpha_n &= \frac{0.032\,(15 - v)}{e^{(15 - v)/5} - 1}, & \beta_n &= 0.5\,e^{(10 - v)/40}

    A spike is an upward crossing of :math:`V_{th}`, at most one in ``refractory`` where that is given (the benchmark
    has 3 ms); V is not clamped. In all else, surrogate, initial gates and numerics, as :class:`HodgkinHuxley`.
    Conductances are those of the whole cell. The rates have their limits at v = 13, 40 and 15.

    With the benchmark's leak at -60 mV the cell fires on its own, at 14 Hz; from :math:`E_L` = -65 mV down it rests.

    Accuracy at dt = 0.1 ms by default: intervals of 17.0 ms are 0.15 ms (0.88 %) too long; the peak of V is within 1
    mV.

    References
    ----------
    R. D. Traub, R. Miles, Neuronal Networks of the Hippocampus (1991);
    R. Brette et al., J. Comput. Neurosci. 23:349 (2007), benchmark 3.
    """

    input_unit = u.pA

    C = Parameter(200.0 * u.pF, "membrane capacitance", positive=True)
    g_Na = Parameter(20e3 * u.nS, "maximal sodium conductance", nonnegative=True)
    g_K = Parameter(6e3 * u.nS, "maximal potassium conductance", nonnegative=True)
    g_L = Parameter(10.0 * u.nS, "leak conductance", nonnegative=True)
    E_Na = Parameter(50.0 * u.mV, "sodium reversal potential")
    E_K = Parameter(-90.0 * u.mV, "potassium reversal potential")
    E_L = Parameter(-60.0 * u.mV, "leak reversal potential")
    V_T = Parameter(-63.0 * u.mV, "shift of the rates along V: sets the threshold")
    V_th = Parameter(-20.0 * u.mV, "potential whose upward crossing is a spike")
    V = State(-60.0 * u.mV, "membrane potential")

    def rates(self, V):
        return *na_traubmiles(V, self.V_T, self.phi).values(), *k_traubmiles(V, self.V_T, self.phi).values()
