"""Terminals that spikes act on: advanced from spike to spike of each neuron."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from brainsim.network import Network
from brainsim.simulation.continuous.membranes import put_in_place
from brainsim.terminals.base import Terminal


class Passed(NamedTuple):
    """In the place of a clock, for what is advanced over any time: how much has passed for each neuron, in ms."""

    step_ms: jax.Array


class Release:
    """What a terminal makes of spikes.

    Its states stand as they were after the last spike of each neuron, and when that was.

    Parameters
    ----------
    terminal : Terminal
        One that is :attr:`~brainsim.terminals.Terminal.exact_between_spikes`.
    """

    def __init__(self, terminal: Any):
        self.terminal: Terminal = terminal
        self.path, self.pre = terminal.path, terminal.pre
        self.names = tuple(terminal.states())

    def start(self, t: jax.Array) -> dict[str, jax.Array]:
        """As the terminal is at t."""
        own = {name: jnp.broadcast_to(self.terminal.plain(name), (self.terminal.n_pre,)) for name in self.names}
        return own | {"last": jnp.full((self.terminal.n_pre,), t)}

    def _advanced(self, own: dict, passed: jax.Array, spikes: jax.Array) -> tuple[dict, jax.Array]:
        kept = {name: vars(self.terminal)[name] for name in self.names}
        for name in self.names:
            put_in_place(self.terminal, name, own[name])
        released = self.terminal.update(Passed(passed), spikes)  # type: ignore[arg-type]
        after = {name: self.terminal.plain(name) for name in self.names}
        vars(self.terminal).update(kept)
        return after, released

    def fired(self, own: dict, when: jax.Array) -> tuple[dict, jax.Array]:
        """The states after spikes at times, infinite for none, and what each neuron releases."""
        fires = jnp.isfinite(when)
        passed = jnp.where(fires, jnp.where(fires, when, 0.0) - own["last"], 0.0)
        after, released = self._advanced(own, passed, fires.astype(passed.dtype))
        after["last"] = jnp.where(fires, when, own["last"])
        return {name: jnp.where(fires, after[name], x) for name, x in own.items()}, jnp.where(fires, released, 0.0)

    def at(self, own: dict, t: jax.Array) -> dict[str, jax.Array]:
        """The states at t, by path."""
        after, _ = self._advanced(own, t - own["last"], jnp.zeros_like(own["last"]))
        return {f"{self.path}.{name}": x for name, x in after.items()}


def releases_of(net: Network) -> dict[str, Release]:
    """Those of all projections, by path of the terminal."""
    held = dict.fromkeys(p.held_by for p in net.projections.values() if p.held_by is not None)
    found: list[Any] = [net.projections[path].terminal for path in held]
    return {terminal.path: Release(terminal) for terminal in found if not terminal.graded}
