"""Where nothing changes: V, gates and concentrations of cells at rest, by Newton's method along their trees."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim import vector_field
from brainsim._core.structure import Structure, split
from brainsim._units import in_unit, with_unit
from brainsim.integrators.coupled import value_and_matrix
from brainsim.neurons.stability import fastest_growth

if TYPE_CHECKING:
    from brainsim.neurons.conductance_based import ConductanceBased

LONGEST = 1e7  # ms: a step after which what is left has not moved by more than its rounding
MOST = 400  # steps
LEAP = 8.0  # mV that V may move in one step
GROWTH = 1e-6  # per ms: what grows more slowly is at rest


class Rest(NamedTuple):
    """Variables (k, sites), and whether they have come to rest: 1 or 0."""

    y: jax.Array
    found: jax.Array


class System:
    r"""The equations of all variables at all sites, as a function of one array (k, sites).

    .. math:: F(y) = f(y) + e_V\, L\, V

    with f of each site alone and L the coupling of V between sites. Where a part does not stand its variables are zero, and
    stay it.

    Parameters
    ----------
    cells : ConductanceBased
    parameters, inputs : mapping, optional
        As for :meth:`IntegratedPopulation.vector_field`.
    """

    def __init__(self, cells: ConductanceBased, parameters: Mapping | None, inputs: Mapping | None):
        for name, pool in cells.pools.items():
            if hasattr(cells, "compartments") and (found := pool.along()):
                raise ValueError(
                    f"{cells.path}.{name}.{next(iter(found))} diffuses along the cell, which a state of rest does not know; run"
                    " until nothing changes instead."
                )
        self.field = vector_field.of(cells, parameters, inputs)
        self.cells, self.names = cells, cells.variables
        self.coupling = self.field.coupling  # of V, the first of the variables
        one = [self._spread(name, jnp.ones(())) for name in self.names]
        self.here = jnp.stack([jnp.broadcast_to(x, (cells.sites,)) > 0 for x in one])

    def _part(self, name):
        part, _ = self.cells.home(name)
        return None if part is self.cells else part

    def _spread(self, name, x):
        part = self._part(name)
        return x if part is None else part.spread(x, self.cells.sites)

    def stacked(self, values: Mapping) -> jax.Array:
        """Variables by name as one array."""
        rows = [self._spread(name, jnp.asarray(values[name])) for name in self.names]
        return jnp.stack([jnp.broadcast_to(row, (self.cells.sites,)) for row in rows])

    def named(self, y: jax.Array) -> dict:
        """The variables by name, each where it stands."""
        parts = ((name, self._part(name)) for name in self.names)
        return {name: y[k] if part is None else part.taken(y[k]) for k, (name, part) in enumerate(parts)}

    def alone(self, y: jax.Array) -> jax.Array:
        """f(y)."""
        values = self.named(y)
        rates = self.field.alone(0.0, values, values)
        return jnp.where(self.here, self.stacked(rates), -y)

    def rates(self, y: jax.Array) -> jax.Array:
        """F(y)."""
        found = self.alone(y)
        return (
            found if self.coupling is None else jnp.concatenate([found[:1] + self.coupling.rate(y[0])[None], found[1:]])
        )

    def step(self, y: jax.Array, right: jax.Array, jacobian: jax.Array, h: Any) -> jax.Array:
        """d in d / h = right + J d + e_V L (V + d_V), with the Jacobian (k, k, sites) of each site alone."""
        V_x, A = jacobian[0, 1:], jnp.eye(len(y) - 1, dtype=y.dtype)[..., None] / h - jacobian[1:, 1:]
        alone, by_V = right[1:], jacobian[1:, 0]  # what all but V do without V, and by V
        if len(y) > 1:
            each = lambda x: jnp.linalg.solve(jnp.moveaxis(A, -1, 0), x.T[..., None])[..., 0].T
            alone, by_V = each(alone), each(by_V)  # apart: the first alone is linear in what is asked for
        rate, slope = right[0] + (V_x * alone).sum(0), jacobian[0, 0] + (V_x * by_V).sum(0)
        if self.coupling is None:
            d_V = rate / (1 / h - slope)
        else:
            d_V = self.coupling.increment(y[0], rate, slope, h)
        return jnp.concatenate([d_V[None], alone + by_V * d_V[None]])

    def solved(self, linear: Callable, right: jax.Array) -> jax.Array:
        """d in F'(y) d = right, for a function that multiplies with F'(y): V that is the same everywhere does not flow."""
        one = jnp.eye(len(self.names), dtype=right.dtype)[..., None] * jnp.ones((1, 1, right.shape[1]), right.dtype)
        jacobian = jnp.stack([linear(direction) for direction in one], 1)
        return self.step(jnp.zeros_like(right), -right, jacobian, jnp.inf)

    def rest(self, start: jax.Array) -> Rest:
        """Steps of backward Euler, each linearised at its start and longer than the last, until nothing moves: Newton's method
        in the end, and before it the way that the cell itself takes.
        """
        tolerance = 1e-10 if start.dtype == jnp.float64 else 2e-5

        def going(carry):
            k, _, _, moved, h = carry
            return (k < MOST) & ~((moved < tolerance) & (h >= LONGEST))

        def step(carry):
            k, y, right, moved, h = carry
            _, jacobian = value_and_matrix(self.alone, y)
            d = self.step(y, self.alone(y), jacobian, h)
            after = y + d
            rates = self.rates(after)
            leap = jnp.max(jnp.abs(d[0]))
            fine = jnp.isfinite(rates).all() & jnp.isfinite(after).all() & (leap <= LEAP)
            scale = 1e-3 + jnp.abs(y)
            now = jnp.max(jnp.abs(d) / scale)
            h = jnp.where(fine, jnp.minimum(h * jnp.where(leap < LEAP / 4, 4.0, 1.0), LONGEST), h / 4)
            return k + 1, jnp.where(fine, after, y), rates, jnp.where(fine, now, moved), h

        first = (jnp.int32(0), start, start, jnp.asarray(jnp.inf, start.dtype), jnp.asarray(0.05, start.dtype))
        k, y, _, moved, h = jax.lax.while_loop(going, step, first)
        return Rest(y, ((moved < tolerance) & (h >= LONGEST)).astype(y.dtype))


def resting_state(cells: ConductanceBased, parameters: Mapping | None = None, inputs: Mapping | None = None) -> dict:
    """As :meth:`ConductanceBased.resting_state`."""
    system = System(cells, parameters, inputs)  # refuses what does not fit
    units = dict(zip(system.names, system.field.units))
    structure, *arrays = split(system.field.model)
    drives = system.field.inputs
    if any(callable(drive) for drive in drives.values()):
        found = _solved(system)
    else:
        program = structure.programs.get("resting_state") or _program(structure, cells.input_unit)
        structure.programs["resting_state"] = program
        found = program(*arrays, {n: in_unit(x, cells.input_unit, n) for n, x in drives.items()})
    y, at_rest, jacobian = found
    if not isinstance(y, Tracer):
        _check(system, y, bool(at_rest), np.asarray(jacobian, float))
    y = jnp.where(at_rest > 0, y, jnp.nan)
    return {name: with_unit(value, units[name]) for name, value in system.named(y).items()}


def _program(structure: Structure, unit: Any) -> Callable:
    """What finds the rest of all cells of one structure, compiled once."""
    structure = dataclasses.replace(structure, shared=None, programs={})  # which is not to hold what holds it

    def run(parameters, fixed, state, drives):
        cells = structure.merge(parameters, fixed, state)
        return _solved(System(cells, None, {name: with_unit(x, unit) for name, x in drives.items()}))

    return jax.jit(run)


def _solved(system: System) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The variables at rest, whether there is one, and the Jacobian of each site alone."""
    units = dict(zip(system.names, system.field.units))
    present = system.field.model.present()
    start = system.stacked({name: in_unit(value, units[name], name) for name, value in present.items()})
    solve = lambda _, y: tuple(system.rest(y))
    y, at_rest = jax.lax.custom_root(system.rates, jax.lax.stop_gradient(start), solve, system.solved, has_aux=True)
    at_rest = jax.lax.stop_gradient(at_rest)
    _, jacobian = value_and_matrix(system.alone, jax.lax.stop_gradient(y))
    return y, at_rest, jacobian


def _check(system: System, y: jax.Array, at_rest: bool, jacobian: np.ndarray) -> None:
    """Refuse what is no rest, or one that the cells leave."""
    cells = system.cells
    if not at_rest:
        V = np.asarray(y[0])
        raise ValueError(
            f"{cells.path}: no state of rest is found in {MOST} steps; V is between {V.min():.1f} and {V.max():.1f} mV and goes"
            " on moving. Give another initial V, or a current in inputs={'I': ...}."
        )
    growth, site = fastest_growth(system, jacobian)
    if growth > GROWTH:
        name = getattr(cells, "describe_site", lambda k: f"unit {k}")(site)
        raise ValueError(
            f"{cells.path}: there is no rest: where nothing changes, at V = {float(y[0, site]):.2f} mV at {name}, any"
            f" disturbance grows, by {growth:.3g} per ms. It is active by itself."
        )
