"""The current h, which hyperpolarisation opens."""

from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter
from brainsim.channels.base import DENSITY, Channel, Gate
from brainsim.channels.kinetics import Rates, Relaxation, exprel


class Ih_HM1992(Channel):
    r"""Current h of thalamic relay cells, at 35.5 °C.

    .. math:: I = \bar g\,m\,(E - V),\qquad
        m_\infty = \frac{1}{1 + e^{(V + 75)/5.5}},\quad \tau_m = \frac{1}{e^{-14.59 - 0.086\,V} + e^{-1.87 + 0.0701\,V}}

    with V in mV and times in ms, divided by ``phi``.

    References
    ----------
    J. R. Huguenard, D. A. McCormick, J. Neurophysiol. 68:1373 (1992).
    """

    g_max = Parameter(0.02 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-43.0 * u.mV, "reversal potential")
    phi = Parameter(1.0, "factor of the rate", positive=True)
    m = Gate("activation")

    def kinetics(self, V):
        v = V / u.mV
        tau = 1.0 / (u.math.exp(-14.59 - 0.086 * v) + u.math.exp(-1.87 + 0.0701 * v))
        return {"m": Relaxation(u.math.sigmoid(-(v + 75) / 5.5), tau / self.phi * u.ms)}

    def open_fraction(self, m):
        return m


class Ih_Destexhe1996(Channel):
    r"""Current h of thalamic relay cells that calcium strengthens: it makes spindles wax and wane.

    .. math:: I = \bar g\,(o_1 + g_{inc}\,o_2)\,(E - V)

    .. math::
        \dot o_1 &= \alpha\,(1 - o_1 - o_2) - \beta\,o_1 - k_4\,(p_1/P_c)\,o_1 + k_4\,o_2 \\
        \dot o_2 &= k_4\,(p_1/P_c)\,o_1 - k_4\,o_2 \\
        \dot p_1 &= k_2\,([Ca]/Ca_c)^4\,(1 - p_1) - k_2\,p_1

    with :math:`\alpha = h_\infty/\tau_s`, :math:`\beta = (1 - h_\infty)/\tau_s`

    .. math:: h_\infty = \frac{1}{1 + e^{(V + 75)/5.5}},\quad \tau_s = 20 + \frac{1000}{e^{(V + 71.5)/14.2} + e^{-(V + 89)/11.6}}

    with V in mV and times in ms, at 36 °C. Calcium binds to a protein (p), which locks the channel open.

    References
    ----------
    A. Destexhe, T. Bal, D. A. McCormick, T. J. Sejnowski, J. Neurophysiol. 76:2049 (1996).
    """

    g_max = Parameter(0.02 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-40.0 * u.mV, "reversal potential")
    g_inc = Parameter(2.0, "conductance of a locked channel, in that of an open one", nonnegative=True)
    Ca_c = Parameter(0.002 * u.mM, "concentration at which half of the protein is bound", positive=True)
    P_c = Parameter(0.01, "bound fraction at which as many channels are locked as are open", positive=True)
    k_2 = Parameter(0.0004 / u.ms, "rate at which calcium leaves the protein", positive=True)
    k_4 = Parameter(0.001 / u.ms, "rate at which a channel is unlocked", positive=True)
    phi = Parameter(1.0, "factor of the rates of opening and closing", positive=True)
    o1 = Gate("open")
    o2 = Gate("locked open")
    p1 = Gate("protein with calcium")

    def opening(self, V: u.Quantity) -> Relaxation:
        """Opening and closing as a relaxation, without calcium."""
        v = V / u.mV
        tau = 20.0 + 1000.0 / (u.math.exp((v + 71.5) / 14.2) + u.math.exp(-(v + 89) / 11.6))
        return Relaxation(u.math.sigmoid(-(v + 75) / 5.5), tau / self.phi * u.ms)

    def open_fraction(self, o1, o2):
        return o1 + self.g_inc * o2

    def slopes(self, V, Ca, o1, o2, p1, **values):
        h_inf, tau = self.opening(V)
        bound = self.k_2 * (Ca / self.Ca_c) ** 4 * (1.0 - p1) - self.k_2 * p1
        locked = self.k_4 * (p1 / self.P_c * o1 - o2)
        return {"o1": (h_inf * (1.0 - o2) - o1) / tau - locked, "o2": locked, "p1": bound}

    def steady_state(self, V, Ca, **values):
        h_inf = self.opening(V).steady
        share = (Ca / self.Ca_c) ** 4
        p1 = share / (1.0 + share)
        o1 = h_inf / (1.0 + h_inf * p1 / self.P_c)
        return {"o1": o1, "o2": p1 / self.P_c * o1, "p1": p1}


class Ih_Hay2011(Channel):
    r"""Current h of the dendrites of neocortical pyramidal cells (``Ih``).

    .. math:: I = \bar g\,m\,(E - V),\qquad
        \alpha_m = \frac{0.00643\,(V + 154.9)}{e^{(V + 154.9)/11.9} - 1},\quad \beta_m = 0.193\,e^{V/33.1}

    with V in mV, rates per ms. Its density grows along the apical dendrite, as
    :math:`-0.8696 + 2.087\,e^{3.6161\,d/d_{max}}` times that of the soma.

    References
    ----------
    M. H. P. Kole, S. Hallermann, G. J. Stuart, J. Neurosci. 26:1677 (2006), as in E. Hay, S. Hill, F. Schürmann,
    H. Markram, I. Segev, PLoS Comput. Biol. 7:e1002107 (2011).
    """

    g_max = Parameter(0.2 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-45.0 * u.mV, "reversal potential")
    m = Gate("activation")

    def kinetics(self, V):
        v = V / u.mV
        return {"m": Rates(0.076517 / exprel((v + 154.9) / 11.9) / u.ms, 0.193 * u.math.exp(v / 33.1) / u.ms)}

    def open_fraction(self, m):
        return m
