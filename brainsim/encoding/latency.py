"""Encoders with one spike per unit, which is the earlier the larger the value."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import brainunit as u
import jax.numpy as jnp

from brainsim._units import QuantityLike, float_dtype, in_unit
from brainsim.encoding.base import Encoder


@dataclass(frozen=True)
class Latency(Encoder):
    r"""One spike when a leaky integrator that is driven by x reaches its threshold.

    .. math:: t = \tau \ln \frac{x}{x - \theta}

    Units with :math:`x \le \theta`, or t beyond the last step, are silent. With ``linear``, :math:`t = (1 - x)\,T` for
    x from 0 to 1, with T the time of the last step; units with :math:`x \le \theta` are silent.

    Parameters
    ----------
    tau : quantity, time
        Time constant of the integrator.
    threshold : float
        :math:`\theta`.
    linear : bool
        Times that fall linearly with x.

    References
    ----------
    F. Zenke, T. P. Vogels, Neural Comput. 33:899 (2021); snnTorch's ``spikegen.latency``.
    """

    tau: QuantityLike = field(default_factory=lambda: 5.0 * u.ms)
    threshold: float = 0.01
    linear: bool = False

    def told_apart(self, n_steps, step_ms):
        return 0.0, 1.0 if self.linear else math.inf

    def encode(self, x, n_steps, step_ms, key):
        x = jnp.asarray(x, float_dtype()).ravel()
        fires = x > self.threshold
        if self.linear:
            step = (1 - jnp.clip(x, 0, 1)) * (n_steps - 1)
        else:
            above = jnp.where(fires, x, self.threshold + 1)
            step = in_unit(self.tau, u.ms, "Latency.tau") / step_ms * jnp.log(above / (above - self.threshold))
        step = jnp.where(fires, jnp.round(step), n_steps)
        return (jnp.arange(n_steps)[:, None] == step[None]).astype(x.dtype)


@dataclass(frozen=True)
class SpikeTime(Encoder):
    r"""One spike at a time between steps, :math:`t = t_0 + x\,(t_1 - t_0)`: for ``SpikeInput(..., exact=True)``.

    Row k has, of each unit, the fraction of step k at which it fires, from above 0 to 1; 0 where it does not. The course has a
    derivative in x. Units whose x is not finite, or whose t is not within the course, are silent.

    Parameters
    ----------
    first, last : quantity, time
        Times of x = 0 and of x = 1.
    """

    first: QuantityLike = field(default_factory=lambda: 0.0 * u.ms)
    last: QuantityLike = field(default_factory=lambda: 10.0 * u.ms)

    def told_apart(self, n_steps, step_ms):
        first, last = (in_unit(time, u.ms, "SpikeTime") for time in (self.first, self.last))
        ends = (
            [(time - first) / (last - first) for time in (0, n_steps * step_ms)]
            if first != last
            else [-math.inf, math.inf]
        )
        return min(ends), max(ends)

    def encode(self, x, n_steps, step_ms, key):
        x = jnp.asarray(x, float_dtype()).ravel()
        first, last = in_unit(self.first, u.ms, "SpikeTime.first"), in_unit(self.last, u.ms, "SpikeTime.last")
        there = jnp.isfinite(x)
        time = (first + jnp.where(there, x, 0) * (last - first)) / step_ms
        passed = time[None] - jnp.arange(n_steps, dtype=time.dtype)[:, None]
        return jnp.where(there[None] & (passed > 0) & (passed <= 1), passed, 0)


@dataclass(frozen=True)
class RankOrder(Encoder):
    r"""Units fire once, in the order of their values, the largest first; only the order counts.

    The unit of rank r out of n fires in step :math:`\lfloor r\,T/n \rfloor`; equal values in the order of the units.

    References
    ----------
    S. Thorpe, J. Gautrais, in Computational Neuroscience (1998), p. 113.
    """

    def encode(self, x, n_steps, step_ms, key):
        x = jnp.asarray(x, float_dtype()).ravel()
        rank = jnp.argsort(jnp.argsort(-x, stable=True), stable=True)
        return (jnp.arange(n_steps)[:, None] == (rank * n_steps // x.size)[None]).astype(x.dtype)
