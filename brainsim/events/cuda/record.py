"""What is launched to record spikes as events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from brainsim.events._shared import Append
from brainsim.events.cuda.call import Call, NotServed, program
from brainsim.events.cuda.structs import POPULATION, POPULATIONS, RECORDING, Slot, repeated

SPIKE = {"bool": "bool", "float32": "float", "float64": "double"}
CHUNK, SPAN = 64, 128  # as in recording.cuh
MOST_POPULATIONS = 32  # whose places fit into the parameters of a kernel


def append_events(call: Call) -> str:
    """Operands: index, step buffer, count, step, then offset and spikes of each population."""
    (count,) = Append(*call.own)
    populations = [
        (call.operand(k + 1), call.operand(k), 0, call.size(k + 1), call.aval(k + 1).dtype)
        for k in range(4, 4 + 2 * count, 2)
    ]
    found = recorded(call, populations, 0, 0)
    found.launch(call)
    return program("record.cuh", **found.names)


class Recorded(NamedTuple):
    """What recording takes in the launches that it is a part of: work of each of three, populations, and where to."""

    chunks: int
    spans: int
    populations: list[Slot]
    to: list[Slot]
    names: dict[str, Any]

    def nothing(self) -> Recorded:
        """The same for launches in which nothing is recorded."""
        room = self.names["MOST_POPULATIONS"]
        return self._replace(chunks=0, spans=0, populations=[*POPULATIONS(), *repeated(POPULATION, [], room)])

    def launch(self, call: Call) -> None:
        """Launch it alone."""
        for kernel, work in zip(("count_events", "sum_events", "record_events"), self.work(), strict=True):
            call.launch(kernel, work, call.batch, self.populations, self.to)

    def work(self) -> tuple[int, int, int]:
        """Threads of each launch."""
        return self.chunks, self.spans, self.chunks


def recorded(call: Call, populations: Sequence[tuple], first: int, result: int) -> Recorded:
    """Append the spikes of populations, ``(spikes, offset, at, n, dtype)`` of each, to the buffers whose operands begin with the
    ``first`` (index, step buffer, count, step), and whose results with ``result``.
    """
    types = {str(np.dtype(dtype)) for *_, dtype in populations}
    if len(populations) > MOST_POPULATIONS or len(types) != 1 or not types <= set(SPIKE):
        raise NotServed
    each, chunks = [], 0
    for fired, offset, at, n, _ in populations:
        each.append(POPULATION(spikes=fired, offset=offset, at=at, n=n, first_chunk=chunks))
        chunks += -(-n // CHUNK)
    room = 1 << (len(each) - 1).bit_length()
    all_of = [*POPULATIONS(count=len(each), chunks=chunks), *repeated(POPULATION, each, room)]
    work, spans = call.entries * chunks, call.entries * -(-chunks // SPAN)
    index, when, total = (call.in_place(result + k, first + k) for k in range(3))
    to = RECORDING(
        index=index,
        when=when,
        total=total,
        step=call.operand(first + 3),
        capacity=call.size(first),
        starts=call.room(-(-call.entries // 2)),
        counts=call.room(-(-work // 2)),
        spans=call.room(-(-spans // 2)),
    )
    return Recorded(work, spans, all_of, to, {"Spike": SPIKE[types.pop()], "MOST_POPULATIONS": room})
