"""Traces: what a rule remembers of the spikes, or of another signal, on one side of its synapses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brainsim._core import Dynamics, State


class Trace(State):
    r"""A low-passed memory of one side of the synapses, one value per neuron.

    Of spikes :math:`s(t)`, or, with ``of``, of any signal :math:`z(t)` of that side:

    .. math:: \tau \dot x = -x,\quad x \leftarrow x + 1 \text{ at a spike} \qquad\text{or}\qquad \tau \dot x = z - x

    Both are exact over a step, the second for a signal that is held. See :class:`Plasticity` for when in a step they
    change.

    Parameters
    ----------
    tau : str
        Parameter of the rule that is the time constant.
    doc : str
        What it is.
    side : str
        ``"pre"`` or ``"post"``: whose spikes or signal.
    default : quantity or float
        Where it begins.
    of : callable, optional
        Signal to follow instead of spikes, from the :class:`Synapses`: ``of=lambda s: s.post.V``.
    nearest : bool or str
        A spike sets the trace to 1 instead of adding 1, so that only the last spike counts. A string names the
        attribute of the rule that says so.
    cleared : bool or str
        A spike of the other side clears it, so that a spike pairs once. Then there is one value per synapse.
    """

    def __init__(
        self,
        tau: str,
        doc: str,
        *,
        side: str,
        default: Any = 0.0,
        of: Callable | None = None,
        nearest: bool | str = False,
        cleared: bool | str = False,
    ):
        if side not in ("pre", "post"):
            raise ValueError(f"Trace: side must be 'pre' or 'post', given {side!r}.")
        super().__init__(default, doc, shape=f"n_{side}")
        self.tau, self.side, self.of, self.nearest, self.cleared = tau, side, of, nearest, cleared

    def is_nearest(self, rule: Dynamics) -> bool:
        return getattr(rule, self.nearest) if isinstance(self.nearest, str) else self.nearest

    def is_cleared(self, rule: Dynamics) -> bool:
        return getattr(rule, self.cleared) if isinstance(self.cleared, str) else self.cleared
