"""What a projection has of every synapse, as it is read."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp

from brainsim._core import Parameter, held
from brainsim._units import float_dtype, with_unit


class DelayParameter(Parameter):
    """A parameter where delays may change; otherwise what was given when the populations were connected."""

    def __get__(self, projection: Any, owner: type | None = None) -> Any:
        if projection is None or "axon" not in vars(projection) or projection.axon.changes:
            return super().__get__(projection, owner)
        times = projection.axon.times
        return None if times is None else with_unit(times.ms, u.ms)


class WeightParameter(Parameter):
    """A parameter that is read as numbers of full precision, however it is kept."""

    def __get__(self, projection: Any, owner: type | None = None) -> Any:
        found = super().__get__(projection, owner)
        if projection is None or projection.plain("weight").dtype != jnp.float16:
            return found
        return held(projection.plain("weight").astype(float_dtype()), projection.weight_unit, projection, "weight")
