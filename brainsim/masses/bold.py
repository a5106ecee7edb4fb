from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter, State
from brainsim.masses.base import Mass


class BalloonWindkessel(Mass):
    r"""Blood flow, volume and oxygenation of a region, and its BOLD signal.

    .. math::
        \dot s &= I - \kappa s - \gamma (f - 1) \\
        \dot f &= s \\
        \tau \dot v &= f - v^{1/\alpha} \\
        \tau \dot q &= \frac{f}{\rho}\,[1 - (1 - \rho)^{1/f}] - v^{1/\alpha - 1}\,q
    .. math:: \mathrm{BOLD} = V_0\,[k_1 (1 - q) + k_2 (1 - q/v) + k_3 (1 - v)]

    I is the neural activity of the region, a rate of about 1 / s: connect a population to it one to one, through a
    graded receptor, with a weight that scales its signal. At rest all variables but s are 1. It is slow: sample it with
    ``sample_every=1 * u.second`` or so.

    Accuracy at dt = 0.1 ms by default: a run of 500 ms is within 1e-9 of its range.

    References
    ----------
    K. J. Friston, L. Harrison, W. Penny, NeuroImage 19:1273 (2003); T. Obata et al., NeuroImage 21:144 (2004).
    """

    input_unit = u.Hz

    kappa = Parameter(0.65 * u.Hz, "decay of the vasodilatory signal")
    gamma = Parameter(0.41 * u.Hz, "feedback from flow")
    tau = Parameter(0.98 * u.second, "transit time", positive=True)
    alpha = Parameter(0.32, "stiffness of the vessels", positive=True)
    rho = Parameter(0.34, "resting extraction of oxygen")
    V_0 = Parameter(0.02, "resting blood volume")
    k_1 = Parameter(2.38, "weight of the deoxyhaemoglobin outside the vessels; 7 rho")
    k_2 = Parameter(2.0, "weight of the deoxyhaemoglobin inside the vessels")
    k_3 = Parameter(0.48, "weight of the volume; 2 rho - 0.2")
    s = State(0.0, "vasodilatory signal")
    f = State(1.0, "blood flow")
    v = State(1.0, "blood volume")
    q = State(1.0, "deoxyhaemoglobin")
    bold = State(0.0, "BOLD signal, relative change")

    def derivative(self, t, s, f, v, q, I):
        outflow = v ** (1 / self.alpha)
        extraction = (1 - (1 - self.rho) ** (1 / f)) / self.rho
        ds = I - self.kappa * s - self.gamma * (f - 1)
        return ds, s * u.Hz, (f - outflow) / self.tau, (f * extraction - outflow / v * q) / self.tau

    def observe(self, y):
        v, q = y["v"], y["q"]
        return {"bold": self.V_0 * (self.k_1 * (1 - q) + self.k_2 * (1 - q / v) + self.k_3 * (1 - v))}
