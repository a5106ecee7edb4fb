from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp

from brainsim._core import Clock, Parameter, State
from brainsim.connectivity.distribution import Given
from brainsim.connectivity.distributions import Uniform
from brainsim.events import poisson_counts
from brainsim.population import Population


class GammaGroup(Population):
    r"""Units that fire as independent gamma processes, more regularly than Poisson processes, at rates that may vary.

    .. math:: p(\tau) = \frac{(k r)^k\, \tau^{k - 1}}{(k - 1)!}\, e^{-k r \tau},\qquad CV = 1 / \sqrt{k}

    A unit fires at every k-th event of a Poisson process of rate k r. With a rate that varies in time these are the
    events of operational time, :math:`\int r\,dt`. They begin in equilibrium: the first interval is as if one looked at a
    process that has gone on for ever. A unit fires once in a step at most, and events left over count for the next
    spike. The rate r is ``rate`` plus the stimuli of the group, which are rates here; a negative sum counts as zero.

    Parameters
    ----------
    size : int or tuple of int
        Number of units.
    rate : quantity, frequency, () or (n,)
        Rate without stimuli.
    order : int
        k: 1 is a Poisson process.

    Raises
    ------
    ValueError
        For an order that is not a whole number from 1 on.

    References
    ----------
    D. R. Cox, Renewal Theory, Methuen (1962); S. N. Baker, G. L. Lemon, J. Neurophysiol. 84:1770 (2000).
    """

    input_unit = u.Hz

    order: int
    rate = Parameter(0.0 * u.Hz, "rate without stimuli", nonnegative=True)
    events = State(0.0, "events of the Poisson process since the last spike, by default between 0 and the order")

    def __init__(self, size: int | tuple[int, ...], rate: Given = 0.0 * u.Hz, *, order: int = 2, **values: Any):
        if not isinstance(order, int) or isinstance(order, bool) or order < 1:
            raise ValueError(f"GammaGroup: order must be a whole number from 1 on, given {order!r}.")
        self.order = order
        super().__init__(size, rate=rate, **{"events": Uniform(0.0, float(order))} | values)

    def update(self, clock: Clock):
        self.advance_stimuli(clock)
        rate = jnp.maximum(self.plain("rate") + self.stimulation(clock), 0.0)
        expected = self.order * rate * (1e-3 * clock.step_ms)
        events = self.plain("events")
        events = events + poisson_counts(clock.key, clock.step, expected, self.count, events.dtype)
        spikes = events >= self.order
        self.put("events", jnp.where(spikes, events - self.order, events))
        self.put("spikes", spikes)
