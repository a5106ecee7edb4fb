from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from brainsim import events
from brainsim._core import Clock, FixedVariable, StateVariable
from brainsim.delays.base import Delay, nothing, rounded_up
from brainsim.delays.times import Times
from brainsim.events._library import use_huge_pages
from brainsim.events._shared import Block
from brainsim.events._sorted_rows import row_pointers, sort_rows


class Calendar(Delay):
    """A delay for each synapse of which the rows are sorted by delay: what is kept is when neurons fired.

    In each step the synapses that spikes reach are added to their targets, with the weights of that step. It serves
    spikes as such; those with a derivative, and what terminals make of them, wait in the ring of
    :class:`~brainsim.delays.Synaptic`.
    """

    if TYPE_CHECKING:  # none of these without delays
        times: Times

    def depth(self, step_ms: float) -> int:
        """The longest delay that there is room for, in steps: the same for most seeds of random delays."""
        return rounded_up(self.times.longest_in_steps(step_ms), self.n_pre)

    def prepare(self, step_ms: float, conn):
        depth = self.depth(step_ms)
        begins = jax.device_put(self._where_begins(conn, self.times, step_ms, depth))
        use_huge_pages(begins)
        self.hold("begins", FixedVariable(begins))
        for name, array in zip(("fired", "waiting"), self._nothing(depth), strict=True):
            self.hold(name, StateVariable(nothing(array.shape, array.dtype)))

    def _where_begins(self, conn, times: Times, step_ms: float, depth: int) -> np.ndarray:
        """Where the synapses of each delay begin in each row, (rows, depth + 1)."""
        return times.begins(row_pointers(conn), step_ms, depth)

    @property
    def _listed(self) -> Times:
        """The delays in the order in which a calendar has them."""
        return self.times

    def _nothing(self, depth: int):
        """What is kept where nothing is under way: with room for a block of steps, after which spikes are forgotten."""
        return events.nothing_under_way(self.n_pre, depth + Block.STEPS)

    @property
    def under_way(self):
        return {"fired": self.plain("fired")} if "fired" in vars(self) else {}

    def carried(self, before_ms, step_ms: float, step, new_step):
        old, fired = np.asarray(self.plain("begins")), _unpacked(np.asarray(self.plain("fired")))
        new = self._listed.begins(_pointers(old), step_ms, self.depth(step_ms))
        if not _same(old, before_ms, new, step_ms):
            return None
        slots, depth = fired.shape[1], new.shape[1] - 1
        ago = np.arange(slots)  # steps before the last one
        sent = fired[:, (step - 1 - ago) % slots] & (old[:, np.minimum(ago, old.shape[1] - 1)] != old[:, -1:])
        there = ago * before_ms / step_ms
        whole = np.round(there).astype(int)
        here = np.any(sent, axis=0)
        if not np.allclose(there[here], whole[here], rtol=0, atol=1e-6):
            return None
        words, _ = self._nothing(depth)
        bits = np.zeros((self.n_pre, 32 * words.shape[1]), bool)
        here = here & (whole < depth)
        bits[:, (new_step - 1 - whole[here]) % bits.shape[1]] = sent[:, here]
        return {"fired": jnp.asarray(_packed(bits)), "waiting": jnp.asarray(_packed(bits.any(1, keepdims=True).T)[0])}

    def serve(self, conn, times, step_ms: float | None):
        super().serve(conn, times, step_ms)
        if times is not None and step_ms is not None and "begins" in vars(self):
            depth = self.plain("begins").shape[1] - 1
            self.put("begins", jax.device_put(self._where_begins(conn, times, step_ms, depth)))

    def reached(self, clock: Clock, conn, arrived):
        """The synapses that spikes reach now, each of which is looked at."""
        under_way, order = (self.plain("fired"), self.plain("waiting")), vars(self).get("order")
        order = None if order is None else self.plain("order")
        found, fired, waiting = events.due(conn, arrived, self.plain("begins"), *under_way, clock.step, order)
        self.put("fired", fired)
        self.put("waiting", waiting)
        return found

    def deliver(self, clock: Clock, path, arrived, receptor, delay=None):
        under_way = self.plain("fired"), self.plain("waiting")
        into, fired, waiting = events.deliver_sorted(
            path.conn, arrived, path.weight, self.plain("begins"), *under_way, clock.step, receptor.plain(receptor.port)
        )
        self.put("fired", fired)
        self.put("waiting", waiting)
        receptor.put(receptor.port, into)


