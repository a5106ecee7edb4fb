"""Trees with further couplings inside the implicit step, such as gap junctions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from brainsim.events._check import concrete
from brainsim.trees.solve import solve
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
        Compartments that are coupled, the same one at most once with each other; of ``[n_compartments, cells]`` the places
        in ``v.ravel()``.
    conductance : float array ``[k]`` or ``[]``
        g of each pair, not negative.
    tolerance : float, optional
        Largest residual, in the norm of the inverse of the tree's matrix, relative to that of the junctions' currents: 1e-6 in
        float32, 1e-12 in float64 by default. Potentials are right to about the same part of what the junctions change of them.
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
    v, e, r = map(jnp.asarray, (v, e, r))
    a, b, g = _junctions(pairs, conductance, v)
    limit = float(tolerance if tolerance is not None else 1e-6 if v.dtype == jnp.float32 else 1e-12)

    def flow(u):  # K u
        u = u.ravel()
        current = g * (u[a] - u[b])
        return jnp.zeros_like(u).at[a].add(current).at[b].add(-current).reshape(v.shape)

    x = solve(tree, coupling, v, e, r - flow(v))
    inverse = lambda y: solve(tree, coupling, None, e, y)  # noqa: E731
    if not a.size:
        return x
    return x + _corrected(inverse, flow, x, limit, most)


def _corrected(inverse, flow, x, limit, most):
    """d in (A + K) d = -K x, given the inverse of A.

    The operator of the linear solve is 1 + A^-1 K and its transpose 1 + K A^-1, so that A itself is never applied. In both the
    unknown is had from y in (A + K) y = c.
    """

    def by_conjugate_gradients(c):
        z = inverse(c)
        dot = lambda x, y: jnp.sum(x * y)  # noqa: E731
        size = dot(c, z)

        def going(carry):
            k, *_, rho = carry
            return (rho > limit**2 * size) & (k < most)

        def step(carry):
            k, y, left, z, p, a_p, rho = carry  # A p follows p, as A z is what is left
            q = a_p + flow(p)
            alpha = rho / dot(p, q)
            y, left = y + alpha * p, left - alpha * q
            z = inverse(left)
            after = dot(left, z)
            beta = after / rho
            return k + 1, y, left, z, z + beta * p, left + beta * a_p, after

        zero = jnp.zeros_like(c)
        begin = (jnp.int32(0), zero, c, z, z, c, size)
        *_, rho = made = jax.lax.while_loop(going, step, begin)
        return jnp.where(rho <= limit**2 * size, made[1], jnp.nan)

    def forwards(apply, right):  # right = A^-1 c: y = right - (A + K)^-1 K right
        return right - by_conjugate_gradients(flow(right))

    def backwards(apply, right):  # (1 + K A^-1) y = right: y = right - K (A + K)^-1 right
        return right - flow(by_conjugate_gradients(right))

    operator = lambda y: y + inverse(flow(y))  # noqa: E731
    return jax.lax.custom_linear_solve(operator, -inverse(flow(x)), forwards, backwards)


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
