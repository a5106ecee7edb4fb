"""Spikes told once in the shortest delay: what arrives in the next steps has been fired already.

A line of spikes stands where they are fired. What leaves it in the next k steps is in it now, if it takes k steps or more
to pass it: so devices send each other k rows of all lines at once, and then nothing for k steps.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from brainsim.delays.axonal import Axonal
from brainsim.simulation.mesh.division import Division
from brainsim.simulation.mesh.exchange import Devices
from brainsim.simulation.mesh.layout import Layout


class Ahead:
    """The lines of a network whose spikes are told ahead.

    Parameters
    ----------
    division : Division
    states : dict of str to ShapeDtypeStruct
        Of the whole network, by path.

    Attributes
    ----------
    steps : int
        How many steps an exchange is good for; 0 where there are no lines.
    """

    def __init__(self, division: Division, states: dict[str, Any]):
        self.lines = {path: x.shape for path, x in states.items() if _is_line(division, path, x)}
        self.steps = min((slots for slots, _ in self.lines.values()), default=0)
        self.layouts: dict[str, Layout] = {path: division.layout(path, shape) for path, shape in self.lines.items()}
        self.at, self.width = {}, 0
        for path, layout in self.layouts.items():
            self.at[path] = self.width
            self.width += self.steps * _n_bytes(layout)

    def nothing(self, devices: Devices) -> jax.Array:
        """What is known before the first exchange."""
        return jnp.zeros((devices.count, self.width), jnp.uint8)

    def told(self, devices: Devices, known: jax.Array, state: dict, done: jax.Array, first: jax.Array) -> jax.Array:
        """What is known of the next steps: told anew where all of it has been used."""
        if not self.steps:
            return known

        def tell():
            rows = []
            for path, (slots, _) in self.lines.items():
                soon = (first + done + jnp.arange(self.steps, dtype=jnp.int32)) % slots
                rows.append(jnp.packbits(state[path][soon], axis=-1, bitorder="little").ravel())
            devices.asking = "spikes of the next steps"
            return devices.told_to_all(jnp.concatenate(rows), (len(rows), self.width), self.steps)

        return jax.lax.cond(done % self.steps == 0, tell, lambda: known)

    def arriving(self, path: str, known: jax.Array, done: jax.Array) -> jax.Array:
        """Who of all neurons has sent a spike that leaves a line in this step."""
        layout, n_bytes = self.layouts[path], _n_bytes(self.layouts[path])
        own = known[:, self.at[path] : self.at[path] + self.steps * n_bytes].reshape(-1, self.steps, n_bytes)
        words = jax.lax.dynamic_index_in_dim(own, done % self.steps, 1, keepdims=False)
        bits = jnp.unpackbits(words, axis=-1, count=layout.size, bitorder="little")
        return layout.joined(bits).astype(bool)


def _n_bytes(layout: Layout) -> int:
    return -(-layout.size // 8)


def _is_line(division: Division, path: str, x) -> bool:
    """Whether an array is a line of spikes, one bit each, that is divided and takes several steps to pass."""
    owner, _, rest = path.partition(".")
    if (
        rest != "axon.line"
        or x.dtype != bool
        or x.shape[0] < 2
        or not isinstance(division.layout(path, x.shape), Layout)
    ):
        return False
    return type(division.net.projections[owner].axon) is Axonal
