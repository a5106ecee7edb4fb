"""What rules of rates share: activities on both sides."""

from __future__ import annotations

from typing import Any

import brainunit as u

from brainsim._core import Parameter
from brainsim.plasticity.base import Plasticity
from brainsim.plasticity.synapses import Synapses
from brainsim.plasticity.term import Term
from brainsim.plasticity.trace import Trace


class RateRule(Plasticity):
    r"""A rule of the activities x and y of the two sides.

    .. math:: x = \frac{\hat x}{\tau_x}\text{ in Hz},\quad \dot{\hat x} = -\hat x/\tau_x,\quad \text{pre spike: } \hat x \leftarrow \hat x + 1

    and the same for y. With ``pre_variable`` or ``post_variable`` the activity is that variable of the population: a
    rate counts in Hz, a number as it is.

    Parameters
    ----------
    tau_x, tau_y : quantity, time
        Windows over which spikes are counted as rates.
    pre_variable, post_variable : str, optional
        Variables of the populations to use in place of the rates of spikes.
    """

    tau_x = Parameter(100.0 * u.ms, "window of the presynaptic rate", positive=True)
    tau_y = Parameter(100.0 * u.ms, "window of the postsynaptic rate", positive=True)
    x = Trace("tau_x", "presynaptic spikes in the window", side="pre")
    y = Trace("tau_y", "postsynaptic spikes in the window", side="post")

    def __init__(self, *, pre_variable: str | None = None, post_variable: str | None = None, **values: Any):
        super().__init__(**values)
        self.pre_variable, self.post_variable = pre_variable, post_variable

    @property
    def of_spikes(self):
        return self.pre_variable is None or self.post_variable is None

    def activities(self, s: Synapses) -> tuple[Term, ...]:
        """x and y, numbers."""
        x = s.x / s.tau_x if self.pre_variable is None else getattr(s.pre, self.pre_variable)
        y = s.y / s.tau_y if self.post_variable is None else getattr(s.post, self.post_variable)
        return tuple(v / u.Hz if v.unit.has_same_dim(u.Hz) else v for v in (x, y))
