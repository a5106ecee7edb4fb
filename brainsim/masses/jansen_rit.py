from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter, State
from brainsim.masses.base import Mass


class JansenRit(Mass):
    r"""Cortical column of pyramidal cells, excitatory and inhibitory interneurons.

    .. math::
        \ddot y_0 &= A a\,S(y_1 - y_2) - 2a\,\dot y_0 - a^2 y_0 \\
        \ddot y_1 &= A a\,[p + I + C_2\,S(C_1 y_0)] - 2a\,\dot y_1 - a^2 y_1 \\
        \ddot y_2 &= B b\,C_4\,S(C_3 y_0) - 2b\,\dot y_2 - b^2 y_2
    .. math:: S(v) = \frac{2 e_0}{1 + e^{r (v_0 - v)}},\qquad C_1 = C,\ C_2 = 0.8\,C,\ C_3 = C_4 = 0.25\,C

    :math:`y_1 - y_2` is the EEG signal ``psp`` and :math:`S(y_1 - y_2)` the firing rate ``rate`` of the pyramidal
    cells, which is what columns send to each other. For constant p the column has a fixed point that loses its
    stability at p = 89.8 / s and regains it at 315.7 / s; in between it oscillates in the alpha band, with spikes near
    the lower end.

    Accuracy at dt = 0.1 ms by default: a run of 500 ms is within 1e-9 of its range.

    References
    ----------
    B. H. Jansen, V. G. Rit, Biol. Cybern. 73:357 (1995); F. Grimbert, O. Faugeras, Neural Comput. 18:3052 (2006).
    """

    input_unit = u.Hz

    A = Parameter(3.25 * u.mV, "largest excitatory postsynaptic potential")
    B = Parameter(22.0 * u.mV, "largest inhibitory postsynaptic potential")
    a = Parameter(100.0 * u.Hz, "rate constant of the excitatory synapses", positive=True)
    b = Parameter(50.0 * u.Hz, "rate constant of the inhibitory synapses", positive=True)
    C = Parameter(135.0, "mean number of synapses")
    e_0 = Parameter(2.5 * u.Hz, "half of the largest firing rate")
    v_0 = Parameter(6.0 * u.mV, "potential of half the largest rate")
    r = Parameter(0.56 / u.mV, "steepness of the response")
    p = Parameter(220.0 * u.Hz, "mean input from elsewhere")
    y0 = State(0.0 * u.mV, "potential of the interneurons, over C_1")
    y1 = State(0.0 * u.mV, "excitatory potential of the pyramidal cells")
    y2 = State(0.0 * u.mV, "inhibitory potential of the pyramidal cells")
    y3 = State(0.0 * u.mV / u.ms, "derivative of y0")
    y4 = State(0.0 * u.mV / u.ms, "derivative of y1")
    y5 = State(0.0 * u.mV / u.ms, "derivative of y2")
    psp = State(0.0 * u.mV, "potential of the pyramidal cells, y1 - y2")
    rate = State(lambda column: column.S(column.y1 - column.y2), "firing rate of the pyramidal cells", unit=u.Hz)

    def derivative(self, t, y0, y1, y2, y3, y4, y5, I):
        C, S = self.C, self.S
        excited = self.p + I + 0.8 * C * S(C * y0)
        return (
            y3,
            y4,
            y5,
            synapse(self.A, self.a, S(y1 - y2), y0, y3),
            synapse(self.A, self.a, excited, y1, y4),
            synapse(self.B, self.b, 0.25 * C * S(0.25 * C * y0), y2, y5),
        )

    def S(self, v: u.Quantity) -> u.Quantity:
        """Firing rate at potential v."""
        return 2 * self.e_0 * u.math.sigmoid(self.r * (v - self.v_0))

    def observe(self, y):
        psp = y["y1"] - y["y2"]
        return {"psp": psp, "rate": self.S(psp)}


