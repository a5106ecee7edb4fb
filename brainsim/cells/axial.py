"""What flows between the compartments of a cell: the coupling of a population's vector field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import spsolve

from brainsim import trees
from brainsim.cells.compartments.compartments import resistances

if TYPE_CHECKING:
    from brainsim.cells.multi_compartment import MultiCompartment

PF = 0.01  # pF: what 1 um2 of a membrane of 1 uF/cm2 has
NS = 1e5  # nS: what a resistance of 1 ohm cm / um conducts
FEW = 200  # solutions of the trees that a step may take, however few the junctions
AT_ONCE = 1e-18  # ms: within this nothing moves, and what flows is only what flows between compartments


class Axial:
    r"""Axial currents of a population of cells.

    .. math:: c_i \dot V_i = \ldots - \sum_j s_{ij} (V_i - V_j),\qquad
        s_{ij} = \left(\int \frac{R_a}{\pi r^2}\,dx\right)^{-1}

    with capacitances in pF, couplings s in nS and potentials in mV. What :class:`brainsim.cells.Junctions` conduct is part of
    L.

    Parameters
    ----------
    cells : MultiCompartment
    """

    def __init__(self, cells: MultiCompartment):
        self.tree, self.shape = cast(trees.Tree, cells.plain("tree")), cells.side_by_side
        R_a, r_own, r_parent = (cells.plain(name) for name in ("R_a", "r_own", "r_parent"))
        self.coupling = NS / resistances(R_a, self.tree.parent, r_own, r_parent)
        self.capacitance = PF * cells.plain("C") * cells.plain("area")
        self.junctions = list(cells.junctions.values())

    def increment(self, V: jax.Array, rate: jax.Array, slope: jax.Array, h: jax.Array) -> jax.Array:
        """x in x = h (rate + slope x + L (V + x)), flat arrays of one value per site."""
        return self._solved(V, self.capacitance * (1 / h - slope), self.capacitance * rate, self.junctions)

    def rate(self, V: jax.Array) -> jax.Array:
        """L V, in mV/ms."""
        along = self._solved(V, self.capacitance / AT_ONCE, jnp.zeros_like(V), ()) / AT_ONCE
        return sum((one.inflow(V) / self.capacitance for one in self.junctions), along)

    def matrix(self) -> Any:
        """L, per ms, as a sparse matrix (sites, sites): what branch points pass on without holding it."""
        parent, s = np.asarray(self.tree.parent), np.asarray(self.coupling)
        length, abreast = self.shape[0], self.shape[1] if len(self.shape) > 1 else 1
        child = np.flatnonzero(parent >= 0)
        up, g = parent[child], s[child]
        rows, columns = np.concatenate([child, up, child, up]), np.concatenate([child, up, up, child])
        whole: Any = sparse.csc_array((np.concatenate([g, g, -g, -g]), (rows, columns)), (len(parent), len(parent)))
        L: Any = whole[:length, :length]
        if len(parent) > length:
            between, points = whole[:length, length:], whole[length:, length:].tocsc()
            L = L - between @ sparse.csc_array(spsolve(points, between.T.tocsc()).reshape(between.T.shape))
        L = sparse.kron(L, sparse.eye_array(abreast)).tocsc()
        for one in self.junctions:
            (a, b), k = one.ends.T, np.asarray(one.conductance())
            rows, columns = np.concatenate([a, b, a, b]), np.concatenate([a, b, b, a])
            L = L + sparse.csc_array((np.concatenate([k, k, -k, -k]), (rows, columns)), L.shape)
        return sparse.diags_array(-1 / np.broadcast_to(np.asarray(self.capacitance), L.shape[0])) @ L

    def _solved(self, V, e, r, junctions):
        V, e, r = (jnp.broadcast_to(x, V.shape).reshape(self.shape) for x in (V, e, r))
        if not junctions:
            return trees.solve(self.tree, self.coupling, V, e, r).reshape(-1)
        pairs = jnp.concatenate([one.plain("pairs") for one in junctions])
        g = jnp.concatenate([one.conductance() for one in junctions]).astype(V.dtype)
        most = max(FEW, 4 * len(g))  # of solutions: in exact arithmetic as many as there are junctions
        return trees.solve_coupled(self.tree, self.coupling, V, e, r, pairs, g, most=most).reshape(-1)