class Listed(Calendar):
    """A calendar of synapses that stand in another order, with a list of them by delay: for those that are looked at one by one."""

    def _where_begins(self, conn, times: Times, step_ms: float, depth: int) -> np.ndarray:
        """As :meth:`Calendar._where_begins`, of the list."""
        indptr = row_pointers(conn)
        order = listed(indptr, times)
        self.hold("order", FixedVariable(jax.device_put(order)))
        return times.reordered(order).begins(indptr, step_ms, depth)

    @property
    def _listed(self):
        return self.times.reordered(np.asarray(self.plain("order")))


class Noted(Listed):
    """A calendar of synapses that learn: which of them spikes reach, and how long ago these were fired, is known of each.

    Synapses stay in the order of their targets.
    """

    def slots(self, step_ms: float) -> int:
        """Steps of which the presynaptic side is remembered: this one, and as many as the longest delay has."""
        return self.depth(step_ms) + 1

    def prepare(self, step_ms: float, conn):
        super().prepare(step_ms, conn)
        self.hold("steps", FixedVariable(self._steps(self.times, step_ms)))

    def _steps(self, times: Times, step_ms: float):
        narrow = np.uint8 if self.slots(step_ms) <= 1 << 8 else np.int32
        return jax.device_put(times.steps(step_ms).ravel().astype(narrow))

    def of_synapses(self):
        return "order", "steps"

    def serve(self, conn, times, step_ms: float | None):
        super().serve(conn, times, step_ms)
        if times is not None and step_ms is not None and "steps" in vars(self):
            self.put("steps", self._steps(times, step_ms))

    def due(self, clock: Clock, conn: events.Format) -> events.Due:
        """The synapses that spikes reach now, of which :meth:`reached` has let this step's pass."""
        words = self.plain("fired"), self.plain("waiting")
        return events.Due(conn, self.plain("begins"), clock.step, self.plain("order"), *words)

    def deliver(self, clock: Clock, path, arrived, receptor, delay=None):
        into = events.deliver_due(self.due(clock, path.conn), path.weight, receptor.plain(receptor.port))
        receptor.put(receptor.port, into)


def listed(indptr: np.ndarray, times: Times) -> np.ndarray:
    """The synapses of rows that begin here, int32: those of each row in the order of their delays."""
    (order,) = sort_rows(indptr, times.sort_key, [np.arange(len(times), dtype=np.int32)])
    return order


def _pointers(begins):
    """Where rows begin, from where their parts do."""
    return np.concatenate([begins[:, 0], begins[-1:, -1]]) if len(begins) else np.zeros(1, np.int32)


def _same(old, before_ms, new, step_ms) -> bool:
    """Whether all delays are as long in the one steps as in the other."""
    for one, ms, other, other_ms in ((old, before_ms, new, step_ms), (new, step_ms, old, before_ms)):
        there = np.floor(np.arange(one.shape[1]) * ms / other_ms + 1e-6).astype(int)
        if not np.array_equal(one, other[:, np.minimum(there, other.shape[1] - 1)]):
            return False
    return True


def _unpacked(words):
    """Bits of each row of words, the lowest first."""
    return np.unpackbits(words.astype("<u4").view(np.uint8), axis=1, bitorder="little").astype(bool)


def _packed(bits):
    bits = np.pad(bits, ((0, 0), (0, -bits.shape[1] % 32)))
    return np.packbits(bits, axis=1, bitorder="little").view("<u4").astype(np.uint32)
