"""Where a distribution gets its standard variables from: numpy or JAX, behind one interface."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special

from brainsim.events._drawn_normals import draw_normals, places_outside, scale_normals

# Values that are drawn together: working copies stay in the cache, and the system clears no pages for them
BLOCK = 1 << 16
MOST = 0.3  # of a distribution lies inside, if values outside are drawn anew


@dataclass(frozen=True)
class NumpySource:
    """Standard variables drawn by a numpy generator."""

    generator: Any  # of numpy; None for quantiles, which draw nothing
    shape: tuple[int, ...]
    dtype: Any
    numpy = np
    ndtr = staticmethod(scipy.special.ndtr)
    ndtri = staticmethod(scipy.special.ndtri)

    def normal(self) -> np.ndarray:
        if self.dtype == np.float32:  # a tenth of the time of NumPy's
            return draw_normals(_key(self.generator), math.prod(self.shape)).reshape(self.shape)
        return self.generator.standard_normal(self.shape, self.dtype)

    def uniform(self) -> np.ndarray:
        return self.generator.random(self.shape, self.dtype)

    def argument(self, value) -> np.ndarray:
        """An argument of the distribution in this source's type, ready to be combined with draws."""
        value = np.asarray(value, self.dtype)
        return value[()] if value.ndim == 0 else np.broadcast_to(value, self.shape)


@dataclass(frozen=True)
class JaxSource:
    """Standard variables drawn from a JAX key."""

    key: jax.Array
    shape: tuple[int, ...]
    dtype: Any
    numpy = jnp
    ndtr = staticmethod(jax.scipy.special.ndtr)
    ndtri = staticmethod(jax.scipy.special.ndtri)

    def normal(self) -> jax.Array:
        return jax.random.normal(self.key, self.shape, self.dtype)

    def uniform(self) -> jax.Array:
        return jax.random.uniform(self.key, self.shape, self.dtype)

    def argument(self, value) -> jax.Array:
        """An argument of the distribution in this source's type, of the full shape (ranks are never promoted)."""
        return jnp.broadcast_to(jnp.asarray(value, self.dtype), self.shape)


@dataclass(frozen=True)
class DrawnSource(NumpySource):
    """Standard variables that JAX draws from a key, to be computed with on the host: each operation of JAX outside of a
    program is compiled.
    """

    def normal(self) -> np.ndarray:
        return np.asarray(jax.random.normal(self.generator, self.shape, self.dtype))

    def uniform(self) -> np.ndarray:
        return np.asarray(jax.random.uniform(self.generator, self.shape, self.dtype))


Source = NumpySource | JaxSource


class NormalNumbers(NamedTuple):
    """Normal numbers in float32 within bounds: what most weights and delays are, drawn without working copies.

    .. math:: Y = \\min(\\max(\\mu + \\sigma Z, a), b),\\qquad l \\le Z \\le m

    Parameters
    ----------
    mean, std : float
    least, most : float
        A standard variable outside is drawn anew.
    low, high : float
        What is outside is set to the nearer bound.
    """

    mean: float
    std: float
    least: float = -np.inf
    most: float = np.inf
    low: float = -np.inf
    high: float = np.inf

    def draw(self, rng: np.random.Generator, to: np.ndarray) -> None:
        """As many as a contiguous array holds."""
        draw_normals(_key(rng), to.size, to)
        if self.least > -np.inf or self.most < np.inf:
            _redraw(rng, to, self.least, self.most)
        scale_normals(to, self.mean, self.std, self.low, self.high)

    def clipped(self, low: float, high: float) -> NormalNumbers:
        """The same, within further bounds."""
        return self._replace(low=min(max(self.low, low), high), high=min(max(self.high, low), high))


def _key(generator) -> np.ndarray:
    return generator.integers(0, 1 << 32, 2, dtype=np.uint32)


def _redraw(generator, numbers: np.ndarray, low: float, high: float) -> None:
    """Draw those outside bounds anew, until there are none."""
    wrong = places_outside(numbers, low, high)
    while wrong.size:
        numbers[wrong] = drawn = generator.standard_normal(wrong.size, numbers.dtype)
        wrong = wrong[(drawn < low) | (drawn > high)]


def truncated_normal(source: Source, low, high):
    r"""Draw a standard normal variable given that it lies in [low, high], by inverting its distribution function.

    .. math:: Z = \Phi^{-1}\big(\Phi(a) + (\Phi(b) - \Phi(a))\,U\big)

    An interval above zero is mirrored, since :math:`\Phi` resolves the lower tail only. With NumPy, where most of the
    distribution lies inside, values outside are drawn anew: the same distribution in a tenth of the time.
    """
    if isinstance(source, NumpySource) and np.min(normal_mass(low, high)) >= MOST:
        return _redrawn_normal(source, low, high)
    xp = source.numpy
    mirrored = low > 0
    a, b = xp.where(mirrored, -high, low), xp.where(mirrored, -low, high)
    at_a, at_b = source.ndtr(a), source.ndtr(b)
    # Neither 0 nor 1 may reach the inverse, which is infinite there.
    eps = float(np.finfo(source.dtype).eps)
    quantile = at_a + (at_b - at_a) * xp.maximum(source.uniform(), eps / 4)
    z = xp.clip(source.ndtri(xp.minimum(quantile, 1.0 - eps / 2)), a, b)
    return xp.where(mirrored, -z, z)


def _redrawn_normal(source: NumpySource, low, high) -> np.ndarray:
    z = source.normal()
    values = np.ravel(z)  # a view
    low, high = (np.broadcast_to(np.ravel(bound), values.shape) for bound in (low, high))
    for start in range(0, values.size, BLOCK):
        part, a, b = (array[start : start + BLOCK] for array in (values, low, high))
        wrong = np.flatnonzero((part < a) | (part > b))
        while wrong.size:
            part[wrong] = source.generator.standard_normal(wrong.size, source.dtype)
            wrong = wrong[(part[wrong] < a[wrong]) | (part[wrong] > b[wrong])]
    return values.reshape(np.shape(z))


def truncated_uniform(source: Source, low, high):
    """Draw a standard uniform variable given that it lies in [low, high]."""
    low, high = source.numpy.clip(low, 0.0, 1.0), source.numpy.clip(high, 0.0, 1.0)
    return low + (high - low) * source.uniform()


def normal_mass(low, high) -> np.ndarray:
    """Probability that a standard normal variable lies in [low, high]."""
    mirrored = np.asarray(low) > 0
    a, b = np.where(mirrored, -np.asarray(high), low), np.where(mirrored, -np.asarray(low), high)
    return scipy.special.ndtr(b) - scipy.special.ndtr(a)


def uniform_mass(low, high) -> np.ndarray:
    """Probability that a standard uniform variable lies in [low, high]."""
    return np.clip(high, 0.0, 1.0) - np.clip(low, 0.0, 1.0)
