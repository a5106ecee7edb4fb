from __future__ import annotations

from typing import Any

import brainunit as u

from brainsim._core import Parameter, State
from brainsim.channels import Channel, K_ConnorStevens, KA_ConnorStevens, Na_ConnorStevens
from brainsim.neurons.conductance_based import ConductanceBased


class ConnorStevens(ConductanceBased):
    r"""Connor-Stevens neuron: Hodgkin-Huxley's currents and a transient potassium current A, which lets it fire slowly.

    .. math:: C \dot V = \bar g_{Na} m^3 h\,(E_{Na} - V) + \bar g_K n^4 (E_K - V) + \bar g_A a^3 b\,(E_A - V) + g_L (E_L - V) + I

    with the channels :class:`~brainsim.channels.Na_ConnorStevens` as ``na``,
    :class:`~brainsim.channels.K_ConnorStevens` as ``k`` and
    :class:`~brainsim.channels.KA_ConnorStevens` as ``a``: ``cell.a.g_max``, ``record="E.a.b"``. ``channels`` replaces
    any of them.

    With the current A, firing begins from frequency zero (type I), at 8.1 µA/cm²; without it, and :math:`E_L` = -68 mV
    to rest where it did, at 80 Hz.

    Accuracy at dt = 0.1 ms by default: intervals of 16.9 ms are 0.14 ms (0.81 %) too long; the peak of V is within 0.5
    mV.

    References
    ----------
    J. A. Connor, D. Walter, R. McKown, Biophys. J. 18:81 (1977);
    P. Dayan, L. F. Abbott, Theoretical Neuroscience (2001), section 6.2.
    """

    g_L = Parameter(0.3 * u.mS / u.cm2, "leak conductance", nonnegative=True)
    E_L = Parameter(-17.0 * u.mV, "leak reversal potential")
    V = State(-68.0 * u.mV, "membrane potential")

    def __init__(self, size: int | tuple[int, ...], *, channels: dict[str, Channel] | None = None, **options: Any):
        own = {"na": Na_ConnorStevens(), "k": K_ConnorStevens(), "a": KA_ConnorStevens()}
        super().__init__(size, channels=own | (channels or {}), **options)
