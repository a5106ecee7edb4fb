"""What a recording computes of the network as it stands at the end of a step: currents, reductions, functions."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import Clock, Structure, step_length
from brainsim._core.reads import NOTHING, Readers, reads_of
from brainsim._core.stepping import looking
from brainsim._units import UNITLESS, split_quantity, with_unit
from brainsim.integrated import IntegratedPopulation
from brainsim.network import Network
from brainsim.neurons.conductance_based import ConductanceBased, carries
from brainsim.population import Population
from brainsim.receptors import Delta
from brainsim.receptors.base import Receptor
from brainsim.simulation.programs import keep
from brainsim.stimuli.base import Stimulus
from brainsim.stimuli.clamps import Clamp
from brainsim.stimuli.hold import Hold

REDUCTIONS = {"mean": jnp.mean, "std": jnp.std, "sum": jnp.sum, "min": jnp.min, "max": jnp.max}


@dataclasses.dataclass(frozen=True)
class Derived:
    """Something that is computed of a network.

    Parameters
    ----------
    label : str
    key : hashable
        What it is: two of the same key are the same.
    compute : callable
        ``compute(net, clock)``, a quantity or array.
    changes : bool
        Whether it lets receptors and stimuli advance, on a copy.
    anything : bool
        Whether it may look at all there is, since it is the user's.
    function : callable, optional
        That of the user's.
    """

    label: str
    key: Hashable
    compute: Callable[[Network, Clock], Any] = dataclasses.field(compare=False)
    changes: bool = False
    anything: bool = False
    function: Callable | None = dataclasses.field(default=None, compare=False)


def of_function(label: str, function: Callable) -> Derived:
    """A function of the user's.

    Raises
    ------
    TypeError
        If it is not a function of the network alone.
    """
    what = label if label == "until" else f"record[{label!r}]"
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        raise TypeError(f"{what}: expected a function of the network, lambda net: ..., given {function!r}.") from None
    except ValueError:  # a built-in function, which does not say what it takes
        pass

    def compute(net, clock):
        try:
            with looking(clock):
                return function(net)
        except Exception as error:
            error.add_note(f"{what}: in this function, which is compiled with the step, as the methods of a model are.")
            raise

    reads = reads_of(Readers((), (function,)))
    key = (reads, getattr(function, "__qualname__", "")) if reads is not NOTHING else function
    return Derived(label, key, compute, anything=True, function=function)


def reduced(label: str, how: str, path: str, inner: Callable[[Network, Clock], Any], changes: bool) -> Derived:
    """A reduction of a variable, over all its elements."""

    def compute(net, clock):
        value, unit = split_quantity(inner(net, clock))
        number = value.astype(clock.step_ms.dtype) if value.dtype == bool else value
        return u.Quantity(REDUCTIONS[how](number), unit=unit)

    return Derived(label, (how, path), compute, changes=changes)


# -- currents ----------------------------------------------------------------------------------------------------------


def names(net: Network) -> dict[str, Callable[[Network, Clock], Any]]:
    """Currents and values of stimuli that can be recorded, by path: the function that computes each."""
    found = {}
    for name, population in net.populations.items():
        for into in population.inputs:
            found[f"{name}.{into}"] = _total(name, into)
        for part, receptor in population.parts(Receptor).items():
            if receptor.into in population.inputs and not isinstance(receptor, Delta):  # that moves variables at once
                found[f"{name}.{part}.I"] = _of_receptor(name, part)
        for part, stimulus in population.parts(Stimulus).items():
            if isinstance(stimulus, Clamp):
                found[f"{name}.{part}.I"] = _of_clamp(name, part)
            elif not isinstance(stimulus, Hold):
                found[f"{name}.{part}.value"] = _of_stimulus(name, part)
        if isinstance(population, ConductanceBased):
            pumps = [part for part, pool in population.pools.items() if carries(pool)]
            found |= {f"{name}.{part}.I": _of_channel(name, part) for part in (*population.channels, *pumps)}
    return found | of_synapses(net)


def of_synapses(net: Network) -> dict[str, Callable[[Network, Clock], Any]]:
    """States of single synapses as they are at the time, by path: what is kept of them is what the last spike left."""
    found = {}
    for name, projection in net.projections.items():
        if "synapse" in vars(projection):
            for state in projection.synapse.moves:
                found[f"{name}.synapse.{state}"] = _of_synapse(name, state)
    return found


def _of_receptor(name: str, part: str):
    def compute(net, clock):
        population = _stimulated(net, name, clock)
        receptor = population.parts(Receptor)[part]
        current = receptor.current(
            receptor.now(_own(net, name, clock)), receptor.taken(_potential(population, receptor.into))
        )
        return _each(current, receptor.count, population)

    return compute


def _of_clamp(name: str, part: str):
    def compute(net, clock):
        population = _stimulated(net, name, clock)
        clamp = population.parts(Clamp)[part]
        drive = clamp.drive(_own(net, name, clock).of(part))
        return _each(clamp.current(drive, clamp.taken(_potential(population, clamp.into))), clamp.count, population)

    return compute


def _of_channel(name: str, part: str):
    return lambda net, clock: net.populations[name].current_of(part)


def _of_stimulus(name: str, part: str):
    def compute(net, clock):
        population = _stimulated(net, name, clock)
        stimulus = population.parts(Stimulus)[part]
        return _each(stimulus.masked(_own(net, name, clock).of(part)), stimulus.count, population)

    return compute


def _of_synapse(name: str, state: str):
    def compute(net, clock):
        synapse = net.projections[name].synapse
        return with_unit(synapse.present(clock.step, clock.step_ms)[state], synapse.unit_of(state))

    return compute


def _total(name: str, into: str):
    def compute(net, clock):
        population, own = _stimulated(net, name, clock), _own(net, name, clock)
        total = population.stimulation(own, into)
        if isinstance(population, IntegratedPopulation):
            clamps = {part: clamp.drive(own.of(part)) for part, clamp in population.parts(Clamp).items()}
            acting: dict[str, Any] = population.parts(Receptor) | population.parts(Clamp)
            for part, source in acting.items():
                if source.into == into and not isinstance(source, Delta):
                    drive = clamps[part] if part in clamps else source.now(own)
                    current = source.current(drive, source.taken(_potential(population, into)))
                    total = total + source.spread(current, population.sites)
        return _each(total, population.sites, population)

    return compute


def _stimulated(net, name, clock) -> Population:
    """The population, with its stimuli as they are in the step that begins."""
    population = net.populations[name]
    population.advance_stimuli(_own(net, name, clock))
    return population


def _own(net, name, clock) -> Clock:
    return net.populations[name].own_clock(clock.of(name))


def _potential(population, into):
    """The variable that an input acts on, plain."""
    variable = population.inputs.get(into)
    return None if variable is None else population.plain(variable)


def _each(value, count: int, population) -> u.Quantity:
    array = jnp.asarray(value)
    return u.Quantity(jnp.broadcast_to(array, (count,)), unit=population.input_unit)


# -- evaluation --------------------------------------------------------------------------------------------------------


def values(
    wanted: Iterable[Derived], structure: Structure, parameters: dict, fixed: dict, state: dict, clock: Clock
) -> dict[str, jax.Array]:
    """Plain arrays by label, of the network made of these arrays at the time of ``clock``."""
    units: dict[str, u.Unit] = {}
    return _values(tuple(wanted), structure, parameters, fixed, state, clock, units)


def _values(wanted, structure, parameters, fixed, state, clock, units):
    found = {}
    for derived in wanted:
        result, after = structure.part(lambda net, d=derived: d.compute(net, clock), parameters, fixed, state, {})
        if not derived.changes:
            _check_same(derived.label, state, after)
        found[derived.label], units[derived.label] = number_of(derived.label, result)
    return found


def number_of(label: str, result: Any) -> tuple[jax.Array, u.Unit]:
    """What was computed, plain, and its unit."""
    try:
        number, unit = split_quantity(result)
        array = jnp.asarray(number)
    except (TypeError, ValueError):
        array, unit = None, UNITLESS
    if array is None or array.dtype.kind not in "biuf":
        what = label if label == "until" else f"record[{label!r}]"
        raise TypeError(f"{what}: the function must give numbers or a quantity, given {type(result).__name__}.")
    return array, unit


def _check_same(label, before, after) -> None:
    changed = [path for path, array in after.items() if array is not before.get(path)]
    if changed:
        raise ValueError(
            f"record[{label!r}]: the function changes {changed[0]}; what is recorded is only looked at. To change"
            " states give the network an Operation."
        )


def facts(
    wanted: Iterable[Derived], structure: Structure, parameters: dict, fixed: dict, state: dict, step_ms: float
) -> dict[str, tuple[tuple[int, ...], np.dtype, u.Unit]]:
    """Shape, type and unit of each, by label."""
    wanted, units = list(wanted), {}
    known = keep(structure).setdefault("derived", {})
    types = tuple((array.shape, np.dtype(array.dtype)) for array in (parameters | state).values()) if wanted else ()

    def of_one(derived):
        if (derived, types) not in known:
            clock = Clock(state["steps"], step_length(step_ms), fixed["key"])
            shape = jax.eval_shape(
                lambda p, f, s: _values((derived,), structure, p, f, s, clock, units), parameters, fixed, state
            )[derived.label]
            known[derived, types] = tuple(shape.shape), np.dtype(shape.dtype), units[derived.label]
        return known[derived, types]

    return {derived.label: of_one(derived) for derived in wanted}
