"""Gating variables that saturate: the fraction of open channels, kept where the spikes come from."""

from __future__ import annotations

import brainunit as u

from brainsim._core import Parameter, State
from brainsim.integrators.exponential import phi1
from brainsim.terminals.base import Terminal


def opened(s, opening, closing):
    r"""The solution after a step of :math:`\dot s = a (1 - s) - b s`, with ``opening`` = a dt and ``closing`` = b dt."""
    total = opening + closing
    return s + (opening - total * s) * phi1(-total)


class NMDAGating(Terminal):
    r"""Gating variable of NMDA receptors that saturates at high presynaptic rates.

    .. math:: \dot x = -x/\tau_{rise},\qquad \dot s = -s/\tau_{decay} + \alpha\,x\,(1 - s),\qquad x \leftarrow x + 1 \text{ at a spike}

    It sends s at every step, to a receptor that is graded (``receptors.GatedNMDA``); a weight is the conductance of a
    synapse whose channels are all open. Since s depends on the presynaptic spikes alone, one per neuron is exact for
    all its synapses. x is advanced exactly, s with the mean of x over the step: the error of a step is of the third
    order in dt.

    Parameters
    ----------
    tau_rise, tau_decay : quantity, time
        Time constants of x and s.
    alpha : quantity, rate
        Rate of opening per unit of x.

    References
    ----------
    X.-J. Wang, Neuron 36:955 (2002); X.-J. Wang, J. Neurosci. 19:9587 (1999).
    """

    graded = True

    tau_rise = Parameter(2.0 * u.ms, "time constant of x", positive=True)
    tau_decay = Parameter(100.0 * u.ms, "time constant of s", positive=True)
    alpha = Parameter(0.5 / u.ms, "rate of opening per unit of x", positive=True)
    x = State(0.0, "transmitter, in spikes")
    s = State(0.0, "fraction of open channels")

    def update(self, clock, spikes):
        x, decay = self.plain("x"), self.decay(clock, "tau_rise")
        over_step = x * self.plain("tau_rise") * (1 - decay)
        s = opened(self.plain("s"), self.plain("alpha") * over_step, clock.step_ms / self.plain("tau_decay"))
        self.put("x", x * decay + spikes.astype(x.dtype))
        self.put("s", s)
        return s

    def present(self):
        return self.plain("s")
