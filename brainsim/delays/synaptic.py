from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from brainsim import events
from brainsim._core import Clock, FixedVariable, StateVariable
from brainsim._units import float_dtype
from brainsim.delays.base import Delay, moved, nothing, rounded_up
from brainsim.delays.times import Times


class Synaptic(Delay):
    """A delay for each synapse: weights of what is sent wait in a ring of one slot per step and target.

    What arrives is known as a sum for each target, with the weights at emission. Where single arrivals are needed, as
    a rule of plasticity needs them, :class:`~brainsim.delays.Followed` knows them.
    """

    if TYPE_CHECKING:  # none of these without delays
        times: Times

    def prepare(self, step_ms: float, conn):
        steps = self.times.steps(step_ms)
        self.hold("steps", FixedVariable(jax.device_put(steps)))
        slots = rounded_up(int(steps.max(initial=1)), conn.n_post)
        self.hold("ring", StateVariable(nothing((slots, conn.n_post), float_dtype())))

    def of_synapses(self):
        return ("steps",)

    @property
    def under_way(self):
        return {"ring": self.plain("ring")} if "ring" in vars(self) else {}

    def carried(self, before_ms, step_ms: float, step, new_step):
        ring = np.asarray(self.plain("ring"))
        # Slot (step + k) holds what arrives in k + 1 steps
        found = moved(ring[(step + np.arange(len(ring))) % len(ring)], before_ms, step_ms, 1)
        slots = rounded_up(int(self.times.steps(step_ms).max(initial=1)), ring.shape[1])
        if found is None or found[0].max(initial=0) >= slots:
            return None
        later, rows = found
        ring = np.zeros((slots, ring.shape[1]), ring.dtype)
        ring[(new_step + later) % slots] = rows
        return {"ring": jnp.asarray(ring)}

    def serve(self, conn, times, step_ms: float | None):
        super().serve(conn, times, step_ms)
        if times is not None and step_ms is not None and "steps" in vars(self):
            self.put("steps", jax.device_put(times.steps(step_ms)))

    def deliver(self, clock: Clock, path, arrived, receptor, delay=None):
        into, ring = events.deliver_delayed(
            path.conn,
            arrived,
            path.weight,
            self.plain("steps"),
            self.plain("ring"),
            clock.step,
            receptor.plain(receptor.port),
        )
        self.put("ring", ring)
        receptor.put(receptor.port, into)
