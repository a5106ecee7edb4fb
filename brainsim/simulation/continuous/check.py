"""What has no course between steps is refused, by name."""

from __future__ import annotations

from typing import Any, cast

import jax
import jax.numpy as jnp

from brainsim._errors import a_or_an
from brainsim._units import float_dtype
from brainsim.cells.fields.extracellular import Extracellular
from brainsim.cells.multi_compartment import MultiCompartment
from brainsim.channels.point import AtPoint
from brainsim.integrated import IntegratedPopulation
from brainsim.integrators import SDEMethod
from brainsim.network import Network
from brainsim.neurons.base import Neuron
from brainsim.neurons.conductance_based import ConductanceBased
from brainsim.population import Population
from brainsim.projection import Projection
from brainsim.receptors import Delta, Graded
from brainsim.receptors.linear import LinearReceptor
from brainsim.simulation.continuous.clock import Instant, NotContinuous
from brainsim.sources import SpikeInput, SpikeTimes
from brainsim.stimuli.base import Stimulus
from brainsim.stimuli.clamps import Clamp
from brainsim.stimuli.hold import Hold
from brainsim.terminals.base import Terminal

STEPS = {Neuron.update, ConductanceBased.update, MultiCompartment.update}


def check(net: Network) -> None:
    """Refuse a network with something that acts step by step.

    Raises
    ------
    ValueError
        Names it, and what to do instead where there is something.
    """
    if float_dtype() != jnp.float64:
        raise ValueError(
            "adaptive: needs float64, since times are finer than float32 can tell; set"
            " jax.config.update('jax_enable_x64', True) before the network is built."
        )
    for kind, parts in (("an operation", net.operations), ("a modulator", net.modulators)):
        for name in parts:
            raise _refusal(name, f"{kind} acts once in a step")
    for population in net.populations.values():
        _check_population(population)
    for projection in net.projections.values():
        _check_projection(net, projection)


def _refusal(path: str, why: str, instead: str = "") -> ValueError:
    return ValueError(f"adaptive: {path}: {why}, and there are no steps here{instead and f'; {instead}'}.")


def _check_population(population: Population) -> None:
    path: str = population.path
    kind: Any = type(population)
    if isinstance(population, SpikeTimes | SpikeInput):
        return
    if population.own_step_ms is not None:
        raise _refusal(path, "it has a dt of its own")
    if not isinstance(population, IntegratedPopulation):
        raise _refusal(path, f"{a_or_an(kind.__name__)} fires in steps", "give its spikes by SpikeTimes")
    if isinstance(population.method, SDEMethod):
        raise _refusal(path, "its equations have noise that is drawn in each step")
    if isinstance(population, Neuron):
        if population.streams:
            raise _refusal(path, "it fires by chance, drawn in each step")
        if kind.update not in STEPS or kind.integrate is not IntegratedPopulation.integrate:
            own = "update" if kind.update not in STEPS else "integrate"
            raise _refusal(path, f"{kind.__name__} defines {own}, what it does in a step")
        if kind.reset is not Neuron.reset or kind.spike_value is not Neuron.spike_value:
            own = "reset" if kind.reset is not Neuron.reset else "spike_value"
            raise _refusal(path, f"{kind.__name__} defines {own}, of all neurons in a step")
    for receptor in population.receptors.values():
        _check_receptor(receptor, population.variables)
    for stimulus in population.parts(Stimulus).values():
        _check_stimulus(stimulus)
        if isinstance(stimulus, Hold) and population.sites != population.count:
            raise _refusal(stimulus.path, "it holds a variable of cells with a shape", "give a VoltageClamp for V")


def _check_graded(net: Network, projection: Projection) -> None:
    path = projection.path
    if projection.axon.times is not None:
        raise _refusal(path, "what it sends at every moment comes through a delay, which keeps values of steps")
    if projection.held_by is None:
        pre: Any = net.senders[projection.pre]
        if projection.signal not in getattr(pre, "variables", ()):
            raise _refusal(path, f"{projection.signal} is no variable of the equations of {projection.pre}")
    elif projection.held_by == path:
        kind = cast(type[Terminal], type(projection.terminal))
        if kind.derivative is Terminal.derivative:
            raise _refusal(path, f"its terminal, {kind.__name__}, advances in steps")


def _check_receptor(receptor: Any, variables: tuple[str, ...]) -> None:
    kind = type(receptor)
    if isinstance(receptor, Delta):
        population = receptor.path.partition(".")[0]
        if not receptor.adds_up:
            raise _refusal(receptor.path, "several spikes at one time have an order only in a step")
        if receptor.variable not in variables:
            raise _refusal(receptor.path, f"{receptor.variable!r} is no variable of the equations of {population}")
        return
    if receptor.graded and kind.advance is Graded.advance:
        return
    if not isinstance(receptor, LinearReceptor) or kind.advance is not LinearReceptor.advance:
        why = "graded signals are sent in each step" if receptor.graded else f"{kind.__name__} advances in steps"
        raise _refusal(receptor.path, why, "receptors with linear kinetics do not")
    if kind.derivative is LinearReceptor.derivative:
        raise _refusal(receptor.path, f"{kind.__name__} has a propagator and no derivative")


def _check_stimulus(stimulus: Stimulus) -> None:
    kind = type(stimulus)
    if isinstance(stimulus, AtPoint):
        raise _refusal(stimulus.path, f"the states of {kind.__name__} follow in steps")
    if isinstance(stimulus, Clamp | Extracellular | Hold):
        for signal in stimulus.parts(Stimulus).values():
            _check_stimulus(signal)
        return
    instead = "give a course that is drawn once by TimedArray"
    if kind.update is not Stimulus.update:
        raise _refusal(stimulus.path, f"{kind.__name__} changes in each step", instead)
    try:
        jax.eval_shape(lambda: stimulus.masked(Instant(jnp.zeros(()))))  # type: ignore[arg-type]
    except NotContinuous as why:
        raise _refusal(stimulus.path, f"{kind.__name__} {why}", instead) from None


def _check_projection(net: Network, projection: Projection) -> None:
    path = projection.path
    if projection.receptor is None or projection.plastic:
        raise _refusal(path, "its plasticity acts in steps")
    if "layer" in vars(projection):
        raise _refusal(path, "a layer takes what arrives in a step")
    if "synapse" in vars(projection):
        raise _refusal(path, f"its synapses, {type(projection.synapse).__name__}, have dynamics that advance in steps")
    if vars(projection).get("structure") is not None:
        raise _refusal(path, "its synapses come and go in steps")
    if "contacts" in vars(projection):
        raise _refusal(path, "synapses with variables of their own follow in steps")
    if projection.graded:
        _check_graded(net, projection)
    elif projection.held_by == path:
        kind = type(projection.terminal)
        own = next(each for each in kind.__mro__ if "update" in vars(each))
        if not vars(own).get("exact_between_spikes", False):
            raise _refusal(path, f"its terminal, {kind.__name__}, advances in steps")
    if not hasattr(projection.conn, "coo") or getattr(projection.conn, "materialise", None) is not None:
        raise _refusal(path, "its synapses are made anew whenever a spike arrives", "take a rule that stores them")
