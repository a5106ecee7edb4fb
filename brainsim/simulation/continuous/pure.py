"""A run in steps of its own length as a pure function: for ``jax.grad``, ``jax.vmap`` and ``jax.jit``."""

from __future__ import annotations

import dataclasses
import functools

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim._core import split, write_back
from brainsim.integrators import Adaptive
from brainsim.simulation import door
from brainsim.simulation.continuous.around import Around
from brainsim.simulation.continuous.arrivals import longest_of, room_for, wires_of
from brainsim.simulation.continuous.asked import kept, sort_requests, spikes_of, tolerance_of
from brainsim.simulation.continuous.between import Between, begun, beside_of, left_by, states_after
from brainsim.simulation.continuous.computed import STATE, ComputedPlan, compute
from brainsim.simulation.continuous.loop import again, ahead, sampled
from brainsim.simulation.continuous.turn import Turns
from brainsim.simulation.engine import kept_program, structure_now
from brainsim.simulation.plan import WHOLE, Request
from brainsim.simulation.recorder import samples_of
from brainsim.simulation.recording import Recording, Samples


@dataclasses.dataclass(frozen=True)
class PurePlan:
    """What such a run is traced for: what is recorded, whose spikes, room for spikes under way by path of who sends them, the
    number of samples, their interval, the tolerances; and the first step, for samples at multiples of longer intervals.
    """

    requests: tuple[Request, ...]
    spikes: tuple[Request, ...]
    watched: tuple[str, ...]
    room: tuple[tuple[str, int], ...]
    n_steps: int
    step_ms: float
    adaptive: Adaptive
    first: int = 0


def plan_of(entry: door.Entry, adaptive: Adaptive) -> PurePlan:
    """The plan of a run that was let in.

    Raises
    ------
    ValueError
        For windows and initial values, and what is no variable of the equations.
    """
    for r in entry.requests:
        if r.initial or r.window != WHOLE:
            raise ValueError(
                f"record: {r.label!r} takes a window or an initial value, which is not for the inside of a transformation."
            )
    requests, watched = sort_requests(entry.net, entry)
    tolerance_of(entry.net, adaptive)  # says what is wrong with paths
    room = tuple(sorted(room_for(entry.net).items()))
    spikes = tuple(r for r in entry.requests if r.is_spikes)
    return PurePlan(requests, spikes, watched, room, entry.n_steps, entry.step_ms, adaptive)


def beside_like(entry: door.Entry, plan: PurePlan, around: Around) -> dict:
    """Shapes of what a run leaves beside the states of the network, by name."""

    def left(net):
        turns = Turns(net, around, tolerance_of(net, plan.adaptive))
        carry = turns.start(jnp.zeros(()), dict(plan.room))
        turns.restore()
        return left_by(carry)

    part = lambda p, f, s: entry.structure.part(left, p, f, s, {})[0]  # noqa: E731
    return jax.eval_shape(part, entry.parameters, entry.fixed, entry.state)


def run(plan: PurePlan, structure, parameters, fixed, state, beside: dict, around: Around) -> tuple[dict, dict, dict]:
    """The state at the end, what is under way there, and what was recorded by label.

    Steps and events are found without derivatives, and gone through again with them. Spikes are their times in ms,
    (most_spikes, n), infinite for none.
    """
    program = kept_program(structure, ("continuous", plan), functools.partial(_run, plan))
    return program(parameters, fixed, state, beside, around)


