"""Delays of spikes that are fired within a step and arrive within another, at any time of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from brainsim import events
from brainsim._core import Clock, FixedVariable, StateVariable
from brainsim._units import float_dtype
from brainsim.delays.base import Delay, nothing
from brainsim.delays.times import Times


class Exact(Delay):
    """One delay for all synapses or one each, of any length, of spikes that are fired and arrive within steps.

    What is sent says when in the step a neuron fired, as a fraction of it, and 0 where it did not. The receptor must
    know at the beginning of a step what arrives within it: a delay is a step at least. Where every synapse has its own
    delay, a step takes time for every synapse, whatever is sent.
    """

    if TYPE_CHECKING:  # none of these without delays
        times: Times

    first: int  # row of the first synapse among the receptor's arrivals
    widest: int

    @property
    def single(self):
        return self.kind == "synaptic"

    @property
    def source(self):
        return self.plain("sources") if self.single else None

    @property
    def slots(self) -> Times:
        """What bounds the steps that are remembered."""
        return self.times

    def prepare(self, step_ms: float, conn):
        slots = math.ceil(self.slots.longest / step_ms - 1e-6) + 2
        self.hold("line", StateVariable(nothing((slots, self.n_pre), self.sent_dtype)))
        if not self.changes:
            self.hold("steps", FixedVariable(jnp.asarray(self.times.ms.ravel() / np.float64(step_ms), float_dtype())))
        source, target = (np.asarray(side) for side in conn.coo())
        if self.single:
            self.hold("sources", FixedVariable(jnp.asarray(source, jnp.int32)))
            self.hold("rows", FixedVariable(jnp.asarray(rows_of(target, conn.n_post), jnp.int32)))
            return
        begins = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=self.n_pre))])
        self.fix(widest=max(int(np.diff(begins).max(initial=0)), 1))
        self.hold("begins", FixedVariable(jnp.asarray(begins, jnp.int32)))
        for name, array in (("targets", target), ("repeats", repeats_of(source, target))):
            self.hold(name, FixedVariable(jnp.asarray(np.pad(array, (0, self.widest)), jnp.int32)))

    def of_synapses(self):
        return None  # the longest row

    @property
    def under_way(self):
        return {"line": self.plain("line")} if "line" in vars(self) else {}

    def send(self, clock: Clock, sent, delay: Any = None):
        """When in the coming step what has been sent arrives, (n_pre,) or (n_synapses,); 0 for nothing."""
        line = self.plain("line")
        line = line.at[clock.step % line.shape[0]].set(sent.astype(line.dtype))
        delay = (self.plain("steps") if delay is None else delay).reshape(-1 if self.single else ())
        whole, rest = events.whole_and_rest(delay, line.shape[0] - 2)
        source = self.source if self.single else slice(None)
        # Fired in the step that begins ``whole`` before the coming one, it arrives in this if early enough, or the next
        soon, late = (line[(clock.step + 1 - whole - more) % line.shape[0], source] for more in (0, 1))
        here = jnp.where((soon > 0) & (soon + rest <= 1), soon + rest, 0)
        arrives = jnp.where((late > 0) & (late + rest > 1), late + rest - 1, here)
        self.put("line", line)
        return arrives

    def deliver(self, clock: Clock, path, arrived, receptor, delay=None):
        if self.single:
            receptor.arrivals.place(self.first, self.plain("rows"), path.weight, arrived)
            return
        names = ("begins", "targets", "repeats")
        receptor.arrivals.take(*(self.plain(name) for name in names), self.widest, path.weight, arrived)


class ExactChanging(Exact):
    """The same with delays that are a parameter; those at the time of arrival count."""

    changes = True

    @property
    def longest(self) -> Times:
        """The longest that a delay may become."""
        return self._aside.longest

    @property
    def slots(self) -> Times:
        return self.longest

    def check_step(self, step_ms: float):
        self.longest.check_step(step_ms)


def rows_of(target: np.ndarray, n_post: int) -> np.ndarray:
    """Synapses of each postsynaptic neuron, (most, n_post); their number where it has fewer."""
    begins = np.concatenate([[0], np.cumsum(np.bincount(target, minlength=n_post))])
    order = np.argsort(target, kind="stable")
    rows = np.full((int(np.diff(begins).max(initial=0)), n_post), len(target))
    rows[np.arange(len(target)) - begins[target[order]], target[order]] = order
    return rows


def repeats_of(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """How many synapses before each connect the same two neurons, which stand behind each other."""
    place = np.arange(len(source))
    new = np.concatenate([[True], (np.diff(source) != 0) | (np.diff(target) != 0)])[: len(source)]
    return place - np.maximum.accumulate(np.where(new, place, 0))
