"""Encoders of courses: spikes where a signal changes."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp

from brainsim._units import float_dtype
from brainsim.encoding.base import Encoder


@dataclass(frozen=True)
class Delta(Encoder):
    r"""Spikes where a signal has changed by the threshold at least since the step before.

    .. math:: s_t = [x_t - x_{t-1} \ge \theta]

    with :math:`x_{-1} = 0`. The example is a course of one row per step.

    Parameters
    ----------
    threshold : float
        :math:`\theta`.
    off : bool
        A second half of units, whose spikes are :math:`[x_{t-1} - x_t \ge \theta]`.

    References
    ----------
    snnTorch's ``spikegen.delta``.
    """

    threshold: float = 0.1
    off: bool = False

    def __post_init__(self):
        if not self.threshold > 0:
            raise ValueError(f"Delta: threshold must be positive, given {self.threshold}.")

    def encode(self, x, n_steps, step_ms, key):
        x = jnp.asarray(x, float_dtype())
        if x.ndim == 0 or len(x) != n_steps:
            raise ValueError(f"Delta: expected a course of {n_steps} steps, given shape {x.shape}.")
        x = x.reshape(n_steps, -1)
        change = jnp.diff(x, axis=0, prepend=jnp.zeros_like(x[:1]))
        on = change >= self.threshold
        return (jnp.concatenate([on, -change >= self.threshold], axis=1) if self.off else on).astype(x.dtype)
