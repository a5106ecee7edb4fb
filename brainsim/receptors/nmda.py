from __future__ import annotations

import brainunit as u
import jax.numpy as jnp

from brainsim._core import Parameter
from brainsim.receptors.kinetics import DualExponential


class NMDA(DualExponential):
    r"""NMDA receptor: dual-exponential conductance with the voltage-dependent magnesium block.

    .. math:: I = g\,B(V)\,(E - V),\qquad B(V) = \frac{1}{1 + \frac{[\mathrm{Mg}^{2+}]}{\beta}\,e^{-\alpha V}}

    with V in mV, :math:`\beta` = 3.57 mM and :math:`\alpha` = 0.062 / mV.

    References
    ----------
    C. E. Jahr, C. F. Stevens, J. Neurosci. 10:3178 (1990).
    """

    tau_rise = Parameter(2.0 * u.ms, "rise time constant", positive=True)
    tau_decay = Parameter(100.0 * u.ms, "decay time constant", positive=True)
    reversal = Parameter(0.0 * u.mV, "reversal potential")
    Mg = Parameter(1.0 * u.mM, "extracellular magnesium concentration")
    alpha = Parameter(0.062 / u.mV, "steepness of the block")
    beta = Parameter(3.57 * u.mM, "magnesium concentration of half block at 0 mV", positive=True)

    is_current = False

    def block(self, V):
        return 1.0 / (1.0 + self.plain("Mg") / self.plain("beta") * jnp.exp(-self.plain("alpha") * V))
