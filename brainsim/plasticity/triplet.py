from __future__ import annotations

from typing import Any

import brainunit as u

from brainsim._core import Parameter
from brainsim.connectivity.distribution import Given
from brainsim.plasticity.base import Plasticity
from brainsim.plasticity.trace import Trace


class TripletSTDP(Plasticity):
    r"""Triplet STDP: pairs, and triplets of one spike of one side and two of the other.

    .. math:: \dot r_1 = -r_1/\tau_+,\quad \dot r_2 = -r_2/\tau_x,\quad \dot o_1 = -o_1/\tau_-,\quad \dot o_2 = -o_2/\tau_y
    .. math:: \text{pre spike:}\quad w \leftarrow w - o_1\,(A_2^- + A_3^-\,r_2),\ r_{1,2} \leftarrow r_{1,2} + 1
    .. math:: \text{post spike:}\quad w \leftarrow w + r_1\,(A_2^+ + A_3^+\,o_2),\ o_{1,2} \leftarrow o_{1,2} + 1

    with w kept in [w_min, w_max]. Traces of r and o are those from before the step's spikes, as in the paper
    (:math:`t - \epsilon`); post spikes change the weight before pre spikes of the same step do (see
    :class:`Plasticity`). Defaults are the full all-to-all model fitted to visual cortex, with amplitudes in the
    weight's unit.

    Parameters
    ----------
    A2_plus, A2_minus, A3_plus, A3_minus : quantity in the weight's unit
        Amplitudes of pairs and triplets.
    w_max, w_min : quantity in the weight's unit
        Bounds.
    tau_plus, tau_minus, tau_x, tau_y : quantity, time
        Time constants of the pair and triplet traces.
    pairing : str
        ``"all"``: all spikes count; ``"nearest"``: the last of each side only, as in the paper's second model.

    References
    ----------
    J.-P. Pfister, W. Gerstner, J. Neurosci. 26:9673 (2006).
    """

    A2_plus = Parameter(5e-10, "potentiation by pairs", unit="weight_unit")
    A2_minus = Parameter(7e-3, "depression by pairs", unit="weight_unit")
    A3_plus = Parameter(6.2e-3, "potentiation by post-pre-post triplets", unit="weight_unit")
    A3_minus = Parameter(2.3e-4, "depression by pre-post-pre triplets", unit="weight_unit")
    tau_plus = Parameter(16.8 * u.ms, "time constant of r1", positive=True)
    tau_minus = Parameter(33.7 * u.ms, "time constant of o1", positive=True)
    tau_x = Parameter(101.0 * u.ms, "time constant of r2", positive=True)
    tau_y = Parameter(125.0 * u.ms, "time constant of o2", positive=True)
    w_min = Parameter(0.0, "lowest weight", unit="weight_unit")
    w_max = Parameter(0.0, "highest weight", unit="weight_unit")
    r1 = Trace("tau_plus", "presynaptic trace of pairs", side="pre", nearest="nearest")
    r2 = Trace("tau_x", "presynaptic trace of triplets", side="pre", nearest="nearest")
    o1 = Trace("tau_minus", "postsynaptic trace of pairs", side="post", nearest="nearest")
    o2 = Trace("tau_y", "postsynaptic trace of triplets", side="post", nearest="nearest")

    def __init__(self, *, w_max: Given, pairing: str = "all", **values: Any):
        if pairing not in ("all", "nearest"):
            raise ValueError(f"TripletSTDP: pairing must be 'all' or 'nearest', given {pairing!r}.")
        self.nearest = pairing == "nearest"
        super().__init__(w_max=w_max, **values)

    def update(self, s):
        s.on_post(s.r1 * (s.A2_plus + s.A3_plus * s.o2))
        s.on_pre(-s.o1 * (s.A2_minus + s.A3_minus * s.r2))
