from __future__ import annotations

from typing import Any

import brainunit as u

from brainsim._core import Parameter, State
from brainsim.masses.base import Mass


class ThresholdLinear(Mass):
    r"""Rate unit with a threshold-linear response.

    .. math:: \tau \dot r = -r + g\,[I - \theta]_+

    With the default method and constant input, r relaxes as :math:`e^{-t/\tau}`.

    Accuracy at dt = 0.1 ms by default: a run of 500 ms is within 1e-9 of its range.

    References
    ----------
    P. Dayan, L. F. Abbott, Theoretical Neuroscience (2001), chapter 7.
    """

    inputs = {"I": "r"}

    tau = Parameter(10.0 * u.ms, "time constant", positive=True)
    gain = Parameter(1.0, "gain g")
    theta = Parameter(0.0, "threshold of the input")
    r = State(0.0, "rate")

    def derivative(self, t, r, I):
        return (-r + self.gain * u.math.maximum(I - self.theta, 0.0)) / self.tau


class Linear(Mass):
    r"""Linear unit, the simplest node of a network.

    .. math:: \tau \dot x = -x + I

    With white-noise input and coupling it is the multivariate Ornstein-Uhlenbeck process, whose covariance solves a
    Lyapunov equation.

    Accuracy at dt = 0.1 ms by default: a run of 500 ms is within 1e-9 of its range.

    References
    ----------
    R. F. Galan, PLoS ONE 3:e2148 (2008).
    """

    inputs = {"I": "x"}

    tau = Parameter(10.0 * u.ms, "time constant", positive=True)
    x = State(0.0, "activity")

    def derivative(self, t, x, I):
        return (-x + I) / self.tau


class WilsonCowan(Mass):
    r"""Excitatory and inhibitory population.

    .. math::
        \tau_E \dot E &= -E + (k_E - r E)\,S_E(c_{EE} E - c_{EI} I + P + I_E) \\
        \tau_I \dot I &= -I + (k_I - r I)\,S_I(c_{IE} E - c_{II} I + Q + I_I)
    .. math:: S_x(z) = \frac{1}{1 + e^{-a_x (z - \theta_x)}} - \frac{1}{1 + e^{a_x \theta_x}},\qquad
              k_x = 1 - \frac{1}{1 + e^{a_x \theta_x}}

    The defaults are those of the paper's limit cycle (figure 11): the rest state is unstable and both populations
    oscillate.

    Accuracy at dt = 0.1 ms by default: a run of 500 ms is within 2e-7 of its range.

    References
    ----------
    H. R. Wilson, J. D. Cowan, Biophys. J. 12:1 (1972).
    """

    inputs = {"I_E": "E", "I_I": "I"}

    tau_E = Parameter(10.0 * u.ms, "time constant of the excitatory population", positive=True)
    tau_I = Parameter(10.0 * u.ms, "time constant of the inhibitory population", positive=True)
    c_EE = Parameter(16.0, "coupling from excitatory to excitatory")
    c_EI = Parameter(12.0, "coupling from inhibitory to excitatory")
    c_IE = Parameter(15.0, "coupling from excitatory to inhibitory")
    c_II = Parameter(3.0, "coupling from inhibitory to inhibitory")
    a_E = Parameter(1.3, "steepness of the excitatory response")
    a_I = Parameter(2.0, "steepness of the inhibitory response")
    theta_E = Parameter(4.0, "position of the excitatory response")
    theta_I = Parameter(3.7, "position of the inhibitory response")
    r = Parameter(1.0, "refractory fraction")
    P = Parameter(1.25, "drive of the excitatory population")
    Q = Parameter(0.0, "drive of the inhibitory population")
    E = State(0.1, "activity of the excitatory population")
    I = State(0.05, "activity of the inhibitory population")

    def derivative(self, t, E, I, I_E, I_I):
        to_E, k_E = self.response(self.c_EE * E - self.c_EI * I + self.P + I_E, self.a_E, self.theta_E)
        to_I, k_I = self.response(self.c_IE * E - self.c_II * I + self.Q + I_I, self.a_I, self.theta_I)
        return (-E + (k_E - self.r * E) * to_E) / self.tau_E, (-I + (k_I - self.r * I) * to_I) / self.tau_I

    @staticmethod
    def response(z: Any, a: Any, theta: Any) -> tuple[Any, Any]:
        """S(z), and its largest value k."""
        rest = u.math.sigmoid(-a * theta)
        return u.math.sigmoid(a * (z - theta)) - rest, 1.0 - rest
