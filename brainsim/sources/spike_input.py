from __future__ import annotations

import jax.numpy as jnp

from brainsim._core import Clock, State
from brainsim._units import float_dtype
from brainsim.population import Population


class SpikeInput(Population):
    """Units whose spikes are given from outside, step by step: ``inputs={"name.input": array}`` of shape (steps, n).

    Row k is emitted at the end of step k. Values may be any float: one other than 0 or 1 multiplies the weights.
    Without an input the units are silent.

    Parameters
    ----------
    size : int or tuple of int
        Number of units.
    """

    input = State(0.0, "what to emit at the end of the step")

    def dtype_of(self, name):
        return float_dtype() if name == "spikes" else super().dtype_of(name)

    def update(self, clock: Clock):
        given = self.plain("input")
        self.put("spikes", given)
        self.put("input", jnp.zeros_like(given))  # a later run without an input is silent
