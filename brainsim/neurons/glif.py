"""The five levels of generalised leaky integrate-and-fire neurons of the Allen Institute, each made of mechanisms."""

from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter, State
from brainsim.neurons.base import Neuron

REFERENCE = """
    While the neuron is refractory all of its variables are held, and what a spike leaves of them is taken after the decay of
    that time. The defaults are a cell of the Allen Cell Types Database, as in NEST. The default method takes after-spike currents as
    they are at the beginning of the step, and is exact without them; ``method="rk4"`` is exact to rounding at any usable dt.

    References
    ----------
    C. Teeter et al., Nat. Commun. 9:709 (2018); S. Mihalas, E. Niebur, Neural Comput. 21:704 (2009).
    """


class Leaky(Neuron):
    """A leaky membrane whose threshold and reset are for mechanisms to say."""

    C = Parameter(58.72 * u.pF, "membrane capacitance", positive=True)
    g_L = Parameter(9.43 * u.nS, "leak conductance", positive=True)
    E_L = Parameter(-78.85 * u.mV, "leak reversal potential")
    V_th = Parameter(-51.68 * u.mV, "threshold at rest")
    refractory = Parameter(3.75 * u.ms, "time after a spike in which all is held", optional=True, nonnegative=True)
    V = State(-78.85 * u.mV, "membrane potential")

    def membrane(self, V, I):
        """Time derivative of V."""
        return (self.g_L * (self.E_L - V) + I) / self.C

    def threshold(self, y):
        """The threshold of now."""
        return self.V_th

    def fires(self, before, after):
        return self.spike_where(after["V"], self.threshold(after), scale=self.V_th - self.E_L)

    def after_spike(self, y):
        return {}

    def left(self, value, rate):
        """What the refractory time leaves of a value that decays."""
        return value if self.refractory is None else value * u.math.exp(-rate * self.refractory)


class FixedReset(Leaky):
    """V is reset to a value."""

    V_reset = Parameter(-78.85 * u.mV, "potential after a spike")

    def after_spike(self, y):
        return super().after_spike(y) | {"V": self.V_reset}


class ResetRules(Leaky):
    """V is reset by a rule, and a spike lifts the threshold."""

    f_V = Parameter(0.2, "what a spike leaves of the depolarisation")
    delta_V = Parameter(18.51 * u.mV, "what a spike adds to it")
    delta_theta = Parameter(0.37 * u.mV, "rise of the threshold by each spike")
    b_s = Parameter(0.009 / u.ms, "decay of that rise")
    theta_s = State(0.0 * u.mV, "rise of the threshold by spikes")

    def threshold(self, y):
        return super().threshold(y) + y["theta_s"]

    def after_spike(self, y):
        V = self.E_L + self.f_V * (y["V"] - self.E_L) + self.delta_V
        return super().after_spike(y) | {"V": V, "theta_s": self.left(y["theta_s"], self.b_s) + self.delta_theta}


class AfterSpikeCurrents(Leaky):
    """Two currents that a spike sets off."""

    k_1 = Parameter(0.003 / u.ms, "decay of the first after-spike current")
    k_2 = Parameter(0.1 / u.ms, "decay of the second after-spike current")
    f_1 = Parameter(1.0, "what a spike leaves of the first after-spike current")
    f_2 = Parameter(1.0, "what a spike leaves of the second after-spike current")
    delta_1 = Parameter(-9.18 * u.pA, "what a spike adds to the first after-spike current")
    delta_2 = Parameter(-198.94 * u.pA, "what a spike adds to the second after-spike current")
    I_1 = State(0.0 * u.pA, "first after-spike current")
    I_2 = State(0.0 * u.pA, "second after-spike current")

    def after_spike(self, y):
        I_1 = self.f_1 * self.left(y["I_1"], self.k_1) + self.delta_1
        I_2 = self.f_2 * self.left(y["I_2"], self.k_2) + self.delta_2
        return super().after_spike(y) | {"I_1": I_1, "I_2": I_2}


class AdaptiveThreshold(Leaky):
    """The threshold follows the potential."""

    a_v = Parameter(0.005 / u.ms, "pull of the potential on the threshold")
    b_v = Parameter(0.09 / u.ms, "rate at which the threshold returns")
    theta_v = State(0.0 * u.mV, "rise of the threshold by the potential")

    def threshold(self, y):
        return super().threshold(y) + y["theta_v"]


