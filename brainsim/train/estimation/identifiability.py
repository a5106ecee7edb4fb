"""How well numbers are known: curvature of the loss where it is least, and how it grows where one number is held."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import ArrayLike

from brainsim._errors import UnknownNameError, suggestion
from brainsim.train.estimation.descent import Minima, minimize


class Curvature(NamedTuple):
    r"""The second derivatives of a loss, or the Fisher information, with its directions.

    .. math:: H v_k = \lambda_k v_k,\qquad \mathrm{cov} \approx H^{-1},\qquad \sigma_i = \sqrt{(H^{-1})_{ii}}

    For a loss that is a negative log-likelihood. Directions of small :math:`\lambda` are those that the data say little of.

    Parameters
    ----------
    matrix : float array, (n, n)
    eigenvalues : float array, (n,)
        Falling.
    directions : float array, (n, n)
        Column k belongs to eigenvalue k.
    labels : tuple of str, (n,)
        Of the numbers.
    """

    matrix: np.ndarray
    eigenvalues: np.ndarray
    directions: np.ndarray
    labels: tuple[str, ...]

    @property
    def covariance(self) -> np.ndarray:
        """Inverse of the matrix, (n, n); infinite along directions that the data say nothing of."""
        inverse = np.where(self.eigenvalues > self._rounding, 1 / np.maximum(self.eigenvalues, self._rounding), np.inf)
        parts = self.directions[:, None, :] * self.directions[None, :, :]
        return np.sum(np.where(np.abs(parts) > 1e-8, parts, 0.0) * np.where(parts != 0, inverse, 0.0), axis=2)

    @property
    def std(self) -> np.ndarray:
        """How well each number is known where the others are not, (n,)."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def condition(self) -> float:
        """Largest eigenvalue over the smallest."""
        least = self.eigenvalues[-1]
        return float(self.eigenvalues[0] / least) if least > self._rounding else float("inf")

    @property
    def _rounding(self) -> float:
        return float(np.finfo(self.matrix.dtype).eps * max(self.eigenvalues[0], 0.0) * len(self.eigenvalues))

    def __str__(self) -> str:
        rows = []
        for value, direction in zip(self.eigenvalues, self.directions.T):
            leading = np.argsort(-np.abs(direction))[:3]
            rows.append(f"{value:12.4g}  " + "  ".join(f"{direction[k]:+.2f} {self.labels[k]}" for k in leading))
        return "  eigenvalue  along\n" + "\n".join(rows)


def fisher(residuals: Callable, values: Any, labels: Sequence[str] | None = None) -> Curvature:
    r"""Fisher information of residuals in standard deviations, :math:`J^T J`.

    Parameters
    ----------
    residuals : callable
        ``residuals(values)``, an array: each divided by its standard deviation.
    values : tree of arrays
        Where; n numbers together.
    labels : sequence of str, optional
        Of the numbers, such as ``unknowns.labels``.

    Returns
    -------
    Curvature
        In the numbers given: of free numbers it is that of free numbers.

    Raises
    ------
    ValueError
        For another number of labels.
    """
    flat, back = jax.flatten_util.ravel_pytree(jax.tree.map(jnp.asarray, values))
    jacobian = jax.jit(jax.jacfwd(lambda x: jnp.ravel(residuals(back(x)))))(flat)
    return _curvature(np.asarray(jacobian.T @ jacobian), labels)


def hessian(loss: Callable, values: Any, labels: Sequence[str] | None = None) -> Curvature:
    """Second derivatives of a loss.

    Parameters
    ----------
    loss : callable
        ``loss(values)``, a number.
    values, labels
        As of :func:`fisher`.

    Returns
    -------
    Curvature

    Raises
    ------
    ValueError
        For another number of labels.
    """
    flat, back = jax.flatten_util.ravel_pytree(jax.tree.map(jnp.asarray, values))
    matrix = np.asarray(jax.jit(jax.jacfwd(jax.grad(lambda x: loss(back(x)))))(flat))
    return _curvature(0.5 * (matrix + matrix.T), labels)


