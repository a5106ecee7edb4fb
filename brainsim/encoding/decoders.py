"""From what was recorded, one row per step, to one number for each unit.

A ``mask`` says which steps count: those of an example that is shorter than others.
"""

from __future__ import annotations

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._units import QuantityLike, in_unit


def sequence(values: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    """All steps, as they are.

    Parameters
    ----------
    values : float array, (n_steps, n)
    mask : bool array, (n_steps,), optional
        What follows must take it too.
    """
    return values


def count(values: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    """Sum over the steps: the number of spikes.

    Parameters
    ----------
    values : float or bool array, (n_steps, n)
    mask : bool array, (n_steps,), optional

    Returns
    -------
    float array, (n,)
    """
    return jnp.sum(values * 1.0 if mask is None else jnp.where(mask[:, None], values, 0.0), axis=0)


def mean(values: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    """Mean over the steps: of spikes the share of steps, of potentials their mean.

    Parameters and result as of :func:`count`.
    """
    return count(values, mask) / (len(values) if mask is None else jnp.maximum(jnp.sum(mask), 1))


def rate(values: jax.Array, mask: jax.Array | None = None, *, dt: QuantityLike = 1.0 * u.ms) -> jax.Array:
    """Firing rates in Hz.

    Parameters and result as of :func:`count`; ``dt`` is the length of a step.
    """
    return mean(values, mask) / in_unit(dt, u.second, "dt")


def maximum(values: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    """Largest value over the steps.

    Parameters and result as of :func:`count`.
    """
    return jnp.max(values if mask is None else jnp.where(mask[:, None], values, -jnp.inf), axis=0)


def last(values: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    """Value at the last step, of those in the mask.

    Parameters and result as of :func:`count`.
    """
    if mask is None:
        return values[-1]
    return values[jnp.max(jnp.where(mask, jnp.arange(len(values)), 0))]


def first_time(values: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    r"""Time of the first spike in steps from the beginning, k + f for one at the fraction f of step k; the number of steps
    where there is none, without a derivative.

    For neurons with exact spike times, ``read=("output.fired_at", "first_time")``: the derivative is exact.

    Parameters and result as of :func:`count`, with fractions (``fired_at``) for spikes, 0 for none.
    """
    fractions = values if mask is None else jnp.where(mask[:, None], values, 0.0)
    fires, steps = fractions > 0, jnp.arange(len(values), dtype=fractions.dtype)
    first = fires & (jnp.cumsum(fires, axis=0) == 1)
    time = jnp.sum(jnp.where(first, steps[:, None] + fractions, 0), axis=0)
    return jnp.where(jnp.any(fires, axis=0), time, len(values))


def first_spike(values: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    r"""Step of the first spike, from 0; the number of steps where there is none.

    .. math:: t = \sum_k \prod_{j \le k} (1 - s_j)

    so that the derivative of spikes with a surrogate passes: a spike before the first one would make it earlier.

    Parameters and result as of :func:`count`.
    """
    spikes = values * 1.0 if mask is None else jnp.where(mask[:, None], values, 0.0)
    return jnp.sum(jnp.cumprod(1 - spikes, axis=0), axis=0)
