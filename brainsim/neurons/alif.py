from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter, State
from brainsim.neurons.lif import LIF


class ALIF(LIF):
    r"""Leaky integrate-and-fire neuron with an adaptive threshold, the cell of long short-term memory spiking networks
    (LSNN).

    .. math:: \tau \dot V = E_L - V + R I,\qquad \tau_a \dot a = -a
    .. math:: V > V_{th} + \beta a \;\Rightarrow\; V \leftarrow V - (V_{th} - E_L),\quad a \leftarrow a + 1

    This is the form of 2020. V falls by the height of the resting threshold and goes on while the neuron is refractory:
    it is not clamped. The form of 2018 takes the present threshold off V and lets a jump by :math:`1 - e^{-dt/\tau_a}`;
    with ``beta`` multiplied by that its threshold is the same. Exponential Euler is exact for constant input.

    Accuracy at dt = 0.1 ms by default: intervals of 31.7 ms are 0.023 ms (0.074 %) too long.

    References
    ----------
    G. Bellec et al., NeurIPS 31 (2018), arXiv:1803.09574; G. Bellec et al., Nat. Commun. 11:3625 (2020).
    """

    clamped = ()

    tau_a = Parameter(200.0 * u.ms, "time constant of the threshold's adaptation", positive=True)
    beta = Parameter(1.8 * u.mV, "rise of the threshold by each spike")
    V_reset = None  # V falls by an amount, not to a value
    a = State(0.0, "adaptation: spikes, forgotten over tau_a")

    def derivative(self, t, V, a, I):
        return super().derivative(t, V, I), -a / self.tau_a

    def fires(self, before, after):
        return self.spike_where(after["V"], self.V_th + self.beta * after["a"], scale=self.V_th - self.E_L)

    def after_spike(self, y):
        return {"V": y["V"] - (self.V_th - self.E_L), "a": y["a"] + 1.0}
