"""The loop on the host: chunk after chunk of compiled steps, into recorders, until done or broken."""

from __future__ import annotations

import dataclasses
import functools
import operator

import brainunit as u
import jax
import numpy as np

from brainsim._core import step_length
from brainsim._errors import NonFiniteError, NotEnoughMemoryError
from brainsim._memory import available_bytes, human
from brainsim.integrated import IntegratedPopulation
from brainsim.simulation import blocks, engine
from brainsim.simulation.door import Entry
from brainsim.simulation.plan import Request
from brainsim.simulation.report import Report
from brainsim.simulation.room import Room

CHUNK = 10_000  # steps in one call of compiled code, at most
SAMPLE_BYTES = 64e6  # room for samples on the device
SMALL = 1e6  # bytes of samples that fit at any time: to ask the system takes longer than a step
MOST = 64  # plans of a network that are kept
EVENT_ROOM = 1 << 18  # spikes in the event buffer beyond what one step may fire, at most


def plan_of(
    net, requests: tuple[Request, ...], chunk_steps=None, batched=None, runs=1, until=None, check_every=1
) -> engine.Plan:
    """The plan of a run; its chunk length depends on what is recorded and never on the duration."""
    per_row = runs * bytes_per_row(requests)
    rows = chunk_steps or (int(min(max(SAMPLE_BYTES / per_row, 1), CHUNK)) if per_row else CHUNK)
    worst = sum(r.shape[0] for r in requests if r.is_spikes)
    block = blocks.steps_in_block(blocks.default_platform(), worst, runs)
    room = 2 * block * worst + min(EVENT_ROOM, 32 * worst)
    return engine.Plan(requests, rows, room, batched, until, check_every, block)


def kept_plan(entry: Entry, chunk_steps=None, until=None, check_every=1) -> tuple[Room, engine.Plan]:
    """The room for synapses and the plan of a run, kept as long as they are those of the next."""
    ready = entry.net._aside.ready
    kept = {} if ready is None or entry.inputs else ready.kept
    place = jax.config.jax_default_device  # type: ignore[attr-defined]
    key = entry.requests, chunk_steps, until, check_every, place, CHUNK, SAMPLE_BYTES, EVENT_ROOM
    requests, room, plan = kept.get(key, (None, None, None))
    # Equal requests can be for other windows of time, which no program depends on
    if requests is None or not all(map(operator.is_, requests, entry.requests)):
        room = Room(entry)
        plan = plan_of(entry.net, room.requests(entry.requests), chunk_steps, until=until, check_every=check_every)
        if len(kept) >= MOST:
            kept.clear()
        kept[key] = entry.requests, room, plan
    return room, plan


def drive(plan: engine.Plan, structure, parameters, fixed, state, step_ms: float, inputs, n_steps, recorders, bar,
          programs=None):  # fmt: skip
    """Run chunk after chunk into ``recorders``, one per run of the batch; ``programs`` of a mesh in place of one device's.

    Returns the state, None or ``(path, steps)``, the variable that is not finite after so many steps, and whether a
    condition has ended the run.
    """
    programs = programs or engine
    first = recorders[0].first + recorders[0].steps
    step = step_length(step_ms)
    if recorders[0].steps == 0:
        _begin(programs, plan, structure, parameters, fixed, state, step, recorders)
    inputs = {path: np.asarray(array) for path, array in inputs.items()}
    done, waiting = 0, lambda: None  # to be recorded while a device is at the next chunk
    while done < n_steps:
        n = min(n_steps - done, plan.rows, bar.suggested_steps(plan.rows))
        rows = {path: _rows(array, done, plan.rows) for path, array in inputs.items()}
        before = state
        made = programs.run_chunk(plan, structure, parameters, fixed, before, step, rows, n)
        waiting()
        told, state, events, samples = made
        report = Report(told, state)
        advanced, broken = report.done, report.broken
        if broken is not None:

            def again(k):
                return programs.run_chunk(plan, structure, parameters, fixed, before, step, rows, k)  # noqa: B023

            advanced, broken, (told, _, events, samples) = _first_broken(again, report)
            report = Report(told, state)
        if plan.block > 1:  # on its way before the next chunk begins
            events = blocks.cut(events, max(report.counts), plan.capacity) if plan.spikes else ()
            jax.tree.map(lambda array: array.copy_to_host_async(), (events, samples))
        waiting = functools.partial(_record, plan, recorders, advanced, first + done, events, report.counts, samples)
        done += advanced
        over = broken is not None or report.met
        if over or done >= n_steps or plan.block == 1:
            waiting()
            waiting = lambda: None  # noqa: E731
        bar.advance(advanced)
        if over:
            return state, None if broken is None else (broken, done + 1), broken is None
    return state, None, False