class Wendling(JansenRit):
    r"""Jansen-Rit column with slow dendritic and fast somatic inhibition, a model of the hippocampus.

    .. math::
        \ddot y_0 &= A a\,S(y_1 - y_2 - y_3) - 2a\,\dot y_0 - a^2 y_0 \\
        \ddot y_1 &= A a\,[p + I + C_2\,S(C_1 y_0)] - 2a\,\dot y_1 - a^2 y_1 \\
        \ddot y_2 &= B b\,C_4\,S(C_3 y_0) - 2b\,\dot y_2 - b^2 y_2 \\
        \ddot y_3 &= G g\,C_7\,S(C_5 y_0 - y_4) - 2g\,\dot y_3 - g^2 y_3 \\
        \ddot y_4 &= B b\,C_6\,S(C_3 y_0) - 2b\,\dot y_4 - b^2 y_4

    with :math:`C_1 \dots C_7` = 1, 0.8, 0.25, 0.25, 0.3, 0.1, 0.8 times C. The LFP is :math:`y_1 - y_2 - y_3`. With
    white-noise input (mean 90, s.d. 30 pulses per s), lowering the slow inhibition B takes the column from background
    activity over sporadic spikes to sustained discharges, and low B with strong G gives low-voltage fast activity.

    Accuracy at dt = 0.1 ms by default: a run of 500 ms is within 1e-9 of its range.

    References
    ----------
    F. Wendling, F. Bartolomei, J. J. Bellanger, P. Chauvel, Eur. J. Neurosci. 15:1499 (2002).
    """

    A = Parameter(5.0 * u.mV, "largest excitatory postsynaptic potential")
    G = Parameter(15.0 * u.mV, "largest fast inhibitory postsynaptic potential")
    B = Parameter(50.0 * u.mV, "largest slow inhibitory postsynaptic potential")
    g = Parameter(500.0 * u.Hz, "rate constant of the fast inhibitory synapses", positive=True)
    p = Parameter(90.0 * u.Hz, "mean input from elsewhere")
    y3 = State(0.0 * u.mV, "fast inhibitory potential of the pyramidal cells")
    y4 = State(0.0 * u.mV, "slow inhibitory potential of the fast interneurons")
    y5 = State(0.0 * u.mV / u.ms, "derivative of y0")
    y6 = State(0.0 * u.mV / u.ms, "derivative of y1")
    y7 = State(0.0 * u.mV / u.ms, "derivative of y2")
    y8 = State(0.0 * u.mV / u.ms, "derivative of y3")
    y9 = State(0.0 * u.mV / u.ms, "derivative of y4")
    psp = State(0.0 * u.mV, "potential of the pyramidal cells, y1 - y2 - y3")
    rate = State(
        lambda column: column.S(column.y1 - column.y2 - column.y3), "firing rate of the pyramidal cells", unit=u.Hz
    )

    def derivative(self, t, y0, y1, y2, y3, y4, y5, y6, y7, y8, y9, I):
        C, S = self.C, self.S
        slow = S(0.25 * C * y0)
        return (
            y5,
            y6,
            y7,
            y8,
            y9,
            synapse(self.A, self.a, S(y1 - y2 - y3), y0, y5),
            synapse(self.A, self.a, self.p + I + 0.8 * C * S(C * y0), y1, y6),
            synapse(self.B, self.b, 0.25 * C * slow, y2, y7),
            synapse(self.G, self.g, 0.8 * C * S(0.3 * C * y0 - y4), y3, y8),
            synapse(self.B, self.b, 0.1 * C * slow, y4, y9),
        )

    def observe(self, y):
        psp = y["y1"] - y["y2"] - y["y3"]
        return {"psp": psp, "rate": self.S(psp)}


def synapse(gain, rate, pulses, y, slope):
    """Second derivative of the potential y of synapses with the impulse response ``gain * rate * t * exp(-rate * t)``."""
    return gain * rate * pulses - 2 * rate * slope - rate**2 * y
