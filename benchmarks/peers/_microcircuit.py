"""What is measured of the microcircuit's populations, by `models/pd14.py`, whoever has simulated it."""

from __future__ import annotations

import numpy as np

from ._report import DT_MS, TRANSIENT_S, Task


def spike_train(times_s: np.ndarray, indices: np.ndarray, n: int, task: Task):
    """A train of brainsim's, from times and neurons in any order."""
    import brainunit as u

    import brainsim as bs

    steps = np.round(times_s * 1e3 / DT_MS).astype(np.int64)
    order = np.lexsort((indices, steps))
    window = DT_MS * u.ms, 0 * u.second, task.duration_s * u.second
    return bs.SpikeTrain(steps[order], indices[order].astype(np.int32), n, *window)


def of_populations(trains: dict, task: Task) -> dict:
    """Mean rate of all neurons, and rate, CV and correlation of each population, in the order of the layers."""
    import brainunit as u

    from models import pd14

    start = (TRANSIENT_S if task.duration_s > 2 * TRANSIENT_S else 0.0) * u.second
    found = [pd14.statistics(train, start) for train in trains.values()]
    numbers = [train.n for train in trains.values()]
    mean = sum(one["rate"] * n for one, n in zip(found, numbers, strict=True)) / sum(numbers)
    return {"rate_hz": mean} | {what: [round(one[what], 4) for one in found] for what in found[0]}
