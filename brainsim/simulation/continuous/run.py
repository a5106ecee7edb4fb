"""Running a network in steps of its own length: what :func:`brainsim.simulate` does where it is told to be adaptive."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim import initial
from brainsim._core import split, write_back
from brainsim._errors import NonFiniteError, UnknownNameError, suggestion
from brainsim._units import in_unit
from brainsim.integrators import Adaptive
from brainsim.network import Network
from brainsim.simulation import door
from brainsim.simulation.continuous.arrivals import longest_of, room_for, wires_of
from brainsim.simulation.continuous.between import Between, refractory_until, states_after
from brainsim.simulation.continuous.check import check
from brainsim.simulation.continuous.circuit import Circuit
from brainsim.simulation.continuous.clock import SAME
from brainsim.simulation.continuous.loop import Chunk, again, ahead, sampled
from brainsim.simulation.continuous.turn import Carry, Turns
from brainsim.simulation.plan import Request
from brainsim.simulation.programs import Programs
from brainsim.simulation.progress import Progress
from brainsim.simulation.recorder import Recorder, samples_of
from brainsim.simulation.recording import Recording, Samples
from brainsim.sources import SpikeTimes

CHUNK = 256  # turns in one call of compiled code


@dataclasses.dataclass(frozen=True)
class ChunkPlan:
    """What a program of some turns is compiled for."""

    requests: tuple[Request, ...]
    watched: tuple[str, ...]
    room: tuple[tuple[str, int], ...]
    most: int = CHUNK


def make_ready(net: Network, step_ms: float) -> None:
    """Let what follows from initial values follow, and count time in multiples of ``step_ms``.

    Raises
    ------
    ValueError
        Where spikes are under way in delays that count steps.
    """
    moment, before = net._aside.moment, net._aside.step_ms
    if moment.begun:
        for projection in net.projections.values():
            if any(jnp.any(array) for array in projection.under_way.values()):
                raise ValueError(
                    f"adaptive: spikes are under way in {projection.path}, in steps; net.reset() first, or run until they"
                    " have arrived."
                )
        initial.catch_up(net, moment.assigned)
        if before is not None and before != step_ms:
            steps = int(net.plain("steps")) * before / step_ms
            if abs(steps - round(steps)) > 1e-6:
                raise ValueError(f"dt: the present time is not a multiple of {step_ms} ms; net.reset() first.")
            net.put("steps", jnp.asarray(round(steps), jnp.int32))
            for _, part in initial.components(net):
                part.count_anew(before, step_ms)
    else:
        initial.settle(net)
    if not isinstance(net.plain("steps"), Tracer):
        moment.settled, moment.assigned = True, {}
    net._aside = net._aside.but(step_ms=step_ms)


def tables_of(net: Network, begin: float, end: float) -> dict[str, tuple[jax.Array, jax.Array]]:
    """Spikes of sources in a run, by path: times in their order, and units."""
    found = {}
    for path, source in net.populations.items():
        if not isinstance(source, SpikeTimes):
            continue
        ms, units = source._aside.times_ms, source._aside.indices
        if source.period_ms is not None:
            turns = np.arange(int(begin // source.period_ms), int(end // source.period_ms) + 1)
            ms = (ms[None] + turns[:, None] * source.period_ms).ravel()
            units = np.tile(units, len(turns))
        here = (ms > begin) & (ms <= end)
        order = np.argsort(ms[here], kind="stable")
        room = 1 << max(int(here.sum()) - 1, 0).bit_length()
        times, who = np.full(room, np.inf), np.zeros(room, np.int32)
        times[: here.sum()], who[: here.sum()] = ms[here][order], units[here][order]
        found[path] = jnp.asarray(times), jnp.asarray(who)
    return found


def tolerance_of(net: Network, adaptive: Adaptive) -> dict:
    """``rtol``, and ``atol`` by path of what is integrated: (variables, 1)."""
    circuit = Circuit(net)
    where, given = circuit.where(), adaptive.atol if isinstance(adaptive.atol, Mapping) else {}
    for path in given:
        if path not in where:
            raise UnknownNameError(f"adaptive: atol: nothing is integrated as {path!r}.{suggestion(str(path), where)}")
    default = 1e-6 if isinstance(adaptive.atol, Mapping) else float(adaptive.atol)
    rows: dict[str, dict[int, Any]] = {}
    for path, (of, k, _) in where.items():
        owner, _, name = path.rpartition(".")
        if path in given:
            value = in_unit(given[path], net[owner].unit_of(name), f"atol of {path}")
            if np.ndim(value) or not np.isfinite(value) or value <= 0:
                raise ValueError(f"adaptive: atol of {path} must be a positive number, given {given[path]}.")
        else:
            pool = getattr(net[owner], "held_states", None)
            now = net[owner].plain(name)
            scale = jnp.max(jnp.abs(jax.lax.stop_gradient(now))) if pool is not None else 1.0
            value = default * jnp.where(jnp.asarray(scale) > 0, scale, 1.0)
        rows.setdefault(of, {})[k] = jnp.asarray(value, float)
    atol = {of: jnp.stack([own[k] for k in sorted(own)])[:, None] for of, own in rows.items()}
    return {"rtol": jnp.asarray(adaptive.rtol), "atol": atol}


def _kept(circuit: Circuit, requests: tuple[Request, ...]):
    """From a state to what is recorded of it, by label."""
    where = circuit.where()

    def seen(y):
        found = {}
        for request in requests:
            of, k, part = where[request.path]
            array = y[of][k] if part is None else part.taken(y[of][k])
            found[request.label] = request.select(array)
        return found

    return seen


def chunk(plan: ChunkPlan, structure, platform, parameters, fixed, state, carry, end, wires, tables, tolerance):
    """Some turns, as a program."""

    def run(net):
        turns = Turns(net, wires, tables, tolerance)
        seen = _kept(turns.circuit, plan.requests)
        found = ahead(turns, carry, end, plan.most, seen, plan.watched)
        variables = turns.circuit.variables(found.carry.y)
        write_back(net, state)  # traced things of the loop are of no use outside of it
        return found, variables

    return structure.part(run, parameters, fixed, state, {})[0]


def begin(plan: ChunkPlan, structure, platform, parameters, fixed, state, t, wires, tables, tolerance):
    """The carry of the beginning, as a program."""

    def run(net):
        turns = Turns(net, wires, tables, tolerance)
        carry = turns.start(t, dict(plan.room), {path: net.senders[path].count for path, _ in plan.room})
        write_back(net, state)
        return carry

    return structure.part(run, parameters, fixed, state, {})[0]


PROGRAMS = Programs(chunk, lambda plan: False)
BEGINNINGS = Programs(begin, lambda plan: False)


def sort_requests(net: Network, entry: door.Entry) -> tuple[tuple[Request, ...], tuple[str, ...]]:
    """Requests of variables, and the paths of those whose spikes are recorded.

    Raises
    ------
    ValueError
        For what is no variable of the equations.
    """
    where = Circuit(net).where()
    requests, watched = [], []
    for request in entry.requests:
        if request.of_spikes:
            continue
        if request.is_spikes:
            watched.append(request.population)
            if request.population not in net.senders:
                raise ValueError(f"record: {request.label!r}: nothing there sends spikes.")
        elif request.derived is None and request.path in where:
            requests.append(request)
        else:
            what = "is computed of a step" if request.derived is not None else "is no variable of the equations"
            raise ValueError(
                f"record: {request.label!r} {what}, and is not recorded in an adaptive run.{suggestion(request.path, where)}"
            )
    return tuple(requests), tuple(dict.fromkeys(watched))


def check_options(**options: Any) -> None:
    """Refuse options of a run that count steps.

    Raises
    ------
    ValueError
    """
    for name, value in options.items():
        if value is not None:
            raise ValueError(
                f"simulate: {name}={value!r} is for runs in steps; an adaptive one takes none. Run it in pieces: what is under"
                " way goes on."
            )


def run(entry: door.Entry, adaptive: Adaptive, progress: Any = None) -> Recording:
    """A run from the present state of the network.

    Raises
    ------
    ValueError
        For what cannot be run so, and where steps become too short.
    """
    net, step_ms = entry.net, entry.step_ms
    if not isinstance(adaptive, Adaptive):
        raise TypeError(f"adaptive: expected brainsim.integrators.Adaptive(...), given {adaptive!r}.")
    if entry.inputs:
        raise ValueError("adaptive: inputs are given step by step, and there are no steps; give a TimedArray.")
    check(net)
    requests, watched = sort_requests(net, entry)
    make_ready(net, step_ms)
    structure, parameters, fixed, state = split(net)
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((parameters, fixed, state))):
        return traced(entry, adaptive, requests, watched)
    first = int(state["steps"])
    start, end = first * step_ms, (first + entry.n_steps) * step_ms
    tables, wires, tolerance = tables_of(net, start, end), wires_of(net), tolerance_of(net, adaptive)
    arrays, further = (parameters, fixed, state), (wires, tables, tolerance)
    plan = ChunkPlan(requests, watched, tuple(sorted(room_for(net).items())))
    carry = _begun(net, step_ms, BEGINNINGS(plan, structure, *arrays, jnp.asarray(start), *further))
    recorder = Recorder(entry.requests, step_ms, first, entry.n_steps)
    collected = Collected(requests, watched, recorder, step_ms, first)
    with Progress(progress, entry.n_steps) as bar:
        while float(carry.t) < end or any(bool(jnp.any(due)) for due in carry.due.values()):
            before = carry
            found, variables = PROGRAMS(plan, structure, *arrays, carry, jnp.asarray(end), *further)
            carry = found.carry
            if bool(carry.lost):  # once more, with more room
                plan, carry = _with_more_room(plan, before)
                continue
            collected.add(found)
            if (passed := int(float(carry.t) / step_ms) - int(float(before.t) / step_ms)) > 0:
                bar.advance(passed)
            if bool(carry.stuck):
                raise NonFiniteError(_stuck(carry, found.tried - found.count), collected.finish(net, entry.n_steps))
    recording = collected.finish(net, entry.n_steps)
    after = variables | states_after(net, carry, step_ms)
    write_back(net, after | {"steps": jnp.asarray(first + entry.n_steps, jnp.int32)})
    net.went_on()
    net._aside.moment.between = Between.of(carry, longest_of(net))
    return recording


def _begun(net: Network, step_ms: float, carry: Carry) -> Carry:
    """The carry of the beginning, with what runs before have left."""
    between = net._aside.moment.between
    carry = carry._replace(free=refractory_until(net, carry, step_ms))
    carry = carry if between is None else between.resumed(carry)
    due = {
        path: who & (carry.free[path] <= carry.t + SAME) if path in carry.free else who
        for path, who in carry.due.items()
    }
    return carry._replace(due=due)


def _with_more_room(plan: ChunkPlan, carry: Carry) -> tuple[ChunkPlan, Carry]:
    """The plan and carry with twice as much room for spikes under way."""
    room = tuple((path, 2 * k) for path, k in plan.room)
    sent = {path: jnp.concatenate([ring, jnp.full_like(ring, -jnp.inf)]) for path, ring in carry.sent.items()}
    return dataclasses.replace(plan, room=room), carry._replace(sent=sent)


def traced(entry: door.Entry, adaptive: Adaptive, requests: tuple[Request, ...], watched: tuple[str, ...]) -> Recording:
    """The same inside a transformation: steps and events are found without derivatives, and gone through again with them.

    Spikes are their times, (most_spikes, n), infinite for none.
    """
    net, step_ms, n_steps = entry.net, entry.step_ms, entry.n_steps
    structure, parameters, fixed, state = split(net)
    if isinstance(state["steps"], Tracer) and net.begun:
        raise ValueError("adaptive: the time of the network, net.steps, cannot be traced; take a copy of it outside.")
    first = int(state["steps"]) if net.begun else 0
    begin, stop = first * step_ms, (first + n_steps) * step_ms
    start, end = jnp.asarray(begin, float), jnp.asarray(stop, float)
    tables, wires = tables_of(net, begin, stop), wires_of(net)
    seen_of = lambda turns: _kept(turns.circuit, requests)  # noqa: E731
    room = room_for(net)

    def begun(net):
        turns = Turns(net, wires, tables, tolerance_of(net, adaptive))
        return turns, turns.start(start, room, {path: net.senders[path].count for path in room})

    def found(net):
        turns, carry = begun(net)
        chunk = ahead(turns, carry, end, adaptive.most_steps, seen_of(turns), watched)
        write_back(net, plain[2])
        return chunk

    def once_more(net):
        turns, carry = begun(net)
        carry, course = again(turns, carry, chunk, seen_of(turns), watched)
        variables = turns.circuit.variables(carry.y)
        write_back(net, state)
        return variables, course

    plain = jax.lax.stop_gradient((parameters, fixed, state))
    chunk = jax.lax.stop_gradient(structure.part(found, *plain, {})[0])
    variables, course = structure.part(once_more, parameters, fixed, state, {})[0]
    whole = chunk.carry.t >= end
    held = {}
    for r in requests:
        steps = (first // r.every + 1 + np.arange((first + n_steps) // r.every - first // r.every)) * r.every
        array = sampled(course, chunk.count, r.label, jnp.asarray(steps * step_ms))
        held[r.label] = samples_of(net, r, jnp.where(whole, array, jnp.nan), first)
    for r in entry.requests:
        if r.is_spikes:
            times = jnp.sort(course.fired[r.population], axis=0)
            room_left = times.shape[0] <= adaptive.most_spikes or ~jnp.any(jnp.isfinite(times[adaptive.most_spikes]))
            times = jnp.where(whole & room_left, times[: adaptive.most_spikes], jnp.nan)
            held[r.label] = Samples(times[:, r.numbers], u.ms, r.path, r.numbers, 1, 1)
    write_back(net, variables | {"steps": jnp.asarray(first + n_steps, jnp.int32)})
    net.went_on()
    return Recording({}, held, {}, step_ms, begin, stop)


def _stuck(carry: Carry, vain: Any) -> str:
    largest = {path: float(jnp.max(jnp.abs(y))) for path, y in carry.y.items()}
    where = max(largest, key=lambda path: largest[path])
    return (
        f"adaptive: at t = {float(carry.t):.9g} ms no step is short enough for the tolerances ({int(vain)} were tried in vain); the"
        f" largest number is {largest[where]:.3g}, in {where}. Either what is integrated goes to infinity in a finite time, or a"
        " neuron is above its threshold after its reset and has no refractory time."
    )


class Collected:
    """Puts what chunks have recorded into a recorder."""

    def __init__(self, requests, watched, recorder: Recorder, step_ms: float, first: int):
        self.requests, self.recorder, self.step_ms, self.first = requests, recorder, step_ms, first
        self.fired: dict[str, list] = {path: [] for path in watched}
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
                self.recorder.pieces[r.label].append(_evaluated(chunk, count, r.label, steps * self.step_ms))
                self.next[r.label] = int(steps[-1]) + r.every

    def finish(self, net: Network, n_steps: int) -> Recording:
        """The recording, with spikes in steps and fractions of them."""
        self.recorder.steps = n_steps
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
        return self.recorder.finish(net)


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
