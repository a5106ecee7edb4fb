"""What diffuses along cells: pools, from compartment to compartment."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import jax
import jax.numpy as jnp

from brainsim import trees
from brainsim.cells.compartments import resistances

if TYPE_CHECKING:
    from brainsim.cells.multi_compartment import MultiCompartment


class Diffusion:
    r"""Diffusion of a state of a pool along cells.

    .. math:: v_i\,\dot c_i = D \sum_j g_{ij}\,(c_j - c_i),\qquad g_{ij} = \left(\int \frac{dx}{\pi r^2}\right)^{-1}

    with volumes v in um3 (those of cylinders of the mean diameter) and D in um2/ms: of the whole cross-section, or of the
    same part of each.

    Parameters
    ----------
    cells : MultiCompartment
    D : float array
        Coefficient, in um2/ms.
    """

    def __init__(self, cells: MultiCompartment, D: jax.Array):
        self.tree, self.shape = cast(trees.Tree, cells.plain("tree")), cells.side_by_side
        r_own, r_parent = cells.plain("r_own"), cells.plain("r_parent")
        self.volume = cells.plain("volume")
        self.D, self.conductance = D, 1.0 / resistances(jnp.ones((), r_own.dtype), self.tree.parent, r_own, r_parent)

    def after(self, c: jax.Array, dt: jax.Array) -> jax.Array:
        """The state after a step of dt in ms."""
        whole = c.reshape(self.shape)
        e = jnp.broadcast_to(self.volume / (dt * self.D), c.shape).reshape(self.shape)
        return c + trees.solve(self.tree, self.conductance, whole, e, jnp.zeros_like(whole)).reshape(-1)
