"""Linear recurrences, all steps at once."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def linear_recurrence(factors: jax.Array, drives: jax.Array, start: jax.Array) -> jax.Array:
    r"""All :math:`y_t` of :math:`y_t = A_t\,y_{t-1} + b_t`, from :math:`y_{-1}`, by an associative scan.

    Two steps are one step of the same kind, :math:`(A, b) \circ (A', b') = (A' A,\; A' b + b')`, so that n steps take a
    depth of :math:`\log_2 n`. Differentiable in all arguments.

    Parameters
    ----------
    factors : float or complex array, (n_steps, ...) or (n_steps, ..., k, k)
        :math:`A_t`: one number for each element, or with drives of one more axis than ``start`` has elements, a matrix.
    drives : array, (n_steps, ...) or (n_steps, ..., k)
        :math:`b_t`.
    start : array, (...) or (..., k)
        :math:`y_{-1}`.

    Returns
    -------
    array like drives

    Raises
    ------
    ValueError
        For factors that are neither numbers nor matrices for these drives.

    References
    ----------
    G. E. Blelloch, Tech. Rep. CMU-CS-90-190 (1990); E. Martin, C. Cundy, ICLR (2018).
    """
    factors, drives = jnp.asarray(factors), jnp.asarray(drives)
    if factors.shape == drives.shape:
        times, then = jnp.multiply, jnp.multiply
    elif factors.shape == (*drives.shape, drives.shape[-1]):
        times, then = _product, lambda A, b: _product(A, b[..., None])[..., 0]
    else:
        raise ValueError(
            f"linear_recurrence: factors of shape {factors.shape} are neither numbers nor matrices for drives of"
            f" shape {drives.shape}."
        )
    drives = drives.at[0].add(then(factors[0], start))

    def after(first, second):
        (A, b), (A2, b2) = first, second
        return times(A2, A), then(A2, b) + b2

    return jax.lax.associative_scan(after, (factors, drives))[1]


def _product(A, B):
    return jnp.matmul(A, B, precision=jax.lax.Precision.HIGHEST)  # of whole digits on accelerators too
