"""What a unit does alone, under constant inputs of several strengths, in steps of a method."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from typing import NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._units import in_unit, with_unit
from brainsim.population import Population
from brainsim.trial.units import Together
from brainsim.vector_field import VectorField

SPAN = 200.0  # ms that are tried
EVENTS = 64  # that are kept of each input
LEVELS = np.concatenate([[0.0], 0.25 * 2.0 ** np.arange(9)])  # mV/ms by which inputs drive the first variable
COMPILED = 32  # programs that are kept


class Course(NamedTuple):
    """What a unit did under each input, by which it was driven or not at all: range of its variables (k, levels), number and
    times of events.
    """

    levels: np.ndarray
    low: np.ndarray
    high: np.ndarray
    count: np.ndarray
    times: np.ndarray


def levels_of(model, slope: np.ndarray) -> np.ndarray:
    """Inputs (units, levels), in their unit, that drive the first variable by ``LEVELS``: of units in which the input of one
    changes its rate by ``slope``; none where that tells nothing.
    """
    scale = 1.0 if model.unit_of(model.variables[0]).has_same_dim(u.mV) else 1 / 16
    driven = np.isfinite(slope) & (slope != 0) & bool(model.takes)
    return np.where(driven[:, None], LEVELS * scale / np.abs(np.where(driven, slope, 1.0))[:, None], 0.0)


def present(model) -> list[jax.Array]:
    """The variables as they are."""
    return [part.plain(name) for part, name in map(model.home, model.variables)]


def start_of(model, n: int) -> list[jax.Array]:
    """The variables of ``n`` units that begin where the model stands."""
    return [jnp.broadcast_to(jnp.asarray(x, float), (n,)) for x in present(model)]


def field_of(model, inputs) -> VectorField:
    """The equations with ``inputs`` to the first that they take, and none to others."""
    silent = {name: 0.0 * model.input_unit for name in model.takes}
    driven = {name: u.Quantity(inputs, unit=model.input_unit) for name in model.takes[:1]}
    return VectorField(model, silent | driven)


def program(units: Together, method) -> Callable:
    """The run of units with a method, lane by lane: ``run(levels, middle, dt, n_steps)``.

    It is compiled once for a structure and a number of lanes, whatever the parameters and the length of the step.
    """
    structure = units.structure

    def run(arrays, levels, middle, dt, n_steps):
        parameters, fixed, state = arrays
        n = levels.shape[0]
        spread = {path: jnp.broadcast_to(x, (n,)) if not jnp.ndim(x) else x for path, x in state.items()}
        model = structure.merge(parameters, fixed, spread)
        model.fix(size=(n,), count=n)  # as many units as there are lanes: equations may ask for their number
        y, named = start_of(model, n), namedtuple("Variables", [name.replace(".", "_") for name in model.variables])
        spiking = Spiking(model, y)

        def step(i, carry):
            y, others, above, low, high, count, times = carry
            t = i * dt
            after = list(method(field_of(model, levels), t, named(*y), dt))
            after, others, fired = spiking.pass_on(y, after, others, t + dt, middle)
            event = fired & ~above
            here = (jnp.arange(EVENTS)[:, None] == count[None]) & event[None]
            return (
                after, others, fired, *_extremes(low, high, after), count + event, jnp.where(here, t + dt, times)
            )  # fmt: skip

        none = jnp.zeros(n, bool)
        ends = jnp.stack(y)
        carry = y, spiking.others, none, ends, ends, jnp.zeros(n, int), jnp.zeros((EVENTS, n))
        return jax.lax.fori_loop(0, n_steps, step, carry)[3:]

    def compiled(*given):
        given = jax.tree.map(jnp.asarray, (units.arrays, *given))
        types = jax.tree.map(lambda x: (x.shape, str(x.dtype)), given)
        key = structure.shared, method, str(types)
        if key not in _programs:
            if len(_programs) >= COMPILED:
                _programs.clear()
            _programs[key] = jax.jit(run).lower(*given).compile()
        return _programs[key](*given)

    return compiled


_programs: dict = {}


def _extremes(low, high, y):
    return jnp.minimum(low, jnp.stack(y)), jnp.maximum(high, jnp.stack(y))


class Spiking:
    """What a unit does at an event: spikes and resets of a neuron, ups of what has no spikes."""

    def __init__(self, model: Population, y: Sequence[jax.Array]):
        self.model, self.names = model, model.variables
        self.others = {}
        self.fires = hasattr(model, "fires") and model.hazard(self._named(y), self._named(y)) is None
        if self.fires:
            changed = model.after_spike(self._named(y) | {"t": 0.0 * u.ms})
            self.others = {name: model.plain(name) for name in changed if name not in self.names}

    def _named(self, y) -> dict:
        return {name: with_unit(x, self.model.unit_of(name)) for name, x in zip(self.names, y)}

    def pass_on(
        self, before: list[jax.Array], after: list[jax.Array], others: dict, t: jax.Array, middle: jax.Array
    ) -> tuple[list, dict, jax.Array]:
        """Variables after the step, other states, and whether there is an event."""
        if not self.fires:
            return after, others, after[0] > middle
        model = self.model
        for name, value in others.items():
            model.put(name, value)
        fired = jnp.broadcast_to(model.fires(self._named(before), self._named(after)) != 0, after[0].shape)
        changed = model.reset(self._named(after), fired, u.Quantity(t, unit=u.ms))
        plain = {name: in_unit(changed[name], model.unit_of(name), name) for name in (*self.names, *others)}
        return [plain[name] for name in self.names], {name: plain[name] for name in others}, fired


def courses_of(run: Callable, levels: np.ndarray, dt: float, middle: np.ndarray | None = None) -> list[Course]:
    """The course of each unit in steps of ``dt``, ms, under its ``levels``, (units, levels); one that does not spike has an
    event where it rises past ``middle``.
    """
    middle = np.zeros(levels.shape) if middle is None else middle
    found = run(jnp.asarray(levels.ravel(), float), jnp.asarray(middle.ravel()), dt, round(SPAN / dt))
    apart = [np.moveaxis(x.reshape(*x.shape[:-1], *levels.shape), -2, 0) for x in map(np.asarray, found)]
    return [Course(*each) for each in zip(levels, *apart, strict=True)]
