"""Sums of squares made small by their Jacobian: Gauss-Newton and Levenberg-Marquardt, of optimistix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from brainsim._errors import NonFiniteError, UnknownNameError, suggestion

METHODS = {"levenberg_marquardt": "LevenbergMarquardt", "gauss_newton": "GaussNewton", "dogleg": "Dogleg"}


class Squares(NamedTuple):
    """What :func:`least_squares` found.

    Parameters
    ----------
    values : tree of arrays
        With ``starts``, one for each on the first axis.
    loss : float array, () or (starts,)
        Half of the sum of squares there.
    steps : int array, () or (starts,)
        How many were taken, also such as were refused since they led upwards.
    converged : bool array, () or (starts,)
        Whether the tolerance was met.
    """

    values: Any
    loss: np.ndarray
    steps: np.ndarray
    converged: np.ndarray

    @property
    def order(self) -> np.ndarray:
        """The starts from the best to the worst; those that failed come last."""
        return np.argsort(np.where(np.isfinite(self.loss), self.loss, np.inf))

    @property
    def best(self) -> Any:
        """Values of the best start."""
        if self.loss.ndim == 0:
            return self.values
        return jax.tree.map(lambda x: x[int(self.order[0])], self.values)


def least_squares(
    residuals: Callable,
    values: Any,
    *,
    method: str = "levenberg_marquardt",
    steps: int = 100,
    tolerance: float = 1e-6,
    starts: int | None = None,
    forward: bool = True,
) -> Squares:
    r"""Make a sum of squares small, with the derivative of each residual.

    .. math:: \min_x \tfrac12 \sum_i r_i(x)^2,\qquad (J^T J + \lambda I)\,\delta = -J^T r

    with :math:`\lambda` as large as it takes to lead downwards in Levenberg-Marquardt, and 0 in Gauss-Newton. Of use for
    few numbers and many residuals, as voltages are: each step runs the model once for each number.

    Parameters
    ----------
    residuals : callable
        ``residuals(values)``: an array, or a tree of them.
    values : tree of arrays
        Where to begin; with ``starts``, one for each on the first axis.
    method : str
        ``"levenberg_marquardt"``, ``"gauss_newton"`` or ``"dogleg"``.
    steps : int
        At most.
    tolerance : float
        Relative and absolute, of values and sum of squares, at which it ends.
    starts : int, optional
        From how many places, all at once.
    forward : bool
        Whether derivatives are taken forwards, by one run for each number, or backwards, by one for each residual.

    Returns
    -------
    Squares

    Raises
    ------
    UnknownNameError
        For a method that there is not.
    NonFiniteError
        Where the sum of squares is not finite at the (each) beginning.
    ValueError
        For arrays of another first axis than ``starts``.

    References
    ----------
    K. Levenberg, Quart. Appl. Math. 2:164 (1944); D. W. Marquardt, SIAM J. Appl. Math. 11:431 (1963); J. Rader, T. Lyons,
    P. Kidger, arXiv:2402.09983 (2024), optimistix.
    """
    import optimistix

    if method not in METHODS:
        raise UnknownNameError(f"least_squares: there is no method {method!r}.{suggestion(method, METHODS)}")
    values = jax.tree.map(jnp.asarray, values)
    if starts is not None and any(jnp.shape(x)[:1] != (starts,) for x in jax.tree.leaves(values)):
        shapes = [jnp.shape(x) for x in jax.tree.leaves(values)]
        raise ValueError(
            f"least_squares: with starts={starts} each array has as many on its first axis; given {shapes}."
        )
    solver = getattr(optimistix, METHODS[method])(rtol=tolerance, atol=tolerance)
    options = {} if forward else {"jac": "bwd"}

    def one(start):
        found = optimistix.least_squares(
            lambda x, _: residuals(x), solver, start, options=options, max_steps=steps, throw=False
        )
        last = half_squares(residuals(found.value))
        return found.value, last, found.stats["num_steps"], found.result == optimistix.RESULTS.successful

    def first(start):
        return half_squares(residuals(start))

    if starts is not None:
        one, first = jax.vmap(one), jax.vmap(first)
    begun = np.asarray(jax.jit(first)(values))
    if not np.isfinite(begun).any():
        raise NonFiniteError(f"least_squares: the sum of squares is {begun} where it begins.")
    found = jax.jit(one)(values)
    return Squares(found[0], *(np.asarray(x) for x in found[1:]))


def half_squares(residuals: Any) -> jax.Array:
    """Half of the sum of squares."""
    return 0.5 * jnp.asarray(sum(jnp.sum(jnp.square(r)) for r in jax.tree.leaves(residuals)))
