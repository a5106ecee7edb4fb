"""Potassium currents that inactivate: A and K2."""

from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter
from brainsim.channels.base import DENSITY, Channel, Gate
from brainsim.channels.kinetics import Rates, Relaxation, exprel, log_sigmoid
from brainsim.channels.temperature import RateFactor


class KA_ConnorStevens(Channel):
    r"""Transient potassium current A of crustacean axons: it lets a cell fire slowly.

    .. math:: I = \bar g\,a^3 b\,(E - V),\qquad
        a_\infty = \left(\frac{0.0761\,e^{0.0314\,(V + 94.22)}}{1 + e^{0.0346\,(V + 1.17)}}\right)^{1/3},\quad
        \tau_a = 0.3632 + \frac{1.158}{1 + e^{0.0497\,(V + 55.96)}}

    .. math:: b_\infty = \left(\frac{1}{1 + e^{0.0688\,(V + 53.3)}}\right)^4,\quad
        \tau_b = 1.24 + \frac{2.678}{1 + e^{0.0624\,(V + 50)}}

    with V in mV and times in ms. The fit of :math:`a_\infty` passes 1, by 1 %, from 40 mV up.

    References
    ----------
    J. A. Connor, D. Walter, R. McKown, Biophys. J. 18:81 (1977);
    P. Dayan, L. F. Abbott, Theoretical Neuroscience (2001), section 6.2.
    """

    ion = "K"
    g_max = Parameter(47.7 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-75.0 * u.mV, "reversal potential of the current A; None for that of the pool", optional=True)
    a = Gate("activation")
    b = Gate("inactivation; 1 is open")

    def kinetics(self, V):
        v, off = V / u.mV, lambda x: u.math.sigmoid(-x)
        # exp of a third of the logarithm: a cube root has no derivative at 0
        a_inf = 0.0761 ** (1 / 3) * u.math.exp((0.0314 * (v + 94.22) + log_sigmoid(-0.0346 * (v + 1.17))) / 3)
        return {
            "a": Relaxation(a_inf, (0.3632 + 1.158 * off(0.0497 * (v + 55.96))) * u.ms),
            "b": Relaxation(off(0.0688 * (v + 53.3)) ** 4, (1.24 + 2.678 * off(0.0624 * (v + 50))) * u.ms),
        }

    def open_fraction(self, a, b):
        return a**3 * b


class KA_Traub1991(Channel):
    r"""Transient potassium current A of the CA3 pyramidal cell with 19 compartments.

    .. math:: I = \bar g\,a\,b\,(E - V),\qquad
        \alpha_a = \frac{0.02\,(13.1 - v)}{e^{(13.1 - v)/10} - 1},\quad \beta_a = \frac{0.0175\,(v - 40.1)}{e^{(v - 40.1)/10} - 1},\quad
        \alpha_b = 0.0016\,e^{(-13 - v)/18},\quad \beta_b = \frac{0.05}{1 + e^{(10.1 - v)/5}}

    with :math:`v = (V - V_{rest})/\mathrm{mV}`, rates per ms.

    References
    ----------
    R. D. Traub, R. K. S. Wong, R. Miles, H. Michelson, J. Neurophysiol. 66:635 (1991).
    """

    ion = "K"
    g_max = Parameter(5.0 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-75.0 * u.mV, "potassium reversal potential; None for that of the pool", optional=True)
    V_rest = Parameter(-60.0 * u.mV, "potential that the paper counts from")
    a = Gate("activation")
    b = Gate("inactivation; 1 is open")

    def kinetics(self, V):
        v = (V - self.V_rest) / u.mV
        return {
            "a": Rates(0.2 / exprel((13.1 - v) / 10) / u.ms, 0.175 / exprel((v - 40.1) / 10) / u.ms),
            "b": Rates(0.0016 * u.math.exp((-13 - v) / 18) / u.ms, 0.05 * u.math.sigmoid((v - 10.1) / 5) / u.ms),
        }

    def open_fraction(self, a, b):
        return a * b


class KA_HM1992(Channel):
    r"""Transient potassium current A of thalamic relay cells, with two components of inactivation, at 23 °C.

    .. math:: I = \bar g\,(0.6\,m_1^4 h_1 + 0.4\,m_2^4 h_2)\,(E - V)

    .. math:: m_{1\infty} = \frac{1}{1 + e^{-(V + 60)/8.5}},\quad m_{2\infty} = \frac{1}{1 + e^{-(V + 36)/20}},\quad
        \tau_m = 0.37 + \frac{1}{e^{(V + 35.8)/19.7} + e^{-(V + 79.7)/12.7}}

    .. math:: h_\infty = \frac{1}{1 + e^{(V + 78)/6}},\quad \tau_h = \frac{1}{e^{(V + 46)/5} + e^{-(V + 238)/37.5}}

    with V in mV and times in ms, divided by ``phi``; :math:`\tau_{h1}` is 19 ms from -63 mV up, :math:`\tau_{h2}` is 60
    ms from -73 mV up. :math:`Q_{10}` = 2.8.

    References
    ----------
    J. R. Huguenard, D. A. McCormick, J. Neurophysiol. 68:1373 (1992).
    """

    ion = "K"
    g_max = Parameter(1.0 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-90.0 * u.mV, "potassium reversal potential; None for that of the pool", optional=True)
    phi = RateFactor(2.8, 23.0)
    m1 = Gate("activation of the component that inactivates fast")
    h1 = Gate("its inactivation; 1 is open")
    m2 = Gate("activation of the component that inactivates slowly")
    h2 = Gate("its inactivation; 1 is open")

    def kinetics(self, V):
        v, exp, ms = V / u.mV, u.math.exp, u.ms / self.phi
        tau_m = 0.37 + 1.0 / (exp((v + 35.8) / 19.7) + exp(-(v + 79.7) / 12.7))
        h_inf = u.math.sigmoid(-(v + 78) / 6)
        tau_h = 1.0 / (exp((v + 46) / 5) + exp(-(v + 238) / 37.5))
        return {
            "m1": Relaxation(u.math.sigmoid((v + 60) / 8.5), tau_m * ms),
            "h1": Relaxation(h_inf, u.math.where(v < -63, tau_h, 19.0) * ms),
            "m2": Relaxation(u.math.sigmoid((v + 36) / 20), tau_m * ms),
            "h2": Relaxation(h_inf, u.math.where(v < -73, tau_h, 60.0) * ms),
        }

    def open_fraction(self, m1, h1, m2, h2):
        return 0.6 * m1**4 * h1 + 0.4 * m2**4 * h2


