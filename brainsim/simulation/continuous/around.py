"""What a run is given beside parameters and states: wiring, spikes of sources, and courses of what changes from outside."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._core import Parameter
from brainsim.network import Network
from brainsim.simulation.continuous.clock import SAME, Instant
from brainsim.simulation.continuous.membranes import put_in_place
from brainsim.sources import SpikeInput
from brainsim.stimuli.base import Stimulus


class Around(NamedTuple):
    """Who is connected by path of the projection, spikes of sources, courses by path with a row for each interval of the grid,
    (n_steps, ...), that interval in ms, and the number of the first.
    """

    wires: dict
    tables: dict
    courses: dict
    step_ms: jax.Array
    first: jax.Array

    def row(self, within: jax.Array, n_steps: int) -> jax.Array:
        """Which row is that of a time in ms."""
        return jnp.clip(jnp.floor(within / self.step_ms).astype(jnp.int32) - self.first, 0, n_steps - 1)


def check_courses(net: Network, courses: Mapping[str, Any]) -> None:
    """Refuse courses of what is not asked for its value at each time.

    Raises
    ------
    ValueError
    """
    for path in courses:
        owner, _, name = path.rpartition(".")
        part: Any = net[owner]
        if isinstance(part, SpikeInput) and name == "input":
            continue
        known = isinstance(part, Stimulus) and isinstance(part._declared.get(name), Parameter)
        if not known or u.ms.has_same_dim(part.unit_of(name) or u.UNITLESS):
            raise ValueError(
                f"adaptive: inputs: {path} has no course between steps; parameters of stimuli that are no times have one, such as"
                " 'E.drive.amplitude', and the input of a SpikeInput."
            )


class Courses:
    """Parameters of stimuli that have a value for each interval of the grid.

    Parameters
    ----------
    net : Network
    around : Around
    """

    def __init__(self, net: Network, around: Around):
        self.around, self.parts = around, []
        for path, rows in around.courses.items():
            owner, _, name = path.rpartition(".")
            if isinstance(net[owner], Stimulus):
                self.parts.append((net[owner], name, rows))

    @contextlib.contextmanager
    def at(self, when: Instant) -> Iterator[None]:
        """Within this, parameters are what they are at the instant."""
        kept = [(part, name, vars(part)[name]) for part, name, _ in self.parts]
        for part, name, rows in self.parts:
            put_in_place(part, name, rows[self.around.row(when.within_ms, len(rows))])
        try:
            yield
        finally:
            for part, name, variable in kept:
                vars(part)[name] = variable


class Given:
    """Spikes of a :class:`SpikeInput`: at the ends of intervals, or within them at times of their own.

    Parameters
    ----------
    source : SpikeInput
    rows : float array, (n_steps, n)
    around : Around
    """

    def __init__(self, source: SpikeInput, rows: jax.Array, around: Around):
        self.around, self.rows, self.exact = around, rows.reshape(len(rows), -1), source.within_steps

    def times(self, now: jax.Array) -> tuple[jax.Array, jax.Array]:
        """In the interval that ``now`` is in or at the end of: when each unit fires, infinite for not, and what multiplies the
        weights.
        """
        k = self.around.row(now - SAME, len(self.rows))
        given = self.rows[k]
        passed = given if self.exact else jnp.ones_like(given)
        fires = given > 0 if self.exact else given != 0
        when = (self.around.first + k + jnp.where(fires, passed, 0.0)) * self.around.step_ms
        return jnp.where(fires, when, jnp.inf), jnp.ones_like(given) if self.exact else given

    def following(self, now: jax.Array) -> jax.Array:
        """When the next fires after ``now`` in its interval."""
        when = self.times(now + 2 * SAME)[0]
        return jnp.min(jnp.where(when > now + SAME, when, jnp.inf), initial=jnp.inf)

    def fired(self, before: jax.Array, now: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Who fires ``now``: times, infinite for who does not, and what multiplies the weights."""
        when, size = self.times(now)
        there = jax.lax.stop_gradient(when)
        here = (jnp.abs(jnp.where(jnp.isfinite(there), there, -jnp.inf) - now) <= SAME) & (now > before + SAME)
        return jnp.where(here, when, jnp.inf), size
