"""Linear readouts that are solved for: ridge regression, votes, and recursive least squares (FORCE)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from brainsim._units import float_dtype


class Readout(NamedTuple):
    """A linear readout: ``readout(features)`` gives ``features @ weight + bias``.

    Parameters
    ----------
    weight : float array, (n, outputs)
    bias : float array, (outputs,)
    strength : float
        The ridge that it was found with.
    """

    weight: np.ndarray
    bias: np.ndarray
    strength: float

    def __call__(self, features: ArrayLike) -> np.ndarray:
        """Outputs, (..., outputs), of features (..., n)."""
        return np.asarray(features) @ self.weight + self.bias


def ridge(features: ArrayLike, targets: ArrayLike, strength: float | Sequence[float] = 1e-3) -> Readout:
    r"""The linear readout with the least squared error and small weights.

    .. math:: W = \arg\min_W \frac1N \lVert X W + b - Y \rVert^2 + \lambda \lVert W \rVert^2

    in units of the variance of the features: :math:`\lambda = \mathrm{strength}\cdot \langle \mathrm{var}(x) \rangle`. b is
    free. Of several strengths that with the least error of examples that are left out, one at a time, is taken; these
    errors are exact and need no further solving.

    Parameters
    ----------
    features : array, (examples, n)
        Spike counts, rates or traces.
    targets : float array, (examples,) or (examples, outputs); or int array, (examples,)
        Integers are classes: outputs are 1 for the class and 0 for others, to be read by ``argmax``.
    strength : float, or sequence of float

    Returns
    -------
    Readout

    Raises
    ------
    ValueError
        For arrays that do not belong together, or a strength that is not positive.

    References
    ----------
    A. E. Hoerl, R. W. Kennard, Technometrics 12:55 (1970).
    """
    x, y = np.asarray(features, np.float64), np.asarray(targets)
    if x.ndim != 2 or y.ndim not in (1, 2) or len(x) != len(y) or len(x) < 2:
        raise ValueError(
            f"ridge: expected features (examples, n) and targets (examples, ...), given {x.shape}, {y.shape}."
        )
    if y.dtype.kind in "iu" and y.ndim == 1:
        if y.min() < 0:
            raise ValueError(f"ridge: classes are 0 or above, given {y.min()}.")
        y = np.eye(y.max() + 1)[y]
    y = y.reshape(len(y), -1).astype(np.float64)
    if not (np.all(np.isfinite(x)) and np.all(np.isfinite(y))):
        raise ValueError("ridge: features and targets must be finite.")
    strengths = [float(s) for s in (strength if isinstance(strength, Sequence) else [strength])]
    if min(strengths) <= 0:
        raise ValueError(f"ridge: the strength must be positive, given {min(strengths)}.")
    middle, level = x.mean(0), y.mean(0)
    left, singular, right = np.linalg.svd(x - middle, full_matrices=False)
    turned, size = left.T @ (y - level), len(x) * x.var(0).mean()
    errors = []
    for each in strengths:
        shrunk = singular**2 / (singular**2 + each * size)
        influence = 1 / len(x) + (left**2) @ shrunk
        errors.append(np.mean(((y - level - left @ (shrunk[:, None] * turned)) / (1 - influence)[:, None]) ** 2))
    best = strengths[int(np.argmin(errors))]
    weight = right.T @ ((singular / (singular**2 + best * size))[:, None] * turned)
    return Readout(weight, level - middle @ weight, best)


def votes(features: ArrayLike, labels: ArrayLike) -> Readout:
    r"""The readout of units that have learned without labels: each votes for the class that it answers most.

    .. math:: c_i = \arg\max_c\, \langle x_i \rangle_{\text{examples of } c},\qquad y_c = \frac{1}{n_c} \sum_{i:\, c_i = c} x_i

    to be read by ``argmax``. A class that no unit answers most gets 0. A unit that never answers votes for none.

    Parameters
    ----------
    features : array, (examples, n)
        Spike counts or rates of the units.
    labels : int array, (examples,)
        Classes, 0 or above.

    Returns
    -------
    Readout
        Of one output for each class up to the largest label; strength and bias are 0.

    Raises
    ------
    ValueError
        For arrays that do not belong together, features that are not finite, or labels that are not whole numbers from 0.

    References
    ----------
    P. U. Diehl, M. Cook, Front. Comput. Neurosci. 9:99 (2015).
    """
    x, classes = np.asarray(features, np.float64), np.asarray(labels)
    if x.ndim != 2 or classes.shape != x.shape[:1] or not len(x):
        raise ValueError(
            f"votes: expected features (examples, n) and labels (examples,), given {x.shape}, {classes.shape}."
        )
    if classes.dtype.kind not in "iu" or classes.min() < 0:
        raise ValueError(f"votes: labels are whole numbers, 0 or above; given {classes.dtype}, {classes.min()}.")
    if not np.all(np.isfinite(x)):
        raise ValueError("votes: features must be finite.")
    examples = np.eye(classes.max() + 1)[classes]
    answers = x.T @ examples / np.maximum(examples.sum(0), 1)  # of each unit to each class
    members = np.eye(examples.shape[1])[answers.argmax(1)] * answers.any(1, keepdims=True)
    return Readout(members / np.maximum(members.sum(0), 1), np.zeros(examples.shape[1]), 0.0)


class Solved(NamedTuple):
    """Where recursive least squares stand.

    Parameters
    ----------
    weight : float array, (n, outputs)
    inverse : float array, (n, n)
        Of the correlations of the features.
    """

    weight: jax.Array
    inverse: jax.Array


@dataclasses.dataclass(frozen=True)
class Force:
    r"""Recursive least squares, step by step, as in FORCE learning: ``solved, output, error = force(solved, r, target)``.

    .. math:: e = r W - y,\qquad k = \frac{P r}{\gamma + r^T P r},\qquad P \leftarrow (P - k\,r^T P)/\gamma,\qquad
              W \leftarrow W - k\,e

    It is pure: compile it, scan it, map it. After any number of steps, W is that of the ridge regression on them, with
    :math:`\lambda = \alpha`. The output before learning may be fed back to the network, which is FORCE.

    Parameters
    ----------
    alpha : float
        :math:`P = 1/\alpha` at the beginning: the smaller, the faster.
    forget : float
        :math:`\gamma`, by how much each step counts less than the one after it; 1: all count.

    References
    ----------
    D. Sussillo, L. F. Abbott, Neuron 63:544 (2009); W. Nicola, C. Clopath, Nat. Commun. 8:2208 (2017).
    """

    alpha: float = 1.0
    forget: float = 1.0

    def __post_init__(self):
        if not self.alpha > 0 or not 0 < self.forget <= 1:
            raise ValueError(f"Force: expected alpha > 0 and 0 < forget <= 1, given {self.alpha} and {self.forget}.")

    def first(self, n: int, outputs: int = 1) -> Solved:
        """Weights of 0 for ``n`` features."""
        return Solved(jnp.zeros((n, outputs), float_dtype()), jnp.eye(n, dtype=float_dtype()) / self.alpha)

    def __call__(self, solved: Solved, features: jax.Array, target: ArrayLike) -> tuple[Solved, jax.Array, jax.Array]:
        """The next weights, and the output and its error before them.

        Parameters
        ----------
        solved : Solved
        features : float array, (n,)
        target : float array, (outputs,)
        """
        weight, inverse = solved
        output = features @ weight
        error = output - jnp.asarray(target)
        turned = inverse @ features
        gain = turned / (self.forget + features @ turned)
        inverse = (inverse - jnp.outer(gain, turned)) / self.forget
        return Solved(weight - jnp.outer(gain, error), inverse), output, error