class K2_HM1992(Channel):
    r"""Slowly inactivating potassium current K2 of thalamic relay cells, at 22 °C.

    .. math:: I = \bar g\,m\,(0.6\,h_1 + 0.4\,h_2)\,(E - V)

    .. math:: m_\infty = \frac{1}{1 + e^{-(V + 43)/17}},\quad
        \tau_m = 9.9 + \frac{1}{e^{(V - 81)/25.6} + e^{-(V + 132)/18}}

    .. math:: h_\infty = \frac{1}{1 + e^{(V + 58)/10.6}},\quad
        \tau_h = 120 + \frac{1}{e^{(V - 1329)/200} + e^{-(V + 130)/7.1}}

    with V in mV and times in ms, divided by ``phi``; :math:`\tau_{h2}` is 8.9 s from -70 mV up. :math:`Q_{10}` = 3.

    References
    ----------
    J. R. Huguenard, D. A. McCormick, J. Neurophysiol. 68:1373 (1992).
    """

    ion = "K"
    g_max = Parameter(1.0 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-90.0 * u.mV, "potassium reversal potential; None for that of the pool", optional=True)
    phi = RateFactor(3.0, 22.0)
    m = Gate("activation")
    h1 = Gate("inactivation of the faster component; 1 is open")
    h2 = Gate("inactivation of the slower component; 1 is open")

    def kinetics(self, V):
        v, exp, ms = V / u.mV, u.math.exp, u.ms / self.phi
        h_inf = u.math.sigmoid(-(v + 58) / 10.6)
        tau_h = 120.0 + 1.0 / (exp((v - 1329) / 200) + exp(-(v + 130) / 7.1))
        return {
            "m": Relaxation(
                u.math.sigmoid((v + 43) / 17), (9.9 + 1.0 / (exp((v - 81) / 25.6) + exp(-(v + 132) / 18))) * ms
            ),
            "h1": Relaxation(h_inf, tau_h * ms),
            "h2": Relaxation(h_inf, u.math.where(v < -70, tau_h, 8900.0) * ms),
        }

    def open_fraction(self, m, h1, h2):
        return m * (0.6 * h1 + 0.4 * h2)


class KT_Hay2011(Channel):
    r"""Transient potassium current of neocortical pyramidal cells (``K_Tst``).

    .. math:: I = \bar g\,m^4 h\,(E - V),\qquad
        m_\infty = \frac{1}{1 + e^{-v/19}},\quad \tau_m = 0.34 + 0.92\,e^{-((v + 71)/59)^2},\quad
        h_\infty = \frac{1}{1 + e^{(v + 66)/10}},\quad \tau_h = 8 + 49\,e^{-((v + 73)/23)^2}

    with :math:`v = (V - V_{sh})/\mathrm{mV}` and times in ms, divided by ``phi``.

    References
    ----------
    A. Korngreen, B. Sakmann, J. Physiol. 525:621 (2000), as in E. Hay, S. Hill, F. Schürmann, H. Markram, I. Segev,
    PLoS Comput. Biol. 7:e1002107 (2011).
    """

    ion = "K"
    g_max = Parameter(81.2 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-85.0 * u.mV, "potassium reversal potential; None for that of the pool", optional=True)
    V_sh = Parameter(-10.0 * u.mV, "shift along V, by the junction potential")
    phi = Parameter(2.3**1.3, "factor of the rates: 2.3 to the power (temperature - 21 °C) / 10 °C", positive=True)
    m = Gate("activation")
    h = Gate("inactivation; 1 is open")

    def kinetics(self, V):
        v = (V - self.V_sh) / u.mV
        tau_m = 0.34 + 0.92 * u.math.exp(-(((v + 71) / 59) ** 2))
        tau_h = 8.0 + 49.0 * u.math.exp(-(((v + 73) / 23) ** 2))
        return {
            "m": Relaxation(u.math.sigmoid(v / 19), tau_m / self.phi * u.ms),
            "h": Relaxation(u.math.sigmoid(-(v + 66) / 10), tau_h / self.phi * u.ms),
        }

    def open_fraction(self, m, h):
        return m**4 * h
