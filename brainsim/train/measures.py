"""Measures of one example, ``measure(output, target)``: what is reported beside the loss."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike


def accuracy(output: jax.Array, target: ArrayLike) -> jax.Array:
    """1 where the largest output is that of the class, else 0.

    Parameters
    ----------
    output : float array, (classes,)
    target : int, or float array (classes,)
    """
    target = jnp.asarray(target)
    label = target if target.ndim == 0 else jnp.argmax(target, axis=-1)
    return (jnp.argmax(output, axis=-1) == label) * 1.0


def top(k: int) -> Callable[[jax.Array, ArrayLike], jax.Array]:
    """A measure: 1 where the class is among the ``k`` largest outputs."""

    def measure(output: jax.Array, target: ArrayLike) -> jax.Array:
        return jnp.any(jax.lax.top_k(output, k)[1] == target) * 1.0

    measure.__name__ = f"top_{k}"
    return measure


def confidence(output: jax.Array, target: ArrayLike) -> jax.Array:
    """Largest probability of the softmax.

    Parameters as of :func:`accuracy`.
    """
    return jnp.max(jax.nn.softmax(output))


def latency(course: jax.Array, target: ArrayLike, mask: jax.Array | None = None) -> jax.Array:
    """Steps until the running mean is right, and stays so to the end; the number of steps where it is wrong there.

    Parameters
    ----------
    course : float array, (n_steps, classes)
    target : int
    mask : bool array, (n_steps,), optional
        Steps that count.
    """
    n = jnp.arange(1, len(course) + 1)
    counted = course if mask is None else jnp.where(mask[:, None], course, 0.0)
    right = jnp.argmax(jnp.cumsum(counted, axis=0), axis=-1) == target
    wrong = ~right if mask is None else ~right & mask
    return jnp.max(jnp.where(wrong, n, 0)) * 1.0
