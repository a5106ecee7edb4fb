"""Which variables of a population change slowly, from their equations."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim import _host
from brainsim._core import Parameter, split
from brainsim._core.reads import Readers, reads_of
from brainsim._core.rounding import getter, parts_of, slowest
from brainsim.population import Population
from brainsim.receptors.base import Receptor
from brainsim.stimuli.base import Stimulus
from brainsim.vector_field import VectorField

DIFFERENCE = 1e-6  # relative change of a variable to see its rate by, in double precision


def slow_variables(population: Population, step_ms: float, get: Callable[[str], Any]) -> frozenset[str]:
    r"""Variables with :math:`|\partial f_k/\partial y_k|\,dt` below 2**-10 in some unit, without input: those that leak
    slowly, and those that do not leak at all.

    The rates are those at the present state when first asked, and are asked again where a parameter changes, or what
    the equations read from outside.
    """
    if not population.variables:  # a population that advances in its own way
        return frozenset()
    given = {name: get(name) for name in _parameters(population)}
    homes = [population.home(variable) for variable in population.variables]
    y = [part.plain(name) for part, name in homes]
    if any(isinstance(x, Tracer) for x in (*given.values(), *y)):
        return frozenset(name for name in population.variables if population.is_compensated(name))
    if population._aside.timescales is None:
        population._aside.timescales = SimpleNamespace(y=[np.array(x, float) for x in y], rates=[])
    known, now = population._aside.timescales, reads_of(Readers.among(part for _, part in parts_of(population, "")))
    found = (rates for reads, before, rates in known.rates if reads is now and _same(before, given))
    rates = next(found, None)
    if rates is None:
        rates = _rates(_with(population, given), known.y)
        known.rates = [(now, given, rates), *known.rates[:7]]
    return frozenset(name for name, rate in zip(population.variables, rates) if rate * step_ms < slowest())


def _same(before: dict, given: dict) -> bool:
    return before.keys() == given.keys() and all(np.array_equal(before[name], given[name]) for name in given)


def _without_tracers(arrays: dict) -> dict:
    """Nothing, in place of what is traced: stimuli and receptors, which the equations do not look at."""
    traced = {name: x for name, x in arrays.items() if isinstance(x, Tracer)}
    return arrays | {name: np.zeros(x.shape, x.dtype) for name, x in traced.items()}


def _parameters(population) -> list[str]:
    """Parameters of the equations, by path: those of channels are among them, of receptors and stimuli not."""
    return [
        f"{path}.{name}" if path else name
        for path, part in parts_of(population, "")
        if not isinstance(part, Receptor | Stimulus)
        for name, declared in part._declared.items()
        if isinstance(declared, Parameter) and name in vars(part)
    ]


def _with(population, given: dict):
    """The population with other parameters, by path; itself where they are its own."""
    own = getter(population, "", {})
    if all(np.array_equal(own(name), array) for name, array in given.items()):
        return population
    structure, *arrays = split(population)
    parameters, fixed, state = map(_without_tracers, arrays)
    return structure.merge(parameters | given, fixed, state)


def _rates(model, y) -> list[float]:
    """The lowest |df_k/dy_k| over the units, per ms, of each variable k."""
    silent = {name: 0.0 * model.input_unit for name in model.takes}

    def field(y):
        return [jnp.broadcast_to(rate, x.shape) for rate, x in zip(VectorField(model, silent).alone(0.0, y, y), y)]

    shapes = [jax.ShapeDtypeStruct(x.shape, jnp.float32) for x in y]
    traced = jax.make_jaxpr(field)(shapes)

    def double(y):
        return _host.evaluate(traced, *y)

    def single(y):
        return [np.asarray(rate, float) for rate in jax.jit(field)([jnp.asarray(x, jnp.float32) for x in y])]

    try:
        double(y)
        evaluate, part = double, DIFFERENCE
    except _host.UnknownOperationError:
        evaluate, part = single, 1e-3
    lowest = []
    for k, x in enumerate(y):
        step = part * np.maximum(np.abs(x), 1.0 if evaluate is double else 1e-3)
        up, down = (evaluate([*y[:k], x + sign * step, *y[k + 1 :]])[k] for sign in (1, -1))
        slope = np.abs(up - down) / (2 * step)
        lowest.append(float(np.min(np.where(np.isfinite(slope), slope, np.inf))))
    return lowest
