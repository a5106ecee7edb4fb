"""Collects on the host what a run records, and makes the recording of it."""

from __future__ import annotations

import dataclasses

import numpy as np

from brainsim.simulation import over
from brainsim.simulation.recording import Recording, Samples
from brainsim.simulation.spikes import SpikeTrain


class Recorder:
    """Collects the pieces of a run on the host."""

    def __init__(self, requests, step_ms, first, n_steps):
        self.requests, self.step_ms, self.first, self.last = requests, step_ms, first, first + n_steps
        self.steps = 0
        self.events = {r.label: ([], []) for r in requests if r.is_spikes}
        self.within = {r.label: [] for r in requests if r.of_spikes}
        self.pieces = {r.label: [] for r in requests if not (r.is_spikes or r.of_spikes)}
        self.begun = {}  # of intervals that have not ended, by label

    def begin(self, samples: dict) -> None:
        """Add the values before the first step, by label, of what is asked for."""
        for request in self.requests:
            if request.initial and request.window[0] <= self.first:
                self.pieces[request.label].append(np.asarray(samples[request.label])[None])

    def add(self, plan, advanced: int, first: int, events, samples) -> None:
        """Add what ``advanced`` steps from step number ``first`` on have recorded: index and step of each spike, and samples
        by label, on the host.
        """
        self.steps += advanced
        if plan.spikes:
            self._add_spikes(plan, first, events, samples)
        for request in plan.samples:
            if request.of_spikes:
                continue
            complete = (first + advanced) // request.every - first // request.every
            sampled = samples[request.label][:complete]
            if request.over is not None:
                sampled = self._complete(request, samples[request.label][: complete + 1])
            if not self._whole(request):
                sampled = sampled[request.kept((first // request.every + 1 + np.arange(complete)) * request.every)]
            self.pieces[request.label].append(sampled.copy())

    def _add_spikes(self, plan, first: int, events, samples) -> None:
        index, step = events
        for request, low, high in zip(plan.spikes, plan.offsets.tolist(), plan.offsets[1:].tolist()):
            own = None if len(plan.spikes) == 1 else (index >= low) & (index < high)
            if not self._whole(request):
                own = request.kept(step) if own is None else own & request.kept(step)
            if own is None:
                found, when = index.copy(), step.copy()
            else:  # half the time of what index[own] takes
                own = np.flatnonzero(own)
                found, when = index.take(own), step.take(own)
            if low:  # to take nothing away takes as long as a step
                found -= np.int32(low)
            indices, steps = self.events[request.label]
            indices.append(found)
            steps.append(when)
            if (beside := f"{request.label} within") in self.within:
                self.within[beside].append(samples[beside][steps[-1] - first - 1, indices[-1]])

    def _complete(self, request, rows) -> np.ndarray:
        """The complete ones of rows of which the first may have begun before and the last goes on."""
        rows = over.together(request, rows)
        if request.label in self.begun:
            rows[0] = over.joined(request, self.begun[request.label], rows[0])
        self.begun[request.label] = rows[-1]
        return rows[:-1]

    def _samples_over(self, request, pieces) -> Samples:
        """Samples of what is taken of whole intervals, or of all steps."""
        begin, end = max(self.first, request.window[0]), min(self.first + self.steps, request.window[1])
        every = max(end - begin, 1) if request.total else request.every
        rows = np.concatenate(pieces) if pieces else np.zeros((0, *request.shape))
        if request.total and end > begin:
            rest = [self.begun[request.label][None]] if end % request.every else []
            rows = over.as_one(request, np.concatenate([*([rows] if len(rows) else []), *rest]))
        held = samples_of(request, over.finished(request, rows, every), begin)
        return dataclasses.replace(held, first=begin + every, every=every)

    def _whole(self, request) -> bool:
        return request.window[0] <= self.first and request.window[1] >= self.last

    def finish(self) -> Recording:
        """The recording."""
        return Recording.unread(self._read, self.step_ms, *self._window())

    def _window(self) -> tuple[float, float]:
        return self.first * self.step_ms, (self.first + self.steps) * self.step_ms

    def _read(self) -> tuple[dict, dict, dict]:
        """Spikes, samples and labels."""
        start, stop = self._window()
        spikes, samples, labels = {}, {}, {}
        for request in self.requests:
            if request.of_spikes:
                continue
            if request.is_spikes:
                local, steps = (
                    np.concatenate(parts) if parts else np.zeros(0, np.int32) for parts in self.events[request.label]
                )
                indices = local if request.elements is None else request.numbers[local]
                parts = self.within.get(f"{request.label} within")
                within = None if parts is None else np.concatenate(parts) if parts else np.zeros(0)
                if within is not None:
                    order = np.lexsort((within, steps))
                    steps, indices, within = steps[order], indices[order], within[order]
                begin, end = max(start, request.window[0] * self.step_ms), min(stop, request.window[1] * self.step_ms)
                window = self.step_ms, begin, max(begin, end)
                spikes[request.name] = SpikeTrain.in_ms(
                    steps, indices, request.shape[0], window, request.numbers, within
                )
                labels[request.label] = request.name
            elif request.over is not None:
                samples[request.label] = self._samples_over(request, self.pieces[request.label])
            else:
                pieces = self.pieces[request.label]
                array = np.concatenate(pieces) if pieces else np.zeros((0, *request.shape))
                first = max(self.first, request.window[0]) - request.initial
                samples[request.label] = samples_of(request, array, first)
        return spikes, samples, labels


def of_arrays(requests, samples, step_ms: float, first) -> Recording:
    """The recording of traced arrays, inside a transformation: spikes are arrays too, with one row for each step."""
    held = {}
    for request in requests:
        if request.of_spikes:
            continue
        every = 1 if request.is_spikes else request.every
        rows = samples[request.label]
        n = len(rows)
        rows = rows[every - 1 :: every] if request.over is None else over.of_every_step(request, rows)
        held[request.label] = samples_of(request, rows, first)
        if request.total:
            held[request.label] = dataclasses.replace(held[request.label], first=first + n, every=n)
    n = max((array.shape[0] for array in samples.values()), default=0)
    return Recording({}, held, {}, step_ms, first * step_ms, (first + n) * step_ms)


def samples_of(request, array, first) -> Samples:
    """What was recorded under a request, from step number ``first`` on."""
    every, numbers = request.every, request.numbers
    places = None if request.places is None or numbers is None else request.places.among(numbers)
    return Samples(array, request.unit, request.path, numbers, (first // every + 1) * every, every, places)
