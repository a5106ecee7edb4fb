"""Running a network in steps of its own length: what :func:`brainsim.simulate` does where it is told to be adaptive."""

from __future__ import annotations

import dataclasses
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
from jax.core import Tracer

from brainsim import initial
from brainsim._core import split, write_back
from brainsim._errors import NonFiniteError
from brainsim.integrators import Adaptive
from brainsim.network import Network
from brainsim.simulation import door
from brainsim.simulation.continuous import traced
from brainsim.simulation.continuous.arrivals import longest_of, room_for, wires_of
from brainsim.simulation.continuous.asked import kept, sort_requests, tables_of, tolerance_of
from brainsim.simulation.continuous.between import Between, refractory_until, states_after
from brainsim.simulation.continuous.check import check
from brainsim.simulation.continuous.clock import SAME
from brainsim.simulation.continuous.collected import Collected
from brainsim.simulation.continuous.loop import ahead
from brainsim.simulation.continuous.turn import Carry, Turns
from brainsim.simulation.plan import Request
from brainsim.simulation.programs import Programs
from brainsim.simulation.progress import Progress
from brainsim.simulation.recorder import Recorder
from brainsim.simulation.recording import Recording

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


def chunk(plan: ChunkPlan, structure, platform, parameters, fixed, state, carry, end, wires, tables, tolerance):
    """Some turns, as a program."""

    def run(net):
        turns = Turns(net, wires, tables, tolerance)
        seen = kept(turns.circuit, plan.requests)
        found = ahead(turns, carry, end, plan.most, seen, plan.watched)
        variables = turns.circuit.variables(found.carry.y)
        turns.restore()
        return found, variables

    return structure.part(run, parameters, fixed, state, {})[0]


def begin(plan: ChunkPlan, structure, platform, parameters, fixed, state, t, wires, tables, tolerance):
    """The carry of the beginning, as a program."""

    def run(net):
        turns = Turns(net, wires, tables, tolerance)
        carry = turns.start(t, dict(plan.room), {path: net.senders[path].count for path, _ in plan.room})
        turns.restore()
        return carry

    return structure.part(run, parameters, fixed, state, {})[0]


PROGRAMS = Programs(chunk, lambda plan: False)
BEGINNINGS = Programs(begin, lambda plan: False)


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
        return traced.run(entry, adaptive, requests, watched)
    first = int(state["steps"])
    start, end = first * step_ms, (first + entry.n_steps) * step_ms
    tables, wires, tolerance = tables_of(net, start, end), wires_of(net), tolerance_of(net, adaptive)
    arrays, further = (parameters, fixed, state), (wires, tables, tolerance)
    plan = ChunkPlan(requests, watched, tuple(sorted(room_for(net).items())))
    carry = _begun(net, step_ms, BEGINNINGS(plan, structure, *arrays, jnp.asarray(start), *further))
    recorder = Recorder(entry.requests, step_ms, first, entry.n_steps)
    collected = Collected(requests, watched, recorder, step_ms)
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
                raise _stuck(carry, found.tried - found.count, collected.finish(net, structure, arrays))
    recording = collected.finish(net, structure, arrays)
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


def _stuck(carry: Carry, vain: Any, recording: Recording) -> NonFiniteError:
    """What to raise where no step is short enough."""
    largest = {path: float(jnp.max(jnp.abs(y))) for path, y in carry.y.items()}
    where = max(largest, key=lambda path: largest[path])
    t = float(carry.t)
    return NonFiniteError(
        f"adaptive: at t = {t:.9g} ms no step is short enough for the tolerances ({int(vain)} were tried in vain); the largest"
        f" number is {largest[where]:.3g}, in {where}. Either what is integrated goes to infinity in a finite time, or a neuron"
        " is above its threshold after its reset and has no refractory time.",
        where, t * u.ms, recording,
    )  # fmt: skip
