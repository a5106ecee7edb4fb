"""Channels of the models of the Allen Cell Types Database that differ from those of Hay et al. (2011)."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._core import Parameter, State
from brainsim._units import Value
from brainsim.channels.base import DENSITY, Channel, Gate
from brainsim.channels.equations import Equations, linear
from brainsim.channels.kinetics import Rates, Relaxation, exprel
from brainsim.channels.temperature import Celsius

E_NA = Parameter(50.0 * u.mV, "sodium reversal potential; None for that of the pool", optional=True)
E_K = Parameter(-77.0 * u.mV, "potassium reversal potential; None for that of the pool", optional=True)


class _Warmed(Channel):
    """What these channels share: Q10 is 2.3 from the temperature of the recordings."""

    measured = 21.0  # °C

    g_max = Parameter(0.01 * DENSITY, "maximal conductance", nonnegative=True)
    celsius = Celsius(34.0)

    @property
    def phi(self):
        """Factor of the rates."""
        return 2.3 ** ((self.celsius - self.measured) / 10.0)


class NaTs_Allen(_Warmed):
    r"""Transient sodium current of the somata of cortical cells (``NaTs``).

    .. math:: I = \bar g\,m^3 h\,(E - V),\qquad
        \alpha_m = \frac{0.182\,v_m}{1 - e^{-v_m/6}},\quad \beta_m = \frac{-0.124\,v_m}{1 - e^{v_m/6}},\quad
        \alpha_h = \frac{-0.015\,v_h}{1 - e^{v_h/6}},\quad \beta_h = \frac{0.015\,v_h}{1 - e^{-v_h/6}}

    with :math:`v_m = V - V_m` and :math:`v_h = V - V_h` in mV, rates per ms at 23 °C, and a Q10 of 2.3.

    References
    ----------
    C. M. Colbert, E. Pan, Nature Neurosci. 5:533 (2002), as in N. W. Gouwens et al., Nat. Commun. 9:710 (2018).
    """

    ion, measured = "Na", 23.0
    E = E_NA
    V_m = Parameter(-40.0 * u.mV, "where m opens as fast as it closes, nearly")
    V_h = Parameter(-66.0 * u.mV, "where h opens as fast as it closes")
    m = Gate("activation")
    h = Gate("inactivation; 1 is open")

    def kinetics(self, V):
        m, h, per = (V - self.V_m) / (6 * u.mV), (V - self.V_h) / (6 * u.mV), self.phi / u.ms
        return {
            "m": Rates(1.092 / exprel(-m) * per, 0.744 / exprel(m) * per),
            "h": Rates(0.09 / exprel(h) * per, 0.09 / exprel(-h) * per),
        }

    def open_fraction(self, m, h):
        return m**3 * h


class NaTa_Allen(NaTs_Allen):
    r"""Transient sodium current of the axons of cortical cells (``NaTa``).

    .. math:: I = \bar g\,m^3 h\,(E - V)

    with the rates of :class:`NaTs_Allen` further down.

    References
    ----------
    C. M. Colbert, E. Pan, Nature Neurosci. 5:533 (2002), as in N. W. Gouwens et al., Nat. Commun. 9:710 (2018).
    """

    V_m = Parameter(-48.0 * u.mV, "where m opens as fast as it closes, nearly")
    V_h = Parameter(-69.0 * u.mV, "where h opens as fast as it closes")


class NaP_Allen(Equations):
    r"""Persistent sodium current, which activates at once (``Nap``).

    .. math:: I = \bar g\,m_\infty(V)\,h\,(E - V),\qquad
        m_\infty = \frac{1}{1 + e^{-(V + 52.6)/4.6}},\quad h_\infty = \frac{1}{1 + e^{(V + 48.8)/10}}

    .. math:: \tau_h = \left(\frac{-2.88 \cdot 10^{-6}\,(V + 17)}{1 - e^{(V + 17)/4.63}}
        + \frac{6.94 \cdot 10^{-6}\,(V + 64.4)}{1 - e^{-(V + 64.4)/2.63}}\right)^{-1}

    with V in mV and times in ms at 21 °C, and a Q10 of 2.3.

    References
    ----------
    J. Magistretti, A. Alonso, J. Gen. Physiol. 114:491 (1999), as in N. W. Gouwens et al., Nat. Commun. 9:710 (2018).
    """

    gbar = Parameter(0.01 * DENSITY, "conductance with all channels open", nonnegative=True)
    celsius = Celsius(34.0)
    ena = Parameter(50.0 * u.mV, "sodium reversal potential; None for that of the pool Na", optional=True)
    h = State(0.0, "inactivation; 1 is open")
    ions = {"ena": "E_Na"}
    carries = {"ina": "Na"}

    def rates(self, p, v, h):
        slow = 1.33344e-5 / exprel((v + 17.0) / 4.63) + 1.82522e-5 / exprel(-(v + 64.4) / 2.63)
        return {"h": (self.start(p, v)["h"] - h) * slow * 2.3 ** ((p.celsius - 21.0) / 10.0)}

    def flow(self, p, v, h, ena):
        return {"ina": 1e-3 * p.gbar * jax.nn.sigmoid((v + 52.6) / 4.6) * h * (v - ena)}

    def start(self, p, v):
        return {"h": jax.nn.sigmoid(-(v + 48.8) / 10.0)}


class KT_Allen(_Warmed):
    r"""Transient potassium current (``K_T``).

    .. math:: I = \bar g\,m^4 h\,(E - V),\qquad
        m_\infty = \frac{1}{1 + e^{-(V + 47)/29}},\quad \tau_m = 0.34 + 0.92\,e^{-((V + 71)/59)^2}

    .. math:: h_\infty = \frac{1}{1 + e^{(V + 66)/10}},\quad \tau_h = 8 + 49\,e^{-((V + 73)/23)^2}

    with V in mV and times in ms at 21 °C, and a Q10 of 2.3.

    References
    ----------
    A. Korngreen, B. Sakmann, J. Physiol. 525:621 (2000), as in N. W. Gouwens et al., Nat. Commun. 9:710 (2018).
    """

    ion = "K"
    E = E_K
    m = Gate("activation")
    h = Gate("inactivation; 1 is open")

    def kinetics(self, V):
        v, exp, unit = V / u.mV, u.math.exp, u.ms / self.phi
        return {
            "m": Relaxation(u.math.sigmoid((v + 47) / 29), (0.34 + 0.92 * exp(-(((v + 71) / 59) ** 2))) * unit),
            "h": Relaxation(u.math.sigmoid(-(v + 66) / 10), (8.0 + 49.0 * exp(-(((v + 73) / 23) ** 2))) * unit),
        }

    def open_fraction(self, m, h):
        return m**4 * h


class KP_Allen(_Warmed):
    r"""Persistent potassium current, which inactivates over a second (``K_P``).

    .. math:: I = \bar g\,m^2 h\,(E - V),\qquad
        m_\infty = \frac{1}{1 + e^{-(V + 14.3)/14.6}},\quad h_\infty = \frac{1}{1 + e^{(V + 54)/11}}

    .. math:: \tau_m = \begin{cases} 1.25 + 175.03\,e^{0.026\,V} & V < -50 \\ 1.25 + 13\,e^{-0.026\,V} & V \ge -50 \end{cases}
        ,\quad \tau_h = 360 + (1010 + 24\,(V + 55))\,e^{-((V + 75)/48)^2}

    with V in mV and times in ms at 21 °C, and a Q10 of 2.3.

    References
    ----------
    A. Korngreen, B. Sakmann, J. Physiol. 525:621 (2000), as in N. W. Gouwens et al., Nat. Commun. 9:710 (2018).
    """

    ion = "K"
    E = E_K
    m = Gate("activation")
    h = Gate("inactivation; 1 is open")

    def kinetics(self, V):
        v, exp, unit = V / u.mV, u.math.exp, u.ms / self.phi
        tau_m = 1.25 + u.math.where(v < -50, 175.03 * exp(0.026 * v), 13.0 * exp(-0.026 * v))
        tau_h = 360.0 + (1010.0 + 24.0 * (v + 55)) * exp(-(((v + 75) / 48) ** 2))
        return {
            "m": Relaxation(u.math.sigmoid((v + 14.3) / 14.6), tau_m * unit),
            "h": Relaxation(u.math.sigmoid(-(v + 54) / 11), tau_h * unit),
        }

    def open_fraction(self, m, h):
        return m**2 * h


class Kd_Allen(Channel):
    r"""Potassium current that inactivates slowly, of Kv1 channels (``Kd``).

    .. math:: I = \bar g\,m\,h\,(E - V),\qquad m_\infty = \frac{1}{1 + e^{-(V + 43)/8}},\quad
        h_\infty = \frac{1}{1 + e^{(V + 67)/7.3}},\quad \tau_m = 1\,\mathrm{ms},\quad \tau_h = 1500\,\mathrm{ms}

    with V in mV, at any temperature.

    References
    ----------
    A. J. Foust, Y. Yu, M. Popovic, D. Zecevic, D. A. McCormick, J. Neurosci. 31:15490 (2011), as in Y. Nandi et al., Cell Rep.
    40:111176 (2022).
    """

    ion = "K"
    g_max = Parameter(0.01 * DENSITY, "maximal conductance", nonnegative=True)
    E = E_K
    m = Gate("activation")
    h = Gate("inactivation; 1 is open")

    def kinetics(self, V):
        v = V / u.mV
        return {
            "m": Relaxation(u.math.sigmoid((v + 43) / 8), u.Quantity(1.0, unit=u.ms)),
            "h": Relaxation(u.math.sigmoid(-(v + 67) / 7.3), u.Quantity(1500.0, unit=u.ms)),
        }

    def open_fraction(self, m, h):
        return m * h


class Kv2_Allen(_Warmed):
    r"""Potassium current of Kv2 channels, of two inactivations (``Kv2like``).

    .. math:: I = \bar g\,m^2\,\frac{h_1 + h_2}{2}\,(E - V),\qquad \alpha_m = \frac{0.12\,(V - 43)}{1 - e^{-(V - 43)/11}},\quad
        \beta_m = 0.02\,e^{-(V + 1.27)/120},\quad \tau_m = \frac{2.5}{\alpha_m + \beta_m}

    .. math:: h_\infty = \frac{1}{1 + e^{(V + 58)/11}},\quad \tau_{h_1} = 360 + (1010 + 23.7\,(V + 54))\,e^{-((V + 75)/48)^2},\quad
        \tau_{h_2} = 2350 + 1380\,e^{-0.011\,V} - 210\,e^{-0.03\,V}

    with V in mV and times in ms at 21 °C, and a Q10 of 2.3. :math:`\tau_{h_2}` would be negative below -118 mV, and is 1 ms
    at least.

    References
    ----------
    N. Keren, N. Peled, A. Korngreen, J. Neurophysiol. 94:3730 (2005); P. W. Liu, B. P. Bean, J. Neurosci. 34:4991 (2014), as in
    Y. Nandi et al., Cell Rep. 40:111176 (2022).
    """

    ion = "K"
    E = E_K
    m = Gate("activation")
    h1 = Gate("inactivation, the faster; 1 is open")
    h2 = Gate("inactivation, the slower; 1 is open")

    def kinetics(self, V):
        v, exp, unit = V / u.mV, u.math.exp, u.ms / self.phi
        opens, closes = 1.32 / exprel(-(v - 43) / 11), 0.02 * exp(-(v + 1.27) / 120)
        steady = u.math.sigmoid(-(v + 58) / 11)
        tau_1 = 360.0 + (1010.0 + 23.7 * (v + 54)) * exp(-(((v + 75) / 48) ** 2))
        tau_2 = u.math.maximum(2350.0 + 1380.0 * exp(-0.011 * v) - 210.0 * exp(-0.03 * v), 1.0)
        return {
            "m": Relaxation(opens / (opens + closes), 2.5 / (opens + closes) * unit),
            "h1": Relaxation(steady, tau_1 * unit),
            "h2": Relaxation(steady, tau_2 * unit),
        }

    def open_fraction(self, m, h1, h2):
        return m**2 * (0.5 * h1 + 0.5 * h2)


class KM_Allen(_Warmed):
    r"""Muscarinic potassium current (``Im_v2``).

    .. math:: I = \bar g\,m\,(E - V),\qquad \alpha = 0.007\,e^{2.4\,(V + 48)/26.12},\quad \beta = 0.007\,e^{-3.6\,(V + 48)/26.12},
        \quad \tau_m = 15 + \frac{1}{\alpha + \beta}

    with V in mV and times in ms at 30 °C, and a Q10 of 2.3.

    References
    ----------
    K. Vervaeke, H. Hu, L. J. Graham, J. F. Storm, Neuron 49:257 (2006), as in Y. Nandi et al., Cell Rep. 40:111176 (2022).
    """

    ion, measured = "K", 30.0
    E = E_K
    m = Gate("activation")

    def kinetics(self, V):
        v = (V / u.mV + 48.0) / 26.12
        opens, closes = 0.007 * u.math.exp(2.4 * v), 0.007 * u.math.exp(-3.6 * v)
        return {"m": Relaxation(opens / (opens + closes), (15.0 + 1.0 / (opens + closes)) * u.ms / self.phi)}

    def open_fraction(self, m):
        return m


class NaV_Allen(Equations):
    r"""Sodium current of cortical and hippocampal cells as a scheme of twelve states (``NaV``).

    .. math::

        \begin{array}{ccccccccccc}
        C_1 & \rightleftharpoons & C_2 & \rightleftharpoons & C_3 & \rightleftharpoons & C_4 & \rightleftharpoons & C_5 &
            \rightleftharpoons & O \\
        \updownarrow & & \updownarrow & & \updownarrow & & \updownarrow & & \updownarrow & & \updownarrow \\
        I_1 & \rightleftharpoons & I_2 & \rightleftharpoons & I_3 & \rightleftharpoons & I_4 & \rightleftharpoons & I_5 &
            \rightleftharpoons & I_6
        \end{array},\qquad I = \bar g\,O\,(E - V)

    with opening :math:`(5 - k)\,\alpha\,e^{V/24}` and closing :math:`k\,\beta\,e^{-V/24}` from :math:`C_k`, four times; what is
    inactivated activates :math:`a` times as fast and goes back :math:`b` times as slowly. Rates at 37 °C, and a Q10 of 2.3.
    States start from where those of the published file do, which is not their steady state: at -65 mV a fifth of the channels
    begins inactivated, and not a seventieth.

    References
    ----------
    B. C. Carter, A. J. Giessel, B. L. Sabatini, B. P. Bean, Neuron 75:1081 (2012), as in Y. Nandi et al., Cell Rep. 40:111176
    (2022).
    """

    gbar = Parameter(15.0 * DENSITY, "conductance with all channels open", nonnegative=True)
    celsius = Celsius(34.0)
    ena = Parameter(50.0 * u.mV, "sodium reversal potential; None for that of the pool Na", optional=True)
    C1, C2, C3, C4, C5 = (State(0.0, f"closed, {k} of four sensors up") for k in range(5))
    I1, I2, I3, I4, I5 = (State(0.0, f"inactivated, {k} of four sensors up") for k in range(5))
    O = State(0.0, "open")  # noqa: E741
    I6 = State(0.0, "inactivated from the open state")
    ions = {"ena": "E_Na"}
    carries = {"ina": "Na"}
    together = (("C1", "C2", "C3", "C4", "C5", "I1", "I2", "I3", "I4", "I5", "O", "I6"),)

    def fluxes(self, p: Any, v: Value, x: dict) -> list:
        """Of each reaction, what passes per ms, and from which state to which."""
        q, up, down = 2.3 ** ((p.celsius - 37.0) / 10.0), jnp.exp(v / 24.0), jnp.exp(-v / 24.0)
        closed, inactive = ["C1", "C2", "C3", "C4", "C5", "O"], ["I1", "I2", "I3", "I4", "I5", "I6"]
        found = []
        for row, faster, slower in ((closed, 1.0, 1.0), (inactive, 2.51, 5.32)):
            for k in range(4):
                opens, closes = (4 - k) * 400.0 * faster * up, (k + 1) * 12.0 / slower * down
                found.append((row[k], row[k + 1], q * opens, q * closes))
            found.append((row[4], row[5], q * 250.0, q * 60.0))
        for k in range(5):
            found.append((closed[k], inactive[k], q * 0.01 * 2.51**k, q * 40.0 / 5.32**k))
        found.append(("O", "I6", q * 8.0, q * 0.05))
        return [(a, b, there * x[a] - back * x[b]) for a, b, there, back in found]

    def rates(self, p, v, C1, C2, C3, C4, C5, I1, I2, I3, I4, I5, O, I6):  # noqa: E741
        x = dict(zip(self.together[0], (C1, C2, C3, C4, C5, I1, I2, I3, I4, I5, O, I6)))
        slopes: dict = dict.fromkeys(x, 0.0)
        for a, b, flux in self.fluxes(p, v, x):
            slopes[a], slopes[b] = slopes[a] - flux, slopes[b] + flux
        return slopes

    def start(self, p, v):
        q = 2.3 ** ((p.celsius - 37.0) / 10.0)

        def residuals(*x):
            found, I4 = self.rates(p, v, *x), x[self.together[0].index("I4")]
            # The published INITIAL lets I4 go back to I3 as fast as I3 to C3
            found["I3"] += q * (40.0 / 5.32**2 - 36.0 / 5.32 * jnp.exp(-v / 24.0)) * I4
            return [*(found[name] for name in self.together[0][:-1]), sum(x) - 1.0]

        return dict(zip(self.together[0], linear(residuals, 12, like=(v,))))

    def flow(self, p, v, O, ena):  # noqa: E741
        return {"ina": 1e-3 * p.gbar * O * (v - ena)}
