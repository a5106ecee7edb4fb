from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter, State
from brainsim.neurons.base import Neuron


class ExpIF(Neuron):
    r"""Exponential integrate-and-fire neuron: the upstroke of the spike as the sodium current makes it.

    .. math:: C \dot V = g_L (E_L - V) + g_L \Delta_T\, e^{(V - V_T)/\Delta_T} + I,\qquad
              V > V_{peak} \Rightarrow V \leftarrow V_{reset}

    On the right-hand side V counts as :math:`V_{peak}` at most, and the exponent as 30 at most, so that nothing
    overflows on the upstroke; where a surrogate carries derivatives, a reset is one from :math:`V_{peak}`. The defaults are
    those of the paper, but for its refractory time of 1.7 ms. A surrogate's width is scaled by :math:`V_{peak} - V_{reset}`.

    Accuracy at dt = 0.1 ms by default: intervals of 15.6 ms are 0.091 ms (0.58 %) too long.

    References
    ----------
    N. Fourcaud-Trocmé, D. Hansel, C. van Vreeswijk, N. Brunel, J. Neurosci. 23:11628 (2003).
    """

    taken_at = {"V": "V_peak"}

    C = Parameter(100.0 * u.pF, "membrane capacitance", positive=True)
    g_L = Parameter(10.0 * u.nS, "leak conductance", positive=True)
    E_L = Parameter(-65.0 * u.mV, "leak reversal potential")
    V_T = Parameter(-59.9 * u.mV, "threshold of the exponential")
    Delta_T = Parameter(3.48 * u.mV, "slope factor", positive=True)
    V_peak = Parameter(-30.0 * u.mV, "potential at which a spike is taken")
    V_reset = Parameter(-68.0 * u.mV, "potential after a spike")
    V = State(-64.0 * u.mV, "membrane potential")

    def derivative(self, t, V, I):
        return self.membrane(u.math.minimum(V, self.V_peak), I)

    def membrane(self, V: u.Quantity, I: u.Quantity) -> u.Quantity:
        """Time derivative of V: leak, spike current and what comes in."""
        exponent = u.math.minimum((V - self.V_T) / self.Delta_T, 30.0)
        spike_current = self.g_L * self.Delta_T * u.math.exp(exponent)
        return (self.g_L * (self.E_L - V) + spike_current + I) / self.C

    def fires(self, before, after):
        return self.spike_where(after["V"], self.V_peak)
