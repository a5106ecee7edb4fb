"""The order of a step: a list of phases that is printed and executed, and where operations of the user's own stand."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from brainsim._core import Clock, Dynamics
from brainsim.own_steps import change_where


class Step(NamedTuple):
    """What the phases of one step hand on to each other, by path."""

    received: dict[str, tuple]  # what the receptors of a population give over the step
    arrived: dict[str, Any]  # what reaches the synapses of a projection at t + dt


class Phase(NamedTuple):
    """One phase of a step.

    Parameters
    ----------
    name : str
        What operations say to stand before or after it.
    doc : str
        What happens in it.
    members : callable
        The parts of a network that take part.
    advance : callable
        ``advance(net, clock, step)`` executes it.
    """

    name: str
    doc: str
    members: Callable[[Dynamics], Iterable[Dynamics]]
    advance: Callable[[Dynamics, Clock, Step], None]


def _receive(net, clock, step):
    for name, population in net.populations.items():
        if population.own_step_ms is None:
            step.received[name] = population.receive(clock.of(name))


def _integrate(net, clock, step):
    for name, population in net.populations.items():
        if population.own_step_ms is None:
            population.update(clock.of(name), *step.received[name])
        else:
            population.advance_rarely(clock.of(name))


def _modulate(net, clock, step):
    populations = net.populations
    for name, modulator in net.modulators.items():
        modulator.update(clock.of(name), populations)


def _send(net, clock, step):
    populations, senders, projections, modulators = net.populations, net.senders, net.projections, net.modulators
    sent = released(senders, projections, clock)
    for name, projection in projections.items():
        pre, post = senders[projection.pre], populations[projection.post]
        own = sent.get(projection.held_by)
        step.arrived[name] = projection.send(clock.of(name), pre, post, modulators, own)


def released(senders: dict, projections: dict, clock: Clock) -> dict[str, Any]:
    """What terminals make of the spikes fired, or of V, at t + dt, by the projection that holds each: one may serve several."""
    return {
        name: projection.terminal.sent(clock.of(name).of("terminal"), projection.taken(senders[projection.pre]))
        for name, projection in projections.items()
        if projection.held_by == name
    }


def _deliver(net, clock, step):
    populations = net.populations
    for name, projection in net.projections.items():
        post = populations[projection.post]
        if projection.graded and post.own_step_ms is not None:  # it sees the value at which its own step begins
            change_where(post.ends(clock), net, functools.partial(_bring, name, clock, step))
        else:
            _bring(name, clock, step, net)


def _bring(name, clock, step, net):
    parts = vars(net)  # to look for all parts of a kind, for each projection, takes the square of their number
    projection = parts[name]
    projection.deliver(clock.of(name), parts[projection.post], step.arrived[name])


def _receptors(net):
    return [receptor for p in net.populations.values() for receptor in getattr(p, "receptors", {}).values()]


def _sending(net):
    return [p for p in net.projections.values() if p.plastic or p.delay_kind != "none" or p.held_by]


# The spikes that arrive at t are delivered at the end of the step before: the same order as delivering first, and XLA
# then decays a receptor and adds to it in place, without a copy.
SCHEDULE = (
    Phase(
        "receptors",
        "receptors advance over [t, t + dt] and give their current or conductance to the membrane",
        _receptors,
        _receive,
    ),
    Phase(
        "populations",
        "populations integrate over [t, t + dt] with that and their stimuli, and fire at t + dt",
        lambda net: net.populations.values(),
        _integrate,
    ),
    Phase(
        "modulators",
        "modulators take in the spikes fired at t + dt",
        lambda net: net.modulators.values(),
        _modulate,
    ),
    Phase(
        "synapses",
        "spikes fired at t + dt pass terminals and enter delays; plasticity updates weights",
        _sending,
        _send,
    ),
    Phase(
        "delivery",
        "every projection delivers the spikes that arrive at t + dt into its receptor",
        lambda net: net.projections.values(),
        _deliver,
    ),
)
PHASES = tuple(phase.name for phase in SCHEDULE)


def advance(net: Dynamics, clock: Clock) -> None:
    """One step of the network from t to t + dt: every phase, with the operations before and after it."""
    operations = net.operations.values()
    step = Step({}, {})
    for phase in SCHEDULE:
        for operation in operations:
            if operation.before == phase.name:
                operation.update(clock, net)
        phase.advance(net, clock, step)
        for operation in operations:
            if operation.after == phase.name:
                operation.update(clock, net)


def printed(net: Dynamics) -> str:
    """The phases, their members in the network and the operations between them, one per line."""
    lines = []
    for number, phase in enumerate(SCHEDULE, start=1):
        lines += [f"   {operation}" for operation in net.operations.values() if operation.before == phase.name]
        members = ", ".join(member.path for member in phase.members(net)) or "none"
        lines.append(f"{number}. {phase.doc}: {members}")
        lines += [f"   {operation}" for operation in net.operations.values() if operation.after == phase.name]
    slow = [p for p in net.populations.values() if p.own_step_ms is not None]
    lines += [f"   {p.path}: receptors and units advance at the ends of steps of {p.own_step_ms:g} ms" for p in slow]
    return "\n".join(lines)
