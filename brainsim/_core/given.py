"""Values as they are given: whether they are drawn, with which key, and in which type they are kept."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import numpy as np
from jax.core import Tracer

from brainsim._core.clock import name_hash
from brainsim._core.items import Patched
from brainsim._units import float_dtype
from brainsim.connectivity.distribution import Distribution


def key_for(key: jax.Array | None, name: str) -> jax.Array:
    """The key that a value of this name is drawn with."""
    return jax.random.fold_in(jax.random.PRNGKey(0) if key is None else key, name_hash(name))


def is_drawn(value: Any) -> bool:
    """Whether a value, or a part of it, is a distribution."""
    if isinstance(value, Patched):
        return is_drawn(value.base) or any(is_drawn(part) for _, part in value.parts)
    return isinstance(value, Distribution)


def is_traced(value: Any) -> bool:
    """Whether a value, or a part of it, is traced."""
    if isinstance(value, Patched):
        return is_traced(value.base) or any(is_traced(part) for _, part in value.parts)
    return isinstance(u.get_mantissa(value), Tracer)


def kept_type(value: Any) -> np.dtype:
    """Type in which a table is kept: floats as all floats are, whole numbers and truth values as they are."""
    numbers = u.get_mantissa(value)
    kind = (numbers if isinstance(numbers, jax.Array) else np.asarray(numbers)).dtype.kind
    return np.dtype({"b": np.bool_, "i": np.int32, "u": np.int32}.get(kind, float_dtype()))
