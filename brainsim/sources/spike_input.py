from __future__ import annotations

from typing import Any

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
    exact : bool, optional
        Values say when in the step a unit fires, as a fraction of it, 0 for not: spikes reach neurons with exact spike times at
        their own times, and the course has a derivative.
    **values
        Initial states by name.
    """

    within_steps: bool
    input = State(0.0, "what to emit at the end of the step")
    fired_at = State(None, "when in the last step it fired, as a fraction of it; 0 where it did not", optional=True)

    def __init__(self, size: int | tuple[int, ...], *, exact: bool = False, **values: Any):
        self.within_steps = bool(exact)
        super().__init__(size, **({"fired_at": 0.0} if exact else {}) | values)

    def dtype_of(self, name):
        return float_dtype() if name == "spikes" else super().dtype_of(name)

    def update(self, clock: Clock):
        given = self.plain("input")
        self.put("spikes", (given > 0).astype(given.dtype) if self.within_steps else given)
        if self.within_steps:
            self.put("fired_at", given)
        self.put("input", jnp.zeros_like(given))  # a later run without an input is silent