def _run(plan: PurePlan, parameters, fixed, state, beside, around: Around):
    structure, adaptive, step_ms = structure_now(), plan.adaptive, plan.step_ms
    start = state["steps"] * step_ms
    end = (state["steps"] + plan.n_steps) * step_ms
    seen_of = lambda turns: kept(turns.circuit, plan.requests)  # noqa: E731

    def start_of(net, beside, around):
        turns = Turns(net, around, tolerance_of(net, adaptive))
        carry = turns.start(start, dict(plan.room))
        return turns, begun(net, step_ms, carry, beside)

    def first_pass(net):
        turns, carry = start_of(net, *plain[3:])
        chunk = ahead(turns, carry, end, adaptive.most_steps, seen_of(turns), plan.watched)
        turns.restore()
        return chunk

    def once_more(net):
        turns, carry = start_of(net, beside, around)
        carry, course = again(turns, carry, chunk, seen_of(turns), plan.watched)
        after = states_after(net, turns, carry, step_ms)
        turns.restore()
        return after, left_by(carry), course

    plain = jax.lax.stop_gradient((parameters, fixed, state, beside, around))
    chunk = jax.lax.stop_gradient(structure.part(first_pass, *plain[:3], {})[0])
    after, left, course = structure.part(once_more, parameters, fixed, state, {})[0]
    # Not a number, and no number as a derivative either, where there was not room enough
    whole = jnp.where(chunk.carry.t >= end, 1.0, jnp.nan)
    after = {path: x * whole if jnp.issubdtype(x.dtype, jnp.floating) else x for path, x in after.items()}
    state = state | after | {"steps": state["steps"] + plan.n_steps}
    recorded = {}
    for r in plan.requests:
        steps = _samples_of(plan, state["steps"] - plan.n_steps, r)
        at = lambda label, steps=steps: sampled(course, chunk.count, label, steps * step_ms)  # noqa: E731
        if r.derived is None:
            found = at(r.label)
        else:
            there = {path: at(STATE + path) for path in (x.removeprefix(STATE) for x in course.values if STATE in x)}
            found = compute(ComputedPlan(r), structure, "", parameters, fixed, state, steps * step_ms, there, around)
        recorded[r.label] = found * whole
    for r in plan.spikes:
        recorded[r.label] = _first_spikes(course.fired.get(r.population), r, adaptive, whole)
    return state, left, recorded


def _samples_of(plan: PurePlan, first: jax.Array, r: Request) -> jax.Array:
    """The numbers of the steps at whose end samples are taken."""
    if r.every == 1:
        return first + 1 + jnp.arange(plan.n_steps)
    rows = np.arange((plan.first + plan.n_steps) // r.every - plan.first // r.every)
    return jnp.asarray((plan.first // r.every + 1 + rows) * r.every)


def _first_spikes(times: jax.Array | None, r: Request, adaptive: Adaptive, whole: jax.Array) -> jax.Array:
    """Times of each unit, (most_spikes, n), infinite beyond the last; not numbers where there are more."""
    most = adaptive.most_spikes
    if times is None:  # of what never fires
        return jnp.full((most, *r.shape), jnp.inf)
    times = jnp.sort(r.select(times.T).T, axis=0)
    if (missing := most + 1 - len(times)) > 0:
        times = jnp.pad(times, ((0, missing), (0, 0)), constant_values=jnp.inf)
    whole = whole * jnp.where(jnp.any(jnp.isfinite(times[most])), jnp.nan, 1.0)
    return times[:most] * whole


def simulate(entry: door.Entry, adaptive: Adaptive) -> Recording:
    """:func:`brainsim.simulate` inside a transformation, with what is traced in the network."""
    net, step_ms, n_steps = entry.net, entry.step_ms, entry.n_steps
    structure, parameters, fixed, state = split(net)
    if isinstance(state["steps"], Tracer):
        if net.begun:
            raise ValueError(
                "adaptive: the time of the network, net.steps, cannot be traced; take a copy of it outside."
            )
        state = state | {"steps": jnp.zeros((), jnp.int32)}
    first = int(state["steps"]) if net.begun else 0
    plan = dataclasses.replace(plan_of(entry, adaptive), first=first)
    tables = spikes_of(net, first * step_ms, n_steps * step_ms)
    around = Around(wires_of(net), tables, entry.inputs, jnp.asarray(step_ms), jnp.asarray(first))
    state, beside, recorded = run(plan, structure, parameters, fixed, state, beside_of(net), around)
    held = {r.label: samples_of(r, recorded[r.label], first) for r in plan.requests}
    held |= {r.label: Samples(recorded[r.label], u.ms, r.path, r.numbers, 1, 1) for r in plan.spikes}
    write_back(net, state)
    net.went_on()
    net._aside.moment.between = Between.of(beside, state["steps"] * step_ms, longest_of(net))
    return Recording({}, held, {}, step_ms, first * step_ms, (first + n_steps) * step_ms)
