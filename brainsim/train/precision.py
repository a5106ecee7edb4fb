"""Mixed precision: layers compute in 16 bits, with parameters, membranes and sums in 32."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from brainsim.network import Network

# By what gradients are multiplied on their way back, so that the small ones are not 0 in so few bits of exponent
SCALES = {"bfloat16": 1.0, "float16": 2.0**12}


def check_precision(precision: str | None, net: Network) -> None:
    """Refuse a precision that there is not, or in which nothing of the network would compute.

    Raises
    ------
    ValueError
    """
    if precision is None:
        return
    if precision not in SCALES:
        raise ValueError(f"precision: expected None, {' or '.join(map(repr, SCALES))}, given {precision!r}.")
    if not any("layer" in vars(projection) for projection in net.projections.values()):
        raise ValueError(
            f"precision={precision!r}: no projection of this network is a layer of flax; synapses add their weights as they"
            " are, and would compute as before."
        )


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def scaled(tree: Any, factor: float) -> Any:
    """The same numbers; what comes back of derivatives is multiplied by ``factor``."""
    return tree


def _forward(tree, factor):
    return tree, None


def _back(factor, _, slopes):
    times = lambda s: s * factor if jnp.issubdtype(s.dtype, jnp.floating) else s
    return (jax.tree.map(times, slopes),)


scaled.defvjp(_forward, _back)