def _record(plan, recorders, advanced, first, events, counts, samples) -> None:
    """Hand what a chunk has recorded to the recorder of each run."""
    recorded = list(map(np.asarray, events)), {label: np.asarray(array) for label, array in samples.items()}
    for k, recorder in enumerate(recorders):
        (*own,), taken = recorded if plan.batched is None else jax.tree.map(lambda array: array[k], recorded)  # noqa: B023
        recorder.add(plan, advanced, first, [array[: counts[k]] for array in own], taken)


def _begin(programs, plan: engine.Plan, structure, parameters, fixed, state, step, recorders) -> None:
    """Record the values before the first step that are asked for."""
    initial = tuple(request for request in plan.samples if request.initial)
    if not initial:
        return
    some = dataclasses.replace(plan, requests=initial, rows=1, capacity=0)
    found = jax.tree.map(np.asarray, programs.start_of_samples(some, structure, parameters, fixed, state, step))
    for k, recorder in enumerate(recorders):
        recorder.begin(found if plan.batched is None else {label: array[k] for label, array in found.items()})


def _rows(array, first, n):
    # Always as many rows as the buffers: the compiled chunk is the same for the last, shorter piece.
    rows = array[first : first + n]
    return rows if len(rows) == n else np.concatenate([rows, np.zeros((n - len(rows), *rows.shape[1:]), rows.dtype)])


# -- memory ------------------------------------------------------------------------------------------------------------


def bytes_per_row(requests) -> float:
    """Bytes of the samples of one step."""
    return sum(r.bytes_per_step for r in requests)


def check_memory(requests, n_steps: int, runs: int = 1) -> None:
    """Refuse samples that do not fit into the memory of the host."""
    kept = [r for r in requests if not (r.is_spikes or r.of_spikes)]
    needed = runs * sum([min(n_steps, r.window[1] - r.window[0]) * r.bytes_per_step for r in kept])
    if needed > SMALL and needed > (free := available_bytes()):
        what = ", ".join(r.label for r in kept)
        raise NotEnoughMemoryError(
            f"record: {what} for {n_steps:,} steps needs {human(needed)}, {human(free)} are free; record fewer elements"
            " or set sample_every."
        )


# -- what is not finite ------------------------------------------------------------------------------------------------


def _first_broken(again, report):
    """Steps that can be run before the state breaks, by bisection; what breaks; and the result of running them."""
    good, bad, path = 0, report.done, report.broken
    while bad - good > 1:
        middle = (good + bad) // 2
        told, state, *_ = again(middle)
        broken = Report(told, state).broken
        good, bad, path = (middle, bad, path) if broken is None else (good, middle, broken)
    return good, path, again(good)


def non_finite(net, path: str, time_ms: float, recording) -> NonFiniteError:
    """The error for a variable that is not finite at a time."""
    owner, _, name = path.rpartition(".")
    population = net.populations.get(owner.partition(".")[0])
    failure, remedy = population.not_finite(path) if isinstance(population, IntegratedPopulation) else ("", "")
    return NonFiniteError(
        f"{owner}: {name} is not finite from t = {time_ms:.6g} ms on{failure}. Reduce dt{remedy}, or look at the parameters and the"
        f" input of {owner}; the network is as it was before the run.",
        path=path,
        time=time_ms * u.ms,
        recording=recording,
    )
