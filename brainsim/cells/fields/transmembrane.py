"""What flows through the membrane of cells, from what flows between their compartments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim._units import NumberLike, in_unit, split_quantity
from brainsim.cells.compartments.compartments import Compartments

if TYPE_CHECKING:
    from brainsim.cells.multi_compartment import MultiCompartment


def axial_inflow(parent: Any, coupling: Any, V: Any) -> Any:
    r"""Current into each compartment from its neighbours, where branch points take the potential that leaves no current over.

    .. math:: I_i = \sum_j s_{ij}\,(V_j - V_i),\qquad V_b = \frac{\sum_j s_{bj} V_j}{\sum_j s_{bj}}

    Parameters
    ----------
    parent : int array (nodes,)
        The tree, as :class:`Compartments` has it: compartments first.
    coupling : float array (nodes,)
        s between each node and its parent; those of roots are not read.
    V : float array (..., n)
        Potentials of the compartments.

    Returns
    -------
    float array (..., n)
        Numpy in, numpy out; otherwise of JAX, and differentiable.
    """
    xp: Any = jnp if any(isinstance(x, jax.Array) for x in (parent, coupling, V)) else np
    n, nodes = V.shape[-1], len(parent)
    s = xp.where(parent >= 0, coupling, 0).reshape(*[1] * (V.ndim - 1), nodes)
    up = xp.maximum(parent, 0)
    if nodes > n:
        V = xp.concatenate([V, _of_points(up, s, V, nodes - n)], -1)
    flow = s * (V[..., up] - V)  # from the parent to each node
    return flow[..., :n] - _summed(flow, xp.minimum(up, n), n + 1)[..., :n]


def _of_points(up, s, V, count):
    """Potentials of branch points: the neighbours of one are compartments."""
    n = V.shape[-1]
    xp: Any = jnp if isinstance(V, jax.Array) or isinstance(s, jax.Array) else np
    where = xp.where(up[:n] >= n, up[:n] - n, count)
    below, above = s[..., :n], s[..., n:]
    currents = _summed(below * V, where, count + 1)[..., :count] + above * V[..., xp.minimum(up[n:], n - 1)]
    return currents / (_summed(below, where, count + 1)[..., :count] + above)


def _summed(x, where, count):
    """Sums of the values along the last axis that have the same place."""
    if isinstance(x, jax.Array) or isinstance(where, jax.Array):
        return jnp.zeros((*x.shape[:-1], count), x.dtype).at[..., where].add(x)
    found = np.zeros((*x.shape[:-1], count), x.dtype)
    places: Any = (..., where)
    np.add.at(found, places, x)
    return found


def transmembrane_currents(
    cells: Compartments | MultiCompartment,
    V: NumberLike,
    *,
    R_a: NumberLike | None = None,
    injected: NumberLike | None = None,
) -> u.Quantity:
    r"""Currents out of the cell through the membrane of each compartment, capacitive current included, from recorded potentials.

    .. math:: I_{m,i} = \sum_j s_{ij}\,(V_j - V_i) + I_{e,i}

    What flows in from the neighbours, and from an electrode within the cell, leaves through the membrane: as the model
    has it, no channel is looked at. Without ``injected`` the currents of a cell sum to zero; then an electrode in the cell
    counts as membrane, as if its current came from just outside. With it they sum to the current that is injected, as
    NEURON's ``i_membrane_`` and LFPy's ``imem`` do. Currents of synapses are currents of the membrane; what flows through
    gap junctions is taken as such.

    V should be recorded in double precision, or at compartments that are not tiny: in float32 rounding of V is 4e-6 mV,
    which the coupling between neighbours multiplies.

    Parameters
    ----------
    cells : Compartments or MultiCompartment
        Of a population, V is in the order of its sites, as recorded.
    V : quantity (..., n) or (..., sites)
        Membrane potentials, of numpy or of JAX; differentiable.
    R_a : quantity () or (n,), optional
        Axial resistivity; that of the population if left out.
    injected : quantity like V, optional
        Currents that electrodes inject into each compartment over the step that ends at V: of stimuli, the
        ``current_injected`` of clamps, and the ``current`` of an extracellular stimulus, which is axial.

    Returns
    -------
    quantity like V
        In nA, outwards positive.

    Raises
    ------
    ValueError, UnitError
        For a wrong number of compartments, and Compartments without R_a.
    """
    if isinstance(cells, Compartments):
        cut, abreast, resistivity = cells, 1, R_a
        if resistivity is None:
            raise ValueError("transmembrane_currents: give R_a, which compartments do not have.")
    else:
        cut, abreast, resistivity = cells.compartments, cells.abreast, cells.R_a if R_a is None else R_a
        number, unit = split_quantity(resistivity)
        if R_a is None and not isinstance(number, Tracer):
            resistivity = u.Quantity(np.asarray(number), unit=unit)  # what was recorded keeps its digits
    potentials = _floats(in_unit(V, u.mV, "transmembrane_currents: V"))
    if not potentials.ndim or potentials.shape[-1] != len(cut) * abreast:
        raise ValueError(
            f"transmembrane_currents: V has one value for each of {len(cut) * abreast} sites last, given shape"
            f" {potentials.shape}."
        )
    s, _ = split_quantity(cut.coupling(resistivity))  # uS
    side_by_side = potentials.reshape(*potentials.shape[:-1], len(cut), abreast).swapaxes(-1, -2)
    flow = axial_inflow(cut.parent, s, side_by_side).swapaxes(-1, -2).reshape(potentials.shape)
    if injected is not None:
        flow = flow + _floats(in_unit(injected, u.nA, "transmembrane_currents: injected"))
    return u.Quantity(flow, unit=u.nA)


def _floats(x):
    x = x if isinstance(x, jax.Array) else np.asarray(x)
    return x if np.issubdtype(x.dtype, np.floating) else x.astype(float)
