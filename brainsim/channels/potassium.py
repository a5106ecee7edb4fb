"""Delayed rectifiers and the slow potassium current M."""

from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter
from brainsim.channels.base import DENSITY, Channel, Gate
from brainsim.channels.kinetics import Rates, Relaxation, exprel
from brainsim.channels.temperature import RateFactor


def k_hh1952(V, phi) -> dict:
    """Kinetics of :class:`K_HH1952` at V, by gate."""
    v, phi = V / u.mV, phi / u.ms
    return {"n": Rates(phi * (0.1 / exprel(-(v + 55) / 10)), phi * (0.125 * u.math.exp(-(v + 65) / 80)))}


class K_HH1952(Channel):
    r"""Delayed rectifier of the squid giant axon, at 6.3 °C.

    .. math:: I = \bar g\,n^4\,(E - V),\qquad
        \alpha_n = \frac{0.01\,(V + 55)}{1 - e^{-(V + 55)/10}},\quad \beta_n = 0.125\,e^{-(V + 65)/80}

    with V in mV and rates per ms, times ``phi``.

    References
    ----------
    A. L. Hodgkin, A. F. Huxley, J. Physiol. 117:500 (1952).
    """

    ion = "K"
    g_max = Parameter(36.0 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-77.0 * u.mV, "potassium reversal potential; None for that of the pool", optional=True)
    phi = RateFactor(3.0, 6.3)
    n = Gate("activation")

    def kinetics(self, V):
        return k_hh1952(V, self.phi)

    def open_fraction(self, n):
        return n**4


def k_traubmiles(V, V_T, phi) -> dict:
    """Kinetics of :class:`K_TraubMiles` at V, by gate."""
    v, phi = (V - V_T) / u.mV, phi / u.ms
    return {"n": Rates(phi * (0.16 / exprel((15 - v) / 5)), phi * (0.5 * u.math.exp((10 - v) / 40)))}


class K_TraubMiles(Channel):
    r"""Delayed rectifier of hippocampal and cortical pyramidal cells.

    .. math:: I = \bar g\,n^4\,(E - V),\qquad
        \alpha_n = \frac{0.032\,(15 - v)}{e^{(15 - v)/5} - 1},\quad \beta_n = 0.5\,e^{(10 - v)/40}

    with :math:`v = (V - V_T)/\mathrm{mV}` and rates per ms, times ``phi``; of the same sources, and for the same cells,
    as
    :class:`Na_TraubMiles`.

    References
    ----------
    R. D. Traub, R. Miles, Neuronal Networks of the Hippocampus (1991); M. Bazhenov, I. Timofeev, M. Steriade, T. J.
    Sejnowski, J. Neurosci. 22:8691 (2002); M. Pospischil et al., Biol. Cybern. 99:427 (2008).
    """

    ion = "K"
    g_max = Parameter(5.0 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-90.0 * u.mV, "potassium reversal potential; None for that of the pool", optional=True)
    V_T = Parameter(-63.0 * u.mV, "shift of the rates along V")
    phi = Parameter(1.0, "factor of the rates", positive=True)
    n = Gate("activation")

    def kinetics(self, V):
        return k_traubmiles(V, self.V_T, self.phi)

    def open_fraction(self, n):
        return n**4


def k_traub1991(V, V_rest) -> dict:
    """Kinetics of :class:`K_Traub1991` at V, by gate."""
    v = (V - V_rest) / u.mV
    return {"n": Rates(0.08 / exprel((35.1 - v) / 5) / u.ms, 0.25 * u.math.exp((20 - v) / 40) / u.ms)}


class K_Traub1991(Channel):
    r"""Delayed rectifier of the CA3 pyramidal cell with 19 compartments.

    .. math:: I = \bar g\,n\,(E - V),\qquad
        \alpha_n = \frac{0.016\,(35.1 - v)}{e^{(35.1 - v)/5} - 1},\quad \beta_n = 0.25\,e^{(20 - v)/40}

    with :math:`v = (V - V_{rest})/\mathrm{mV}`, rates per ms.

    References
    ----------
    R. D. Traub, R. K. S. Wong, R. Miles, H. Michelson, J. Neurophysiol. 66:635 (1991).
    """

    ion = "K"
    g_max = Parameter(15.0 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-75.0 * u.mV, "potassium reversal potential; None for that of the pool", optional=True)
    V_rest = Parameter(-60.0 * u.mV, "potential that the paper counts from")
    n = Gate("activation")

    def kinetics(self, V):
        return k_traub1991(V, self.V_rest)

    def open_fraction(self, n):
        return n


