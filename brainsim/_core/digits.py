"""The digits that a float32 parameter has no room for, kept beside it: for times and frequencies."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim._core.declared import FixedVariable
from brainsim._core.exact import exact
from brainsim._core.items import Patched
from brainsim._units import in_unit
from brainsim.connectivity.distribution import Distribution


def keep_digits(owner, name: str, value, array) -> None:
    """Keep, as ``<name>_digits``, what ``array`` was rounded from, where the parameter is declared with ``exact``."""
    if owner._declared[name].exact:
        known = not isinstance(array, Tracer)
        kept, digits = f"{name}_digits", jnp.stack(exact(_digits(owner, name, value, array) if known else array))
        if kept in vars(owner):
            owner.put(kept, digits)
        else:
            owner.hold(kept, FixedVariable(digits))


def _digits(owner, name, value, array):
    if isinstance(value, Distribution):
        return array  # drawn values have no more
    if isinstance(value, Patched):
        digits = np.array(np.broadcast_to(_digits(owner, name, value.base, array), array.shape), float)
        for ids, part in value.parts:
            digits.flat[ids.ravel()] = np.ravel(_digits(owner, name, part, array.ravel()[ids]))
        return digits
    return in_unit(value, owner.unit_of(name), f"{owner.path}.{name}")
