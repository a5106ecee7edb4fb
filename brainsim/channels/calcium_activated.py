"""Channels that calcium opens: potassium (K(Ca), AHP) and nonspecific (CAN)."""

from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter
from brainsim.channels.base import DENSITY, Channel, Gate
from brainsim.channels.kinetics import Rates, Relaxation
from brainsim.channels.temperature import RateFactor


class KAHP_Destexhe1994(Channel):
    r"""Slow potassium current of the afterhyperpolarisation, opened by calcium alone.

    .. math:: I = \bar g\,m^2\,(E - V),\qquad \dot m = \alpha\,[Ca]^2\,(1 - m) - \beta\,m

    at 22 °C, times ``phi``, with :math:`Q_{10}` = 3.

    References
    ----------
    A. Destexhe, D. Contreras, T. J. Sejnowski, M. Steriade, J. Neurophysiol. 72:803 (1994), after W. M. Yamada, C.
    Koch, P. R. Adams, in Methods in Neuronal Modeling (1989).
    """

    ion = "K"
    g_max = Parameter(10.0 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-95.0 * u.mV, "potassium reversal potential; None for that of the pool", optional=True)
    alpha = Parameter(48.0 / (u.ms * u.mM**2), "rate of opening per squared concentration", positive=True)
    beta = Parameter(0.03 / u.ms, "rate of closing", positive=True)
    phi = RateFactor(3.0, 22.0)
    m = Gate("activation")

    def kinetics(self, Ca):
        return {"m": Rates(self.phi * self.alpha * Ca**2, self.phi * self.beta)}

    def open_fraction(self, m):
        return m**2


class CAN_Destexhe1994(KAHP_Destexhe1994):
    r"""Nonspecific cation current CAN, opened by calcium: the slow depolarisation of thalamic reticular cells.

    .. math:: I = \bar g\,m^2\,(E - V),\qquad \dot m = \alpha\,[Ca]^2\,(1 - m) - \beta\,m

    at 22 °C, times ``phi``, with :math:`Q_{10}` = 3.

    References
    ----------
    A. Destexhe, D. Contreras, T. J. Sejnowski, M. Steriade, J. Neurophysiol. 72:803 (1994).
    """

    ion = None  # of several
    g_max = Parameter(0.25 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-20.0 * u.mV, "reversal potential")
    alpha = Parameter(20.0 / (u.ms * u.mM**2), "rate of opening per squared concentration", positive=True)
    beta = Parameter(0.002 / u.ms, "rate of closing", positive=True)


def kahp_traub1991(Ca) -> dict:
    """Kinetics of :class:`KAHP_Traub1991` at a concentration, by gate."""
    return {"q": Rates(u.math.minimum(0.00002 * Ca, 0.01) / u.ms, 0.001 / u.ms)}


class KAHP_Traub1991(Channel):
    r"""Slow potassium current of the afterhyperpolarisation of hippocampal pyramidal cells.

    .. math:: I = \bar g\,q\,(E - V),\qquad \alpha_q = \min(0.00002\,\chi,\ 0.01),\quad \beta_q = 0.001

    with :math:`\chi` the calcium of :class:`Calcium_Traub1991`, rates per ms.

    References
    ----------
    R. D. Traub, R. K. S. Wong, R. Miles, H. Michelson, J. Neurophysiol. 66:635 (1991).
    """

    ion = "K"
    g_max = Parameter(0.8 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-75.0 * u.mV, "potassium reversal potential; None for that of the pool", optional=True)
    q = Gate("activation")

    def kinetics(self, Ca):
        return kahp_traub1991(Ca)

    def open_fraction(self, q):
        return q


def kc_traub1991_open(c, Ca):
    """The part of :class:`KC_Traub1991` that conducts."""
    return c * u.math.minimum(Ca / 250.0, 1.0)


def kc_traub1991(V, V_rest) -> dict:
    """Kinetics of :class:`KC_Traub1991` at V, by gate."""
    v = (V - V_rest) / u.mV
    fastest = 2.0 * u.math.exp((6.5 - v) / 27)
    low = u.math.minimum(v, 50.0)
    alpha = u.math.where(v > 50, fastest, u.math.exp((low - 10) / 11 - (low - 6.5) / 27) / 18.975)
    return {"c": Rates(alpha / u.ms, (fastest - alpha) / u.ms)}


class KC_Traub1991(Channel):
    r"""Potassium current of hippocampal pyramidal cells that depolarisation and calcium open, fast.

    .. math:: I = \bar g\,c\,\min(\chi/250,\ 1)\,(E - V)

    .. math:: \alpha_c = \frac{e^{(v - 10)/11 - (v - 6.5)/27}}{18.975},\quad \beta_c = 2\,e^{(6.5 - v)/27} - \alpha_c
        \qquad (v \le 50)

    .. math:: \alpha_c = 2\,e^{(6.5 - v)/27},\quad \beta_c = 0 \qquad (v > 50)

    with :math:`v = (V - V_{rest})/\mathrm{mV}`, rates per ms, and :math:`\chi` the calcium of
    :class:`Calcium_Traub1991`.

    References
    ----------
    R. D. Traub, R. K. S. Wong, R. Miles, H. Michelson, J. Neurophysiol. 66:635 (1991).
    """

    ion = "K"
    g_max = Parameter(15.0 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-75.0 * u.mV, "potassium reversal potential; None for that of the pool", optional=True)
    V_rest = Parameter(-60.0 * u.mV, "potential that the paper counts from")
    c = Gate("activation")

    def kinetics(self, V):
        return kc_traub1991(V, self.V_rest)

    def open_fraction(self, c, Ca):
        return kc_traub1991_open(c, Ca)


class SK_Hay2011(Channel):
    r"""Potassium current of small conductance that calcium opens at sub-micromolar concentrations (``SK_E2``).

    .. math:: I = \bar g\,z\,(E - V),\qquad
        z_\infty = \frac{1}{1 + (K/[Ca])^{4.8}},\quad \dot z = \frac{z_\infty - z}{\tau}

    References
    ----------
    M. Köhler, B. Hirschberg, C. T. Bond et al., Science 273:1709 (1996), as in E. Hay, S. Hill, F. Schürmann,
    H. Markram, I. Segev, PLoS Comput. Biol. 7:e1002107 (2011).
    """

    ion = "K"
    g_max = Parameter(44.1 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(-85.0 * u.mV, "potassium reversal potential; None for that of the pool", optional=True)
    K = Parameter(0.00043 * u.mM, "concentration that opens half of the channels", positive=True)
    tau = Parameter(1.0 * u.ms, "time constant of opening and closing", positive=True)
    z = Gate("activation")

    def kinetics(self, Ca):
        bound = (Ca / self.K) ** 4.8
        return {"z": Relaxation(bound / (1.0 + bound), self.tau)}

    def open_fraction(self, z):
        return z
