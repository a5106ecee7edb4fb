from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp

from brainsim._core import Clock, Parameter
from brainsim._errors import UnknownNameError, suggestion
from brainsim.connectivity.distribution import Given
from brainsim.population import Population

KINDS = ("MIP", "SIP")


class CorrelatedGroup(Population):
    r"""Units that fire as Poisson processes of one rate, each two of them with the same correlation of counts.

    Multiple interaction (MIP): a unit takes each event of one mother process of rate :math:`r / c` with probability c, so
    that synchronous events are of all sizes. Single interaction (SIP): all units fire together with a process of rate
    :math:`c\,r`, and each alone with rate :math:`(1 - c)\,r`.

    .. math:: \mathrm{corr}(n_i, n_j) = c,\qquad i \ne j

    A unit fires once in a step at most, as units of a :class:`PoissonGroup`; what is shared is in the same step. The rate
    r is ``rate`` plus the stimuli of the group, one for all; a negative sum counts as zero.

    Parameters
    ----------
    size : int or tuple of int
        Number of units.
    rate : quantity, frequency
        Rate without stimuli, one for all units.
    correlation : float from 0 to 1
        c.
    kind : {"MIP", "SIP"}
        How synchronous spikes come about.

    Raises
    ------
    ValueError, UnknownNameError
        For a correlation outside of 0 to 1, or another kind.

    References
    ----------
    A. Kuhn, A. Aertsen, S. Rotter, Neural Comput. 15:67 (2003).
    """

    input_unit = u.Hz

    kind: str
    rate = Parameter(0.0 * u.Hz, "rate without stimuli", shape=(), nonnegative=True)
    correlation = Parameter(0.0, "correlation of the counts of two units", shape=(), nonnegative=True, at_most=1.0)

    def __init__(
        self, size: int | tuple[int, ...], rate: Given = 0.0 * u.Hz, correlation: Given = 0.0, *, kind: str = "MIP",
        **values: Any,
    ):  # fmt: skip
        if kind not in KINDS:
            raise UnknownNameError(f"CorrelatedGroup: kind={kind!r} is unknown.{suggestion(str(kind), KINDS)}")
        self.kind = kind
        super().__init__(size, rate=rate, correlation=correlation, **values)

    def update(self, clock: Clock):
        self.advance_stimuli(clock)
        total = self.plain("rate") + self.stimulation(clock)
        expected = 1e-3 * clock.step_ms * jnp.maximum(jnp.max(total), 0.0)
        c, own = self.plain("correlation"), clock.uniform((self.count,))
        shared = clock.of("shared").uniform(())
        together = shared < -jnp.expm1(-expected * c)
        spikes = together | (own < -jnp.expm1(-expected * (1 - c)))
        if self.kind == "MIP":
            spikes = (shared < -jnp.expm1(-expected / jnp.maximum(c, 1e-9))) & (own < c)
            spikes = jnp.where(c > 0, spikes, own < -jnp.expm1(-expected))
        self.put("spikes", spikes)
