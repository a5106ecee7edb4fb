from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter, State
from brainsim.neurons.base import Neuron


class FitzHughNagumo(Neuron):
    r"""FitzHugh-Nagumo neuron: the Bonhoeffer-Van der Pol oscillator as a model of excitability.

    .. math:: \tau_V \dot V = V - V^3/3 - w + I,\qquad \tau_w \dot w = V + a - b\,w

    V, w and I have no unit, so a receptor without a reversal potential has weights without unit. A spike is an upward
    crossing of
    :math:`V_{th}`; nothing is reset. The defaults are the paper's, :math:`\phi = \tau_V/\tau_w = 0.08`: at rest for
    small I; it oscillates between the Hopf bifurcations where :math:`1 - V_*^2 = b\,\phi`, at I = 0.331 and 1.419. The
    default method is Runge-Kutta 4: no variable relaxes exponentially.

    Accuracy at dt = 0.1 ms by default: intervals of 39.6 ms are 0.00054 ms (0.0014 %) too long.

    References
    ----------
    R. FitzHugh, Biophys. J. 1:445 (1961); J. Nagumo, S. Arimoto, S. Yoshizawa, Proc. IRE 50:2061 (1962).
    """

    default_method = "rk4"
    clamped = ()
    input_unit = u.UNITLESS

    tau_V = Parameter(1.0 * u.ms, "unit of time", positive=True)
    tau_w = Parameter(12.5 * u.ms, "time constant of the recovery", positive=True)
    a = Parameter(0.7, "offset of the recovery")
    b = Parameter(0.8, "decay of the recovery")
    V_th = Parameter(1.0, "V whose upward crossing is a spike")
    V = State(-1.1994, "excitation, like a membrane potential")
    w = State(lambda cell: (cell.V + cell.a) / cell.b, "recovery")

    def derivative(self, t, V, w, I):
        return (V - V**3 / 3.0 - w + I) / self.tau_V, (V + self.a - self.b * w) / self.tau_w

    def fires(self, before, after):
        return self.spike_crossing(before["V"], after["V"], self.V_th, scale=1.0)
