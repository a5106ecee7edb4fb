"""Batch normalisation over the examples that are trained on together."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from brainsim._core.modules import BATCH
from brainsim._units import float_dtype

_step: contextvars.ContextVar[Any] = contextvars.ContextVar("step", default=0)


@contextlib.contextmanager
def in_step(step: Any) -> Iterator[None]:
    """Let the norms of layers know which step it is, from 0."""
    token = _step.set(step)
    try:
        yield
    finally:
        _step.reset(token)


class BatchNorm(nnx.Module):
    """Batch normalisation over the examples that are trained on together; see :class:`brainsim.nn.BatchNorm`, and
    :class:`brainsim.nn.BNTT` for that of ``steps`` with numbers of their own.
    """

    def __init__(self, features: int, momentum: float, epsilon: float, scale: float, steps: int = 0):
        dtype = float_dtype()
        self.momentum, self.epsilon, self.steps = momentum, epsilon, steps
        shape = (steps, features) if steps else (features,)
        self.scale = nnx.Param(jnp.full(shape, scale, dtype))
        if not steps:
            self.bias = nnx.Param(jnp.zeros(shape, dtype))
        self.mean, self.var = nnx.BatchStat(jnp.zeros(shape, dtype)), nnx.BatchStat(jnp.ones(shape, dtype))

    def __call__(self, x):
        mean, var, scale = (self._now(v.get_value()) for v in (self.mean, self.var, self.scale))
        if _in_a_batch():
            axes = tuple(range(x.ndim - 1))
            now = jax.lax.pmean(jnp.mean(x, axes), BATCH)
            spread = jax.lax.pmean(jnp.mean(jnp.square(x - _last(now, x)), axes), BATCH)
            self._follow(self.mean, mean, now)
            self._follow(self.var, var, spread)
            mean, var = now, spread
        y = (x - _last(mean, x)) * _last(scale * jax.lax.rsqrt(var + self.epsilon), x)
        return y if self.steps else y + _last(self.bias.get_value(), x)

    def _follow(self, variable, old, new):
        """Let a running statistic follow that of the batch."""
        followed = self.momentum * old + (1 - self.momentum) * jax.lax.stop_gradient(new)
        variable.set_value(variable.get_value().at[self._row].set(followed) if self.steps else followed)

    @property
    def _row(self):
        """The present step; behind the last that has numbers, that."""
        return jnp.minimum(_step.get(), self.steps - 1)

    def _now(self, values):
        return values[self._row] if self.steps else values


def _last(values, x):
    return values.reshape((1,) * (x.ndim - 1) + (-1,))


def _in_a_batch() -> bool:
    try:
        jax.lax.axis_index(BATCH)
    except NameError:
        return False
    return True
