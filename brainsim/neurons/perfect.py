from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter, State
from brainsim.neurons.base import Neuron


class IF(Neuron):
    r"""Perfect integrate-and-fire neuron: a capacitor without a leak.

    .. math:: C \dot V = I,\qquad V > V_{th} \Rightarrow V \leftarrow V_{reset}

    It fires at the rate :math:`I / [C\,(V_{th} - V_{reset})]` and keeps what it was given for ever. Any method is exact
    for constant input.

    Accuracy at dt = 0.1 ms by default: intervals of 20.0 ms are 0.063 ms (0.31 %) too long.

    References
    ----------
    L. Lapicque, J. Physiol. Pathol. Gen. 9:620 (1907); L. F. Abbott, Brain Res. Bull. 50:303 (1999).
    """

    C = Parameter(250.0 * u.pF, "membrane capacitance", positive=True)
    V_th = Parameter(-50.0 * u.mV, "spike threshold")
    V_reset = Parameter(-60.0 * u.mV, "potential after a spike")
    V = State(-60.0 * u.mV, "membrane potential")

    def derivative(self, t, V, I):
        return I / self.C
