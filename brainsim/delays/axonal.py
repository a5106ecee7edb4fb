from __future__ import annotations

from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np

from brainsim import events
from brainsim._core import Clock, StateVariable
from brainsim.delays.base import Delay, moved, nothing
from brainsim.delays.times import Times


class Axonal(Delay):
    """One delay for all synapses: what is sent passes a line, and arrives everywhere at once."""

    if TYPE_CHECKING:  # none of these without delays
        times: Times

    def prepare(self, step_ms: float, conn):
        slots = self.times.longest_in_steps(step_ms)
        self.hold("line", StateVariable(nothing((slots, self.n_pre), self.sent_dtype)))
        if self.graded:
            self.hold("last", StateVariable(nothing(self.n_pre, self.sent_dtype)))

    def history(self, value):
        if not self.graded or "line" not in vars(self):
            return {}
        value = value.astype(self.sent_dtype)
        return {"line": jnp.broadcast_to(value, self.plain("line").shape), "last": value}

    @property
    def under_way(self):
        return {} if self.graded or "line" not in vars(self) else {"line": self.plain("line")}

    def send(self, clock: Clock, sent, delay=None):
        line, arrived = events.delay_line(self.plain("line"), sent, clock.step)
        self.put("line", line)
        if self.graded:
            self.put("last", arrived)
        return arrived

    def carried(self, before_ms, step_ms: float, step, new_step):
        line, slots = np.asarray(self.plain("line")), self.times.longest_in_steps(step_ms)
        # Slot (step - 1 - k) holds what was sent k steps ago
        found = moved(line[(step - 1 - np.arange(len(line))) % len(line)], before_ms, step_ms, 0)
        if found is None or not np.isclose(len(line) * before_ms, slots * step_ms, rtol=1e-6):
            return None
        ago, rows = found
        line = np.zeros((slots, self.n_pre), line.dtype)
        line[(new_step - 1 - ago) % slots] = rows
        return {"line": jnp.asarray(line)}

    def resampled(self, before_ms, step_ms: float, step, new_step):
        if not self.graded:
            return {}
        line, last = np.asarray(self.plain("line")), np.asarray(self.plain("last"))
        slots = len(line)
        # Before a step, slot (step - 1) has what was sent last; what arrived last was sent before the oldest.
        sent = np.concatenate([line[(step - 1 - np.arange(slots)) % slots], last[None]])
        ago = np.arange(self.times.longest_in_steps(step_ms) + 1)
        found = interpolated(sent, before_ms, ago * step_ms)
        line = np.empty_like(found[:-1])
        line[(new_step - 1 - ago[:-1]) % len(line)] = found[:-1]
        return {"line": jnp.asarray(line), "last": jnp.asarray(found[-1])}


def interpolated(sent, interval, ago):
    """Rows of ``sent``, the last one first and ``interval`` apart, on the straight line at times ``ago``."""
    where = np.minimum(ago / interval, len(sent) - 1)
    low = np.floor(where + 1e-9).astype(int)
    high, rest = np.minimum(low + 1, len(sent) - 1), np.maximum(where - low, 0.0)[:, None]
    return ((1 - rest) * sent[low] + rest * sent[high]).astype(sent.dtype)
