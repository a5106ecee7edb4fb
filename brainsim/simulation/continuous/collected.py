"""What turns have recorded, put into a recording piece by piece."""

from __future__ import annotations

import numpy as np

from brainsim._core import Structure
from brainsim.network import Network
from brainsim.simulation.continuous.around import Around
from brainsim.simulation.continuous.clock import SAME
from brainsim.simulation.continuous.computed import STATE, values_at
from brainsim.simulation.continuous.loop import Chunk
from brainsim.simulation.plan import Request
from brainsim.simulation.recorder import Recorder
from brainsim.simulation.recording import Recording


class Collected:
    """Puts what chunks have recorded into a recorder."""

    def __init__(self, requests: tuple[Request, ...], watched: tuple[str, ...], recorder: Recorder, step_ms: float):
        self.requests, self.recorder, self.step_ms, first = requests, recorder, step_ms, recorder.first
        self.fired: dict[str, list] = {path: [] for path in watched}
        self.whole: dict[str, list] = {r.label: [] for r in requests if r.derived is not None}
        self.next = {}
        for r in requests:
            begin = max(first, r.window[0])
            initial = begin if r.initial else (begin // r.every + 1) * r.every
            self.next[r.label] = initial

    def add(self, chunk: Chunk) -> None:
        """What the turns of a chunk have recorded."""
        count, ends = int(chunk.count), np.asarray(chunk.course.plan.end)
        for path, times in chunk.course.fired.items():
            times = np.asarray(times)[:count]
            row, unit = np.nonzero(np.isfinite(times))
            self.fired[path].append((times[row, unit], unit))
        if not count:
            return
        reached = ends[count - 1]
        for r in self.requests:
            last = min(int(np.floor((reached + SAME) / self.step_ms + 1e-9)), r.window[1], self.recorder.last)
            steps = np.arange(self.next[r.label], last + 1, r.every)
            if len(steps):
                times = steps * self.step_ms
                if r.derived is None:
                    self.recorder.pieces[r.label].append(_evaluated(chunk, count, r.label, times))
                else:
                    paths = [label for label in chunk.course.values if label.startswith(STATE)]
                    there = {label.removeprefix(STATE): _evaluated(chunk, count, label, times) for label in paths}
                    self.whole[r.label].append((times, there))
                self.next[r.label] = int(steps[-1]) + r.every

    def finish(self, net: Network, structure: Structure, arrays: tuple, around: Around) -> Recording:
        """The recording, with spikes in steps and fractions of them."""
        self.recorder.steps = self.recorder.last - self.recorder.first
        for r in self.requests:
            if self.whole.get(r.label):
                times = np.concatenate([t for t, _ in self.whole[r.label]])
                state = {
                    path: np.concatenate([v[path] for _, v in self.whole[r.label]])
                    for path in self.whole[r.label][0][1]
                }
                self.recorder.pieces[r.label].append(values_at(r, structure, arrays, times, state, around))
        for r in self.recorder.requests:
            if not r.is_spikes:
                continue
            parts = self.fired[r.population]
            times = np.concatenate([t for t, _ in parts]) if parts else np.zeros(0)
            units = np.concatenate([k for _, k in parts]).astype(np.int32) if parts else np.zeros(0, np.int32)
            steps = np.ceil(times / self.step_ms - 1e-9).astype(np.int32)
            within = times / self.step_ms - (steps - 1)
            numbers = r.numbers
            chosen = np.isin(units, numbers) & r.kept(steps)
            order = np.lexsort((units[chosen], times[chosen]))
            local = np.searchsorted(np.sort(numbers), units[chosen][order])
            local = np.argsort(numbers, kind="stable")[local].astype(np.int32)
            self.recorder.events[r.label] = [local], [steps[chosen][order]]
            self.recorder.within[f"{r.label} within"] = [within[chosen][order]]
        return self.recorder.finish()


def _evaluated(chunk: Chunk, count: int, label: str, times: np.ndarray) -> np.ndarray:
    """On the host, so that nothing is compiled for another number of samples."""
    course = chunk.course
    ends, begins, hs = (np.asarray(x)[:count] for x in (course.plan.end, course.begin, course.plan.h))
    row = np.minimum(np.searchsorted(ends, times - SAME, side="left"), count - 1)
    h = hs[row]
    s = np.where(h > 0, np.clip((times - begins[row]) / np.where(h > 0, h, 1.0), 0.0, 1.0), 0.0)
    c = np.asarray(course.values[label])[:count][row]
    s = s.reshape(-1, *[1] * (c.ndim - 2))
    left = 1 - s
    return left * c[:, 0] + s * (c[:, 1] + left * (c[:, 2] + s * (c[:, 3] + s * c[:, 4])))
