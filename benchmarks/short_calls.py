"""What a call of `simulate` costs beside the steps: `python -m benchmarks.short_calls`.

One step of a single LIF neuron and of COBA-LIF with 4,000 neurons, with nothing recorded and with spikes and a potential: wall and CPU
time of a call in the fastest of several rounds, and of a step of a long run. XLA's threads, which look for work, take CPU time beside
the call.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import brainunit as u

import brainsim as bs
from models import coba_lif

STEP, CALLS, ROUNDS = 0.1 * u.ms, 50, 40


def networks() -> Iterator[tuple[str, bs.Network, list[str]]]:
    """Networks by name, each with what is recorded of it."""
    net = bs.Network()
    net.E = bs.neurons.LIF(1)
    net.E.add_stimuli(drive=bs.stimuli.Constant(200 * u.pA))
    yield "LIF, one neuron", net, ["E.spikes", "E.V"]
    yield "COBA-LIF, 4,000 neurons", coba_lif.build(), ["E.spikes", "E.V[0]"]


def fastest(call: Callable[[], object], calls: int, clock: Callable[[], float]) -> float:
    """Microseconds of a call, in the fastest round."""
    call()
    found = []
    for _ in range(ROUNDS):
        begin = clock()
        for _ in range(calls):
            call()
        found.append((clock() - begin) / calls)
    return round(1e6 * min(found), 1)


def measured() -> Iterator[dict]:
    """A row for each network and recording, in microseconds."""
    for name, net, recorded in networks():
        for record in ([], recorded):

            def run(duration: Any = STEP) -> bs.Recording:
                return bs.simulate(net, duration, dt=STEP, record=record)  # noqa: B023

            wall, cpu = (fastest(run, CALLS, clock) for clock in (time.perf_counter, time.process_time))
            step = fastest(lambda: run(2000 * STEP), 2, time.process_time) / 2000  # noqa: B023
            yield {"network": name, "record": record, "call": wall, "call_cpu": cpu, "step_cpu": round(step, 1)}


if __name__ == "__main__":
    for row in measured():
        print(json.dumps(row), flush=True)
