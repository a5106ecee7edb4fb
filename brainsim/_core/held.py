"""What reading a number of a model gives: a quantity whose items can be assigned."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import numpy as np
from jax.core import Tracer

from brainsim._core.items import elements
from brainsim._units import UNITLESS, with_unit


@jax.tree_util.register_pytree_node_class
class Held(u.Quantity):
    """A quantity that an object holds: ``net.E.V[0] = -50 * u.mV`` changes it there, and so does
    ``net.E.V[:10][0] = -50 * u.mV``, since a slice of an array stands for its elements.

    Whatever is computed from it is a plain quantity.
    """

    _home: tuple[Any, str, Any] | None = None  # (object, name, flat positions there; None for all)

    def __getitem__(self, index: Any) -> Any:
        if self._home is None:
            return super().__getitem__(index)
        owner, name, positions = self._home
        chosen = elements(index, self.shape, f"{getattr(owner, 'path', 'a view')}.{name}")  # JAX clips what is outside
        part = u.Quantity(self.mantissa.ravel()[chosen], unit=self.unit)
        basic = all(isinstance(k, slice | int | np.integer) or k is None or k is ... for k in _as_tuple(index))
        if not basic or not part.ndim:  # a copy
            return part
        return _at_home(
            part.mantissa, part.unit, (owner, name, chosen if positions is None else positions.ravel()[chosen])
        )

    def __setitem__(self, index: Any, value: Any) -> None:
        if self._home is None:  # a copy
            super().__setitem__(index, value)
            return
        owner, name, positions = self._home
        if positions is None:
            owner.assign_items(name, index, value)
            self._mantissa = getattr(owner, name).mantissa
        else:
            whole = getattr(owner, name)
            owner.assign_items(name, np.unravel_index(positions[index], whole.shape), value)
            self._mantissa = getattr(owner, name).mantissa.ravel()[positions]

    def as_matrix(self, missing: float = 0.0) -> Any:
        """What a projection holds for each synapse as a matrix, (n_pre, n_post); see
        :meth:`brainsim.Projection.as_matrix`.

        Raises
        ------
        TypeError
            For what is not held by a projection.
        """
        owner: Any
        owner, name, positions = self._home or (None, "", None)
        if owner is None or not hasattr(owner, "as_matrix") or positions is not None:
            raise TypeError("as_matrix: only what a projection holds for all its synapses is a matrix of pairs.")
        return owner.as_matrix(name, missing)

    def __setattr__(self, name, value):
        if not name.startswith("_"):
            raise AttributeError(
                f"a number has no {name!r} that could be set; assign the number itself, or items of it."
            )
        super().__setattr__(name, value)

    def __reduce__(self):
        return u.Quantity, (self.mantissa, self.unit)

    def tree_flatten(self):
        return (self.mantissa,), self.unit

    @classmethod
    def tree_unflatten(cls, unit, values):
        return u.Quantity.tree_unflatten(unit, values)


def held(array: jax.Array, unit: u.Unit | None, owner: Any, name: str) -> Any:
    """``array * unit`` as what ``owner`` holds under ``name``; the plain array if ``unit`` is dimensionless."""
    if unit == UNITLESS or isinstance(array, Tracer):
        return with_unit(array, unit)
    return _at_home(array, unit, (owner, name, None))


def _at_home(array, unit, home) -> Held:
    quantity = Held(array, unit=unit)
    quantity._home = home
    return quantity


def _as_tuple(index) -> tuple:
    return index if isinstance(index, tuple) else (index,)
