"""What diffuses along cells: pools, from compartment to compartment."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import jax
import jax.numpy as jnp

from brainsim import trees
from brainsim.cells.axial import AT_ONCE
from brainsim.cells.compartments.compartments import resistances

if TYPE_CHECKING:
    from brainsim.cells.multi_compartment import MultiCompartment


class Diffusion:
    r"""Diffusion of a state of a pool along cells.

    .. math:: a_i v_i\,\dot c_i = \sum_j g_{ij}\,(c_j - c_i),\qquad g_{ij} = \left(\int \frac{dx}{a D \pi r^2}\right)^{-1}

    with volumes v in um3 (those of cylinders of the mean diameter), D in um2/ms and a the part of the cross-section in which
    it diffuses.

    Parameters
    ----------
    cells : MultiCompartment
    D : float array
        Coefficient, in um2/ms, () or one for each site.
    part : float array
        a, () or one for each site; without consequences where it is the same everywhere.
    """

    def __init__(self, cells: MultiCompartment, D: jax.Array, part: jax.Array | float = 1.0):
        self.tree, self.shape = cast(trees.Tree, cells.plain("tree")), cells.side_by_side
        r_own, r_parent = cells.plain("r_own"), cells.plain("r_parent")
        self.volume = cells.plain("volume")
        self.part = jnp.asarray(part, r_own.dtype)
        single = 1.0 / (jnp.asarray(D, r_own.dtype) * self.part)
        if single.ndim:
            single = single.reshape(self.shape).T
        self.conductance = (1.0 / resistances(single, self.tree.parent, r_own, r_parent)).T

    def rate(self, c: jax.Array) -> jax.Array:
        """The rate of change, per ms: what moves at once."""
        return self._gained(c, jnp.asarray(AT_ONCE, c.dtype)) / AT_ONCE

    def after(self, c: jax.Array, dt: jax.Array) -> jax.Array:
        """The state after a step of dt in ms."""
        return c + self._gained(c, dt)

    def _gained(self, c: jax.Array, dt: jax.Array) -> jax.Array:
        whole = c.reshape(self.shape)
        e = jnp.broadcast_to(self.part * self.volume / dt, c.shape).reshape(self.shape)
        return trees.solve(self.tree, self.conductance, whole, e, jnp.zeros_like(whole)).reshape(-1)
