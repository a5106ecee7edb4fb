"""What a call of `simulate` costs beside the steps: `python -m benchmarks.short_calls`.

One step of a single LIF neuron and of COBA-LIF with 4,000 neurons, with nothing recorded and with spikes and a potential: CPU time of
the fastest of several rounds, and what it is beyond a step of a long run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import brainunit as u

import brainsim as bs
from models import coba_lif

STEP, CALLS, ROUNDS = 0.1 * u.ms, 200, 7


def networks() -> Iterator[tuple[str, bs.Network, list[str]]]:
    """Networks by name, each with what is recorded of it."""
    net = bs.Network()
    net.E = bs.neurons.LIF(1)
    net.E.add_stimuli(drive=bs.stimuli.Constant(200 * u.pA))
    yield "LIF, one neuron", net, ["E.spikes", "E.V"]
    yield "COBA-LIF, 4,000 neurons", coba_lif.build(), ["E.spikes", "E.V[0]"]


def fastest(call: Callable[[], object], calls: int) -> float:
    """CPU seconds of a call, in the fastest round."""
    call()
    found = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        for _ in range(calls):
            call()
        found.append((time.process_time() - begin) / calls)
    return min(found)


def measured() -> Iterator[dict]:
    """A row for each network and recording, in microseconds."""
    for name, net, recorded in networks():
        for record in ([], recorded):
            one = fastest(lambda: bs.simulate(net, STEP, dt=STEP, record=record), CALLS)  # noqa: B023
            long = fastest(lambda: bs.simulate(net, 2000 * STEP, dt=STEP, record=record), 2)  # noqa: B023
            row = {"network": name, "record": record, "call": 1e6 * one, "step": 1e6 * long / 2000}
            yield {key: round(value, 1) if isinstance(value, float) else value for key, value in row.items()}


if __name__ == "__main__":
    for row in measured():
        print(json.dumps(row), flush=True)
