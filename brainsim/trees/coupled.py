"""Trees with further couplings inside the implicit step, such as gap junctions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from brainsim.events._check import concrete
from brainsim.trees._operation import Static, flows, padded, stand_ins, tree_p
from brainsim.trees.solve import arrays
from brainsim.trees.structure import Tree


def solve_coupled(
    tree: Tree,
    coupling: ArrayLike,
    v: ArrayLike,
    e: ArrayLike,
    r: ArrayLike,
    pairs: ArrayLike,
    conductance: ArrayLike,
    *,
    tolerance: float | None = None,
    most: int = 200,
) -> jax.Array:
    r"""Increments of potentials where pairs of compartments are coupled beyond the tree.

    .. math:: (\operatorname{diag}(e) + L + K)\,x = r - (L + K)\,v,\qquad
        K = \sum_k g_k\,(\delta_{a_k} - \delta_{b_k})(\delta_{a_k} - \delta_{b_k})^T

    by conjugate gradients, preconditioned with the solution of the trees: in exact arithmetic as many solves as there are
    junctions, and far fewer where many are weak. Derivatives of all orders are exact to the tolerance, and cost another such
    solve.

    Parameters
    ----------
    tree, coupling, v, e, r
        As of :func:`solve`.
    pairs : int array ``[k, 2]``
        Compartments that are coupled; of ``[n_compartments, cells]`` their places in ``v.ravel()``.
    conductance : float array ``[k]`` or ``[]``
        g of each pair, not negative.
    tolerance : float, optional
        Largest residual, in the norm of the inverse of the tree's matrix, relative to that of the right-hand side: 1e-6 in
        float32, 1e-12 in float64 by default.
    most : int
        Largest number of solves; x is not a number where they do not suffice.

    Returns
    -------
    float array like v

    Raises
    ------
    ValueError
        Where a shape or dtype does not fit, or a compartment does not exist.

    References
    ----------
    M. R. Hestenes, E. Stiefel, J. Res. Natl. Bur. Stand. 49:409 (1952).
    """
    s, e, r, v = arrays(tree, coupling, e, r, v)
    a, b, g = _junctions(pairs, conductance, v)
    limit = float(tolerance if tolerance is not None else 1e-6 if v.dtype == jnp.float32 else 1e-12)
    shared, cells = (tree.plan, tree.rows, tree.parent), v.shape[1] if v.ndim > 1 else 0
    static = Static(tree.n_compartments, cells, r_nodes=True, x_nodes=True, own_s=s.ndim > 1, moving=False)
    beside = s.reshape(*s.shape, *[1] * (v.ndim - s.ndim))
    all_nodes = lambda x: padded(x, 0, tree.n)  # noqa: E731
    ground = all_nodes(e)

    def junctions(u):  # K u
        flat = u.ravel()  # compartments stand first
        current = g * (flat[a] - flat[b])
        return jnp.zeros_like(flat).at[a].add(current).at[b].add(-current).reshape(u.shape)

    def apply(u):
        return ground * u - flows(shared, beside, u, 0) + junctions(u)

    def inverse(c):  # of the trees alone
        return tree_p(shared, s, e, c, static=static)[0]

    whole = v[stand_ins(tree.plan)]
    right = all_nodes(r) + flows(shared, beside, whole, 0) - junctions(whole)
    by_gradients = lambda _, c: _conjugate_gradients(inverse, junctions, c, limit, most)  # noqa: E731
    return jax.lax.custom_linear_solve(apply, right, by_gradients, symmetric=True)[: tree.n_compartments]


def _conjugate_gradients(inverse, junctions, c, limit, most):
    """y in (A + K) y = c, given the inverse of A: A p need not be made, it follows p as what is left follows A^-1 of it."""
    dot = lambda x, y: jnp.sum(x * y)  # noqa: E731

    def going(carry):
        k, *_, rho = carry
        return (rho > limit**2 * size) & (k < most)

    def step(carry):
        k, y, left, p, a_p, rho = carry
        q = a_p + junctions(p)
        alpha = rho / dot(p, q)
        y, left = y + alpha * p, left - alpha * q
        z = inverse(left)
        after = dot(left, z)
        return k + 1, y, left, z + after / rho * p, left + after / rho * a_p, after

    z = inverse(c)
    size = dot(c, z)
    _, y, *_, rho = jax.lax.while_loop(going, step, (jnp.int32(0), jnp.zeros_like(c), c, z, c, size))
    return jnp.where(rho <= limit**2 * size, y, jnp.nan)


def _junctions(pairs, conductance, v):
    """Both ends of each pair, and its conductance."""
    pairs = pairs if isinstance(pairs, jax.Array) else np.asarray(pairs)
    if pairs.size == 0:
        pairs = np.zeros((0, 2), np.int32)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not jnp.issubdtype(pairs.dtype, jnp.integer):
        raise ValueError(
            f"trees.solve_coupled: pairs is an array of integers [k, 2]; got {pairs.dtype}{list(pairs.shape)}."
        )
    if concrete(pairs) and pairs.size:
        bad = np.flatnonzero(((np.asarray(pairs) < 0) | (np.asarray(pairs) >= v.size)).any(1))
        if len(bad):
            raise ValueError(
                f"trees.solve_coupled: compartments lie in 0 to {v.size - 1}; pair {bad[0]} is"
                f" {np.asarray(pairs)[bad[0]].tolist()}."
            )
    g = jnp.asarray(conductance, v.dtype)
    if g.shape not in ((), (len(pairs),)):
        raise ValueError(
            f"trees.solve_coupled: conductance is a number or one for each of {len(pairs)} pairs; got {list(g.shape)}."
        )
    if concrete(g) and not bool((np.asarray(g) >= 0).all()):
        raise ValueError("trees.solve_coupled: conductances are not negative.")
    return jnp.asarray(pairs[:, 0], jnp.int32), jnp.asarray(pairs[:, 1], jnp.int32), g
