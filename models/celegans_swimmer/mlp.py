"""Multilayer perceptrons: what a controller without a circuit needs."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from models.celegans_swimmer.task import EPISODE


@dataclass(frozen=True)
class MLP:
    """Tanh units that see joint angles, the velocities of all links, and the time.

    Parameters
    ----------
    joints : int
        Of the body.
    hidden : tuple of int
        Sizes of the hidden layers.
    outputs : int, optional
        Number of outputs; by default one motor command per joint, bounded by a last tanh.
    clock : bool
        Whether it sees the time, which rises from -1 to 1 over an episode.
    """

    joints: int = 5
    hidden: tuple[int, ...] = (64, 64)
    outputs: int | None = None
    clock: bool = True

    observes = "everything"

    @property
    def sizes(self) -> tuple[int, ...]:
        inputs = self.joints + 3 * (self.joints + 1) + self.clock
        return (inputs, *self.hidden, self.outputs or self.joints)

    @property
    def n_parameters(self) -> int:
        return sum((a + 1) * b for a, b in zip(self.sizes, self.sizes[1:]))

    def random(self, key) -> list:
        """Weights and biases uniform within 1 / sqrt(fan-in)."""
        layers = []
        for a, b, k in zip(self.sizes, self.sizes[1:], jax.random.split(key, len(self.sizes))):
            bound = 1 / np.sqrt(a)
            kw, kb = jax.random.split(k)
            layers.append(
                {
                    "w": jax.random.uniform(kw, (a, b), minval=-bound, maxval=bound),
                    "b": jax.random.uniform(kb, (b,), minval=-bound, maxval=bound),
                }
            )
        return layers

    def __call__(self, weights: list, observation, step):
        """Motor commands (joints,), or the outputs."""
        x = observation
        if self.clock:
            x = jnp.concatenate([x, jnp.asarray(2 * step / EPISODE - 1, x.dtype)[None]])
        for layer in weights[:-1]:
            x = jnp.tanh(x @ layer["w"] + layer["b"])
        x = x @ weights[-1]["w"] + weights[-1]["b"]
        return jnp.tanh(x) if self.outputs is None else x
