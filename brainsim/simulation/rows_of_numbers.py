"""Random numbers of a population in rows.

XLA shares long passes among threads, and computes one element after the other where a length is not a multiple of the number of
threads that it takes: 1,001 normal numbers take ten times as long as 1,000. So numbers are drawn as rows, which threads have
whole, and what is beyond the last number is left out after the call.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.experimental.xla_metadata import set_xla_metadata

from brainsim._core.draws import numbers_p
from brainsim._threads import cores

ROW = 128
LONG = {"float32": 950, "float64": 600}  # normal numbers from which on XLA takes several threads


def draw(equation, read: Callable) -> jax.Array | None:
    """The numbers of a population that an equation draws; None where they are better drawn as they are, or of others."""
    (n, *more), strides = equation.params["shape"], equation.params["strides"]
    plain = not more and strides == (1,) and [v.aval.ndim for v in equation.invars] == [1, 0, 0]
    threads = range(1, cores() + 1)  # so many at most
    if not plain or n < LONG[str(equation.params["dtype"])] or n % math.lcm(*threads) == 0:
        return None
    rows = {"shape": (-(-n // ROW), ROW), "strides": (ROW, 1)}

    def drawn(*given):
        with set_xla_metadata(inlineable=None):
            return numbers_p.bind(*given, **equation.params | rows)

    with set_xla_metadata(inlineable="false"):  # within a call, or the numbers that are left out would not be drawn
        return jax.jit(drawn)(*(jnp.asarray(read(v)) for v in equation.invars)).reshape(-1)[:n]
