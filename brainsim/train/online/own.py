"""The dynamics of one population alone, and its Jacobian unit by unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.interpreters import partial_eval

from brainsim._core import Clock, Structure


class Jacobian(NamedTuple):
    r"""Derivatives over one step of a population, of one number per unit each.

    Parameters
    ----------
    blocks : dict of (str, str) to float array, (n,)
        :math:`\partial h'_a / \partial h_b`, by the names of the two states.
    direct : dict of (str, str) to float array, (n,)
        :math:`\partial h'_a / \partial \theta`, by the names of state and parameter.
    step_ms : float array, ()
        Length of the step in milliseconds.
    """

    blocks: dict
    direct: dict
    step_ms: jax.Array


class Own:
    r"""How the k states of each unit of a population go on over a step, with what has arrived in them.

    .. math:: h'_j = f(h_j, \theta_j),\qquad D_j = \partial h'_j / \partial h_j \in R^{k \times k}

    Units do not depend on each other, so k tangents through the population's own step give D of all units, whatever the
    model. Nothing is known of it but its states.

    Parameters
    ----------
    structure : Structure
    population : str
    state, parameters, fixed : dict of str to array
        Of the network, by path.
    clock : Clock
        Of some step: what depends on what is found there.
    count : int
        Number of units.
    trained : sequence of str
        Parameters of the population whose derivatives are wanted too.

    Raises
    ------
    ValueError
        For a population whose units depend on each other.
    """

    def __init__(self, structure: Structure, population: str, parameters: dict, fixed: dict, state: dict, clock: Clock,
                 count: int, trained: Sequence[str]):  # fmt: skip
        self.structure, self.population, self.count, self.trained = structure, population, count, tuple(trained)
        own = [p for p in state if p.startswith(f"{population}.") and jnp.issubdtype(state[p].dtype, jnp.floating)]
        self.leaves = tuple(path for path in own if state[path].shape == (count,))
        self.others = tuple(path for path in own if path not in self.leaves)
        self._find_pattern(parameters, fixed, state, clock)
        self._check_units(parameters, fixed, state, clock)

    def step(self, parameters, fixed, state, clock, inputs=()):
        """``f(h, theta)`` of this step: the states after it, by path."""

        def f(h, theta):
            after = self.structure.advance(self.population, parameters | theta, fixed, state | h, clock, inputs)
            return {path: after[path] for path in (*self.leaves, *self.others)}

        return f, {p: state[p] for p in self.leaves}, {p: parameters[p] for p in self.trained}

    def jacobian(self, parameters: dict, fixed: dict, state: dict, clock: Clock, inputs=()) -> Jacobian:
        """Its derivatives over the step that begins at ``state``."""
        f, h, theta = self.step(parameters, fixed, state, clock, inputs)
        tangent: Any = jax.linearize(f, h, theta)[1]
        names = (*self.leaves, *self.trained)

        def one_by_one(path, x):
            return jnp.zeros((len(names), *x.shape), x.dtype).at[names.index(path)].set(1)

        rows: Any = jax.vmap(tangent)(*({path: one_by_one(path, x) for path, x in part.items()} for part in (h, theta)))
        found = {(a, b): rows[a][names.index(b)] for a, b in self.pattern}
        states, parameters = (
            {k: v for k, v in found.items() if k[1] in names} for names in (self.leaves, self.trained)
        )
        return Jacobian(states, parameters, clock.step_ms)

    def reached(self, beginnings: set[str]) -> set[str]:
        """The states that may ever depend on those where something begins."""
        found = set(beginnings)
        while more := {a for a, b in self.pattern if b in found and a in self.leaves} - found:
            found |= more
        return found

    @property
    def read(self) -> set[str]:
        """The states that a step depends on."""
        return {b for _, b in self.pattern}

    def _find_pattern(self, parameters, fixed, state, clock):
        """Which states after a step can depend on which before it at all, from the program of the derivative."""
        f, h, theta = self.step(parameters, fixed, state, clock)
        jaxpr, shapes = jax.make_jaxpr(lambda *moved: jax.jvp(f, (h, theta), moved)[1], return_shape=True)(h, theta)
        before, after = (*sorted(h), *sorted(theta)), sorted(shapes)
        self.pattern = set()
        for k, a in enumerate(after):
            used = partial_eval.dce_jaxpr(jaxpr.jaxpr, [i == k for i in range(len(after))])[1]
            self.pattern |= {(a, b) for b, needed in zip(before, used, strict=True) if needed}

    def _check_units(self, parameters, fixed, state, clock):
        """Refuse a population whose units see each other: its blocks then miss derivatives along a random direction."""
        rng = np.random.default_rng(0)

        def near(x):  # not at rest, where much is zero
            return x + jnp.asarray(0.05 * rng.uniform(size=x.shape) * (1 + np.abs(np.asarray(x))), x.dtype)

        state = state | {path: near(state[path]) for path in self.leaves}

        def compare(state, direction):
            f, h, theta = self.step(parameters, fixed, state, clock)
            still = jax.tree.map(jnp.zeros_like, theta)
            along = jax.jvp(f, (h, theta), (direction, still))[1]
            blocks = self.jacobian(parameters, fixed, state, clock).blocks
            return along, {a: sum(blocks[a, b] * x for b, x in direction.items() if (a, b) in blocks) for a in h}

        direction = {p: jnp.asarray(rng.normal(size=state[p].shape), state[p].dtype) for p in self.leaves}
        along, units = jax.jit(compare)(state, direction)
        for path, slope in along.items():
            slope, own = np.asarray(slope), np.asarray(units.get(path, 0.0))
            known = np.isfinite(slope)
            scale = 1e-3 * np.abs(slope[known]).max(initial=0.0)
            if np.any(np.abs(slope - np.broadcast_to(own, slope.shape))[known] > 1e-6 + scale):
                raise ValueError(
                    f"{self.population}: its units depend on each other within a step ({path}), so that none has"
                    " eligibility traces of its own; rule='rtrl' and rule='uoro' take any network."
                )
