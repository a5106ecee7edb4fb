"""Systems of coupled variables, many side by side: their Jacobians, and small dense linear algebra over them.

The variables stand along the first axis of an array (d, *batch), matrices along the first two of one (d, d, *batch).
With coupling ``"elementwise"`` the leaves of y are the d variables and their elements the batch: d is small, so
everything is unrolled over d and vectorised over the elements. With ``"full"`` all elements of all leaves are the d
variables and there is no batch.
"""

import operator
from collections.abc import Callable
from functools import reduce

import jax
import jax.numpy as jnp

from brainsim.integrators.base import Leaves, PlainFunction

COUPLINGS = ("elementwise", "full")
WRITTEN_OUT = 5  # variables


def check_coupling(owner, coupling: str) -> None:
    """Refuse what is not a coupling."""
    if coupling not in COUPLINGS:
        raise ValueError(f"{type(owner).__name__}: coupling must be 'elementwise' or 'full', got {coupling!r}.")


class Coupled:
    """`f` on stacked variables, and the way there and back."""

    def __init__(self, f: PlainFunction, y: Leaves, coupling: str):
        self.f, self.leaves, self.elementwise = f, y, coupling == "elementwise"
        shapes = {leaf.shape for leaf in y}
        if self.elementwise and len(shapes) > 1:
            raise ValueError(
                "coupling='elementwise' couples leaves at the same element, so all leaves of y must have one shape;"
                f" got {sorted(shapes)}. Use coupling='full' for other systems."
            )

    def stack(self, leaves: Leaves) -> jax.Array:
        """Leaves as variables (d, *batch)."""
        dtype = jnp.result_type(*(leaf.dtype for leaf in self.leaves))
        leaves = [leaf.astype(dtype) for leaf in leaves]
        return jnp.stack(leaves) if self.elementwise else jnp.concatenate([leaf.ravel() for leaf in leaves])

    def unstack(self, y: jax.Array) -> Leaves:
        """Variables as leaves."""
        if self.elementwise:
            return [x.astype(leaf.dtype) for x, leaf in zip(y, self.leaves, strict=True)]
        leaves, start = [], 0
        for leaf in self.leaves:
            leaves.append(y[start : start + leaf.size].reshape(leaf.shape).astype(leaf.dtype))
            start += leaf.size
        return leaves

    def slope(self, t, y: jax.Array) -> jax.Array:
        """f(t, y), (d, *batch)."""
        return self.stack(self.f(t, self.unstack(y)))

    def slope_and_jacobian(self, t, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        """f(t, y) and the derivative of each variable's rate in each variable, (d, d, *batch)."""
        return value_and_matrix(lambda y: self.slope(t, y), y)

    def change_with_time(self, t, y: jax.Array) -> jax.Array:
        """The partial derivative of f(t, y) in t."""
        t = jnp.asarray(t, y.dtype)
        return jax.jvp(lambda t: self.slope(t, y), (t,), (jnp.ones_like(t),))[1]


def value_and_matrix(f: Callable, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    """f(y) and its Jacobian (d, d, *batch), by one forward derivative per variable; exact where elements are
    independent.
    """
    if y.ndim == 1:
        value, push = jax.linearize(f, y)
        return value, jax.vmap(push, out_axes=1)(jnp.eye(len(y), dtype=y.dtype))
    if len(y) > WRITTEN_OUT:  # all columns as one, which compiles faster
        value, push = jax.linearize(f, y)
        directions = jnp.eye(len(y), dtype=y.dtype).reshape(len(y), len(y), *(1,) * (y.ndim - 1))
        return value, jax.vmap(push, out_axes=1)(jnp.broadcast_to(directions, (len(y), *y.shape)))
    columns = []
    for j in range(len(y)):
        value, column = jax.jvp(
            lambda x, j=j: f(jnp.concatenate([y[:j], x[None], y[j + 1 :]])), (y[j],), (jnp.ones_like(y[j]),)
        )
        columns.append(column)
    return value, jnp.stack(columns, 1)


def identity_like(matrix: jax.Array) -> jax.Array:
    """The unit matrix, to be added to one (d, d, *batch)."""
    d = len(matrix)
    return jnp.eye(d, dtype=matrix.dtype).reshape(d, d, *(1,) * (matrix.ndim - 2))


def product(matrix: jax.Array, x: jax.Array) -> jax.Array:
    """Matrix times matrix (d, d, *batch), or times vector (d, *batch)."""
    if matrix.ndim == 2:
        return matrix @ x
    if x.ndim < matrix.ndim:
        return reduce(operator.add, (matrix[:, j] * x[None, j] for j in range(len(x))))
    return reduce(operator.add, (matrix[:, j, None] * x[None, j] for j in range(len(x))))


def solve(matrix: jax.Array, right: jax.Array) -> jax.Array:
    """x in ``matrix x = right`` for (d, d, *batch) and (d, *batch): elimination with partial pivoting, element by
    element; written out for few variables only, beyond which that takes longer to run and far longer to compile.
    """
    if matrix.ndim == 2:
        return jnp.linalg.solve(matrix, right)
    if len(right) > WRITTEN_OUT:
        found = jnp.linalg.solve(jnp.moveaxis(matrix, (0, 1), (-2, -1)), jnp.moveaxis(right, 0, -1)[..., None])
        return jnp.moveaxis(found[..., 0], -1, 0)
    # the right side stays apart from the matrix, in which alone the solution is not linear
    d, rows, x = len(right), list(matrix), list(right)
    for k in range(d):
        for i in range(k + 1, d):
            swap = jnp.abs(rows[i][k]) > jnp.abs(rows[k][k])
            rows[k], rows[i] = jnp.where(swap[None], rows[i], rows[k]), jnp.where(swap[None], rows[k], rows[i])
            x[k], x[i] = jnp.where(swap, x[i], x[k]), jnp.where(swap, x[k], x[i])
        for i in range(k + 1, d):
            factor = rows[i][k] / rows[k][k]
            rows[i], x[i] = rows[i] - factor[None] * rows[k], x[i] - factor * x[k]
    for k in reversed(range(d)):
        x[k] = (x[k] - sum(rows[k][j] * x[j] for j in range(k + 1, d))) / rows[k][k]
    return jnp.stack(x)


def implicit_step(f: PlainFunction, t, y: Leaves, group: tuple[int, ...], dt) -> Leaves:
    r"""The leaves ``group`` of y after a step of backward Euler, linearised at its start, with the others held.

    .. math:: (1 - dt\,J)\,x = dt\,f

    Exact backward Euler where f is linear in the group; sums that f conserves are conserved, at any dt.
    """
    start = jnp.stack([y[k] for k in group])

    def slope(x):
        leaves = list(y)
        for k, leaf in zip(group, x):
            leaves[k] = leaf
        found = f(t, leaves)
        return jnp.stack([found[k] for k in group])

    dt = jnp.asarray(dt, start.dtype)
    rate, jacobian = value_and_matrix(slope, start)
    return list(start + solve(identity_like(jacobian) - dt * jacobian, dt * rate))
