"""Potentials of a forest of compartments after an implicit step."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from brainsim.events._check import concrete
from brainsim.trees._operation import Static, tree_p
from brainsim.trees.structure import Tree


def solve(tree: Tree, coupling: ArrayLike, v: ArrayLike | None, e: ArrayLike, r: ArrayLike) -> jax.Array:
    r"""Increments of the potentials of compartments, in time that is linear in their number.

    .. math:: (\operatorname{diag}(e) + L)\,x = r - L\,v,\qquad
        (L\,v)_i = \sum_{j \text{ next to } i} s_{ij}\,(v_i - v_j)

    where no current is left over at branch points. A step of dt of :math:`C \dot V = I(V) + G\,(E - V) - L\,V` with the weight
    :math:`\theta` for its end (1: backward Euler; 1/2: Crank-Nicolson, of order 2) is

    .. math:: e = \frac{C}{\theta\,dt} + G,\qquad r = I + G\,(E - V),\qquad V \leftarrow V + \frac{x}{\theta}

    The sum of couplings on the diagonal is never formed: in float32 x has as many digits as in any other. Two sweeps over the
    nodes make the solution. Derivatives of all orders, in both modes, are one more solve with the same matrix; cells of one
    structure, and batches of `vmap`, share it and are solved side by side.

    Parameters
    ----------
    tree : Tree
        An argument of the compiled function where it is large: its arrays are leaves of a pytree.
    coupling : float array ``[n]`` or ``[n, cells]``
        s between each node and its parent, positive; those of roots are not read. Values that are known when this is
        called are checked, others by :meth:`Tree.check_couplings`.
    v : float array ``[n_compartments]`` or ``[n_compartments, cells]``, optional
        Potentials; None: zero.
    e : float array like v
        Conductance of each compartment to ground, not negative, and positive for one of each tree at least.
    r : float array like v
        Current into each compartment.

    Returns
    -------
    float array like v

    Raises
    ------
    ValueError
        Where a shape or dtype does not fit, or a coupling is not positive.

    References
    ----------
    M. Hines, Efficient computation of branched nerve equations, Int. J. Biomed. Comput. 15:69 (1984).
    """
    coupling, e, r, *rest = arrays(tree, coupling, e, r, v)
    if len(tree.rows) == 1:  # all nodes are roots
        return r / e
    cells = r.shape[1] if r.ndim > 1 else 0
    static = Static(tree.n_compartments, cells, own_s=coupling.ndim > 1, moving=bool(rest))
    return tree_p((tree.plan, tree.rows, tree.parent), coupling, e, r, *rest, static=static)[0]


def arrays(tree: Tree, coupling, e, r, v) -> list[jax.Array]:
    """The operands, of shapes and dtypes that fit."""
    if not isinstance(tree, Tree):
        raise TypeError(f"trees.solve: tree is a trees.Tree; got {type(tree).__name__}.")
    r, named = jnp.asarray(r), {"e": jnp.asarray(e)} | ({} if v is None else {"v": jnp.asarray(v)})
    if not jnp.issubdtype(r.dtype, jnp.floating) or r.shape[:1] != (tree.n_compartments,) or r.ndim > 2:
        raise ValueError(
            f"trees.solve: r is a float array [{tree.n_compartments}] or [{tree.n_compartments}, cells], one value for each"
            f" compartment; got {r.dtype}{list(r.shape)}."
        )
    for name, x in named.items():
        if x.shape != r.shape or x.dtype != r.dtype:
            raise ValueError(f"trees.solve: {name} is {r.dtype}{list(r.shape)} as r is; got {x.dtype}{list(x.shape)}.")
    s = jnp.asarray(coupling)
    if s.shape not in ((tree.n,), (tree.n, *r.shape[1:])) or s.dtype != r.dtype:
        cells = f" or [{tree.n}, {r.shape[1]}]" if r.ndim > 1 else ""
        raise ValueError(
            f"trees.solve: coupling is {r.dtype}[{tree.n}]{cells}, one value for each node; got {s.dtype}{list(s.shape)}."
        )
    if concrete(s) and concrete(tree.parent):
        tree.check_couplings(s)
    return [s, named["e"], r, *([] if v is None else [named["v"]])]
