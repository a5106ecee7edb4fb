"""What reading a number of a model gives: a quantity whose items can be assigned."""

from __future__ import annotations

import brainunit as u
import jax

from brainsim._units import UNITLESS, with_unit


@jax.tree_util.register_pytree_node_class
class Held(u.Quantity):
    """A quantity that an object holds: ``net.E.V[0] = -50 * u.mV`` changes it there.

    Whatever is computed from it is a plain quantity.
    """

    _home = None  # (object, name)

    def __setitem__(self, index, value):
        if self._home is None:  # a copy
            super().__setitem__(index, value)
            return
        owner, name = self._home
        owner.assign_items(name, index, value)
        self._mantissa = getattr(owner, name).mantissa

    def __reduce__(self):
        return u.Quantity, (self.mantissa, self.unit)

    def tree_flatten(self):
        return (self.mantissa,), self.unit

    @classmethod
    def tree_unflatten(cls, unit, values):
        return u.Quantity.tree_unflatten(unit, values)


def held(array, unit: u.Unit, owner, name: str):
    """``array * unit`` as what ``owner`` holds under ``name``; the plain array if ``unit`` is dimensionless."""
    if unit == UNITLESS or not array.ndim or isinstance(array, jax.core.Tracer):
        return with_unit(array, unit)
    quantity = Held(array, unit=unit)
    quantity._home = owner, name
    return quantity
