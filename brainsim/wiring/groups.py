"""Synapses drawn for groups of postsynaptic neurons, each from random numbers of its own.

They are drawn and joined on threads, some rows after the other. A process of several draws the groups of the neurons
that it holds. What is drawn depends on neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import Any, NamedTuple

import brainunit as u
import jax
import numpy as np

from brainsim import connectivity as rules
from brainsim import events
from brainsim._core.slot import check_digits
from brainsim._threads import Threads
from brainsim._units import named
from brainsim.connectivity.pairs import Pairs
from brainsim.delays import Times
from brainsim.events._library import HUGE_PAGE
from brainsim.events._sorted_rows import Piece, join_rows, row_pointers
from brainsim.population import View

GROUP = 1 << 13  # postsynaptic neurons
BLOCK = 1 << 19  # synapses that are drawn and sorted together, about: they stay in the cache


class Drawing(NamedTuple):
    """One value per synapse that is drawn with the synapses.

    Parameters
    ----------
    values : Distribution
        Of plain numbers.
    dtype : dtype
    """

    values: rules.Distribution
    dtype: Any

    def draw(self, rng: np.random.Generator, to: np.ndarray) -> np.ndarray:
        """As many as ``to`` holds."""
        if self.dtype != np.float16:
            return self.values.sample(rng, to.shape, dtype=self.dtype, out=to)
        numbers = self.values.sample(rng, to.shape, dtype=np.dtype(np.float32))
        check_digits("weight", numbers)
        to[...] = numbers
        return to


def drawings_of(path: str, **given: tuple[Any, u.Unit, Any]) -> dict[str, Drawing] | None:
    """What is drawn with the synapses of what is given for them, with its unit and type; None for lists, whose order is
    that of all synapses.
    """
    found = {}
    for name, (values, unit, dtype) in given.items():
        if isinstance(values, rules.Distribution):
            if not values.is_of_numbers:
                return None
            with named(f"{path}.{name}"):
                found[name] = Drawing(values.plain(unit), np.dtype(dtype))
        elif values is not None and not isinstance(values, rules.SynapseValue) and np.ndim(u.get_mantissa(values)):
            return None
    return found


class Grouped(NamedTuple):
    """What was drawn in groups.

    Parameters
    ----------
    conn : CSR
        Between the whole populations; with a block, of the synapses onto its neurons alone.
    values : dict of str to array, (n_synapses,)
    """

    conn: events.CSR
    values: dict[str, np.ndarray]


def draw(
    rule: rules.ConnectionRule, pre: View, post: View, ids: np.ndarray, rng: np.random.Generator, same: bool, where: Any,
    drawings: dict[str, Drawing], sort_by: str | None, expected: int, block: range | None,
) -> Grouped | None:  # fmt: skip
    """Draw synapses and their values in groups; None where the rule does not allow it.

    Parameters
    ----------
    rule : ConnectionRule
    pre, post : View
    ids : int array
        The postsynaptic neurons as the presynaptic population sees them.
    rng : numpy.random.Generator
    same : bool
        Whether both are of one population.
    where : Placed
    drawings : dict of str to Drawing
        In the order in which they are drawn.
    sort_by : str or None
        The values, float32 and positive, that the synapses of a neuron are sorted by.
    expected : int
        How many synapses there are in all, at most and about.
    block : range or None
        The postsynaptic neurons whose synapses are kept; None for all.
    """
    n = len(post)
    groups = [np.arange(begin, min(begin + GROUP, n)) for begin in range(0, n, GROUP)]
    without_self = same and not rule.self_connections
    pairs = [Pairs.between(rule.name, pre.ids, ids[group], without_self).size for group in groups]
    parts = rule.parts(pairs, rng)
    if parts is None:
        return None
    each = max(1, BLOCK * len(pre) // max(expected, 1))  # rows of a block
    rows = [*range(0, len(pre), each), len(pre)]
    narrow = np.uint16 if n <= 1 << 16 else np.int32
    made = _Made([narrow, *(one.dtype for one in drawings.values())], _room(expected, n, block))
    indptr = [np.zeros(1, np.int64)]
    with Threads() as threads:
        turns = min(2, threads.number)
        here = [
            _Group(
                int(group[0]),
                partial(part.connect_rows, pre.ids, ids[group], rows, stream, same, where.part(pre.ids, group)),
                stream,
                turns,
            )
            for group, part, stream in zip(groups, parts, rng.spawn(len(groups)), strict=True)
            if block is None or (group[0] < block.stop and group[-1] >= block.start)
        ]
        drawn = []
        for last in rows if here else ():
            pieces = [piece() for piece in drawn]
            # The next rows are drawn while those before are joined
            drawn = [threads.begin(group.next, drawings, narrow, sort_by, block) for group in here if last < len(pre)]
            if pieces:
                total = sum(len(piece.arrays[0]) for piece in pieces)
                indptr.append(indptr[-1][-1] + join_rows(pieces, made.room(total), threads)[1:])
    pointers = np.concatenate(indptr) if here else np.zeros(len(pre) + 1, np.int64)
    indices, *arrays = made.arrays
    return Grouped(events.CSR(pointers, jax.device_put(indices), n), dict(zip(drawings, arrays, strict=True)))


class _Group:
    """What is drawn for a group of postsynaptic neurons, block of rows after block, in the memory of ``turns`` of them."""

    def __init__(self, begin: int, draw: Callable[[], Iterator[rules.Synapses]], rng: np.random.Generator, turns: int):
        self.begin, self.draw, self.rng, self.memory = begin, draw, rng, [{} for _ in range(turns)]

    @cached_property
    def drawn(self) -> Iterator[rules.Synapses]:
        """Synapses of some rows after the other: what draws all of them does so on the thread that asks first."""
        return self.draw()

    def next(self, drawings: dict[str, Drawing], narrow, sort_by: str | None, block: range | None) -> Piece:
        """The synapses of the next rows, with their values."""
        self.memory.append(self.memory.pop(0))
        synapses = next(self.drawn)
        values = {
            name: one.draw(self.rng, self._array(name, synapses.size, one.dtype)) for name, one in drawings.items()
        }
        indices = self._array("indices", synapses.size, narrow)
        np.add(synapses.indices, self.begin, out=indices, casting="unsafe")
        if block is not None and not (self.begin >= block.start and self.begin + GROUP <= block.stop):
            keep = (indices >= block.start) & (indices < block.stop)
            synapses, indices = synapses.select(keep), indices[keep]
            values = {name: array[keep] for name, array in values.items()}
        key = None if sort_by is None else values[sort_by].view(np.uint32)  # of positive floats the bits are in order
        return Piece(synapses.indptr, key, [indices, *values.values()])

    def _array(self, name: str, n: int, dtype) -> np.ndarray:
        memory = self.memory[0]
        if name not in memory or len(memory[name]) < n:
            memory[name] = np.empty(n + n // 8, dtype)
        return memory[name][:n]


class _Made:
    """Arrays that are filled as synapses come. What is never written takes no memory."""

    def __init__(self, dtypes, expected: int):
        self._arrays, self._used = [_aligned(expected, dtype) for dtype in dtypes], 0

    def room(self, n: int) -> list[np.ndarray]:
        """Places for ``n`` more in each."""
        begin, self._used = self._used, self._used + n
        if self._used > len(self._arrays[0]):  # rare: beyond what is expected at most
            for k, array in enumerate(self._arrays):
                self._arrays[k] = _aligned(self._used + self._used // 8, array.dtype)
                self._arrays[k][:begin] = array[:begin]
        return [array[begin : self._used] for array in self._arrays]

    @property
    def arrays(self) -> list[np.ndarray]:
        """All that were written."""
        return [array[: self._used] for array in self._arrays]


def _aligned(n: int, dtype) -> np.ndarray:
    """An array that JAX takes as it lies, and Linux holds in large pages."""
    room = np.empty(n * np.dtype(dtype).itemsize + HUGE_PAGE, np.uint8)
    begin = -room.ctypes.data % HUGE_PAGE if len(room) > 2 * HUGE_PAGE else -room.ctypes.data % 64
    return room[begin : begin + n * np.dtype(dtype).itemsize].view(dtype)


def can_be_grouped(pre: View, post: View, expected: int) -> bool:
    """Whether two views are whole populations, with more synapses than are drawn together."""
    return (len(post) > GROUP or expected > BLOCK) and _is_whole(pre) and _is_whole(post)


def _room(expected: int, n: int, block: range | None) -> int:
    """How many synapses to expect onto the neurons of a block."""
    part = 1.0 if block is None else len(block) / n
    return round(expected * part + 6 * np.sqrt(expected * part * (1 - part))) + 1


def _is_whole(view: View) -> bool:
    return len(view) == view.extent and bool(np.all(np.diff(view.ids) == 1))


def onto(block: range, conn: events.CSR | events.FixedFanOut) -> tuple[events.CSR, np.ndarray]:
    """The synapses onto the neurons of a block, of those that were drawn as a whole; and which of all they are."""
    indices, pointers = np.asarray(conn.indices).ravel(), row_pointers(conn)
    keep = (indices >= block.start) & (indices < block.stop)
    before = np.concatenate([[0], np.cumsum(keep)])
    return events.CSR(before[pointers], indices[keep], conn.n_post), keep


def kept(values: Any, keep: np.ndarray) -> Any:
    """Weights or delays of the synapses that are kept."""
    if isinstance(values, Times):
        return values.some(keep) if values.shape else values
    numbers = np.asarray(values.mantissa)
    return u.Quantity(numbers.ravel()[keep], unit=values.unit) if numbers.ndim else values
