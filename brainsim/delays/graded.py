"""Delays that remember what was sent, and look back: for graded signals, and where single arrivals are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from brainsim import events
from brainsim._core import Clock, FixedVariable, StateVariable
from brainsim.delays.axonal import interpolated
from brainsim.delays.base import Delay, nothing, rounded_up
from brainsim.delays.changing import Changing
from brainsim.delays.times import Times


class Followed(Delay):
    """A delay for each synapse, each followed on its own: what was sent is remembered, and every synapse takes the
    value of its delay ago.

    A step takes time for every synapse, whatever is sent.
    """

    single = True

    if TYPE_CHECKING:  # none of these without delays
        times: Times

    @property
    def source(self):
        return self.plain("sources")

    def of_synapses(self):
        return ("sources",) if self.changes else ("sources", "steps")

    def slots(self, step_ms: float) -> int:
        """Steps that are remembered."""
        return rounded_up(self.times.longest_in_steps(step_ms) + 1, self.n_pre)

    def prepare(self, step_ms: float, conn):
        self.hold("line", StateVariable(nothing((self.slots(step_ms), self.n_pre), self.sent_dtype)))
        self.hold("sources", FixedVariable(conn.coo()[0]))
        if not self.changes:
            self.hold("steps", FixedVariable(jax.device_put(self.times.steps(step_ms).ravel())))

    def history(self, value):
        if not self.graded or "line" not in vars(self):
            return {}
        return {"line": jnp.broadcast_to(value, self.plain("line").shape).astype(self.sent_dtype)}

    @property
    def under_way(self):
        return {} if self.graded or "line" not in vars(self) else {"line": self.plain("line")}

    def serve(self, conn, times, step_ms: float | None):
        super().serve(conn, times, step_ms)
        if times is not None and step_ms is not None and "steps" in vars(self):
            self.put("steps", jax.device_put(times.steps(step_ms).ravel()))
        if "sources" in vars(self):
            self.put("sources", conn.coo()[0])

    def send(self, clock: Clock, sent, delay=None):
        self._remember(clock.step, sent)
        return self._ago(self.plain("steps"), clock.step, self.source)

    def resampled(self, before_ms, step_ms: float, step, new_step):
        if not self.graded:
            return {}
        line = np.asarray(self.plain("line"))
        sent = line[(step - 1 - np.arange(len(line))) % len(line)]
        ago = np.arange(self.slots(step_ms))
        line = np.empty((len(ago), self.n_pre), sent.dtype)
        line[(new_step - 1 - ago) % len(ago)] = interpolated(sent, before_ms, ago * step_ms)
        return {"line": jnp.asarray(line)}

    def _remember(self, step, sent):
        """The values of this step take the place of the oldest."""
        line = self.plain("line")
        self.put("line", line.at[step % line.shape[0]].set(sent.astype(line.dtype)))

    def _ago(self, steps, step, source):
        line = self.plain("line")
        return line[(step - steps) % line.shape[0], source]

    def _between(self, delay, step, source):
        """What ``source`` sent ``delay`` steps ago, between two steps on the straight line."""
        line = self.plain("line")
        whole, rest = events.whole_and_rest(delay, line.shape[0] - 2)
        rest = rest.astype(line.dtype)
        return (1 - rest) * self._ago(whole, step, source) + rest * self._ago(whole + 1, step, source)


class GradedChanging(Changing, Followed):
    """Delays of a graded signal that may change: it is that of the present delay ago."""

    @property
    def single(self):
        return self.kind == "synaptic"

    @property
    def under_way(self):
        return {}

    def send(self, clock: Clock, sent, delay: Any = None):
        self._remember(clock.step, sent)
        source = self.source if self.single else slice(None)
        return self._between(delay.ravel() if delay.ndim else delay, clock.step, source)
