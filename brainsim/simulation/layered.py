"""Networks without feedback between populations, one population after the other with all of its steps: what reaches it over time
is known when its turn comes, so that a path takes all steps at once, as a larger batch.

Populations that feed back on each other are one group, which goes step by step. Results are those of all together step by
step, to rounding.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence

import jax
import jax.numpy as jnp

from brainsim._core import Clock, once_per_run
from brainsim.events import Dense
from brainsim.events.recurrence import recurrence
from brainsim.integrated import IntegratedPopulation
from brainsim.network import Network
from brainsim.paths import Applied
from brainsim.projection import Projection
from brainsim.receptors.base import Receptor
from brainsim.schedule import released
from brainsim.simulation import collected

MOST = 1 << 24  # numbers that may be kept between populations: of longer runs nothing but the state is


@dataclasses.dataclass(frozen=True)
class Order:
    """In which order a function runs the populations of a network.

    Parameters
    ----------
    groups : tuple of tuple of str
        Names of the populations that go step by step together, in the order in which groups are run; empty where all go together.
    reason : str
        Why all go together.
    feedback : bool
        Whether some populations reach themselves.
    """

    groups: tuple[tuple[str, ...], ...] = ()
    reason: str = ""
    feedback: bool = True

    def taking(self, inputs: dict, paths: Iterable[str]) -> Order:
        """The order for a run with these ``inputs`` that records these ``paths``."""
        known = {name for group in self.groups for name in group}
        other = next((path for path in inputs if path.partition(".")[0] not in known), None)
        if self.groups and other is not None:
            return Order(reason=f"the input {other!r}")
        return Order(reason="time is recorded") if self.groups and "steps" in paths else self

    def __str__(self):
        if not self.groups:
            return f"step by step: {self.reason}"
        return "layer by layer: " + ", ".join(" with ".join(group) for group in self.groups)


def order_of(net: Network, n_steps: int, checkpoint_every: int | None = None) -> Order:
    """The order in which a function runs the populations of a network."""
    reason = "checkpoint_every" if checkpoint_every is not None else _coupled(net) or _not_worth_it(net, n_steps)
    if reason:
        return Order(reason=reason)
    groups = _groups(net)
    feedback = any(p.pre == p.post for p in net.projections.values()) or any(len(group) > 1 for group in groups)
    gaining = [p for p in net.projections.values() if ("layer" in vars(p) or _dense(p)) and _at_once(net, p)]
    if feedback and not gaining:  # what is kept between populations takes more memory, and no less time
        return Order(reason="populations reach themselves, and no layer of flax or dense weight would gain")
    return Order(groups, feedback=feedback)


def _coupled(net) -> str:
    """What stands between steps of different populations."""
    for kind, parts in (("modulator", net.modulators), ("operation", net.operations)):
        if parts:
            return f"the {kind} {next(iter(parts))!r} sees all populations in each step"
    for name, population in net.populations.items():
        if population.own_step_ms is not None:
            return f"{name} has steps of its own"
        if getattr(population, "spike_times", "grid") != "grid":
            return f"spikes of {name} have times within a step"
    for name, projection in net.projections.items():
        if projection.pre != projection.sender:
            return f"{projection.pre} sends spikes of its own"
        if projection.plastic:
            return f"plasticity of {name}"
        if not projection.axon.whole:
            return f"delays of single synapses of {name}"
    return ""


def _not_worth_it(net, n_steps) -> str:
    group_of = {name: group for group in _groups(net) for name in group}
    between = [p for p in net.projections.values() if group_of[p.pre] != group_of[p.post]]
    if not any(_at_once(net, p) for p in between):
        return "nothing is delivered between populations without feedback that all steps could share"
    if n_steps * sum(population.count for population in net.populations.values()) > MOST:
        return "too long to keep what passes between populations"
    return ""


def _at_once(net: Network, projection: Projection) -> bool:
    """Whether what a projection delivers in all steps follows from what arrives in them, whatever the receptor holds."""
    if projection.receptor is None or projection.graded or len(projection.receptors) > 1:
        return False
    receptor = net.populations[projection.post].receptors[projection.receptor]
    if not receptor.adds_up:
        return False
    once = "layer" not in vars(projection) or once_per_run(projection.layer)
    return type(receptor).features is Receptor.features and once


def _dense(projection: Projection) -> bool:
    """Whether every neuron reaches every other by a weight of its own: many steps are a better product than one."""
    return isinstance(getattr(projection, "conn", None), Dense) and projection.plain("weight").ndim > 0


def _groups(net) -> tuple[tuple[str, ...], ...]:
    """Populations that reach each other, in an order in which what arrives comes from groups before."""
    onwards: dict[str, set[str]] = {name: set() for name in net.populations}
    for projection in net.projections.values():
        onwards[projection.pre].add(projection.post)
    reached = {name: _reached(name, onwards) for name in onwards}
    groups: list[tuple[str, ...]] = []
    for name in onwards:
        group = tuple(
            other for other in onwards if other == name or (other in reached[name] and name in reached[other])
        )
        if group not in groups:
            groups.append(group)
    ordered: list[tuple[str, ...]] = []
    while len(ordered) < len(groups):
        rest = [group for group in groups if group not in ordered]
        ordered.append(next(g for g in rest if not any(g[0] in reached[other[0]] for other in rest if other != g)))
    return tuple(ordered)


def _reached(name, onwards) -> set[str]:
    found, waiting = set(), [name]
    while waiting:
        new = onwards[waiting.pop()] - found
        found |= new
        waiting += new
    return found


# -- running -------------------------------------------------------------------------------------------------------------


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
        given = structure, parameters, fixed, state, step_ms
        times = steps, courses, entering
        if group.parallel is not None:
            own, (sent, taken) = _through_time(group, given, own, times, paths, remat)
        else:
            step = group.step_of(*given, paths, group.advance)
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


def _through_time(group: _Group, given: tuple, own: dict, times: tuple, paths: tuple, remat: bool) -> tuple:
    """As ``jax.lax.scan``, of a population that makes its spikes of what reaches it at all steps: what does so, its spikes, and
    what is sent, one after the other.
    """
    structure, parameters, fixed, state, step_ms = given
    name, steps = group.parallel, times[0]
    own, (arrived, first) = _steps(group, group.step_of(*given, paths, group.take), own, times, remat)
    made = lambda net: net.populations[name].through_time(steps, arrived)
    (courses, last), _ = structure.part(made, parameters, fixed, state | own, {})
    send = group.step_of(*given, paths, group.release)
    now = steps, {f"{name}.{key}": course for key, course in courses.items()}, {}
    own, (sent, second) = _steps(group, send, own, now, remat)
    changing = {path for path in paths if path in now[1] or not path.startswith(f"{name}.")}
    own |= {f"{name}.{key}": value for key, value in last.items()}
    return own, (sent, first | {path: second[path] for path in changing})


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
        self.at_once = {name for name in self.entering if _at_once(net, projections[name])}
        layers = {name: "layer." for name, p in projections.items() if "layer" in vars(p)}
        own = {name: "axon.ring" for name, p in projections.items() if p.axon.kind == "synaptic"}  # one for each target
        self._delivering = {name: f"{name}.{part}" for name, part in (layers | own).items()}
        self._post = {name: p.post for name, p in projections.items()}
        self._pre = {name: p.pre for name, p in projections.items()}
        self.simple = not any(isinstance(net.populations[name], IntegratedPopulation) for name in names)
        alone = len(self.names) == 1 and not any(p.pre == p.post for p in projections.values() if p.pre in self.names)
        #: the population, where it makes its spikes of what reaches it at all steps
        self.parallel = next((n for n in names if alone and hasattr(net.populations[n], "through_time")), None)

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

    def step_of(self, structure, parameters, fixed, state, step_ms, paths: tuple, advance: Callable) -> Callable:
        """The step, for ``jax.lax.scan``: its carry is what the group holds of the state, its results are those of ``advance``,
        and samples of ``paths``.
        """

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
