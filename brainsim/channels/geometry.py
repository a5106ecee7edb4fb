"""Lengths and areas of the membrane that a channel or a pool stands on."""

from __future__ import annotations

from typing import Any

import brainunit as u

from brainsim._core import Parameter


class OfCompartment(Parameter):
    """A measure of the compartment: in a cell with a shape that of each compartment, unless it is given.

    Parameters
    ----------
    field : str
        ``"diameter"`` or ``"area"``.
    default : quantity
        Of what stands elsewhere; the area of a point neuron that has one is taken.
    """

    def __init__(self, field: str, default: u.Quantity):
        super().__init__(default, f"{field} of the compartment", positive=True)
        self.field = field


def measures(part: Any) -> dict[str, str]:
    """What follows from the compartment, by name: those that are not given."""
    declared = part._declared.items()
    return {n: d.field for n, d in declared if isinstance(d, OfCompartment) and n not in part._aside.given}
