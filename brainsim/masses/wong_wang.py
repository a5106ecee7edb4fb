from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter, State
from brainsim.integrators.exponential import phi1
from brainsim.masses.base import Mass


class ReducedWongWang(Mass):
    r"""One cortical region: the mean synaptic gating of its NMDA receptors, for whole-brain models.

    .. math:: \dot S = -\frac{S}{\tau_S} + (1 - S)\,\gamma\,H(x),\qquad x = w J_N S + I_0 + I
    .. math:: H(x) = \frac{a x - b}{1 - e^{-d (a x - b)}}

    Regions send S; the weight of a connection is :math:`G J_N C_{ij}`. Without coupling the defaults have one stable
    state, of low activity, at S = 0.034.

    Accuracy at dt = 0.1 ms by default: a run of 500 ms is within 1e-9 of its range.

    References
    ----------
    G. Deco et al., J. Neurosci. 33:11239 (2013); K.-F. Wong, X.-J. Wang, J. Neurosci. 26:1314 (2006).
    """

    input_unit = u.nA

    tau_S = Parameter(100.0 * u.ms, "time constant of the gating", positive=True)
    gamma = Parameter(0.641, "gain of the gating")
    w = Parameter(0.9, "local recurrence")
    J_N = Parameter(0.2609 * u.nA, "synaptic coupling")
    I_0 = Parameter(0.3 * u.nA, "input from elsewhere")
    a = Parameter(270.0 * u.Hz / u.nA, "slope of the response")
    b = Parameter(108.0 * u.Hz, "offset of the response")
    d = Parameter(0.154 * u.second, "curvature of the response")
    S = State(0.001, "mean gating")

    def derivative(self, t, S, I):
        x = self.w * self.J_N * S + self.I_0 + I
        return -S / self.tau_S + (1 - S) * self.gamma * response(x, self.a, self.b, self.d)


class WongWang(Mass):
    r"""Two competing pools that decide between two alternatives.

    .. math:: \dot S_i = -\frac{S_i}{\tau_S} + (1 - S_i)\,\gamma\,H(x_i),\qquad
              x_1 = J_{11} S_1 - J_{12} S_2 + I_0 + I_1,\quad x_2 = J_{11} S_2 - J_{12} S_1 + I_0 + I_2
    .. math:: H(x) = \frac{a x - b}{1 - e^{-d (a x - b)}}

    A stimulus of coherence c is :math:`I_{1,2} = J_{ext}\,\mu_0\,(1 \pm c)`, with :math:`J_{ext}` = 0.52 pA / Hz and
    :math:`\mu_0` = 30 Hz. The noise of the paper is an
    :class:`~brainsim.stimuli.OrnsteinUhlenbeck` current with a time constant of 2 ms and a standard deviation of 0.02
    nA / sqrt(2). Without a stimulus the symmetric state with low rates and the two decided states are stable.

    Accuracy at dt = 0.1 ms by default: a run of 500 ms is within 1e-9 of its range.

    References
    ----------
    K.-F. Wong, X.-J. Wang, J. Neurosci. 26:1314 (2006).
    """

    input_unit = u.nA
    inputs = {"I_1": None, "I_2": None}

    tau_S = Parameter(100.0 * u.ms, "time constant of the gating", positive=True)
    gamma = Parameter(0.641, "gain of the gating")
    J_11 = Parameter(0.2609 * u.nA, "coupling of a pool to itself")
    J_12 = Parameter(0.0497 * u.nA, "inhibition between the pools")
    I_0 = Parameter(0.3255 * u.nA, "input from elsewhere")
    a = Parameter(270.0 * u.Hz / u.nA, "slope of the response")
    b = Parameter(108.0 * u.Hz, "offset of the response")
    d = Parameter(0.154 * u.second, "curvature of the response")
    S1 = State(0.1, "mean gating of pool 1")
    S2 = State(0.1, "mean gating of pool 2")

    def derivative(self, t, S1, S2, I_1, I_2):
        def slope(own, other, I):
            x = self.J_11 * own - self.J_12 * other + self.I_0 + I
            return -own / self.tau_S + (1 - own) * self.gamma * response(x, self.a, self.b, self.d)

        return slope(S1, S2, I_1), slope(S2, S1, I_2)


def response(x, a, b, d):
    """Firing rate at input current x."""
    excess = a * x - b
    return 1.0 / (d * phi1(u.Quantity(-d * excess).to_decimal(u.UNITLESS)))
