"""A run in steps of its own length inside a transformation: ``jax.grad``, ``jax.vmap``, ``jax.jit``."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim._core import split, write_back
from brainsim.integrators import Adaptive
from brainsim.simulation import door
from brainsim.simulation.continuous.arrivals import room_for, wires_of
from brainsim.simulation.continuous.asked import kept, tables_of, tolerance_of
from brainsim.simulation.continuous.loop import again, ahead, sampled
from brainsim.simulation.continuous.turn import Turns
from brainsim.simulation.plan import WHOLE, Request
from brainsim.simulation.recorder import samples_of
from brainsim.simulation.recording import Recording, Samples


def run(entry: door.Entry, adaptive: Adaptive, requests: tuple[Request, ...], watched: tuple[str, ...]) -> Recording:
    """Steps and events are found without derivatives, and gone through again with them.

    Spikes are their times, (most_spikes, n), infinite for none.
    """
    net, step_ms, n_steps = entry.net, entry.step_ms, entry.n_steps
    for r in requests:
        if r.derived is not None or r.initial or r.window != WHOLE:
            what = "is computed" if r.derived is not None else "takes a window or an initial value"
            raise ValueError(f"record: {r.label!r} {what}, which is not for the inside of a transformation.")
    structure, parameters, fixed, state = split(net)
    if isinstance(state["steps"], Tracer) and net.begun:
        raise ValueError("adaptive: the time of the network, net.steps, cannot be traced; take a copy of it outside.")
    first = int(state["steps"]) if net.begun else 0
    begin, stop = first * step_ms, (first + n_steps) * step_ms
    start, end = jnp.asarray(begin, float), jnp.asarray(stop, float)
    tables, wires = tables_of(net, begin, stop), wires_of(net)
    seen_of = lambda turns: kept(turns.circuit, requests)  # noqa: E731
    room = room_for(net)

    def begun(net):
        turns = Turns(net, wires, tables, tolerance_of(net, adaptive))
        return turns, turns.start(start, room, {path: net.senders[path].count for path in room})

    def found(net):
        turns, carry = begun(net)
        chunk = ahead(turns, carry, end, adaptive.most_steps, seen_of(turns), watched)
        turns.restore()
        return chunk

    def once_more(net):
        turns, carry = begun(net)
        carry, course = again(turns, carry, chunk, seen_of(turns), watched)
        variables = turns.circuit.variables(carry.y)
        turns.restore()
        return variables, course

    plain = jax.lax.stop_gradient((parameters, fixed, state))
    chunk = jax.lax.stop_gradient(structure.part(found, *plain, {})[0])
    variables, course = structure.part(once_more, parameters, fixed, state, {})[0]
    # Not a number, and no number as a derivative either, where there was not room enough
    whole = jnp.where(chunk.carry.t >= end, 1.0, jnp.nan)
    held = {}
    for r in requests:
        steps = (first // r.every + 1 + np.arange((first + n_steps) // r.every - first // r.every)) * r.every
        array = sampled(course, chunk.count, r.label, jnp.asarray(steps * step_ms))
        held[r.label] = samples_of(net, r, array * whole, first)
    for r in entry.requests:
        if r.is_spikes:
            never = jnp.full((1, net.senders[r.population].count), jnp.inf)
            times = jnp.sort(course.fired.get(r.population, never), axis=0)
            room_left = times.shape[0] <= adaptive.most_spikes or ~jnp.any(jnp.isfinite(times[adaptive.most_spikes]))
            times = times[: adaptive.most_spikes] * whole * jnp.where(room_left, 1.0, jnp.nan)
            chosen: Any = times[:, r.numbers]
            held[r.label] = Samples(chosen, u.ms, r.path, r.numbers, 1, 1)
    write_back(net, variables | {"steps": jnp.asarray(first + n_steps, jnp.int32)})
    net.went_on()
    return Recording({}, held, {}, step_ms, begin, stop)
