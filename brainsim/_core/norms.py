"""Batch normalisations: over the examples that are trained on together, in each step or over all of them."""

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

TIME = "time"  # name of the axis of steps, where a layer is given all of them at once

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
    :class:`brainsim.nn.BNTT` for that of ``steps`` with numbers of their own. The number of a step is in the context.
    """

    over_time = False  #: whether statistics are those of all steps, which are there at once

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
        if _inside(BATCH):
            axes, names = tuple(range(x.ndim - 1)), self._together()
            now = jax.lax.pmean(jnp.mean(x, axes), names)
            spread = jax.lax.pmean(jnp.mean(jnp.square(x - _last(now, x)), axes), names)
            self._follow(self.mean, mean, now)
            self._follow(self.var, var, spread)
            mean, var = now, spread
        y = (x - _last(mean, x)) * _last(scale * jax.lax.rsqrt(var + self.epsilon), x)
        return y if self.steps else y + _last(self.bias.get_value(), x)

    def _together(self) -> tuple[str, ...]:
        """The axes that statistics are taken over."""
        return (BATCH,)

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


class BatchNormOverTime(BatchNorm):
    """Batch normalisation over examples and all steps; see :class:`brainsim.nn.TDBN`, and :class:`brainsim.nn.TEBN` for that
    of which each of ``factors`` steps is multiplied with one number.
    """

    over_time = True

    def __init__(self, features: int, momentum: float, epsilon: float, scale: float, factors: int = 0):
        super().__init__(features, momentum, epsilon, scale)
        if factors:
            self.factor = nnx.Param(jnp.ones(factors, float_dtype()))

    def __call__(self, x):
        y = super().__call__(x)
        if not hasattr(self, "factor"):
            return y
        factors = self.factor.get_value()
        return y * factors[jnp.minimum(_step.get(), len(factors) - 1)]

    def _together(self):
        if not _inside(TIME):
            raise ValueError(
                "statistics over all steps are known where a network runs layer by layer, and this one goes step by step"
                " (print(bs.function(net, ...)) says why). nn.BatchNorm() and nn.BNTT(...) take those of each step."
            )
        return (BATCH, TIME)


def once_per_run(module: nnx.Module) -> bool:
    """Whether all that a module changes are statistics over all steps."""
    of_norms = {
        id(variable)
        for _, node in nnx.iter_graph(module)
        if isinstance(node, BatchNormOverTime)
        for variable in (node.mean, node.var)
    }
    changing = (
        node for _, node in nnx.iter_graph(module) if isinstance(node, nnx.Variable) and not isinstance(node, nnx.Param)
    )
    return all(id(variable) in of_norms for variable in changing)


def _inside(axis: str) -> bool:
    try:
        jax.lax.axis_index(axis)
    except NameError:
        return False
    return True