class GLIF1(FixedReset, Leaky):
    r"""Generalised leaky integrate-and-fire neuron, level 1: leak, fixed threshold, fixed reset.

    .. math:: C \dot V = g_L (E_L - V) + I,\qquad V > V_{th} \Rightarrow V \leftarrow V_{reset}

    Accuracy at dt = 0.1 ms by default: intervals of 8.2 ms are 0.097 ms (1.2 %) too long.
    """

    __doc__ = f"{__doc__}{REFERENCE}"

    def derivative(self, t, V, I):
        return self.membrane(V, I)


class GLIF2(ResetRules, Leaky):
    r"""Generalised leaky integrate-and-fire neuron, level 2: biologically defined reset rules.

    .. math:: C \dot V = g_L (E_L - V) + I,\qquad \dot\theta_s = -b_s\theta_s
    .. math:: V > V_{th} + \theta_s \;\Rightarrow\; V \leftarrow E_L + f_V (V - E_L) + \delta_V,\quad
              \theta_s \leftarrow \theta_s + \delta_\theta

    Accuracy at dt = 0.1 ms by default: intervals of 5.8 ms are 0.085 ms (1.5 %) too long.
    """

    __doc__ = f"{__doc__}{REFERENCE}"
    clamped = ("V", "theta_s")

    def derivative(self, t, V, theta_s, I):
        return self.membrane(V, I), -self.b_s * theta_s


class GLIF3(AfterSpikeCurrents, FixedReset, Leaky):
    r"""Generalised leaky integrate-and-fire neuron, level 3: after-spike currents.

    .. math:: C \dot V = g_L (E_L - V) + I_1 + I_2 + I,\qquad \dot I_j = -k_j I_j
    .. math:: V > V_{th} \;\Rightarrow\; V \leftarrow V_{reset},\quad I_j \leftarrow f_j I_j + \delta_j

    Accuracy at dt = 0.1 ms by default: intervals of 16.6 ms are 0.11 ms (0.69 %) too long.
    """

    __doc__ = f"{__doc__}{REFERENCE}"
    clamped = ("V", "I_1", "I_2")

    def derivative(self, t, V, I_1, I_2, I):
        return self.membrane(V, I + I_1 + I_2), -self.k_1 * I_1, -self.k_2 * I_2


class GLIF4(AfterSpikeCurrents, ResetRules, Leaky):
    r"""Generalised leaky integrate-and-fire neuron, level 4: reset rules and after-spike currents.

    .. math:: C \dot V = g_L (E_L - V) + I_1 + I_2 + I,\qquad \dot\theta_s = -b_s\theta_s,\qquad \dot I_j = -k_j I_j
    .. math:: V > V_{th} + \theta_s \;\Rightarrow\; V \leftarrow E_L + f_V (V - E_L) + \delta_V,\quad
              \theta_s \leftarrow \theta_s + \delta_\theta,\quad I_j \leftarrow f_j I_j + \delta_j

    Accuracy at dt = 0.1 ms by default: intervals of 16.0 ms are 0.11 ms (0.7 %) too long.
    """

    __doc__ = f"{__doc__}{REFERENCE}"
    clamped = ("V", "theta_s", "I_1", "I_2")

    def derivative(self, t, V, theta_s, I_1, I_2, I):
        return self.membrane(V, I + I_1 + I_2), -self.b_s * theta_s, -self.k_1 * I_1, -self.k_2 * I_2


class GLIF5(AdaptiveThreshold, AfterSpikeCurrents, ResetRules, Leaky):
    r"""Generalised leaky integrate-and-fire neuron, level 5: reset rules, after-spike currents and a threshold that
    follows V.

    .. math:: C \dot V = g_L (E_L - V) + I_1 + I_2 + I,\qquad \dot\theta_s = -b_s\theta_s,\qquad
              \dot\theta_v = a_v (V - E_L) - b_v\theta_v,\qquad \dot I_j = -k_j I_j
    .. math:: V > V_{th} + \theta_s + \theta_v \;\Rightarrow\; V \leftarrow E_L + f_V (V - E_L) + \delta_V,\quad
              \theta_s \leftarrow \theta_s + \delta_\theta,\quad I_j \leftarrow f_j I_j + \delta_j

    Accuracy at dt = 0.1 ms by default: intervals of 16.8 ms are 0.11 ms (0.68 %) too long.
    """

    __doc__ = f"{__doc__}{REFERENCE}"
    clamped = ("V", "theta_s", "theta_v", "I_1", "I_2")

    def derivative(self, t, V, theta_s, theta_v, I_1, I_2, I):
        dtheta_v = self.a_v * (V - self.E_L) - self.b_v * theta_v
        return self.membrane(V, I + I_1 + I_2), -self.b_s * theta_s, dtheta_v, -self.k_1 * I_1, -self.k_2 * I_2