def _curvature(matrix: np.ndarray, labels: Sequence[str] | None) -> Curvature:
    names = tuple(f"x[{k}]" for k in range(len(matrix))) if labels is None else tuple(labels)
    if len(names) != len(matrix):
        raise ValueError(f"identifiability: {len(matrix)} numbers have {len(names)} labels: {', '.join(names)}.")
    eigenvalues, directions = np.linalg.eigh(matrix)
    return Curvature(matrix, eigenvalues[::-1], directions[:, ::-1], names)


class Profile(NamedTuple):
    """The least loss where one number is held.

    Parameters
    ----------
    grid : float array, (k,)
        Values that it is held at.
    losses : float array, (k,)
    found : Minima
        What the others are.
    """

    grid: np.ndarray
    losses: np.ndarray
    found: Minima

    def interval(self, rise: float = 1.92) -> tuple[float, float]:
        """Where the loss stays below its least by so much: 1.92 is 95 % for a negative log-likelihood.

        Returns
        -------
        tuple of float
            Between points of the grid by a straight line; infinite where it is not left on the grid.
        """
        above, best = self.losses - np.nanmin(self.losses) - rise, int(np.nanargmin(self.losses))
        ends = []
        for step, open_end in ((-1, -np.inf), (1, np.inf)):
            end, k = open_end, best
            while 0 <= k + step < len(self.grid):
                if not above[k + step] <= 0:
                    share = above[k] / (above[k] - above[k + step]) if np.isfinite(above[k + step]) else 0.0
                    end = float(self.grid[k] - share * (self.grid[k] - self.grid[k + step]))
                    break
                k += step
            ends.append(end)
        return ends[0], ends[1]


def profile(
    loss: Callable,
    values: dict[str, Any],
    name: str,
    grid: ArrayLike,
    updates: int,
    *,
    index: int | None = None,
    optimizer: optax.GradientTransformation | None = None,
    progress: bool | None = None,
) -> Profile:
    r"""Profile likelihood, :math:`\ell(x_i) = \min_{x_{j \ne i}} \ell(x)`, at all points of a grid at once.

    Parameters
    ----------
    loss : callable
        ``loss(values)``, a negative log-likelihood.
    values : dict of str to array
        Where all begin: the best there is.
    name : str
        What is held.
    grid : float array, (k,)
        At which values, in the numbers of ``values``.
    updates : int
        Of the others.
    index : int, optional
        Which number of an array is held.
    optimizer, progress
        As of :func:`minimize`.

    Returns
    -------
    Profile

    Raises
    ------
    UnknownNameError, ValueError
        For a name or an index that there is not, and an array without an index.

    References
    ----------
    A. Raue et al., Bioinformatics 25:1923 (2009).
    """
    if name not in values:
        raise UnknownNameError(f"profile: there is no {name!r}.{suggestion(name, values)}")
    held, grid = jnp.asarray(values[name]), np.asarray(grid, float)
    if (index is None) != (held.ndim == 0) or (index is not None and not 0 <= index < held.size):
        raise ValueError(f"profile: {name} has shape {held.shape}; say which number is held by index=, given {index}.")
    place = lambda x, array: x if index is None else array.at[index].set(x)
    starts = jax.tree.map(lambda x: jnp.broadcast_to(jnp.asarray(x), (len(grid), *jnp.shape(x))), dict(values))
    starts["held"] = jnp.asarray(grid, held.dtype)

    def fixed(all_values):
        others = {key: value for key, value in all_values.items() if key != "held"}
        at = jax.lax.stop_gradient(all_values["held"])
        return loss(others | {name: place(at, others[name])})

    found = minimize(fixed, starts, updates, optimizer=optimizer, starts=len(grid), progress=progress)
    return Profile(grid, found.least, found)
