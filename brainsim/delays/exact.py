from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from brainsim._core import Clock, FixedVariable, StateVariable
from brainsim.delays.axonal import Axonal


class Exact(Axonal):
    """One delay for all synapses, of spikes that are fired within a step and arrive within another.

    What is sent says when in the step a neuron fired, as a fraction of it, and 0 where it did not. The receptor must
    know at the beginning of a step what arrives within it: the line is a step shorter than the delay.
    """

    longest: int

    def prepare(self, step_ms: float, conn):
        super().prepare(step_ms, conn)
        self.put("line", self.plain("line")[1:])
        self.hold("coming", StateVariable(jnp.zeros(self.n_pre, self.sent_dtype)))  # what arrives in the next step
        source, target = (np.asarray(side) for side in conn.coo())
        begins = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=self.n_pre))])
        self.fix(longest=max(int(np.diff(begins).max(initial=0)), 1))
        self.hold("begins", FixedVariable(jnp.asarray(begins, jnp.int32)))
        self.hold("targets", FixedVariable(jnp.asarray(np.pad(target, (0, self.longest)), jnp.int32)))

    def of_synapses(self):
        return None  # the longest row

    @property
    def under_way(self):
        return {name: self.plain(name) for name in ("line", "coming") if name in vars(self)}

    def carried(self, before_ms, step_ms, step, new_step):
        return None

    def send(self, clock: Clock, sent, delay=None):
        sent = sent.astype(self.sent_dtype)
        arrives = super().send(clock, sent) if self.plain("line").shape[0] else sent
        self.put("coming", arrives)
        return arrives

    def deliver(self, clock: Clock, path, arrived, receptor, delay=None):
        receptor.arrivals.take(self.plain("begins"), self.plain("targets"), self.longest, path.weight, arrived)