def k_wangbuzsaki(V, phi) -> dict:
    """Kinetics of :class:`K_WangBuzsaki` at V, by gate."""
    v, phi = V / u.mV, phi / u.ms
    return {"n": Rates(phi * (0.1 / exprel(-(v + 34) / 10)), phi * (0.125 * u.math.exp(-(v + 44) / 80)))}


class K_WangBuzsaki(Channel):
    r"""Delayed rectifier of hippocampal fast-spiking interneurons.

    .. math:: I = \bar g\,n^4\,(E - V),\qquad
        \alpha_n = \frac{0.01\,(V + 34)}{1 - e^{-(V + 34)/10}},\quad \beta_n = 0.125\,e^{-(V + 44)/80}

    with V in mV and rates per ms, times ``phi``.

    References
    ----------
    X.-J. Wang, G. Buzsáki, J. Neurosci. 16:6402 (1996).
    """

    ion = "K"
    g_max = Parameter(9.0 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-90.0 * u.mV, "potassium reversal potential; None for that of the pool", optional=True)
    phi = Parameter(5.0, "factor of the rates", positive=True)
    n = Gate("activation")

    def kinetics(self, V):
        return k_wangbuzsaki(V, self.phi)

    def open_fraction(self, n):
        return n**4


class K_ConnorStevens(Channel):
    r"""Delayed rectifier of crustacean axons.

    .. math:: I = \bar g\,n^4\,(E - V),\qquad
        \alpha_n = \frac{0.02\,(V + 45.7)}{1 - e^{-0.1\,(V + 45.7)}},\quad \beta_n = 0.25\,e^{-0.0125\,(V + 55.7)}

    with V in mV, rates per ms.

    References
    ----------
    J. A. Connor, D. Walter, R. McKown, Biophys. J. 18:81 (1977);
    P. Dayan, L. F. Abbott, Theoretical Neuroscience (2001), section 6.2.
    """

    ion = "K"
    g_max = Parameter(20.0 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-72.0 * u.mV, "potassium reversal potential; None for that of the pool", optional=True)
    n = Gate("activation")

    def kinetics(self, V):
        v = V / u.mV
        return {"n": Rates(0.2 / exprel(-0.1 * (v + 45.7)) / u.ms, 0.25 * u.math.exp(-0.0125 * (v + 55.7)) / u.ms)}

    def open_fraction(self, n):
        return n**4


class KM_Yamada1989(Channel):
    r"""Slow potassium current M, which does not inactivate: spike-frequency adaptation.

    .. math:: I = \bar g\,p\,(E - V),\qquad
        p_\infty = \frac{1}{1 + e^{-(V + 35)/10}},\quad \tau_p = \frac{\tau_{max}}{3.3\,e^{(V + 35)/20} + e^{-(V + 35)/20}}

    with V in mV.

    References
    ----------
    W. M. Yamada, C. Koch, P. R. Adams, in Methods in Neuronal Modeling (1989), p. 97;
    M. Pospischil et al., Biol. Cybern. 99:427 (2008).
    """

    ion = "K"
    g_max = Parameter(0.075 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-90.0 * u.mV, "potassium reversal potential; None for that of the pool", optional=True)
    tau_max = Parameter(608.0 * u.ms, "scale of the time constant", positive=True)
    p = Gate("activation")

    def kinetics(self, V):
        v = (V / u.mV + 35) / 10
        tau = self.tau_max / (3.3 * u.math.exp(v / 2) + u.math.exp(-v / 2))
        return {"p": Relaxation(u.math.sigmoid(v), tau)}

    def open_fraction(self, p):
        return p


