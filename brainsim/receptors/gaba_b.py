from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter, State
from brainsim.receptors.linear import Cascade


class GABA_B(Cascade):
    r"""GABA_B receptors that share their G protein: weak for a single spike, strong for many at once.

    .. math::
        \dot r = -K_2\,r,\quad r \leftarrow r + w;\qquad \dot G = K_3\,r - K_4\,G;\qquad
        I = g_{max}\,\frac{G^n}{G^n + K_d^n}\,(E - V)

    A weight is a number: what a spike adds to the bound receptors r, in units of those of one synapse (a pulse of 1 mM
    and 1 ms binds :math:`1 - e^{-0.09}` = 0.086 of them). r and G are linear, so all spikes onto a neuron share them,
    and are advanced exactly; the conductance over a step is the mean of its two ends, with an error of second order in
    dt. The published :math:`K_D` = 100 µM⁴ is :math:`K_d^4` here. Where G protein stays with its synapse and receptors
    saturate, use the terminal ``SecondMessenger``.

    Parameters
    ----------
    g_max : quantity, conductance (or its density)
        Conductance with all channels open, in the unit of the neuron's input over voltage.
    K_2, K_4 : quantity, rate
        Rate of unbinding, and of the decay of G protein.
    K_3 : quantity, concentration per time
        Rate at which bound receptors make G protein.
    K_d : quantity, concentration
        G protein at which half of the channels are open.
    n : float
        Cooperativity: binding sites of a channel.
    reversal : quantity, voltage
        Reversal potential.

    References
    ----------
    A. Destexhe, Z. F. Mainen, T. J. Sejnowski, in: Methods in Neuronal Modeling, 2nd ed., MIT Press, pp. 1-25 (1998);
    A. Destexhe, T. J. Sejnowski, PNAS 92:9515 (1995).
    """

    port = "r"
    stages = ("r", "G")

    g_max = Parameter(1.0, "conductance with all channels open", unit="g_unit", nonnegative=True)
    reversal = Parameter(-95.0 * u.mV, "reversal potential")
    K_2 = Parameter(0.0012 / u.ms, "rate of unbinding", positive=True)
    K_3 = Parameter(0.18 * u.uM / u.ms, "rate of making G protein", positive=True)
    K_4 = Parameter(0.034 / u.ms, "rate of decay of G protein", positive=True)
    K_d = Parameter(100.0**0.25 * u.uM, "G protein of half activation", positive=True)
    n = Parameter(4.0, "binding sites of a channel", positive=True)
    r = State(0.0, "bound receptors", tau=lambda get: 1 / get("K_2"))
    G = State(0.0 * u.uM, "G protein", tau=lambda get: 1 / get("K_4"))

    def rates(self):
        return self.plain("K_2"), self.plain("K_3"), self.plain("K_4")

    def output(self, g):
        return self.plain("g_max") * cooperative(g, self.plain("K_d"), self.plain("n"))


def cooperative(G, K_d, n):
    """Fraction of channels that are open: Hill's function."""
    power = (G / K_d) ** n
    return power / (1 + power)
