"""Calcium channels: T (low threshold), L, N and other high-threshold currents."""

from __future__ import annotations

import brainunit as u
import jax

from brainsim._core import Parameter
from brainsim.channels.base import DENSITY, Channel, Gate
from brainsim.channels.kinetics import Rates, Relaxation, exprel, log_sigmoid
from brainsim.channels.temperature import RateFactor


class CalciumChannel(Channel):
    r"""A channel that calcium enters by: the current feeds the pool ``Ca``, where the cell has one.

    .. math:: I = \bar g\,o(x, \ldots)\,(E - V)

    With ``E=None`` the reversal potential is the Nernst potential of the pool.
    """

    ion = "Ca"
    E = Parameter(120.0 * u.mV, "calcium reversal potential; None for the Nernst potential of the pool", optional=True)


class _LowThreshold(CalciumChannel):
    """What the currents of Huguenard have in common: m² h, a shift along V, and the temperature."""

    V_sh = Parameter(0.0 * u.mV, "shift along V, by surface charge")
    phi_m = RateFactor(5.0, 24.0, "factor of the rate of m")
    phi_h = RateFactor(3.0, 24.0, "factor of the rate of h")
    m = Gate("activation")
    h = Gate("inactivation; 1 is open")

    def open_fraction(self, m, h):
        return m**2 * h


class CaT_HM1992(_LowThreshold):
    r"""Low-threshold calcium current T of thalamic relay cells, at 24 °C: the rebound burst.

    .. math:: I = \bar g\,m^2 h\,(E - V),\qquad
        m_\infty = \frac{1}{1 + e^{-(V + 57)/6.2}},\quad \tau_m = 0.612 + \frac{1}{e^{-(V + 132)/16.7} + e^{(V + 16.8)/18.2}}

    .. math:: h_\infty = \frac{1}{1 + e^{(V + 81)/4}},\quad
        \tau_h = e^{(V + 467)/66.6}\ \text{below -80 mV},\quad 28 + e^{-(V + 22)/10.5}\ \text{above}

    with :math:`V - V_{sh}` for V, in mV, and times in ms, divided by ``phi_m`` and ``phi_h``. :math:`Q_{10}` is 5 for m
    and 3 for h. The paper has the current of Goldman, Hodgkin and Katz; this is the ohmic form of the models that
    followed.

    References
    ----------
    J. R. Huguenard, D. A. McCormick, J. Neurophysiol. 68:1373 (1992).
    """

    g_max = Parameter(2.0 * DENSITY, "maximal conductance", nonnegative=True)

    def kinetics(self, V):
        v, exp = (V - self.V_sh) / u.mV, u.math.exp
        tau_m = 0.612 + 1.0 / (exp(-(v + 132) / 16.7) + exp((v + 16.8) / 18.2))
        tau_h = u.math.where(v < -80, exp((v + 467) / 66.6), 28.0 + exp(-(v + 22) / 10.5))
        return {
            "m": Relaxation(u.math.sigmoid((v + 57) / 6.2), tau_m / self.phi_m * u.ms),
            "h": Relaxation(u.math.sigmoid(-(v + 81) / 4), tau_h / self.phi_h * u.ms),
        }


class CaT_HP1992(_LowThreshold):
    r"""Low-threshold calcium current T of thalamic reticular cells, at 24 °C.

    .. math:: I = \bar g\,m^2 h\,(E - V),\qquad
        m_\infty = \frac{1}{1 + e^{-(V + 52)/7.4}},\quad \tau_m = 3 + \frac{1}{e^{(V + 27)/10} + e^{-(V + 102)/15}}

    .. math:: h_\infty = \frac{1}{1 + e^{(V + 80)/5}},\quad \tau_h = 85 + \frac{1}{e^{(V + 48)/4} + e^{-(V + 407)/50}}

    with :math:`V - V_{sh}` for V, in mV, and times in ms, divided by ``phi_m`` and ``phi_h``. :math:`Q_{10}` is 5 for m
    and 3 for h.

    References
    ----------
    J. R. Huguenard, D. A. Prince, J. Neurosci. 12:3804 (1992);
    A. Destexhe, D. Contreras, T. J. Sejnowski, M. Steriade, J. Neurophysiol. 72:803 (1994).
    """

    g_max = Parameter(1.75 * DENSITY, "maximal conductance", nonnegative=True)

    def kinetics(self, V):
        v, exp = (V - self.V_sh) / u.mV, u.math.exp
        tau_m = 3.0 + 1.0 / (exp((v + 27) / 10) + exp(-(v + 102) / 15))
        tau_h = 85.0 + 1.0 / (exp((v + 48) / 4) + exp(-(v + 407) / 50))
        return {
            "m": Relaxation(u.math.sigmoid((v + 52) / 7.4), tau_m / self.phi_m * u.ms),
            "h": Relaxation(u.math.sigmoid(-(v + 80) / 5), tau_h / self.phi_h * u.ms),
        }


