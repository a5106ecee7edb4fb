from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter, State
from brainsim.masses.base import Mass


class Kuramoto(Mass):
    r"""Phase oscillator.

    .. math:: \dot\theta_i = \omega_i + \sum_j w_{ij} \sin(\theta_j - \theta_i)

    The sum is that of a :class:`~brainsim.receptors.Sinusoidal` receptor; weights are rates. With weights K / N between
    all pairs and frequencies of a Lorentzian density of half width :math:`\gamma`, oscillators synchronise above
    :math:`K_c = 2\gamma`, with order parameter :math:`\sqrt{1 - K_c / K}`.

    Accuracy at dt = 0.1 ms by default: a run of 500 ms is within 1e-9 of its range.

    References
    ----------
    Y. Kuramoto, Chemical Oscillations, Waves, and Turbulence (1984); S. H. Strogatz, Physica D 143:1 (2000).
    """

    input_unit = u.ms**-1
    inputs = {"I": "theta"}

    omega = Parameter(0.06283185307 / u.ms, "angular frequency; 2 pi 10 Hz")
    theta = State(0.0, "phase, not wrapped")

    def derivative(self, t, theta, I):
        return self.omega + I


class StuartLandau(Mass):
    r"""Normal form of a supercritical Hopf bifurcation with shear, z = x + iy.

    .. math:: \dot z = \left[(a + i\omega) z - (1 + i c)\,|z|^2 z\right] / \tau + I_x + i I_y

    For a > 0 it runs on a circle of radius :math:`\sqrt{a}` with angular frequency :math:`(\omega - c a)/\tau`; for a <
    0 it rests.

    Accuracy at dt = 0.1 ms by default: a run of 500 ms is within 3e-4 of its range.

    References
    ----------
    Y. Kuramoto, Chemical Oscillations, Waves, and Turbulence (1984).
    """

    input_unit = u.ms**-1
    inputs = {"I_x": "x", "I_y": "y"}

    a = Parameter(0.1, "distance from the bifurcation")
    omega = Parameter(1.0, "angular frequency at the bifurcation, per tau")
    c = Parameter(0.0, "shear: how the frequency falls with the squared radius")
    tau = Parameter(1.0 * u.ms, "unit of time", positive=True)
    x = State(0.1, "real part")
    y = State(0.0, "imaginary part")

    def derivative(self, t, x, y, I_x, I_y):
        square = x**2 + y**2
        growth, turn = self.a - square, self.omega - self.c * square
        return (growth * x - turn * y) / self.tau + I_x, (growth * y + turn * x) / self.tau + I_y


class Hopf(Mass):
    r"""Hopf normal form in physical time, as used for whole-brain models of BOLD and MEG signals.

    .. math:: \dot x = (a - \beta (x^2 + y^2))\,x - \omega y + I_x,\qquad \dot y = (a - \beta (x^2 + y^2))\,y + \omega x + I_y

    For a > 0 it oscillates with amplitude :math:`\sqrt{a/\beta}` at :math:`\omega / 2\pi`; for a < 0 it is a damped
    oscillator that noise drives.

    Accuracy at dt = 0.1 ms by default: a run of 500 ms is within 1e-9 of its range.

    References
    ----------
    G. Deco et al., Sci. Rep. 7:3095 (2017).
    """

    input_unit = u.Hz
    inputs = {"I_x": "x", "I_y": "y"}

    a = Parameter(-0.02 * u.Hz, "bifurcation parameter")
    beta = Parameter(1.0 * u.Hz, "strength of the nonlinearity", positive=True)
    omega = Parameter(0.31415926536 * u.Hz, "angular frequency; 2 pi 0.05 Hz")
    x = State(0.1, "signal")
    y = State(0.0, "its quadrature")

    def derivative(self, t, x, y, I_x, I_y):
        growth = self.a - self.beta * (x**2 + y**2)
        return growth * x - self.omega * y + I_x, growth * y + self.omega * x + I_y


class VanDerPol(Mass):
    r"""Relaxation oscillator.

    .. math:: \tau \dot x = y,\qquad \tau \dot y = \mu\,(1 - x^2)\,y - x + I

    Amplitude 2 for small :math:`\mu`; the period is :math:`6.6633\,\tau` for :math:`\mu = 1` and approaches
    :math:`(3 - 2 \ln 2)\,\mu\,\tau` for large :math:`\mu`.

    Accuracy at dt = 0.1 ms by default: a run of 500 ms is within 3e-3 of its range.

    References
    ----------
    B. van der Pol, Philos. Mag. 2:978 (1926).
    """

    inputs = {"I": "x"}

    mu = Parameter(1.0, "strength of the nonlinear damping")
    tau = Parameter(1.0 * u.ms, "unit of time", positive=True)
    x = State(2.0, "signal")
    y = State(0.0, "its derivative, times tau")

    def derivative(self, t, x, y, I):
        return y / self.tau, (self.mu * (1 - x**2) * y - x + I) / self.tau


class FitzHughNagumoField(Mass):
    r"""Excitable medium: FitzHugh-Nagumo units for regions or points of a sheet, coupled by diffusion.

    .. math:: \tau \dot v = v - v^3/3 - w + I,\qquad \tau \dot w = \epsilon\,(v + a - b w)

    With the defaults a unit rests and fires once when it is pushed over its threshold; on a ring or sheet with
    :class:`~brainsim.receptors.Diffusive` coupling a pulse travels. It oscillates for constant I between the two Hopf
    points
    :math:`v_\pm = \pm\sqrt{1 - \epsilon b}` of the cubic.

    Accuracy at dt = 0.1 ms by default: a run of 500 ms is within 2e-5 of its range.

    References
    ----------
    R. FitzHugh, Biophys. J. 1:445 (1961); J. Nagumo, S. Arimoto, S. Yoshizawa, Proc. IRE 50:2061 (1962).
    """

    inputs = {"I": "v"}

    a = Parameter(0.7, "offset of the recovery")
    b = Parameter(0.8, "decay of the recovery")
    epsilon = Parameter(0.08, "rate of the recovery", positive=True)
    tau = Parameter(1.0 * u.ms, "unit of time", positive=True)
    v = State(-1.1994, "excitation")
    w = State(-0.62426, "recovery")

    def derivative(self, t, v, w, I):
        return (v - v**3 / 3 - w + I) / self.tau, self.epsilon * (v + self.a - self.b * w) / self.tau
