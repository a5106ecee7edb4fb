"""Delays of spikes that change: an arrival between two steps is divided between them, which has a derivative."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp

from brainsim import events
from brainsim._core import Clock, StateVariable
from brainsim._units import float_dtype
from brainsim.delays.base import Delay, nothing
from brainsim.delays.times import Times


class Changing(Delay):
    """Base of both: a spike keeps the delay that it was sent with. Delays are a parameter of the projection.

    How long they may become bounds what is kept.
    """

    changes = True

    if TYPE_CHECKING:  # none of these without delays
        times: Times

    @property
    def longest(self) -> Times:
        """The longest that a delay may become."""
        return self._aside.longest

    def check_step(self, step_ms: float):
        self._aside.longest.check_step(step_ms)

    def slots(self, step_ms: float) -> int:
        """Slots of a ring: an arrival between steps reaches into a second slot."""
        return self._aside.longest.longest_in_steps(step_ms) + 2

    @property
    def under_way(self):
        return {"ring": self.plain("ring")} if "ring" in vars(self) else {}


class ChangingAxonal(Changing):
    """One delay for all synapses, that may change: a ring over the axons."""

    @property
    def arriving_dtype(self):
        return float_dtype().name

    def prepare(self, step_ms: float, conn):
        self.hold("ring", StateVariable(nothing((self.slots(step_ms), self.n_pre), float_dtype())))

    def send(self, clock: Clock, sent, delay: Any = None):
        ring = self.plain("ring")
        axons, nothing = events.Diagonal(self.n_pre), jnp.zeros(self.n_pre, ring.dtype)
        one = jnp.ones((), ring.dtype)
        arrived, ring = events.deliver_interpolated(axons, sent, one, delay, ring, clock.step, nothing)
        self.put("ring", ring)
        return arrived


class ChangingSynaptic(Changing):
    """A delay for each synapse, that may change: a ring over the targets."""

    def prepare(self, step_ms: float, conn):
        self.hold("ring", StateVariable(nothing((self.slots(step_ms), conn.n_post), float_dtype())))

    def deliver(self, clock: Clock, path, arrived, receptor, delay: Any = None):
        into, ring = events.deliver_interpolated(
            path.conn, arrived, path.weight, delay, self.plain("ring"), clock.step, receptor.plain(receptor.port)
        )
        self.put("ring", ring)
        receptor.put(receptor.port, into)
