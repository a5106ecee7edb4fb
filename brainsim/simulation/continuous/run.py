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
from brainsim.simulation.continuous import pure
from brainsim.simulation.continuous.around import Around, check_courses
from brainsim.simulation.continuous.arrivals import longest_of, room_for, wires_of
from brainsim.simulation.continuous.asked import kept, sort_requests, spikes_of, tolerance_of
from brainsim.simulation.continuous.between import Between, begun, beside_of, left_by, states_after
from brainsim.simulation.continuous.carried import Carry
from brainsim.simulation.continuous.check import check
from brainsim.simulation.continuous.collected import Collected
from brainsim.simulation.continuous.loop import ahead
from brainsim.simulation.continuous.turn import Turns
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


def admitted(entry: door.Entry, adaptive: Adaptive) -> door.Entry:
    """The entry of a run in steps of its own length, with the network made ready for it.

    Raises
    ------
    TypeError, ValueError
        For what cannot be run so.
    """
    if not isinstance(adaptive, Adaptive):
        raise TypeError(f"adaptive: expected brainsim.integrators.Adaptive(...), given {adaptive!r}.")
    check(entry.net)
    check_courses(entry.net, entry.inputs)
    make_ready(entry.net, entry.step_ms)
    structure, parameters, fixed, state = split(entry.net)
    return dataclasses.replace(entry, structure=structure, parameters=parameters, fixed=fixed, state=state)


def chunk(plan: ChunkPlan, structure, platform, parameters, fixed, state, carry, end, around, tolerance):
    """Some turns, as a program."""

    def run(net):
        turns = Turns(net, around, tolerance)
        seen = kept(turns.circuit, plan.requests)
        found = ahead(turns, carry, end, plan.most, seen, plan.watched)
        variables = states_after(net, turns, found.carry, around.step_ms)
        turns.restore()
        return found, variables

    return structure.part(run, parameters, fixed, state, {})[0]


def begin(plan: ChunkPlan, structure, platform, parameters, fixed, state, beside, around, tolerance):
    """The carry of the beginning, as a program."""

    def run(net):
        turns = Turns(net, around, tolerance)
        carry = begun(net, around.step_ms, turns.start(state["steps"] * around.step_ms, dict(plan.room)), beside)
        turns.restore()
        return carry

    return structure.part(run, parameters, fixed, state, {})[0]


PROGRAMS = Programs(chunk)
BEGINNINGS = Programs(begin)


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


class Going:
    """Runs of a network that was made ready, from arrays of one's own.

    Parameters
    ----------
    entry : Entry
        As :func:`admitted` gives it.
    adaptive : Adaptive

    Raises
    ------
    ValueError, UnknownNameError
        For what cannot be recorded, and tolerances of what there is not.
    """

    def __init__(self, entry: door.Entry, adaptive: Adaptive):
        self.entry, self.adaptive, net = entry, adaptive, entry.net
        self.requests, self.watched = sort_requests(net, entry)
        self.first = int(entry.state["steps"])
        self.start, self.end = self.first * entry.step_ms, (self.first + entry.n_steps) * entry.step_ms
        tables = spikes_of(net, self.start, self.end - self.start)
        self.around = Around(wires_of(net), tables, entry.inputs, jnp.asarray(entry.step_ms), jnp.asarray(self.first))
        self.room, self.beside = tuple(sorted(room_for(net).items())), beside_of(net)
        tolerance_of(net, adaptive)

    def run(self, parameters: dict, fixed: dict, state: dict, bar: Any) -> tuple[Recording, dict, dict]:
        """What was recorded, the state at the end, and what is under way there.

        Raises
        ------
        NonFiniteError
            Where steps become too short.
        """
        entry, structure, arrays = self.entry, self.entry.structure, (parameters, fixed, state)
        net = structure.merge(*arrays)
        around = self.around, tolerance_of(net, self.adaptive)
        plan, step_ms = ChunkPlan(self.requests, self.watched, self.room), entry.step_ms
        carry = BEGINNINGS(plan, structure, *arrays, self.beside, *around)
        recorder = Recorder(entry.requests, step_ms, self.first, entry.n_steps)
        collected, variables = Collected(self.requests, self.watched, recorder, step_ms), {}
        while float(carry.t) < self.end or any(bool(jnp.any(due)) for due in carry.due.values()):
            before = carry
            found, variables = PROGRAMS(plan, structure, *arrays, carry, jnp.asarray(self.end), *around)
            carry = found.carry
            if bool(carry.lost):  # once more, with more room
                carry = _with_more_room(before)
                continue
            collected.add(found)
            if (passed := int(float(carry.t) / step_ms) - int(float(before.t) / step_ms)) > 0:
                bar.advance(passed)
            if bool(carry.stuck):
                raise _stuck(
                    carry, found.tried - found.count, collected.finish(entry.net, structure, arrays, around[0])
                )
        recording = collected.finish(entry.net, structure, arrays, around[0])
        return (
            recording,
            state | variables | {"steps": jnp.asarray(self.first + entry.n_steps, jnp.int32)},
            left_by(carry),
        )


def run(entry: door.Entry, adaptive: Adaptive, progress: Any = None) -> Recording:
    """A run from the present state of the network.

    Raises
    ------
    ValueError
        For what cannot be run so.
    NonFiniteError
        Where steps become too short.
    """
    entry = admitted(entry, adaptive)
    net, arrays = entry.net, (entry.parameters, entry.fixed, entry.state)
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((*arrays, entry.inputs))):
        return pure.simulate(entry, adaptive)
    going = Going(entry, adaptive)
    with Progress(progress, entry.n_steps) as bar:
        recording, after, beside = going.run(*arrays, bar)
    write_back(net, after)
    net.went_on()
    net._aside.moment.between = Between.of(beside, going.end, longest_of(net))
    return recording


def _with_more_room(carry: Carry) -> Carry:
    """The carry with twice as much room for spikes under way."""
    return carry._replace(
        sent={path: jnp.concatenate([ring, jnp.full_like(ring, -jnp.inf)]) for path, ring in carry.sent.items()}
    )


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
