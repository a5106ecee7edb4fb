from __future__ import annotations

from typing import Any

import brainunit as u

from brainsim._core import Parameter
from brainsim.connectivity.distribution import Given
from brainsim.plasticity.base import Plasticity
from brainsim.plasticity.trace import Trace

# How spikes pair: whether x and y remember the last spike only, and whether a spike of the other side clears them.
PAIRINGS = {
    "all": (False, False, False, False),
    "nearest": (True, True, False, False),
    "nearest_pre_centred": (False, True, True, False),
    "nearest_restricted": (True, True, True, True),
}


class PairSTDP(Plasticity):
    r"""Pair-based spike-timing-dependent plasticity, additive or dependent on the weight.

    .. math:: \dot x = -x/\tau_+,\quad \dot y = -y/\tau_-
    .. math:: \text{pre spike:}\quad w \leftarrow w - A_-\,y\,\Big(\frac{w - w_{min}}{w_{max} - w_{min}}\Big)^{\mu_-},\ x \leftarrow x + 1
    .. math:: \text{post spike:}\quad w \leftarrow w + A_+\,x\,\Big(\frac{w_{max} - w}{w_{max} - w_{min}}\Big)^{\mu_+},\ y \leftarrow y + 1

    with w kept in [w_min, w_max]. Exponents of 0, the default, are the additive rule, of 1 the multiplicative one;
    between them lies the power law of Guetig and others.

    Pairing:

    - ``"all"``: every pre spike with every post spike;
    - ``"nearest"``: each spike with the last one of the other side before it (the traces are set to 1, not raised by
      1);
    - ``"nearest_pre_centred"``: each pre spike with the last post spike before and the first one after it;
    - ``"nearest_restricted"``: only immediate neighbours, each pair once.

    Post spikes change the weight before pre spikes of the same step do; both use the traces from before the step's
    spikes, so that a pre and a post spike at the same time do not pair (see :class:`Plasticity`).

    Parameters
    ----------
    A_plus, A_minus : quantity in the weight's unit
        Change for a pair at zero lag.
    w_max, w_min : quantity in the weight's unit
        Bounds.
    tau_plus, tau_minus : quantity, time
        Time constants of the window.
    mu_plus, mu_minus : float, optional
        Exponents of the weight dependence; left out, the rule is additive.
    pairing : str
        Which spikes pair; see above. The last two keep traces per synapse.

    References
    ----------
    S. Song, K. D. Miller, L. F. Abbott, Nat. Neurosci. 3:919 (2000); R. Guetig, R. Aharonov, S. Rotter, H. Sompolinsky,
    J. Neurosci. 23:3697 (2003); A. Morrison, M. Diesmann, W. Gerstner, Biol. Cybern. 98:459 (2008).
    """

    A_plus = Parameter(0.0, "potentiation at zero lag", unit="weight_unit")
    A_minus = Parameter(0.0, "depression at zero lag", unit="weight_unit")
    tau_plus = Parameter(20.0 * u.ms, "time constant of potentiation", positive=True)
    tau_minus = Parameter(20.0 * u.ms, "time constant of depression", positive=True)
    mu_plus = Parameter(None, "exponent of the weight in potentiation", unit=u.UNITLESS, optional=True)
    mu_minus = Parameter(None, "exponent of the weight in depression", unit=u.UNITLESS, optional=True)
    w_min = Parameter(0.0, "lowest weight", unit="weight_unit")
    w_max = Parameter(0.0, "highest weight", unit="weight_unit")
    x = Trace("tau_plus", "presynaptic trace", side="pre", nearest="x_nearest", cleared="x_cleared")
    y = Trace("tau_minus", "postsynaptic trace", side="post", nearest="y_nearest", cleared="y_cleared")

    def __init__(self, *, A_plus: Given, A_minus: Given, w_max: Given, pairing: str = "all", **values: Any):
        if pairing not in PAIRINGS:
            raise ValueError(
                f"{type(self).__name__}: pairing must be one of {', '.join(map(repr, PAIRINGS))}, given {pairing!r}."
            )
        self.x_nearest, self.y_nearest, self.x_cleared, self.y_cleared = PAIRINGS[pairing]
        super().__init__(A_plus=A_plus, A_minus=A_minus, w_max=w_max, **values)

    def update(self, s):
        potentiation, depression = s.A_plus * s.x, -s.A_minus * s.y
        if self.mu_plus is not None:
            potentiation *= s.power_law(s.w_max, s.w_max - s.w_min, s.mu_plus)
        s.on_post(potentiation)
        if self.mu_minus is not None:
            depression *= s.power_law(s.w_min, s.w_max - s.w_min, s.mu_minus)
        s.on_pre(depression)
