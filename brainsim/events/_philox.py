"""Philox4x32-10 in plain JAX: the same words, bit for bit, as ``csrc/philox.h``. 32-bit integers only, so on every
backend.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

_M0, _M1 = 0xD2511F53, 0xCD9E8D57
_W0, _W1 = 0x9E3779B9, 0xBB67AE85


def high_product(a: jax.Array, b) -> jax.Array:
    """Upper 32 bits of the 64-bit product of two uint32, from products of halves."""
    b = jnp.asarray(b, jnp.uint32)
    a0, a1 = a & 0xFFFF, a >> 16
    b0, b1 = b & 0xFFFF, b >> 16
    middle = a1 * b0 + (a0 * b0 >> 16)
    return a1 * b1 + (middle >> 16) + ((a0 * b1 + (middle & 0xFFFF)) >> 16)


def philox(key: tuple, counter: tuple) -> tuple:
    """The four words that belong to a key of two words and a counter of four; arrays of one shape."""
    (k0, k1), (c0, c1, c2, c3) = key, counter
    for _ in range(10):
        h0, l0 = high_product(c0, _M0), c0 * jnp.uint32(_M0)
        h1, l1 = high_product(c2, _M1), c2 * jnp.uint32(_M1)
        c0, c1, c2, c3 = h1 ^ c1 ^ k0, l1, h0 ^ c3 ^ k1, l0
        k0, k1 = k0 + jnp.uint32(_W0), k1 + jnp.uint32(_W1)
    return c0, c1, c2, c3


def words(key: jax.Array, rows: jax.Array, first: jax.Array, count: int, purpose: int) -> jax.Array:
    """Words ``4 * first`` to ``4 * (first + count) - 1`` of each row's stream, uint32 ``[rows, 4 * count]``."""
    shape = (rows.shape[0], count)
    block = jnp.broadcast_to(first.astype(jnp.uint32) + jnp.arange(count, dtype=jnp.uint32)[None, :], shape)
    lane = jnp.broadcast_to(rows.astype(jnp.uint32)[:, None], shape)
    zero = jnp.zeros(shape, jnp.uint32)
    found = philox((zero + key[0], zero + key[1]), (block, lane, zero, zero + jnp.uint32(purpose)))
    return jnp.stack(found, -1).reshape(shape[0], 4 * count)
