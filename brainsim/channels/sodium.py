"""Sodium channels."""

from __future__ import annotations

import brainunit as u
import jax

from brainsim._core import Parameter
from brainsim.channels.base import DENSITY, Channel, Gate
from brainsim.channels.kinetics import Rates, Relaxation, exprel
from brainsim.channels.temperature import RateFactor


def na_hh1952(V, phi) -> dict:
    """Kinetics of :class:`Na_HH1952` at V, by gate."""
    v, phi = V / u.mV, phi / u.ms
    return {
        "m": Rates(phi * (1.0 / exprel(-(v + 40) / 10)), phi * (4.0 * u.math.exp(-(v + 65) / 18))),
        "h": Rates(phi * (0.07 * u.math.exp(-(v + 65) / 20)), phi * u.math.sigmoid((v + 35) / 10)),
    }


class Na_HH1952(Channel):
    r"""Sodium current of the squid giant axon, at 6.3 °C.

    .. math:: I = \bar g\,m^3 h\,(E - V),\qquad
        \alpha_m = \frac{0.1\,(V + 40)}{1 - e^{-(V + 40)/10}},\quad \beta_m = 4\,e^{-(V + 65)/18},\quad
        \alpha_h = 0.07\,e^{-(V + 65)/20},\quad \beta_h = \frac{1}{1 + e^{-(V + 35)/10}}

    with V in mV and rates per ms, times ``phi``.

    References
    ----------
    A. L. Hodgkin, A. F. Huxley, J. Physiol. 117:500 (1952).
    """

    ion = "Na"
    g_max = Parameter(120.0 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(50.0 * u.mV, "sodium reversal potential; None for that of the pool", optional=True)
    phi = RateFactor(3.0, 6.3)
    m = Gate("activation")
    h = Gate("inactivation; 1 is open")

    def kinetics(self, V):
        return na_hh1952(V, self.phi)

    def open_fraction(self, m, h):
        return m**3 * h


def na_traubmiles(V, V_T, phi) -> dict:
    """Kinetics of :class:`Na_TraubMiles` at V, by gate."""
    v, phi = (V - V_T) / u.mV, phi / u.ms
    return {
        "m": Rates(phi * (1.28 / exprel((13 - v) / 4)), phi * (1.4 / exprel((v - 40) / 5))),
        "h": Rates(phi * (0.128 * u.math.exp((17 - v) / 18)), phi * (4.0 * u.math.sigmoid((v - 40) / 5))),
    }


class Na_TraubMiles(Channel):
    r"""Sodium current of hippocampal and cortical pyramidal cells.

    .. math:: I = \bar g\,m^3 h\,(E - V),\qquad
        \alpha_m = \frac{0.32\,(13 - v)}{e^{(13 - v)/4} - 1},\quad \beta_m = \frac{0.28\,(v - 40)}{e^{(v - 40)/5} - 1},\quad
        \alpha_h = 0.128\,e^{(17 - v)/18},\quad \beta_h = \frac{4}{1 + e^{(40 - v)/5}}

    with :math:`v = (V - V_T)/\mathrm{mV}` and rates per ms, times ``phi``. The rates hold at 36 °C. The minimal
    cortical models of 2008 use it with their own :math:`V_T`; Bazhenov's thalamic and cortical cells of 2002 as well,
    with :math:`Q_{10}` = 3.

    References
    ----------
    R. D. Traub, R. Miles, Neuronal Networks of the Hippocampus (1991); M. Bazhenov, I. Timofeev, M. Steriade, T. J.
    Sejnowski, J. Neurosci. 22:8691 (2002); M. Pospischil et al., Biol. Cybern. 99:427 (2008).
    """

    ion = "Na"
    g_max = Parameter(50.0 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(50.0 * u.mV, "sodium reversal potential; None for that of the pool", optional=True)
    V_T = Parameter(-63.0 * u.mV, "shift of the rates along V: sets the threshold")
    phi = Parameter(1.0, "factor of the rates", positive=True)
    m = Gate("activation")
    h = Gate("inactivation; 1 is open")

    def kinetics(self, V):
        return na_traubmiles(V, self.V_T, self.phi)

    def open_fraction(self, m, h):
        return m**3 * h


def na_traub1991(V, V_rest) -> dict:
    """Kinetics of :class:`Na_Traub1991` at V, by gate."""
    v = (V - V_rest) / u.mV
    return {
        "m": Rates(1.28 / exprel((13.1 - v) / 4) / u.ms, 1.4 / exprel((v - 40.1) / 5) / u.ms),
        "h": Rates(0.128 * u.math.exp((17 - v) / 18) / u.ms, 4.0 * u.math.sigmoid((v - 40) / 5) / u.ms),
    }


class Na_Traub1991(Channel):
    r"""Sodium current of the CA3 pyramidal cell with 19 compartments.

    .. math:: I = \bar g\,m^2 h\,(E - V),\qquad
        \alpha_m = \frac{0.32\,(13.1 - v)}{e^{(13.1 - v)/4} - 1},\quad \beta_m = \frac{0.28\,(v - 40.1)}{e^{(v - 40.1)/5} - 1},\quad
        \alpha_h = 0.128\,e^{(17 - v)/18},\quad \beta_h = \frac{4}{1 + e^{(40 - v)/5}}

    with :math:`v = (V - V_{rest})/\mathrm{mV}`, rates per ms.

    References
    ----------
    R. D. Traub, R. K. S. Wong, R. Miles, H. Michelson, J. Neurophysiol. 66:635 (1991).
    """

    ion = "Na"
    g_max = Parameter(30.0 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(55.0 * u.mV, "sodium reversal potential; None for that of the pool", optional=True)
    V_rest = Parameter(-60.0 * u.mV, "potential that the paper counts from")
    m = Gate("activation")
    h = Gate("inactivation; 1 is open")

    def kinetics(self, V):
        return na_traub1991(V, self.V_rest)

    def open_fraction(self, m, h):
        return m**2 * h


def na_wangbuzsaki_m_inf(V):
    """Activation of :class:`Na_WangBuzsaki`, which follows V at once."""
    v = V / u.mV
    return Rates(1.0 / exprel(-(v + 35) / 10), 4.0 * u.math.exp(-(v + 60) / 18)).steady


def na_wangbuzsaki(V, phi) -> dict:
    """Kinetics of :class:`Na_WangBuzsaki` at V, by gate."""
    v, phi = V / u.mV, phi / u.ms
    return {"h": Rates(phi * (0.07 * u.math.exp(-(v + 58) / 20)), phi * u.math.sigmoid((v + 28) / 10))}


class Na_WangBuzsaki(Channel):
    r"""Sodium current of hippocampal fast-spiking interneurons, with instantaneous activation.

    .. math:: I = \bar g\,m_\infty^3 h\,(E - V),\qquad
        \alpha_m = \frac{0.1\,(V + 35)}{1 - e^{-(V + 35)/10}},\quad \beta_m = 4\,e^{-(V + 60)/18},\quad
        \alpha_h = 0.07\,e^{-(V + 58)/20},\quad \beta_h = \frac{1}{1 + e^{-(V + 28)/10}}

    with V in mV and :math:`m_\infty = \alpha_m/(\alpha_m + \beta_m)`; the rates of h are per ms, times ``phi``.

    References
    ----------
    X.-J. Wang, G. Buzsáki, J. Neurosci. 16:6402 (1996).
    """

    ion = "Na"
    g_max = Parameter(35.0 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(55.0 * u.mV, "sodium reversal potential; None for that of the pool", optional=True)
    phi = Parameter(5.0, "factor of the rates", positive=True)
    h = Gate("inactivation; 1 is open")

    def m_inf(self, V: u.Quantity) -> jax.Array:
        """Activation, which follows V at once."""
        return na_wangbuzsaki_m_inf(V)

    def kinetics(self, V):
        return na_wangbuzsaki(V, self.phi)

    def open_fraction(self, V, h):
        return self.m_inf(V) ** 3 * h


class Na_ConnorStevens(Channel):
    r"""Sodium current of crustacean axons.

    .. math:: I = \bar g\,m^3 h\,(E - V),\qquad
        \alpha_m = \frac{0.38\,(V + 29.7)}{1 - e^{-0.1\,(V + 29.7)}},\quad \beta_m = 15.2\,e^{-0.0556\,(V + 54.7)},\quad
        \alpha_h = 0.266\,e^{-0.05\,(V + 48)},\quad \beta_h = \frac{3.8}{1 + e^{-0.1\,(V + 18)}}

    with V in mV, rates per ms.

    References
    ----------
    J. A. Connor, D. Walter, R. McKown, Biophys. J. 18:81 (1977);
    P. Dayan, L. F. Abbott, Theoretical Neuroscience (2001), section 6.2.
    """

    ion = "Na"
    g_max = Parameter(120.0 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(55.0 * u.mV, "sodium reversal potential; None for that of the pool", optional=True)
    m = Gate("activation")
    h = Gate("inactivation; 1 is open")

    def kinetics(self, V):
        v = V / u.mV
        return {
            "m": Rates(3.8 / exprel(-0.1 * (v + 29.7)) / u.ms, 15.2 * u.math.exp(-0.0556 * (v + 54.7)) / u.ms),
            "h": Rates(0.266 * u.math.exp(-0.05 * (v + 48)) / u.ms, 3.8 * u.math.sigmoid(0.1 * (v + 18)) / u.ms),
        }

    def open_fraction(self, m, h):
        return m**3 * h


def na_hay2011(v) -> dict:
    """Kinetics of :class:`NaTa_Hay2011` at v (mV, from the shift on), by gate, without its temperature."""
    m, h = (v + 38) / 6, (v + 66) / 6
    return {
        "m": Rates(1.092 / exprel(-m) / u.ms, 0.744 / exprel(m) / u.ms),
        "h": Rates(0.09 / exprel(h) / u.ms, 0.09 / exprel(-h) / u.ms),
    }


class NaTa_Hay2011(Channel):
    r"""Transient sodium current of neocortical pyramidal cells, of the axon (``NaTa_t``).

    .. math:: I = \bar g\,m^3 h\,(E - V),\qquad
        \alpha_m = \frac{0.182\,(v + 38)}{1 - e^{-(v + 38)/6}},\quad \beta_m = \frac{-0.124\,(v + 38)}{1 - e^{(v + 38)/6}},\quad
        \alpha_h = \frac{-0.015\,(v + 66)}{1 - e^{(v + 66)/6}},\quad \beta_h = \frac{0.015\,(v + 66)}{1 - e^{-(v + 66)/6}}

    with :math:`v = (V - V_{sh})/\mathrm{mV}` and rates per ms, times ``phi``. The model of 2011 has it in soma and
    apical dendrite too.

    References
    ----------
    C. M. Colbert, E. Pan, Nature Neurosci. 5:533 (2002), as in E. Hay, S. Hill, F. Schürmann, H. Markram, I. Segev,
    PLoS Comput. Biol. 7:e1002107 (2011).
    """

    ion = "Na"
    g_max = Parameter(2040.0 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(50.0 * u.mV, "sodium reversal potential; None for that of the pool", optional=True)
    V_sh = Parameter(0.0 * u.mV, "shift along V")
    phi = Parameter(2.3**1.3, "factor of the rates: 2.3 to the power (temperature - 21 °C) / 10 °C", positive=True)
    m = Gate("activation")
    h = Gate("inactivation; 1 is open")

    def kinetics(self, V):
        found = na_hay2011((V - self.V_sh) / u.mV)
        return {gate: Rates(self.phi * rates.alpha, self.phi * rates.beta) for gate, rates in found.items()}

    def open_fraction(self, m, h):
        return m**3 * h


class NaTs_Hay2011(NaTa_Hay2011):
    r"""Transient sodium current of neocortical pyramidal cells, of soma and dendrites (``NaTs2_t``).

    .. math:: I = \bar g\,m^3 h\,(E - V)

    with the rates of :class:`NaTa_Hay2011` 6 mV further up.

    References
    ----------
    C. M. Colbert, E. Pan, Nature Neurosci. 5:533 (2002), as in E. Hay, S. Hill, F. Schürmann, H. Markram, I. Segev,
    PLoS Comput. Biol. 7:e1002107 (2011), figure S5.
    """

    g_max = Parameter(1000.0 * DENSITY, "maximal conductance", nonnegative=True)
    V_sh = Parameter(6.0 * u.mV, "shift along V")


class NaP_Hay2011(Channel):
    r"""Persistent sodium current of neocortical pyramidal cells (``Nap_Et2``).

    .. math:: I = \bar g\,m^3 h\,(E - V),\qquad
        m_\infty = \frac{1}{1 + e^{-(V + 52.6)/4.6}},\quad h_\infty = \frac{1}{1 + e^{(V + 48.8)/10}}

    .. math:: \tau_m = 6\,\tau_{m, NaTa},\quad \tau_h = \left(\frac{-2.88 \cdot 10^{-6}\,(V + 17)}{1 - e^{(V + 17)/4.63}}
        + \frac{6.94 \cdot 10^{-6}\,(V + 64.4)}{1 - e^{-(V + 64.4)/2.63}}\right)^{-1}

    with V in mV and times in ms, divided by ``phi``; :math:`\tau_{m, NaTa}` is that of :class:`NaTa_Hay2011`, whose m
    is taken to be six times as fast.

    References
    ----------
    J. Magistretti, A. Alonso, J. Gen. Physiol. 114:491 (1999), as in E. Hay, S. Hill, F. Schürmann, H. Markram,
    I. Segev, PLoS Comput. Biol. 7:e1002107 (2011).
    """

    ion = "Na"
    g_max = Parameter(1.72 * DENSITY, "maximal conductance", nonnegative=True)
    E = Parameter(50.0 * u.mV, "sodium reversal potential; None for that of the pool", optional=True)
    phi = Parameter(2.3**1.3, "factor of the rates: 2.3 to the power (temperature - 21 °C) / 10 °C", positive=True)
    m = Gate("activation")
    h = Gate("inactivation; 1 is open")

    def kinetics(self, V):
        v = V / u.mV
        slow = 1.33344e-5 / exprel((v + 17) / 4.63) + 1.82522e-5 / exprel(-(v + 64.4) / 2.63)
        return {
            "m": Relaxation(u.math.sigmoid((v + 52.6) / 4.6), 6.0 * na_hay2011(v)["m"].tau / self.phi),
            "h": Relaxation(u.math.sigmoid(-(v + 48.8) / 10), 1.0 / (self.phi * slow) * u.ms),
        }

    def open_fraction(self, m, h):
        return m**3 * h
