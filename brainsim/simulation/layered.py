"""Networks without feedback between populations, one population after the other with all of its steps: what reaches it over time
is known when its turn comes, so that a path takes all steps at once, as a larger batch.

Populations that feed back on each other are one group, which goes step by step. Results are those of all together step by
step, to rounding. :mod:`brainsim.simulation.order` says which way a network goes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from brainsim._core import Clock
from brainsim.events.recurrence import recurrence
from brainsim.integrated import IntegratedPopulation
from brainsim.network import Network
from brainsim.paths import Applied
from brainsim.schedule import released
from brainsim.simulation import collected
from brainsim.simulation.at_once import solve
from brainsim.simulation.order import Order, delivers_at_once


def run(
    order: Order, structure, parameters, fixed, state, step_ms, n_steps, inputs, record: dict, remat: bool
) -> tuple:
    """Run ``n_steps`` steps group after group.

    Parameters
    ----------
    record : dict of str to (str, function)
        What is recorded of which variable, by label.
    remat : bool
        Compute each step of a group again on the way back.

    Returns
    -------
    state, samples : dict of str to array
    """
    net, first = structure.merge(parameters, fixed, state), state["steps"]
    arrived: dict[str, jax.Array] = {}  # at each step, by projection
    after, samples = dict(state), {}
    for names in order.groups:
        group = _Group(net, names)
        entering = {name: arrived.pop(name) for name in group.entering}
        own = {path: array for path, array in state.items() if group.holds(path)}
        steps = first + jnp.arange(n_steps, dtype=jnp.int32)
        for name in group.at_once:
            sums = _sums(name, entering[name], Clock(steps, step_ms, fixed["key"]))
            entering[name], changed = structure.part(sums, parameters, fixed, state, {})
            own |= {path: changed[path] for path in own if path.startswith(group.delivering(name))}
        courses = {path: course for path, course in inputs.items() if path.partition(".")[0] in names}
        asked = {label: wanted for label, wanted in record.items() if group.holds(wanted[0])}
        paths = tuple(dict.fromkeys(path for path, _ in asked.values()))
        given: Any = structure, parameters, fixed, state, step_ms
        times = steps, courses, entering
        if group.parallel is not None or names[0] in order.together:
            own, (sent, taken) = _through_time(group, given, own, times, paths, remat)
        else:
            step = group.step_of(given, paths, group.advance)
            own, (sent, taken) = _steps(group, step, own, times, remat)
        after |= own
        samples |= {label: jax.vmap(select)(taken[path]) for label, (path, select) in asked.items()}
        arrived |= sent
    return after | {"steps": first + n_steps}, samples


def _steps(group: _Group, step: Callable, own: dict, times: tuple, remat: bool) -> tuple:
    """As ``jax.lax.scan``, in the fastest way that there is."""
    if group.simple and _forgets(step, own, times):
        return _all_at_once(step, own, times)
    found = recurrence(step, own, times)
    return found if found is not None else collected.scan(step, own, times, remat)


def _through_time(group: _Group, given: Any, own: dict, times: tuple, paths: tuple, remat: bool) -> tuple:
    """As ``jax.lax.scan``, of a population that has all its steps at once: the course of its states first, and then what is sent
    of it.
    """
    leaving = tuple(f"{projection}." for projection in group.leaving)
    living = {path: array for path, array in own.items() if not path.startswith(leaving)}
    find = _solved if group.parallel is None else _made
    living, courses, first = find(group, given, living, times, paths, remat)
    send = group.step_of(given, paths, group.release)
    own, (sent, second) = _steps(group, send, own | living, (times[0], courses, {}), remat)
    taken = {path: first.get(path, second.get(path)) for path in paths}
    return own | living, (sent, taken)


def _made(group: _Group, given: Any, living: dict, times: tuple, paths: tuple, remat: bool) -> tuple:
    """What reaches a population at all steps, and what it makes of that: its state at the end, courses of what is sent, and
    those of ``paths``.
    """
    structure, parameters, fixed, state, _ = given
    name = group.parallel
    own_paths = tuple(path for path in paths if path in living)
    living, (arrived, taken) = _steps(group, group.step_of(given, own_paths, group.take), living, times, remat)
    made = lambda net: net.populations[name].through_time(times[0], arrived)
    (courses, last), _ = structure.part(made, parameters, fixed, state | living, {})
    courses, last = ({f"{name}.{key}": x for key, x in found.items()} for found in (courses, last))
    for path in last:
        if path in paths:
            raise ValueError(f"record: {path} is not made at each step where all steps are taken at once.")
    return living | {path: x[-1] for path, x in courses.items()} | last, courses, taken | courses


def _solved(group: _Group, given: Any, living: dict, times: tuple, paths: tuple, remat: bool) -> tuple:
    """As :func:`_made`, of a population of which all steps are solved for."""

    def stepping(silent):
        step = group.step_of(given, (), functools.partial(group.live, silent=silent))

        def plain(own, now):
            after = step(own, now)[0]
            after = {path: after[path].astype(own[path].dtype) for path in own}
            return after, after

        return plain

    found = solve(stepping(False), living, times, silent=stepping(True), remat=remat)
    return found.after, found.results, found.results


def _sums(name: str, arrived, clock: Clock) -> Callable:
    """What the projection ``name`` delivers at each step, by port, of what arrives at each; a layer, before its weight."""

    def sums(net):
        projection = net.projections[name]
        return projection.all_at_once(clock, net.populations[projection.post], arrived)

    return sums


class _Group:
    """Populations that go step by step together, and the projections from and to them."""

    def __init__(self, net: Network, names: Sequence[str]):
        self.names = frozenset(names)
        projections = net.projections
        self.leaving = [name for name, p in projections.items() if p.pre in self.names and p.post not in self.names]
        self.entering = [name for name, p in projections.items() if p.post in self.names and p.pre not in self.names]
        self.entering = [name for name in self.entering if projections[name].receptor is not None]
        self.leaving = [name for name in self.leaving if projections[name].receptor is not None]
        self.at_once = {name for name in self.entering if delivers_at_once(net, projections[name])}
        layers = {name: "layer." for name, p in projections.items() if "layer" in vars(p)}
        own = {name: "axon.ring" for name, p in projections.items() if p.axon.kind == "synaptic"}  # one for each target
        self._delivering = {name: f"{name}.{part}" for name, part in (layers | own).items()}
        self._post = {name: p.post for name, p in projections.items()}
        self._pre = {name: p.pre for name, p in projections.items()}
        self.simple = not any(isinstance(net.populations[name], IntegratedPopulation) for name in names)
        alone = len(self.names) == 1 and not any(p.pre == p.post for p in projections.values() if p.pre in self.names)
        #: the population, where it makes its spikes of what reaches it at all steps
        self.parallel: Any = next((n for n in names if alone and hasattr(net.populations[n], "through_time")), None)

    def holds(self, path: str) -> bool:
        """Whether a state changes in the steps of this group: that of its populations and of what leaves them, but where a
        projection delivers what delivering changes.
        """
        owner = path.partition(".")[0]
        if owner in self._delivering and path.startswith(self._delivering[owner]):
            return self._post[owner] in self.names
        return self._pre.get(owner, owner) in self.names

    def delivering(self, name: str) -> tuple[str, ...]:
        """What the paths begin with of what changes where the projection ``name`` delivers."""
        return (self._delivering[name],) if name in self._delivering else ()

    def step_of(self, given: Any, paths: tuple, advance: Callable) -> Callable:
        """The step, for ``jax.lax.scan``: its carry is what the group holds of the state, its results are those of ``advance``,
        and samples of ``paths``. ``given``: structure, parameters, fixed arrays, state and length of a step.
        """
        structure, parameters, fixed, state, step_ms = given

        def step(own, now):
            number, courses, entering = now
            clock = Clock(number, step_ms, fixed["key"])
            change = functools.partial(advance, clock=clock, entering=entering)
            result, after = structure.part(change, parameters, fixed, state | own, courses)
            return {path: after[path] for path in own}, (result, {path: after[path] for path in paths})

        return step

    def advance(self, net: Network, clock: Clock, entering: dict) -> dict:
        """One step of the group; what then arrives at others, by projection."""
        populations = self._populations(net)
        received = {name: population.receive(clock.of(name)) for name, population in populations.items()}
        for name, population in populations.items():
            population.update(clock.of(name), *received[name])
        arrived = self._sent(net, clock)
        self._deliver(net, clock, entering | arrived)
        return {name: arrived[name] for name in self.leaving}

    def take(self, net: Network, clock: Clock, entering: dict) -> jax.Array:
        """The part of a step in which the population that is ``parallel`` takes what reaches it: what that is."""
        population = net.populations[self.parallel]
        taken = population.taken(clock.of(self.parallel), *population.receive(clock.of(self.parallel)))
        self._deliver(net, clock, entering)
        return taken

    def live(self, net: Network, clock: Clock, entering: dict, silent: bool = False) -> None:
        """The part of a step in which the only population advances, and what arrives is added; where it is ``silent``, spikes have
        no derivative.
        """
        (name,) = self.names
        population: Any = net.populations[name]
        if silent and getattr(population, "surrogate", None) is not None:
            population.fix(surrogate=None)
        population.update(clock.of(name), *population.receive(clock.of(name)))
        self._deliver(net, clock, entering)

    def release(self, net: Network, clock: Clock, entering: dict) -> dict:
        """The part in which it sends its spikes, which it has; what then arrives at others, by projection."""
        arrived = self._sent(net, clock)
        return {name: arrived[name] for name in self.leaving}

    def _populations(self, net: Network) -> dict:
        return {name: population for name, population in net.populations.items() if name in self.names}

    def _sent(self, net: Network, clock: Clock) -> dict:
        """What arrives at the end of a step of what the group sends, by projection."""
        populations = self._populations(net)
        projections = {name: p for name, p in net.projections.items() if p.pre in self.names}
        sent = released(populations, projections, clock)
        return {
            name: p.send(clock.of(name), populations[p.pre], net.populations[p.post], {}, sent.get(p.held_by or ""))
            for name, p in projections.items()
        }

    def _deliver(self, net: Network, clock: Clock, arriving: dict) -> None:
        """Add to receptors of the group what arrives, by projection."""
        populations = self._populations(net)
        for name, projection in net.projections.items():
            if projection.post not in self.names:
                continue
            if name in self.at_once:
                receptor = populations[projection.post].receptors[projection.receptor]
                weight = projection.way.weight if isinstance(projection.way, Applied) else None
                for port, value in arriving[name].items():
                    receptor.put(port, receptor.plain(port) + (value if weight is None else weight * value))
            elif name in arriving:
                projection.deliver(clock.of(name), populations[projection.post], arriving[name])


def _forgets(step: Callable, own: dict, times) -> bool:
    """Whether nothing in a step depends on the state before it."""
    first = jax.tree.map(lambda x: x[0], times)
    jaxpr = jax.make_jaxpr(step)(own, first).jaxpr
    used = {v for v in jaxpr.outvars if not hasattr(v, "val")}
    for equation in reversed(jaxpr.eqns):
        if used.intersection(equation.outvars):
            used |= {v for v in equation.invars if not hasattr(v, "val")}
    return not used.intersection(jaxpr.invars[: len(own)])


def _all_at_once(step: Callable, own: dict, times) -> tuple:
    """As ``jax.lax.scan``, for steps of which none depends on the one before."""
    after, results = jax.vmap(lambda now: step(own, now))(times)
    return {path: array[-1] for path, array in after.items()}, results
