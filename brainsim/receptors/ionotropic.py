"""Fast receptors with the time constants and reversal potentials of a published circuit."""

from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter
from brainsim.receptors.kinetics import DualExponential


class AMPA(DualExponential):
    r"""AMPA receptors: a dual-exponential conductance, fast, with the reversal potential at 0 mV.

    .. math:: I = g\,(E - V),\qquad g(t) \propto w\,(e^{-t/\tau_d} - e^{-t/\tau_r})

    The defaults are those of a reconstructed neocortical column. Kinetics that saturate: terminal ``Kinetic``.

    Parameters
    ----------
    tau_rise, tau_decay, reversal
        As in :class:`DualExponential`.

    References
    ----------
    H. Markram et al., Cell 163:456 (2015).
    """

    tau_rise = Parameter(0.2 * u.ms, "rise time constant", positive=True)
    tau_decay = Parameter(1.7 * u.ms, "decay time constant", positive=True)
    reversal = Parameter(0.0 * u.mV, "reversal potential")


class GABA_A(DualExponential):
    r"""GABA_A receptors: a dual-exponential conductance with the reversal potential at -80 mV.

    .. math:: I = g\,(E - V),\qquad g(t) \propto w\,(e^{-t/\tau_d} - e^{-t/\tau_r})

    The defaults are those of a reconstructed neocortical column. Kinetics that saturate: terminal ``Kinetic``.

    Parameters
    ----------
    tau_rise, tau_decay, reversal
        As in :class:`DualExponential`.

    References
    ----------
    H. Markram et al., Cell 163:456 (2015).
    """

    tau_rise = Parameter(0.2 * u.ms, "rise time constant", positive=True)
    tau_decay = Parameter(8.3 * u.ms, "decay time constant", positive=True)
    reversal = Parameter(-80.0 * u.mV, "reversal potential")