class CaT_Destexhe1996(CalciumChannel):
    r"""Low-threshold calcium current T of thalamic relay and cortical cells, with instantaneous activation.

    .. math:: I = \bar g\,s_\infty^2 u\,(E - V),\qquad s_\infty = \frac{1}{1 + e^{-(V + V_x + 57)/6.2}}

    .. math:: u_\infty = \frac{1}{1 + e^{(V + V_x + 81)/4}},\quad
        \tau_u = \frac{1}{\phi} \left(30.8 + \frac{211.4 + e^{(V + V_x + 113.2)/5}}{1 + e^{(V + V_x + 84)/3.2}}\right)

    with V in mV and times in ms; :math:`\phi` = 3.7 is 36 °C, from 24 °C with :math:`Q_{10}` = 3. (In print, the paper
    of 2008 has the 30.8 over the same denominator.)

    References
    ----------
    A. Destexhe, T. Bal, D. A. McCormick, T. J. Sejnowski, J. Neurophysiol. 76:2049 (1996);
    M. Pospischil et al., Biol. Cybern. 99:427 (2008).
    """

    g_max = Parameter(0.4 * DENSITY, "maximal conductance", nonnegative=True)
    V_x = Parameter(2.0 * u.mV, "shift along V")
    phi = Parameter(3.7, "factor of the rate", positive=True)
    u = Gate("inactivation; 1 is open")

    def s_inf(self, V: u.Quantity) -> jax.Array:
        """Activation, which follows V at once."""
        return u.math.sigmoid(((V + self.V_x) / u.mV + 57) / 6.2)

    def kinetics(self, V):
        v = (V + self.V_x) / u.mV
        # both exponentials in one fraction, each bounded where the other is large
        tau = (
            30.8 + 211.4 * u.math.sigmoid(-(v + 84) / 3.2) + u.math.exp((v + 113.2) / 5 + log_sigmoid(-(v + 84) / 3.2))
        )
        return {"u": Relaxation(u.math.sigmoid(-(v + 81) / 4), tau / self.phi * u.ms)}

    def open_fraction(self, V, u):
        return self.s_inf(V) ** 2 * u


class CaL_MH1992(CalciumChannel):
    r"""High-threshold calcium current L of thalamic relay cells, at 23.5 °C.

    .. math:: I = \bar g\,m^2\,(E - V),\qquad
        \alpha_m = \frac{1.6}{1 + e^{-0.072\,(V - 5)}},\quad \beta_m = \frac{0.02\,(V - 1.31)}{e^{(V - 1.31)/5.36} - 1}

    with V in mV and rates per ms, times ``phi``; :math:`Q_{10}` = 3. The paper has the current of Goldman, Hodgkin and
    Katz.

    References
    ----------
    D. A. McCormick, J. R. Huguenard, J. Neurophysiol. 68:1384 (1992).
    """

    g_max = Parameter(0.5 * DENSITY, "maximal conductance", nonnegative=True)
    phi = RateFactor(3.0, 23.5)
    m = Gate("activation")

    def kinetics(self, V):
        v, phi = V / u.mV, self.phi / u.ms
        return {"m": Rates(phi * (1.6 * u.math.sigmoid(0.072 * (v - 5))), phi * (0.1072 / exprel((v - 1.31) / 5.36)))}

    def open_fraction(self, m):
        return m**2


class CaHT_Reuveni1993(CalciumChannel):
    r"""High-threshold calcium current of neocortical cells, L-type: the bursts of the minimal cortical models.

    .. math:: I = \bar g\,q^2 r\,(E - V),\qquad
        \alpha_q = \frac{0.055\,(-27 - V)}{e^{(-27 - V)/3.8} - 1},\quad \beta_q = 0.94\,e^{(-75 - V)/17},\quad
        \alpha_r = 0.000457\,e^{(-13 - V)/50},\quad \beta_r = \frac{0.0065}{e^{(-15 - V)/28} + 1}

    with V in mV, rates per ms, at 36 °C. The pyramidal cell of Hay et al. (2011) has it under the name ``Ca_HVA``, with
    ``E=None``.

    References
    ----------
    I. Reuveni, A. Friedman, Y. Amitai, M. J. Gutnick, J. Neurosci. 13:4609 (1993);
    M. Pospischil et al., Biol. Cybern. 99:427 (2008).
    """

    g_max = Parameter(0.1 * DENSITY, "maximal conductance", nonnegative=True)
    q = Gate("activation")
    r = Gate("inactivation; 1 is open")

    def kinetics(self, V):
        v = V / u.mV
        return {
            "q": Rates(0.209 / exprel((-27 - v) / 3.8) / u.ms, 0.94 * u.math.exp((-75 - v) / 17) / u.ms),
            "r": Rates(0.000457 * u.math.exp((-13 - v) / 50) / u.ms, 0.0065 * u.math.sigmoid((v + 15) / 28) / u.ms),
        }

    def open_fraction(self, q, r):
        return q**2 * r


def caht_traub1991(V, V_rest) -> dict:
    """Kinetics of :class:`CaHT_Traub1991` at V, by gate."""
    v = (V - V_rest) / u.mV
    alpha_r = 0.005 * u.math.exp(-u.math.maximum(v, 0.0) / 20)
    return {
        "s": Rates(1.6 * u.math.sigmoid(0.072 * (v - 65)) / u.ms, 0.1 / exprel((v - 51.1) / 5) / u.ms),
        "r": Rates(alpha_r / u.ms, (0.005 - alpha_r) / u.ms),
    }


