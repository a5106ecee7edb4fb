from __future__ import annotations

import brainunit as u
import jax.numpy as jnp

from brainsim._core import Parameter
from brainsim.receptors.base import Receptor
from brainsim.receptors.graded import Graded
from brainsim.receptors.kinetics import DualExponential


class MagnesiumBlock(Receptor):
    """What NMDA receptors share: magnesium blocks them at low V. Goes with a class of conductances."""

    reversal = Parameter(0.0 * u.mV, "reversal potential")
    Mg = Parameter(1.0 * u.mM, "extracellular magnesium concentration", nonnegative=True)
    alpha = Parameter(0.062 / u.mV, "steepness of the block")
    beta = Parameter(3.57 * u.mM, "magnesium concentration of half block at 0 mV", positive=True)

    def block(self, V):
        return 1.0 / (1.0 + self.plain("Mg") / self.plain("beta") * jnp.exp(-self.plain("alpha") * V))


class NMDA(MagnesiumBlock, DualExponential):
    r"""NMDA receptors: dual-exponential conductance with the voltage-dependent magnesium block.

    .. math:: I = g\,B(V)\,(E - V),\qquad B(V) = \frac{1}{1 + \frac{[\mathrm{Mg}^{2+}]}{\beta}\,e^{-\alpha V}}

    with V in mV, :math:`\beta` = 3.57 mM and :math:`\alpha` = 0.062 / mV.

    Parameters
    ----------
    tau_rise, tau_decay : quantity, time
        Time constants, rise below decay.
    Mg, beta : quantity, concentration
        Magnesium outside, and that of half block at 0 mV.
    alpha : quantity, 1 / voltage
        Steepness of the block.
    reversal : quantity, voltage
        Reversal potential.

    References
    ----------
    C. E. Jahr, C. F. Stevens, J. Neurosci. 10:3178 (1990).
    """

    tau_rise = Parameter(2.0 * u.ms, "rise time constant", positive=True)
    tau_decay = Parameter(100.0 * u.ms, "decay time constant", positive=True)


class GatedNMDA(MagnesiumBlock, Graded):
    r"""NMDA receptors whose gating variables come from graded terminals, with the voltage-dependent magnesium block.

    .. math:: I_i = \sum_j w_{ij}\,s_j\;B(V_i)\,(E - V_i),\qquad B(V) = \frac{1}{1 + \frac{[\mathrm{Mg}^{2+}]}{\beta}\,e^{-\alpha V}}

    :math:`s_j` is what the terminals send: ``NMDAGating`` (saturating), ``Kinetic`` or ``TwoStage``. What is sent at
    the end of a step holds over the next.

    Parameters
    ----------
    Mg, beta : quantity, concentration
        Magnesium outside, and that of half block at 0 mV.
    alpha : quantity, 1 / voltage
        Steepness of the block.
    reversal : quantity, voltage
        Reversal potential.

    References
    ----------
    X.-J. Wang, Neuron 36:955 (2002); N. Brunel, X.-J. Wang, J. Comput. Neurosci. 11:63 (2001); C. E. Jahr, C. F.
    Stevens, J. Neurosci. 10:3178 (1990).
    """
