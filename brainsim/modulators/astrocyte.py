from __future__ import annotations

from typing import Any

from brainsim._core import Clock, Parameter
from brainsim.modulators.base import LeakyModulator
from brainsim.population import Population, View


class Astrocyte(LeakyModulator):
    r"""An astrocyte that integrates the difference of the activities of two groups of neurons.

    .. math:: \tau \dot m = -m + b + w_+ \sum_{i \in \text{excited by}} S_i - w_- \sum_{j \in \text{inhibited by}} S_j

    with a pulse of one millisecond for a spike: m jumps by :math:`w_\pm \cdot 1\,\text{ms} / \tau`. In an
    astrocyte-modulated liquid state machine m is the amplitude of the depression of STDP:
    ``PairSTDP(..., A_minus=1 * u.nS).modulated(A_minus=net.astro)``.

    Parameters
    ----------
    excited_by, inhibited_by : Population, View or list of them, optional
        Whose spikes raise and lower the level.
    tau : quantity, time
        Time constant.
    w_plus, w_minus : float
        Weights of the spikes.
    bias : float
        Level at rest.

    References
    ----------
    V. Ivanov, K. Michmizos, Increasing liquid state machine performance with edge-of-chaos dynamics organized by
    astrocyte-modulated plasticity, NeurIPS (2021).
    """

    w_plus = Parameter(1.0, "weight of spikes that raise the level", shape=())
    w_minus = Parameter(1.0, "weight of spikes that lower the level", shape=())
    bias = Parameter(0.0, "level at rest", shape=())

    def __init__(
        self,
        excited_by: Population | View | list | tuple = (),
        inhibited_by: Population | View | list | tuple = (),
        **values: Any,
    ):
        groups = {"w_plus": excited_by, "w_minus": inhibited_by}
        listed = {name: group if isinstance(group, list | tuple) else [group] for name, group in groups.items()}
        super().__init__([(each, name) for name, group in listed.items() for each in group], **values)

    def drive(self, clock: Clock):
        return self.plain("bias") / self.plain("tau")

    def increment_of(self, weight: str):
        jump = self.plain(weight) / self.plain("tau")
        return jump if weight == "w_plus" else -jump
