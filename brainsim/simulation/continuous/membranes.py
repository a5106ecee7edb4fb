"""Populations and receptors as equations in continuous time, with the solution of their linear systems."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import StateVariable
from brainsim._units import in_unit, with_unit
from brainsim.cells.fields.extracellular import Extracellular
from brainsim.integrated import IntegratedPopulation
from brainsim.integrators.coupled import solve as solve_small
from brainsim.integrators.elimination import Factors, colours, dependence
from brainsim.receptors.linear import LinearReceptor
from brainsim.simulation.continuous.clock import Instant
from brainsim.stimuli.base import Stimulus
from brainsim.stimuli.clamps import Clamp
from brainsim.stimuli.hold import Hold


def put_in_place(part: Any, name: str, value: jax.Array) -> None:
    """Let a state be this in what is traced now: one of its own, since those of an outer trace cannot be changed."""
    vars(part)[name] = StateVariable(value, unit=part.unit_of(name))


class Kinetics:
    r"""A receptor's stages, of which no equation knows of anything else: :math:`\dot y = A y`.

    Parameters
    ----------
    receptor : LinearReceptor
    """

    def __init__(self, receptor: LinearReceptor):
        self.receptor, self.stages = receptor, receptor.stages

    def present(self) -> jax.Array:
        """The stages as they are: (stages, count)."""
        return jnp.stack([jnp.broadcast_to(self.receptor.plain(s), (self.receptor.count,)) for s in self.stages])

    def rates(self, y: jax.Array) -> jax.Array:
        """A y."""
        found = self.receptor.derivative(*y)
        return jnp.stack([jnp.broadcast_to(x, y.shape[1:]) for x in (found if isinstance(found, tuple) else (found,))])

    def matrix(self, like: jax.Array) -> jax.Array:
        """A, element by element: (stages, stages, count)."""
        k = len(self.stages)
        return jnp.stack([self.rates(jnp.zeros_like(like).at[j].set(1.0)) for j in range(k)], 1)

    def solver(self, like: jax.Array, pace: jax.Array):
        """Solves (pace - A) x = r."""
        W = pace * jnp.eye(len(self.stages), dtype=like.dtype)[..., None] - self.matrix(like)
        return lambda r: solve_small(W, r)


class Membrane:
    """The equations of a population: of each site alone, and the coupling of V between sites.

    Variables stand in one array (variables, sites), with zeros where a part does not stand.

    Parameters
    ----------
    population : IntegratedPopulation
    courses : Courses, optional
        What its stimuli are given from outside.
    """

    def __init__(self, population: IntegratedPopulation, courses: Any = None):
        self.given = contextlib.nullcontext if courses is None else courses.at
        self.population, self.names, self.sites = population, population.variables, population.sites
        self.units = {name: population.unit_of(name) for name in self.names}
        self.homes = [population.home(name)[0] for name in self.names]
        self.coupling = population.between_sites
        self.receptors = {r.path: r for r in population.receptors.values() if isinstance(r, LinearReceptor)}
        self.holds: dict[str, list[Hold]] = {}
        for hold in population.parts(Hold).values():
            self.holds.setdefault(hold.variable, []).append(hold)
        self.clamped = [name in getattr(population, "clamped", ()) for name in self.names]
        self.V = population.vector_field().potentials[0]
        one = [self._spread(k, jnp.ones(())) for k in range(len(self.names))]
        self.here = [jnp.broadcast_to(x, (self.sites,)) > 0 for x in one]

    def _spread(self, k: int, x: Any) -> jax.Array:
        part = self.homes[k]
        spread = jnp.asarray(x) if part is self.population else part.spread(jnp.asarray(x), self.sites)  # type: ignore
        return jnp.broadcast_to(spread, (self.sites,))

    def stacked(self, values: dict) -> jax.Array:
        """Variables by name, plain or with units, as one array."""
        plain = (in_unit(values[n], self.units[n], n) if hasattr(values[n], "unit") else values[n] for n in self.names)
        return jnp.stack([self._spread(k, x) for k, x in enumerate(plain)])

    def named(self, y: Any) -> dict:
        """The variables by name, plain, each where it stands."""
        found = {}
        for k, name in enumerate(self.names):
            part = self.homes[k]
            found[name] = y[k] if part is self.population else part.taken(y[k])  # type: ignore[attr-defined]
        return found

    def with_units(self, y: Any) -> dict:
        """The same with their units."""
        return {name: with_unit(x, self.units[name]) for name, x in self.named(y).items()}

    # -- rates -------------------------------------------------------------------------------------------------------

    def alone(self, when: Instant, y: list, g: dict, held: Any, more: Any = ()) -> list:
        """Rates of every site without the coupling of V, per ms; ``g`` by path of the receptors, ``more`` of them with their drives;
        clamped variables still where held.
        """
        population = self.population
        with self.given(when), population.warmed():
            drives: list = [(r, r.mean(g[path], g[path], exact=g[path])) for path, r in self.receptors.items()]
            drives += [*more, *((c, c.drive(when.of(name))) for name, c in population.parts(Clamp).items())]
            with self.fields(when):
                inputs = population.total_inputs(when, drives)  # type: ignore[arg-type]
        values = self.named(y)
        rates = population.vector_field(inputs=inputs).alone(when.now, values, values)
        found = []
        for k, name in enumerate(self.names):
            rate = jnp.where(self.here[k], self._spread(k, rates[name]), 0.0)
            for part in self.holds.get(name, ()):
                course = lambda now, part=part: self._kept(part, Instant(now, when.within_ms))[1]  # noqa: E731
                on, slope = self._kept(part, when)[0], jax.jvp(course, (when.now,), (jnp.ones_like(when.now),))[1]
                rate = jnp.where(on, slope, rate)
            found.append(jnp.where(held, 0.0, rate) if self.clamped[k] and held is not None else rate)
        return found

    def _kept(self, hold: Hold, when: Instant) -> tuple[jax.Array, jax.Array]:
        """Where a variable is held, and at what, (sites,)."""
        on, value = hold.held(when.of(hold.path))  # type: ignore[arg-type]
        return jnp.broadcast_to(on, (self.sites,)), jnp.broadcast_to(value, (self.sites,))

    def pinned(self, when: Instant, y: jax.Array) -> jax.Array:
        """The state with what is held where it is held."""
        for k, name in enumerate(self.names):
            for hold in self.holds.get(name, ()):
                on, value = self._kept(hold, when)
                y = y.at[k].set(jnp.where(on, value, y[k]))
        return y

    @contextlib.contextmanager
    def fields(self, when: Instant) -> Iterator[None]:
        """Within this, currents that extracellular fields drive are those of the instant."""
        kept = []
        for name, stimulus in self.population.parts(Stimulus).items():
            if isinstance(stimulus, Extracellular):
                kept.append((stimulus, vars(stimulus)["current"]))
                put_in_place(stimulus, "current", stimulus.plain("current"))
                stimulus.update(when.of(name), self.population)  # type: ignore[arg-type]
        try:
            yield
        finally:
            for stimulus, variable in kept:
                vars(stimulus)["current"] = variable

    def rates(self, when: Instant, y: jax.Array, g: dict, held: Any, more: Any = ()) -> jax.Array:
        """All rates: (variables, sites)."""
        found = self.alone(when, list(y), g, held, more)
        if self.coupling is not None:
            found[self.V] = found[self.V] + self.coupling.rate(y[self.V])
        return jnp.stack(found)

    # -- linear systems ----------------------------------------------------------------------------------------------

    def depends(self, when: Instant, y: jax.Array, g: dict, held: Any, more: Any = ()) -> np.ndarray:
        """Which rate depends on which variable of its site: bool (variables, variables)."""
        return dependence(lambda rows: self.alone(when, rows, g, held, more), list(y))

    def linearised(self, depends: np.ndarray, when: Instant, y: jax.Array, g: dict, held: Any, more: Any = ()):
        """The Jacobian of :meth:`alone` by entry, its derivative in each g by path, and in time: (variables, sites) each."""
        k, (paths, groups, V) = len(self.names), _products(depends, g, self.V)

        def f(rows, g, now):
            return jnp.stack(self.alone(Instant(now, when.within_ms), list(rows), g, held, more))

        _, push = jax.linearize(f, y, g, when.now)
        zeros = jnp.zeros_like(y), jax.tree.map(jnp.zeros_like, g), jnp.zeros_like(when.now)
        along: list = [(zeros[0].at[np.array(group)].set(1.0), *zeros[1:]) for group in groups]
        along += [(zeros[0], zeros[1] | {path: jnp.ones_like(g[path])}, zeros[2]) for path in paths]
        along.append((*zeros[:2], jnp.ones_like(when.now)))
        columns = jax.vmap(push)(*jax.tree.map(lambda *x: jnp.stack(x), *along))
        entries = {}
        for column, group in zip(columns, groups):
            for j in group:
                for i in range(k):
                    if (depends[i, j] or i == j) and (i != V or len(groups) == k):
                        entries[i, j] = column[i]
        if V is not None and len(groups) < k:
            row = jax.grad(lambda rows: jnp.sum(f(rows, g, when.now)[V]))(y)
            entries |= {(V, j): row[j] for j in range(k) if depends[V, j]}
        by_g = dict(zip(paths, columns[len(groups) :]))
        return entries, by_g, columns[-1]

    def solver(self, depends: np.ndarray, entries: dict, pace: jax.Array, dtype: Any):
        """Solves (pace - J - L) x = r for (variables, sites), where L couples V."""
        k = len(self.names)
        W = {pair: -x for pair, x in entries.items()}
        for i in range(k):
            W[i, i] = pace + W.get((i, i), jnp.zeros((self.sites,), dtype))
        factors = Factors(depends, W, self.V)

        def finish(r):
            if self.coupling is None:
                return r / factors.left
            # x = h (r + slope x + L x), with 1 / h - slope what is left
            return self.coupling.increment(jnp.zeros_like(r), r, pace - factors.left, 1 / pace)

        return lambda r: jnp.stack(factors.solve(list(r), finish))


def _products(depends: np.ndarray, g: dict, V: int) -> tuple[list[str], list[list[int]], int]:
    """Receptors by path, and the variables that one product with the Jacobian finds together; the row of V, on which many
    depend, is one product from the left.
    """
    rest = depends.copy()
    np.fill_diagonal(rest, True)
    each = [[j] for j in range(len(depends))]
    rest[V] = False
    groups = colours(rest)
    return list(g), groups if len(groups) + 1 < len(each) else each, V
