"""Which way a network goes: step by step, layer by layer, or with all steps of a population at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._core import once_per_run
from brainsim._errors import suggestion
from brainsim._units import float_dtype
from brainsim.events import Dense
from brainsim.integrated import IntegratedPopulation
from brainsim.network import Network
from brainsim.neurons.solution import is_affine
from brainsim.projection import Projection
from brainsim.receptors import PointProcess
from brainsim.receptors.base import Receptor

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
    together : tuple of str
        Populations that have all steps at once: parallel neurons, and those that are solved for, see :func:`brainsim.at_once`.
    asked : bool
        Whether that was asked for.
    """

    groups: tuple[tuple[str, ...], ...] = ()
    reason: str = ""
    feedback: bool = True
    together: tuple[str, ...] = ()
    asked: bool = False

    def taking(self, inputs: dict, paths: Iterable[str]) -> Order:
        """The order for a run with these ``inputs`` that records these ``paths``."""
        known = {name for group in self.groups for name in group}
        other = next((path for path in inputs if path.partition(".")[0] not in known), None)
        if not self.groups or (other is None and "steps" not in paths):
            return self
        reason = "time is recorded" if other is None else f"the input {other!r}"
        if self.asked:
            raise ValueError(f"parallel='time': such a run goes step by step: {reason}.")
        return Order(reason=reason)

    def __str__(self):
        if not self.groups:
            return f"step by step: {self.reason}"
        how = {name: f"{name} (all steps at once)" for name in self.together}
        return "layer by layer: " + ", ".join(
            " with ".join(how.get(name, name) for name in group) for group in self.groups
        )


def order_of(net: Network, n_steps: int, checkpoint_every: int | None = None, parallel: str | None = None) -> Order:
    """The order in which a function runs the populations of a network.

    Raises
    ------
    ValueError
        Where all steps at once are asked for, and no population can take them.
    """
    if parallel not in (None, "time"):
        raise ValueError(f"parallel: expected 'time' or None, given {parallel!r}.{suggestion(str(parallel), ['time'])}")
    reason = "checkpoint_every" if checkpoint_every is not None else _coupled(net) or _not_worth_it(net, n_steps)
    if reason and parallel:
        raise ValueError(f"parallel='time': this network goes step by step: {reason}.")
    if reason:
        return Order(reason=reason)
    groups = _groups(net)
    feedback = any(p.pre == p.post for p in net.projections.values()) or any(len(group) > 1 for group in groups)
    together = _together(net, groups, parallel)
    gaining = [p for p in net.projections.values() if ("layer" in vars(p) or _dense(p)) and delivers_at_once(net, p)]
    if feedback and not (gaining or together):  # what is kept between populations takes more memory, and no less time
        return Order(reason="populations reach themselves, and no layer of flax or dense weight would gain")
    return Order(groups, feedback=feedback, together=together, asked=parallel is not None)


def _together(net: Network, groups: tuple, parallel: str | None) -> tuple[str, ...]:
    """Populations that have all steps at once: neurons that are made so, and those of which all steps can be solved for, if that
    is asked for; otherwise, on accelerators, those that are linear, which takes two iterations.
    """
    loops = {p.pre for p in net.projections.values() if p.pre == p.post}
    alone = {group[0]: net.populations[group[0]] for group in groups if len(group) == 1 and group[0] not in loops}
    able = [name for name, population in alone.items() if isinstance(population, IntegratedPopulation)]
    made_so = [name for name, population in alone.items() if hasattr(population, "through_time")]
    if parallel is None:
        able = [] if jax.default_backend() == "cpu" else [name for name in able if is_linear(alone[name])]
    elif not able + made_so:
        raise ValueError(
            "parallel='time': every population that is integrated reaches itself, through others or at once; all steps at once are"
            " for those that do not."
        )
    return tuple(name for name in alone if name in able or name in made_so)


def is_linear(population: Any) -> bool:
    """Whether the state of a population is linear in what has arrived: no reset, no refractoriness, currents and jumps, and
    equations that are linear.
    """
    if getattr(population, "refractory", None) is not None or any(
        not r.is_current for r in population.receptors.values()
    ):
        return False
    if any(r.output is not None or isinstance(r, PointProcess) for r in population.receptors.values()):
        return False
    if hasattr(population, "after_spike") and population.after_spike(population.present() | {"t": 0.0 * u.ms}):
        return False
    field = population.vector_field()
    y = [jnp.zeros(population.count, float_dtype()) for _ in field.variables]
    return is_affine(lambda y: list(field(0.0, y)), y)


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
    if not any(delivers_at_once(net, p) for p in between):
        return "nothing is delivered between populations without feedback that all steps could share"
    if n_steps * sum(population.count for population in net.populations.values()) > MOST:
        return "too long to keep what passes between populations"
    return ""


def delivers_at_once(net: Network, projection: Projection) -> bool:
    """Whether what a projection delivers in all steps follows from what arrives in them, whatever the receptor holds."""
    if projection.receptor is None or projection.graded or projection.beyond_sums:
        return False
    receptor = net.populations[projection.post].receptors[projection.receptor]
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