class KP_Hay2011(Channel):
    r"""Persistent potassium current of neocortical pyramidal cells, which inactivates over a second (``K_Pst``).

    .. math:: I = \bar g\,m^2 h\,(E - V),\qquad
        m_\infty = \frac{1}{1 + e^{-(v + 1)/12}},\quad h_\infty = \frac{1}{1 + e^{(v + 54)/11}}

    .. math:: \tau_m = \begin{cases} 1.25 + 175.03\,e^{0.026\,v} & v < -50 \\ 1.25 + 13\,e^{-0.026\,v} & v \ge -50 \end{cases}
        ,\quad \tau_h = 360 + (1010 + 24\,(v + 55))\,e^{-((v + 75)/48)^2}

    with :math:`v = (V - V_{sh})/\mathrm{mV}` and times in ms, divided by ``phi``.

    References
    ----------
    A. Korngreen, B. Sakmann, J. Physiol. 525:621 (2000), as in E. Hay, S. Hill, F. Schürmann, H. Markram, I. Segev,
    PLoS Comput. Biol. 7:e1002107 (2011).
    """

    ion = "K"
    g_max = Parameter(2.23 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-85.0 * u.mV, "potassium reversal potential; None for that of the pool", optional=True)
    V_sh = Parameter(-10.0 * u.mV, "shift along V, by the junction potential")
    phi = Parameter(2.3**1.3, "factor of the rates: 2.3 to the power (temperature - 21 °C) / 10 °C", positive=True)
    m = Gate("activation")
    h = Gate("inactivation; 1 is open")

    def kinetics(self, V):
        v, exp = (V - self.V_sh) / u.mV, u.math.exp
        tau_m = 1.25 + u.math.where(v < -50, 175.03 * exp(0.026 * v), 13.0 * exp(-0.026 * v))
        tau_h = 360.0 + (1010.0 + 24.0 * (v + 55)) * exp(-(((v + 75) / 48) ** 2))
        return {
            "m": Relaxation(u.math.sigmoid((v + 1) / 12), tau_m / self.phi * u.ms),
            "h": Relaxation(u.math.sigmoid(-(v + 54) / 11), tau_h / self.phi * u.ms),
        }

    def open_fraction(self, m, h):
        return m**2 * h


class Kv3_Hay2011(Channel):
    r"""Fast potassium current of the Shaw family, Kv3.1, which ends the spike (``SKv3_1``).

    .. math:: I = \bar g\,m\,(E - V),\qquad
        m_\infty = \frac{1}{1 + e^{-(V - 18.7)/9.7}},\quad \tau_m = \frac{4}{1 + e^{-(V + 46.56)/44.14}}

    with V in mV and times in ms.

    References
    ----------
    J. Rettig, F. Wunder, M. Stocker et al., EMBO J. 11:2473 (1992), as in E. Hay, S. Hill, F. Schürmann, H. Markram,
    I. Segev, PLoS Comput. Biol. 7:e1002107 (2011).
    """

    ion = "K"
    g_max = Parameter(693.0 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-85.0 * u.mV, "potassium reversal potential; None for that of the pool", optional=True)
    m = Gate("activation")

    def kinetics(self, V):
        v = V / u.mV
        return {"m": Relaxation(u.math.sigmoid((v - 18.7) / 9.7), 4.0 * u.math.sigmoid((v + 46.56) / 44.14) * u.ms)}

    def open_fraction(self, m):
        return m


class KM_Hay2011(Channel):
    r"""Slow potassium current M of the apical dendrite of neocortical pyramidal cells (``Im``).

    .. math:: I = \bar g\,m\,(E - V),\qquad
        \alpha_m = 0.0033\,e^{0.1\,(V + 35)},\quad \beta_m = 0.0033\,e^{-0.1\,(V + 35)}

    with V in mV and rates per ms, times ``phi``.

    References
    ----------
    P. R. Adams, D. A. Brown, A. Constanti, J. Physiol. 330:537 (1982), as in E. Hay, S. Hill, F. Schürmann,
    H. Markram, I. Segev, PLoS Comput. Biol. 7:e1002107 (2011).
    """

    ion = "K"
    g_max = Parameter(0.0675 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-85.0 * u.mV, "potassium reversal potential; None for that of the pool", optional=True)
    phi = Parameter(2.3**1.3, "factor of the rates: 2.3 to the power (temperature - 21 °C) / 10 °C", positive=True)
    m = Gate("activation")

    def kinetics(self, V):
        v, scale = 0.1 * (V / u.mV + 35), 0.0033 * self.phi / u.ms
        return {"m": Rates(scale * u.math.exp(v), scale * u.math.exp(-v))}

    def open_fraction(self, m):
        return m