class CaHT_Traub1991(CalciumChannel):
    r"""High-threshold calcium current of the CA3 pyramidal cell with 19 compartments.

    .. math:: I = \bar g\,s^2 r\,(E - V),\qquad
        \alpha_s = \frac{1.6}{1 + e^{-0.072\,(v - 65)}},\quad \beta_s = \frac{0.02\,(v - 51.1)}{e^{(v - 51.1)/5} - 1}

    .. math:: \alpha_r = 0.005\,\min(1, e^{-v/20}),\quad \beta_r = 0.005 - \alpha_r

    with :math:`v = (V - V_{rest})/\mathrm{mV}`, rates per ms.

    References
    ----------
    R. D. Traub, R. K. S. Wong, R. Miles, H. Michelson, J. Neurophysiol. 66:635 (1991).
    """

    g_max = Parameter(10.0 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(80.0 * u.mV, "calcium reversal potential; None for the Nernst potential of the pool", optional=True)
    V_rest = Parameter(-60.0 * u.mV, "potential that the paper counts from")
    s = Gate("activation")
    r = Gate("inactivation; 1 is open")

    def kinetics(self, V):
        return caht_traub1991(V, self.V_rest)

    def open_fraction(self, s, r):
        return s**2 * r


class CaN_Jaffe1994(CalciumChannel):
    r"""Calcium current N of hippocampal pyramidal cells.

    .. math:: I = \bar g\,m^2 h\,(E - V),\qquad
        \alpha_m = \frac{0.1967\,(19.88 - V)}{e^{(19.88 - V)/10} - 1},\quad \beta_m = 0.046\,e^{-V/20.73},\quad
        \alpha_h = 0.00016\,e^{-V/48.4},\quad \beta_h = \frac{1}{e^{(39 - V)/10} + 1}

    with V in mV, rates per ms. The paper has the current of Goldman, Hodgkin and Katz.

    References
    ----------
    D. B. Jaffe, W. N. Ross, J. E. Lisman, N. Lasser-Ross, H. Miyakawa, D. Johnston, J. Neurophysiol. 71:1065 (1994).
    """

    g_max = Parameter(1.0 * DENSITY, "maximal conductance", nonnegative=True)
    m = Gate("activation")
    h = Gate("inactivation; 1 is open")

    def kinetics(self, V):
        v = V / u.mV
        return {
            "m": Rates(1.967 / exprel((19.88 - v) / 10) / u.ms, 0.046 * u.math.exp(-v / 20.73) / u.ms),
            "h": Rates(0.00016 * u.math.exp(-v / 48.4) / u.ms, u.math.sigmoid((v - 39) / 10) / u.ms),
        }

    def open_fraction(self, m, h):
        return m**2 * h


class CaLVA_Hay2011(CalciumChannel):
    r"""Low-threshold calcium current of neocortical pyramidal cells (``Ca_LVAst``).

    .. math:: I = \bar g\,m^2 h\,(E - V),\qquad
        m_\infty = \frac{1}{1 + e^{-(v + 30)/6}},\quad \tau_m = 5 + \frac{20}{1 + e^{(v + 25)/5}},\quad
        h_\infty = \frac{1}{1 + e^{(v + 80)/6.4}},\quad \tau_h = 20 + \frac{50}{1 + e^{(v + 40)/7}}

    with :math:`v = (V - V_{sh})/\mathrm{mV}` and times in ms, divided by ``phi``. Its high-threshold companion is
    :class:`CaHT_Reuveni1993`.

    References
    ----------
    R. B. Avery, D. Johnston, J. Neurosci. 16:5567 (1996), A. D. Randall, R. W. Tsien, Neuropharmacology 36:879 (1997),
    as in E. Hay, S. Hill, F. Schürmann, H. Markram, I. Segev, PLoS Comput. Biol. 7:e1002107 (2011).
    """

    g_max = Parameter(3.43 * DENSITY, "maximal conductance", nonnegative=True)
    V_sh = Parameter(-10.0 * u.mV, "shift along V, by the junction potential")
    phi = Parameter(2.3**1.3, "factor of the rates: 2.3 to the power (temperature - 21 °C) / 10 °C", positive=True)
    m = Gate("activation")
    h = Gate("inactivation; 1 is open")

    def kinetics(self, V):
        v, sigmoid = (V - self.V_sh) / u.mV, u.math.sigmoid
        tau_m, tau_h = 5.0 + 20.0 * sigmoid(-(v + 25) / 5), 20.0 + 50.0 * sigmoid(-(v + 40) / 7)
        return {
            "m": Relaxation(sigmoid((v + 30) / 6), tau_m / self.phi * u.ms),
            "h": Relaxation(sigmoid(-(v + 80) / 6.4), tau_h / self.phi * u.ms),
        }

    def open_fraction(self, m, h):
        return m**2 * h
