"""Distributions of weights that are drawn anew at every spike."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from brainsim.events._frozen import Frozen
from brainsim.events._philox import high_product
from brainsim.events._shared import Quantile

QUANTILES = Quantile.TAILS.value, Quantile.OCTAVES.value, Quantile.SEGMENTS.value + 1


class Quantiles(Frozen):
    r"""A distribution of weights as a table of its quantile function, in fixed point.

    A 32-bit word picks a tail by its first bit and, by how many zeros follow, an octave :math:`[2^{-o-2}, 2^{-o-1}]` of
    the tail's probability; the next five bits pick one of 32 segments of it, and the rest interpolate linearly. So both
    tails are resolved down to a probability of :math:`2^{-32}`.

    Parameters
    ----------
    values : float array ``[2, 32, 33]``
        The quantile function at :meth:`probabilities`.

    Raises
    ------
    ValueError
        Where the values do not have this shape or are not finite.
    """

    table: jax.Array
    exponent: int

    def __init__(self, values: ArrayLike):
        values = np.asarray(values, np.float64)
        if values.shape != QUANTILES or not np.isfinite(values).all():
            raise ValueError(f"Quantiles: values are finite and of shape {list(QUANTILES)}; got {list(values.shape)}.")
        largest = float(np.abs(values).max())
        exponent = math.floor(30 - math.log2(largest)) if largest > 0 else 0
        self._set(table=jnp.asarray(np.round(np.ldexp(values, exponent)).astype(np.int32)), exponent=exponent)

    @staticmethod
    def probabilities() -> np.ndarray:
        """Where the quantile function is tabulated, float64 ``[2, 32, 33]``: lower tail, upper tail."""
        _, octaves, nodes = QUANTILES
        tail = np.ldexp(1.0, -np.arange(octaves) - 2)[:, None] * (1 + np.arange(nodes) / (nodes - 1))
        return np.stack([tail, 1 - tail])

    def at(self, word: jax.Array, dtype: np.dtype) -> jax.Array:
        """The weights that words stand for."""
        upper, tail = word >> 31, word << 1
        octave = jax.lax.clz(tail | 1)
        place = (tail << octave) << 1
        _, octaves, nodes = QUANTILES
        index = ((upper * octaves + octave) * nodes + (place >> 27)).astype(jnp.int32)
        table = self.table.ravel()
        begin, end = table[index], table[index + 1]
        moved = high_product(jnp.abs(end - begin).astype(jnp.uint32), place << 5).astype(jnp.int32)
        return jnp.where(end < begin, begin - moved, begin + moved).astype(dtype) * dtype.type(2.0**-self.exponent)
