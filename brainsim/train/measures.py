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


def sparsity(course: jax.Array, target: ArrayLike, mask: jax.Array | None = None) -> jax.Array:
    """Share of the values that are 0: of spikes, of steps without one.

    Parameters
    ----------
    course : float array, (n_steps, n)
        ``read=("hidden1.spikes", "sequence")``.
    target
        Any; it is not looked at.
    mask : bool array, (n_steps,), optional
        Steps that count.
    """
    silent = jnp.mean(course == 0, axis=-1)
    return jnp.mean(silent) if mask is None else jnp.sum(jnp.where(mask, silent, 0)) / jnp.maximum(jnp.sum(mask), 1)


def step_accuracy(course: jax.Array, target: ArrayLike, mask: jax.Array | None = None) -> jax.Array:
    """Share of the steps in which the largest output is that of the class; of those where something is asked.

    Parameters
    ----------
    course : float array, (n_steps, classes)
    target : int, or int array (n_steps,)
        The class, or that of each step; in steps with -1 nothing is asked.
    mask : bool array, (n_steps,), optional
        Steps that count.
    """
    targets = jnp.broadcast_to(jnp.asarray(target), len(course))
    asked = targets >= 0 if mask is None else (targets >= 0) & mask
    return jnp.sum(asked & (jnp.argmax(course, -1) == targets)) / jnp.maximum(jnp.sum(asked), 1)


def decision(steps: int | None = None) -> Callable[..., jax.Array]:
    """A measure: 1 where the answer that is asked for at the end is right.

    The answer is the class whose softmax has the largest sum over the last steps in which something is asked; right is
    what the last of them asks for.

    Parameters
    ----------
    steps : int, optional
        How many of them; all by default.

    Returns
    -------
    callable
        ``measure(course, target, mask=None)``, of courses and targets as of :func:`step_accuracy`.
    """

    def measure(course: jax.Array, target: ArrayLike, mask: jax.Array | None = None) -> jax.Array:
        targets = jnp.broadcast_to(jnp.asarray(target), len(course))
        asked = targets >= 0 if mask is None else (targets >= 0) & mask
        if steps is not None:  # as many are asked for from here to the end
            asked &= jnp.cumsum(asked[::-1])[::-1] <= steps
        total = jnp.sum(jnp.where(asked[:, None], jax.nn.softmax(course, axis=-1), 0.0), axis=0)
        label = targets[jnp.max(jnp.where(asked, jnp.arange(len(course)), 0))]
        return (jnp.argmax(total) == label) * 1.0

    measure.__name__ = "decision"
    return measure


def earliest(times: jax.Array, target: ArrayLike) -> jax.Array:
    """1 where the unit of the class is the first to fire, else 0.

    Parameters
    ----------
    times : float array, (classes,)
        ``read=("output.fired_at", "first_time")``, or ``"first_spike"`` of spikes.
    target : int
    """
    return accuracy(-times, target)
