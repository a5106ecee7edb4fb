from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter, State
from brainsim.neurons.expif import ExpIF


class AdEx(ExpIF):
    r"""Adaptive exponential integrate-and-fire neuron.

    .. math:: C \dot V &= g_L (E_L - V) + g_L \Delta_T\, e^{(V - V_T)/\Delta_T} - w + I \\
              \tau_w \dot w &= a\,(V - E_L) - w
    .. math:: V > V_{peak} \Rightarrow V \leftarrow V_{reset},\quad w \leftarrow w + b

    The defaults are those of the paper, a regular spiking cell. While the neuron is refractory V is held and w goes on.

    On the right-hand sides V counts as :math:`V_{peak}` at most, and the exponent as 30 at most, so that nothing
    overflows on the upstroke; a neuron that comes there fires in the same step at any usable dt. What V reaches in the
    step of a spike is set by dt, not by the model, and is replaced by the reset; where a surrogate carries derivatives, the reset is
    one from :math:`V_{peak}`. With the default method each interval
    between spikes is good to about dt. A surrogate's width is scaled by :math:`V_{peak} - V_{reset}`.

    Accuracy at dt = 0.1 ms by default: intervals of 30.1 ms are 0.1 ms (0.33 %) too long.

    References
    ----------
    R. Brette, W. Gerstner, J. Neurophysiol. 94:3637 (2005).
    """

    C = Parameter(281.0 * u.pF, "membrane capacitance", positive=True)
    g_L = Parameter(30.0 * u.nS, "leak conductance", positive=True)
    E_L = Parameter(-70.6 * u.mV, "leak reversal potential")
    V_T = Parameter(-50.4 * u.mV, "threshold of the exponential")
    Delta_T = Parameter(2.0 * u.mV, "slope factor", positive=True)
    tau_w = Parameter(144.0 * u.ms, "time constant of adaptation", positive=True)
    a = Parameter(4.0 * u.nS, "adaptation by voltage")
    b = Parameter(80.5 * u.pA, "adaptation by each spike")
    V_peak = Parameter(20.0 * u.mV, "potential at which a spike is taken")
    V_reset = Parameter(-70.6 * u.mV, "potential after a spike")
    V = State(-70.6 * u.mV, "membrane potential")
    w = State(0.0 * u.pA, "adaptation current")

    def derivative(self, t, V, w, I):
        V = u.math.minimum(V, self.V_peak)
        return self.membrane(V, I - w), (self.a * (V - self.E_L) - w) / self.tau_w

    def after_spike(self, y):
        return {"V": self.V_reset, "w": y["w"] + self.b}
