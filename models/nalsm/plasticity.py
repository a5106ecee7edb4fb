r"""The two rules of plasticity.

In a step of the published model the spikes act on the membranes with the weights from before, and then change them. A
projection lets plasticity act first and delivers after that. The rules here therefore see every spike one step later:
what is delivered at t is multiplied by weights that the spikes up to t - 1 have changed.
"""

from __future__ import annotations

import brainunit as u
import numpy as np

import brainsim as bs
from models.nalsm.neuron import DT

# A trace is multiplied by m in every step, the m among 1,000 values from 0.01 to 0.9999 whose tenth power is nearest to
# 1 / e.
_CANDIDATES = np.linspace(0.01, 0.9999, 1000)
TRACE_DECAY = float(_CANDIDATES[np.argmin(np.abs(_CANDIDATES**10 - np.exp(-999 / 1000)))])


class _Trace(bs.plasticity.Plasticity):
    """Traces of both sides, multiplied by m in every step, and one spike's share of them."""

    inhibitory = False

    tau = bs.Parameter(-1.0 / np.log(TRACE_DECAY) * u.ms, "time constant of the traces", positive=True)
    a = bs.Parameter(0.1, "what a spike adds to a trace")
    x = bs.plasticity.Trace("tau", "presynaptic trace", side="pre")
    y = bs.plasticity.Trace("tau", "postsynaptic trace", side="post")

    def __init__(self, *, inhibitory=False, **values):
        super().__init__(pre_delay=DT, post_delay=DT, **values)
        self.inhibitory = inhibitory


class STDP(_Trace):
    r"""Spike-timing-dependent plasticity whose depression can be set by an astrocyte.

    .. math::

        \Delta w_{ij} = A_+ x_j S_i - A_- x_i S_j\ \text{ (excitatory, input)},\qquad
        \Delta w_{ij} = -A_- x_j S_i + A_+ x_i S_j\ \text{ (inhibitory, } w \le 0)

    .. math:: x \leftarrow m\,(x + a S),\qquad m = 0.904774

    from presynaptic j to postsynaptic i. Both changes are added, then w is clipped.

    Parameters
    ----------
    A_plus, A_minus : quantity in the weight's unit
        Potentiation and depression; ``STDP(...).modulated(A_minus=net.astro)``.
    inhibitory : bool
        For synapses of inhibitory neurons, whose weights are negative.
    """

    A_plus = bs.Parameter(0.0, "potentiation", unit="weight_unit")
    A_minus = bs.Parameter(0.0, "depression", unit="weight_unit")

    def update(self, s):
        up, down = s.A_plus * s.a, -s.A_minus * s.a
        if self.inhibitory:
            up, down = down, up
        s.on_either(post=up * s.x, pre=down * s.y)


class APSTDP(_Trace):
    r"""STDP that learns while the calcium of the postsynaptic neuron, C, is near a target.

    .. math::

        C \leftarrow C - C / \tau_C + S_i,\qquad
        \Delta w_{ij} = A\,[\theta < C < \theta + \Delta]\,(\ldots)_+ + A\,[\theta - \Delta < C < \theta]\,(\ldots)_-

    where the dots stand for the two changes of :class:`STDP` with :math:`A_+ = A_- = A`, and only increases, or only
    decreases, of w count.

    Parameters
    ----------
    A : quantity in the weight's unit
        Amplitude of both changes.
    theta, Delta : float
        Calcium at which potentiation begins and depression ends, and width of the two ranges.
    tau_C : quantity, time
        Time constant of calcium.
    """

    A = bs.Parameter(0.0, "amplitude", unit="weight_unit")
    theta = bs.Parameter(37.0, "calcium between depression and potentiation", shape=())
    Delta = bs.Parameter(22.0, "width of the two ranges", shape=())
    tau_C = bs.Parameter(1000.0 * u.ms, "time constant of calcium", positive=True)
    C = bs.plasticity.Trace("tau_C", "calcium", side="post")

    def update(self, s):
        rise = s.A * s.a * (s.theta < s.C) * (s.theta + s.Delta > s.C)
        fall = -s.A * s.a * (s.theta - s.Delta < s.C) * (s.theta > s.C)
        if self.inhibitory:
            rise, fall = fall, rise
        s.on_either(post=rise * s.x, pre=fall * s.y)
