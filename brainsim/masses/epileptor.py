from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter, State
from brainsim.masses.base import Mass


class Epileptor(Mass):
    r"""Generator of seizures: fast discharges, spike-and-wave events, and a slow variable that starts and ends them.

    .. math::
        \tau \dot x_1 &= y_1 - f_1(x_1, x_2) - z + I_1 + I \\
        \tau \dot y_1 &= y_0 - 5 x_1^2 - y_1 \\
        \tau \dot z &= \frac{1}{\tau_0}\,(4 (x_1 - x_0) - z) \\
        \tau \dot x_2 &= -y_2 + x_2 - x_2^3 + I_2 + 2 g - 0.3\,(z - 3.5) \\
        \tau \dot y_2 &= \frac{1}{\tau_2}\,(-y_2 + f_2(x_2)) \\
        \tau \dot g &= -\gamma\,(g - 0.1\,x_1)
    .. math::
        f_1 = \begin{cases} x_1^3 - 3 x_1^2 & x_1 < 0 \\ (x_2 - 0.6\,(z - 4)^2)\,x_1 & x_1 \ge 0 \end{cases} \qquad
        f_2 = \begin{cases} 0 & x_2 < -0.25 \\ 6\,(x_2 + 0.25) & x_2 \ge -0.25 \end{cases}

    Seizures come and go by themselves for an excitability :math:`x_0` above about -2.06; below, the unit rests. The
    signal that is compared with field recordings is ``lfp``, :math:`x_2 - x_1`.

    Accuracy at dt = 0.1 ms by default: a run of 500 ms is within 3e-3 of its range.

    References
    ----------
    V. K. Jirsa, W. C. Stacey, P. P. Quilichini, A. I. Ivanov, C. Bernard, Brain 137:2210 (2014).
    """

    inputs = {"I": "x1"}

    x_0 = Parameter(-1.6, "excitability")
    y_0 = Parameter(1.0, "offset of the fast subsystem")
    I_1 = Parameter(3.1, "current of the fast discharges")
    I_2 = Parameter(0.45, "current of the spike-and-wave events")
    tau_0 = Parameter(2857.0, "time constant of the slow variable, per tau", positive=True)
    tau_2 = Parameter(10.0, "time constant of the spike-and-wave events, per tau", positive=True)
    gamma = Parameter(0.01, "rate of the low-pass filter")
    tau = Parameter(1.0 * u.ms, "unit of time", positive=True)
    x1 = State(-1.6, "fast discharges")
    y1 = State(-11.8, "their recovery")
    z = State(3.0, "slow permittivity")
    x2 = State(-1.0, "spike-and-wave events")
    y2 = State(0.0, "their recovery")
    g = State(-0.16, "low-pass filtered x1, over ten")
    lfp = State(lambda unit: unit.x2 - unit.x1, "field potential")

    def derivative(self, t, x1, y1, z, x2, y2, g, I):
        f1 = u.math.where(x1 < 0, x1**3 - 3 * x1**2, (x2 - 0.6 * (z - 4) ** 2) * x1)
        f2 = u.math.where(x2 < -0.25, 0.0, 6 * (x2 + 0.25))
        rates = (
            y1 - f1 - z + self.I_1 + I,
            self.y_0 - 5 * x1**2 - y1,
            (4 * (x1 - self.x_0) - z) / self.tau_0,
            -y2 + x2 - x2**3 + self.I_2 + 2 * g - 0.3 * (z - 3.5),
            (-y2 + f2) / self.tau_2,
            -self.gamma * (g - 0.1 * x1),
        )
        return tuple(rate / self.tau for rate in rates)

    def observe(self, y):
        return {"lfp": y["x2"] - y["x1"]}
