"""Spikes on their way: those that were sent, when each arrives, and what it adds where."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from brainsim.network import Network
from brainsim.projection import Projection
from brainsim.receptors import Delta
from brainsim.simulation.continuous.circuit import Circuit
from brainsim.simulation.continuous.clock import SAME


class Wires(NamedTuple):
    """Who is connected, and with which delays where these are no parameter: arrays of a projection."""

    source: jax.Array  # (n_synapses,)
    target: jax.Array
    delay: jax.Array | None  # ms, () or (n_synapses,)


def wires_of(net: Network) -> dict[str, Wires]:
    """Those of all projections, by path."""
    found = {}
    for path, projection in net.projections.items():
        if projection.receptor is None or projection.graded:
            continue
        source, target = (jnp.asarray(side, jnp.int32) for side in projection.conn.coo())
        times = projection.axon.times
        delay = None
        if times is not None and not projection.axon.changes:
            delay = jnp.asarray(times.ms.ravel() if times.shape else times.ms)
        found[path] = Wires(source, target, delay)
    return found


class Line:
    """What a projection brings: spikes of its senders, each at its own time.

    Parameters
    ----------
    projection : Projection
    wires : Wires
    circuit : Circuit
    net : Network
    name : str
        Of the receptor.
    factor : float array, (), or None
        What arrives there for a weight of 1, where it is not the first receptor of the projection.
    """

    def __init__(self, projection: Projection, wires: Wires, circuit: Circuit, net: Network, name: str, factor: Any):
        self.path, self.pre, self.wires, self.n_pre = projection.path, projection.pre, wires, projection.n_pre
        #: whose sizes multiply the weights: of a terminal, or of who sends
        held: Any = projection.held_by
        self.sized = projection.pre if held is None else net[held].terminal.path
        receptor = net.populations[projection.post].receptors[name]  # type: ignore[attr-defined]
        self.receptor, self.post, self.count = receptor, projection.post, receptor.count
        weight = projection.plain("weight").ravel()
        self.weight = jnp.broadcast_to(weight if factor is None else weight * factor, wires.source.shape)
        self.immediate = projection.axon.times is None
        if not self.immediate:
            delay = projection.plain("delay").ravel() if wires.delay is None else wires.delay
            delay = delay.reshape(()) if delay.size == 1 else delay
            self.single = bool(delay.ndim)
            self.delay = delay
        membrane = circuit.membranes[projection.post]
        if isinstance(receptor, Delta):
            self.into, self.row, self.moves = projection.post, membrane.names.index(receptor.variable), True
            self.clamped = membrane.clamped[self.row]
            self.sites = membrane.sites
        else:
            self.into, self.row, self.moves = receptor.path, receptor.stages.index(receptor.port), False
            self.clamped = False

    def arrivals(self, sent: jax.Array) -> jax.Array:
        """When what was ``sent`` at (k, n_pre) arrives: (k, n_pre), or (k, n_synapses) where each synapse has its own delay."""
        return sent[:, self.wires.source] + self.delay[None] if self.single else sent + self.delay

    def sums(self, weight_of: jax.Array) -> jax.Array:
        """Sum over the synapses of each target of their weights times a number for each sender, or each synapse."""
        each = weight_of if weight_of.shape == self.wires.source.shape and self._each else weight_of[self.wires.source]
        return jnp.zeros((self.count,), self.weight.dtype).at[self.wires.target].add(self.weight * each)

    @property
    def _each(self) -> bool:
        return not self.immediate and self.single

    def add(self, y: dict, total: jax.Array, held: dict) -> dict:
        """The state with what arrives at each target."""
        if self.moves:
            total = self.receptor.spread(total, self.sites)
            if self.clamped and held.get(self.post) is not None:
                total = jnp.where(held[self.post], 0.0, total)
        return y | {self.into: y[self.into].at[self.row].add(total)}


def lines_of(net: Network, wires: dict[str, Wires], circuit: Circuit) -> list[Line]:
    """Those of all projections."""
    found = []
    for path, own in wires.items():
        projection = net.projections[path]
        further = projection.also.factors if "also" in vars(projection) else {}
        for name, factor in {projection.receptor: None, **further}.items():
            found.append(Line(projection, own, circuit, net, name, factor))
    return found


def longest_of(net: Network) -> dict[str, float]:
    """The longest delay of what each sender sends, in ms, by path of those that send with a delay."""
    found: dict[str, float] = {}
    for projection in net.projections.values():
        axon = projection.axon
        times = (
            None if projection.receptor is None or projection.graded else axon.longest if axon.changes else axon.times
        )  # type: ignore
        if times is not None:
            found[projection.pre] = max(found.get(projection.pre, 0.0), times.longest)
    return found


def room_for(net: Network) -> dict[str, int]:
    """How many spikes of each unit may be under way, by path of the sender: one for each millisecond of the longest delay, and
    some more.
    """
    return {path: 4 + int(np.ceil(longest)) for path, longest in longest_of(net).items()}


class Arrived(NamedTuple):
    """What arrives at one time: for each line a number for each sender or synapse, and the same times how much later."""

    number: list
    later: list
    any: jax.Array


def next_arrival(lines: list[Line], sent: dict, done: jax.Array) -> jax.Array:
    """When the next spike arrives after ``done``."""
    soonest = jnp.asarray(jnp.inf, done.dtype)
    for line in lines:
        if not line.immediate:
            when = jax.lax.stop_gradient(line.arrivals(sent[line.pre]))
            soonest = jnp.minimum(soonest, jnp.min(jnp.where(when > done, when, jnp.inf), initial=jnp.inf))
    return soonest


def arriving(
    lines: list[Line], sent: dict, sizes: dict, fired: dict, size: dict, done: jax.Array, now: jax.Array
) -> Arrived:
    """What arrives after ``done`` and up to ``now``, and through lines without a delay of what ``fired`` now: by path of the
    sender the times of who did, infinite for the others. ``sizes`` and ``size``: what the weights of those that were sent, and of
    those that fire now, are multiplied by, where it is not 1.
    """
    number, later, some = [], [], jnp.zeros((), bool)
    for line in lines:
        if line.immediate:
            when = fired[line.pre][None] if line.pre in fired else jnp.full((1, line.n_pre), jnp.inf, now.dtype)
            here, times = jnp.isfinite(when), size.get(line.sized)
            times = None if times is None else times[None]
        else:
            when, times = line.arrivals(sent[line.pre]), sizes.get(line.sized)
            times = times if times is None or not line.single else times[:, line.wires.source]
            at = jax.lax.stop_gradient(when)
            here = (at > done) & (at <= now + SAME)
        times = here.astype(now.dtype) if times is None else jnp.where(here, times, 0.0)
        number.append(jnp.sum(times, axis=0))
        later.append(jnp.sum(times * jnp.where(here, jnp.where(here, when, now) - now, 0.0), axis=0))
        some = some | jnp.any(here)
    return Arrived(number, later, some)
