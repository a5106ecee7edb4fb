from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter, State
from brainsim._units import Value
from brainsim.channels.calcium import caht_traub1991
from brainsim.channels.calcium_activated import kahp_traub1991, kc_traub1991, kc_traub1991_open
from brainsim.channels.kinetics import Rates
from brainsim.channels.potassium import k_traub1991
from brainsim.channels.sodium import na_traub1991
from brainsim.integrators import Divided
from brainsim.neurons.base import Neuron


class PinskyRinzel(Neuron):
    r"""Pinsky-Rinzel neuron: CA3 pyramidal cell of two compartments, a soma that spikes and a dendrite with calcium
    spikes.

    .. math::
        C \dot V &= g_L (E_L - V) + \bar g_{Na}\,m_\infty^2(V)\,h\,(E_{Na} - V) + \bar g_K\,n\,(E_K - V)
            + \frac{g_c}{p} (V_d - V) + \frac{I}{p} \\
        C \dot V_d &= g_L (E_L - V_d) + \bar g_{Ca}\,s^2 (E_{Ca} - V_d) + \bar g_{AHP}\,q\,(E_K - V_d)
            + \bar g_C\,c\,\min(Ca/250, 1)\,(E_K - V_d) + \frac{g_c}{1 - p} (V - V_d) + \frac{I_d}{1 - p} \\
        \dot{Ca} &= \phi\,I_{Ca} - \beta\,Ca

    with :math:`I_{Ca} = \bar g_{Ca}\,s^2 (E_{Ca} - V_d)`, gates of first order, and the rates of the CA3 cell of Traub
    et al. (1991):
    :class:`~brainsim.channels.Na_Traub1991` and :class:`~brainsim.channels.K_Traub1991` at the soma,
    :class:`~brainsim.channels.CaHT_Traub1991` (without its inactivation), :class:`~brainsim.channels.KAHP_Traub1991`
    and
    :class:`~brainsim.channels.KC_Traub1991` at the dendrite. The paper counts potentials from :math:`V_{rest}`; here
    they are absolute. Ca has no unit.

    Inputs are per area of the whole cell, hence divided by the share p of the soma: ``I`` reaches the soma, ``I_d`` the
    dendrite (``into="I_d"``). A spike is an upward crossing of :math:`V_{th}` by the soma; nothing is reset. Gates and
    Ca start at their steady state at the initial potentials unless given. The cell fires a burst now and then without
    input, and rests at I = -0.5 µA/cm². The default method is Runge-Kutta 4 in parts of a step of at most 0.025 ms
    (:class:`~brainsim.integrators.Divided`).

    Accuracy at dt = 0.1 ms by default: intervals of 11.9 ms are 0.0007 ms (0.006 %) too long; the peak of V is within
    0.01 mV. In bursts (I = 1 µA/cm²) each spike of the first 500 ms is in its step. Between, around 3 µA/cm², the cell is
    chaotic: single intervals differ from those of a shorter step, or of double precision, after 100 ms, and their
    mean over 2 s by 1 to 3 %. A dip below :math:`V_{th}` between two spikes of a burst that is shorter than dt is not
    seen, and they count as one.

    References
    ----------
    P. F. Pinsky, J. Rinzel, J. Comput. Neurosci. 1:39 (1994), erratum 2:275 (1995).
    """

    default_method = Divided("rk4", 0.025 * u.ms)
    clamped = ()
    input_unit = u.uA / u.cm2
    inputs = {"I": "V", "I_d": "V_d"}

    C = Parameter(3.0 * u.uF / u.cm2, "membrane capacitance", positive=True)
    g_L = Parameter(0.1 * u.mS / u.cm2, "leak conductance", nonnegative=True)
    g_Na = Parameter(30.0 * u.mS / u.cm2, "maximal sodium conductance of the soma", nonnegative=True)
    g_K = Parameter(15.0 * u.mS / u.cm2, "maximal conductance of the delayed rectifier of the soma", nonnegative=True)
    g_Ca = Parameter(10.0 * u.mS / u.cm2, "maximal calcium conductance of the dendrite", nonnegative=True)
    g_AHP = Parameter(
        0.8 * u.mS / u.cm2, "maximal conductance of the slow potassium current of the dendrite", nonnegative=True
    )
    g_C = Parameter(
        15.0 * u.mS / u.cm2,
        "maximal conductance of the fast potassium current of the dendrite that calcium opens",
        nonnegative=True,
    )
    g_c = Parameter(2.1 * u.mS / u.cm2, "coupling of the compartments", nonnegative=True)
    p = Parameter(0.5, "share of the soma in the area", positive=True)
    E_L = Parameter(-60.0 * u.mV, "leak reversal potential")
    E_Na = Parameter(60.0 * u.mV, "sodium reversal potential")
    E_K = Parameter(-75.0 * u.mV, "potassium reversal potential")
    E_Ca = Parameter(80.0 * u.mV, "calcium reversal potential")
    V_rest = Parameter(-60.0 * u.mV, "potential that the rates count from")
    phi = Parameter(0.13 / (u.uA / u.cm2 * u.ms), "calcium per charge that enters")
    beta = Parameter(0.075 / u.ms, "rate of removal of calcium", positive=True)
    V_th = Parameter(-30.0 * u.mV, "potential of the soma whose upward crossing is a spike")
    V = State(-64.6 * u.mV, "potential of the soma")
    V_d = State(-64.5 * u.mV, "potential of the dendrite")
    h = State(lambda cell: cell.somatic(cell.V)["h"].steady, "inactivation of the sodium conductance; 1 is open")
    n = State(lambda cell: cell.somatic(cell.V)["n"].steady, "activation of the delayed rectifier")
    s = State(lambda cell: cell.dendritic(cell.V_d)["s"].steady, "activation of the calcium conductance")
    c = State(lambda cell: cell.dendritic(cell.V_d)["c"].steady, "activation of the fast potassium conductance")
    q = State(
        lambda cell: cell.of_calcium(cell.steady_calcium())["q"].steady, "activation of the slow potassium conductance"
    )
    Ca = State(lambda cell: cell.steady_calcium(), "calcium in the dendrite, in arbitrary units")

    def derivative(self, t, V, V_d, h, n, s, c, q, Ca, I, I_d, V_held):
        soma, dendrite = self.somatic(V), self.dendritic(V_d)
        I_Na = self.g_Na * self.somatic(V_held)["m"].steady ** 2 * h * (self.E_Na - V)
        I_K = self.g_K * n * (self.E_K - V)
        I_Ca = self.g_Ca * s**2 * (self.E_Ca - V_d)
        I_AHP = self.g_AHP * q * (self.E_K - V_d)
        I_C = self.g_C * kc_traub1991_open(c, Ca) * (self.E_K - V_d)
        dV = self.g_L * (self.E_L - V) + I_Na + I_K + (self.g_c * (V_d - V) + I) / self.p
        dV_d = self.g_L * (self.E_L - V_d) + I_Ca + I_AHP + I_C + (self.g_c * (V - V_d) + I_d) / (1.0 - self.p)
        return (
            dV / self.C,
            dV_d / self.C,
            soma["h"].slope(h),
            soma["n"].slope(n),
            dendrite["s"].slope(s),
            dendrite["c"].slope(c),
            self.of_calcium(Ca)["q"].slope(q),
            self.phi * I_Ca - self.beta * Ca,
        )

    # the rates are those of the channels, with the numbers of the cell

    def somatic(self, V: u.Quantity) -> dict[str, Rates]:
        """Rates of m, h and n."""
        return na_traub1991(V, self.V_rest) | k_traub1991(V, self.V_rest)

    def dendritic(self, V_d: u.Quantity) -> dict[str, Rates]:
        """Rates of s and c."""
        return caht_traub1991(V_d, self.V_rest) | kc_traub1991(V_d, self.V_rest)

    def of_calcium(self, Ca: Value) -> dict[str, Rates]:
        """Rates of q."""
        return kahp_traub1991(Ca)

    def steady_calcium(self) -> Value:
        """Ca as it becomes at the present potential of the dendrite."""
        s = self.dendritic(self.V_d)["s"].steady
        return self.phi * self.g_Ca * s**2 * (self.E_Ca - self.V_d) / self.beta

    def fires(self, before, after):
        return self.spike_crossing(before["V"], after["V"], self.V_th, scale=self.V_th - self.E_L)
