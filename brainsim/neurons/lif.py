import brainunit as u

from brainsim._core import Parameter, State
from brainsim.neurons.base import Neuron


class LIF(Neuron):
    r"""Leaky integrate-and-fire neuron.

    .. math:: \tau \dot V = E_L - V + R I,\qquad V > V_{th} \Rightarrow V \leftarrow V_{reset}

    After a spike :math:`V` stays at :math:`V_{reset}` for ``round(refractory / dt)`` steps. Driven by conductances when
    its receptors have a reversal potential, by currents when not. Exponential Euler is exact for constant input.

    Accuracy at dt = 0.1 ms by default: intervals of 22.1 ms are 0.061 ms (0.28 %) too long.

    References
    ----------
    L. Lapicque, J. Physiol. Pathol. Gen. 9:620 (1907); W. Gerstner et al., Neuronal Dynamics (2014), chapter 1.
    """

    tau = Parameter(20.0 * u.ms, "membrane time constant", positive=True)
    E_L = Parameter(-60.0 * u.mV, "leak reversal potential")
    R = Parameter(1.0 * u.Mohm, "membrane resistance", positive=True)
    V_th = Parameter(-50.0 * u.mV, "spike threshold")
    V_reset = Parameter(-60.0 * u.mV, "potential after a spike")
    V = State(-60.0 * u.mV, "membrane potential")

    def derivative(self, t, V, I):
        return (self.E_L - V + self.R * I) / self.tau
