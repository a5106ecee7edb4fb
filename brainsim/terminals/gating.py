"""Gating variables that saturate: the fraction of open channels, kept where the spikes come from."""

from __future__ import annotations

import brainunit as u

from brainsim._core import Clock, Parameter, State
from brainsim.integrators.exponential import phi1
from brainsim.terminals.base import Terminal


def opening_of(s, opening, closing):
    r"""The change of s in a step of :math:`\dot s = a (1 - s) - b s`, with ``opening`` = a dt and ``closing`` = b dt."""
    total = opening + closing
    return (opening - total * s) * phi1(-total)


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
    x = State(0.0, "transmitter, in spikes", tau="tau_rise")
    s = State(0.0, "fraction of open channels", tau="tau_decay")

    def update(self, clock: Clock, spikes):
        x, steps = self.plain("x"), clock.step_ms / self.plain("tau_rise")
        opening = self.plain("alpha") * x * clock.step_ms * phi1(-steps)
        self.relax("x", steps)
        self.accumulate("x", spikes.astype(x.dtype))
        return self.accumulate("s", opening_of(self.plain("s"), opening, clock.step_ms / self.plain("tau_decay")))

    struck = {"x": 1.0}

    def derivative(self, taken):
        x, s = self.plain("x"), self.plain("s")
        opening = self.plain("alpha") * x * (1 - s)
        return {"x": -x / self.plain("tau_rise"), "s": opening - s / self.plain("tau_decay")}

    def present(self):
        return self.plain("s")
