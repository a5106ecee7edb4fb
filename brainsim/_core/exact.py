"""Numbers of two floats, for times: float32 alone has 24 bits, a time in steps has up to 31 and a fraction.

All of it works on traced arrays and is insensitive to fused multiply-add: whatever is added or subtracted is exact.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from brainsim._units import float_dtype

LAST = 2**31 - 1  # the highest int32


class Exact(NamedTuple):
    """The number ``high + low``, of twice the digits of a float.

    Parameters
    ----------
    high : float array
        The number, rounded.
    low : float array, like ``high``
        What rounding left.
    """

    high: jax.Array
    low: jax.Array


def exact(number) -> Exact:
    """A number as two floats: all digits of a Python float or NumPy array, those that there are of a JAX array."""
    if isinstance(number, Exact):
        return number
    if isinstance(number, jax.Array):
        return Exact(number, jnp.zeros_like(number))
    given = np.asarray(number, np.float64)
    high = given.astype(float_dtype())
    return Exact(jnp.asarray(high), jnp.asarray((given - high.astype(np.float64)).astype(float_dtype())))


def of_integer(n: jax.Array, dtype: Any) -> Exact:
    """An int32 as two floats."""
    low = n & 0xFFF
    return two_sum((n - low).astype(dtype), low.astype(dtype))


def add(x: Exact, y: Exact) -> Exact:
    """x + y."""
    high, rest = two_sum(x.high, y.high)
    return two_sum(high, rest + (x.low + y.low))


def negative(x: Exact) -> Exact:
    """-x."""
    return Exact(-x.high, -x.low)


def multiply(x: Exact, y: Exact) -> Exact:
    """x y."""
    high, low = _product(x.high, y.high)
    return two_sum(high, low + (x.high * y.low + x.low * y.high))


def divide(x: Exact, y: Exact) -> Exact:
    """x / y."""
    quotient, rest = jnp.zeros_like(x.high * y.high), x
    quotient = Exact(quotient, quotient)
    for _ in range(3):
        part = exact(rest.high / y.high)
        quotient, rest = add(quotient, part), add(rest, negative(multiply(y, part)))
    return quotient


def nearest(x: Exact) -> jax.Array:
    """The nearest int32; numbers beyond count as the lowest or highest."""
    base = jnp.clip(jnp.round(x.high), -(2.0**31), 2.0**31 - 256)  # a float32 that int32 can hold
    rest = jnp.floor(jnp.clip((x.high - base) + x.low + 0.5, -1024.0, 1024.0)).astype(jnp.int32)
    return base.astype(jnp.int32) + jnp.where(base == 2.0**31 - 256, jnp.minimum(rest, 255), rest)


class Turns(NamedTuple):
    """A number w as an integer and 64 bits of fraction, so that n w is exact in integers.

    Parameters
    ----------
    whole : int32 array
        The largest integer that is not above w.
    first, second : uint32 array
        The fraction, in units of 2**-32 and of 2**-64.
    """

    whole: jax.Array
    first: jax.Array
    second: jax.Array

    def times(self, n: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """``n w`` for an int32 n, not negative: the integer below it, and the two words of the fraction."""
        n = n.astype(jnp.uint32)
        low = n * self.first
        fraction = low + _high_word(n, self.second)
        carry = _high_word(n, self.first) + (fraction < low).astype(jnp.uint32)
        return n.astype(jnp.int32) * self.whole + carry.astype(jnp.int32), fraction, n * self.second


def turns(x: Exact) -> Turns:
    """x, of size below 2**24, as an integer and a fraction."""
    whole = jnp.floor(x.high)
    high, low = (x.high - whole) * 2.0**32, x.low * 2.0**32
    units, borrowed = jnp.floor(high), jnp.floor(low)
    seconds = [
        (part * 2.0**32).astype(jnp.uint32) for part in (high - units, jnp.minimum(low - borrowed, 1 - 2.0**-24))
    ]
    second = seconds[0] + seconds[1]
    units, borrowed = units.astype(jnp.uint32), borrowed.astype(jnp.int32)
    first = units + borrowed.astype(jnp.uint32)
    over = ((borrowed >= 0) & (first < units)).astype(jnp.int32) - ((borrowed < 0) & (first > units)).astype(jnp.int32)
    carried = (second < seconds[0]).astype(jnp.uint32)
    over += ((first + carried) < first).astype(jnp.int32)
    return Turns(whole.astype(jnp.int32) + over, first + carried, second)


def _high_word(a, b):
    """The upper 32 bits of the product of two uint32."""
    a0, a1, b0, b1 = a & 0xFFFF, a >> 16, b & 0xFFFF, b >> 16
    middle = a1 * b0 + ((a0 * b0) >> 16)
    other = a0 * b1 + (middle & 0xFFFF)
    return a1 * b1 + (middle >> 16) + (other >> 16)


def two_sum(a, b) -> Exact:
    """The sum of two floats, and what rounding takes from it."""
    total = a + b
    mine = total - b
    return Exact(total, (a - mine) + (b - (total - mine)))


def _product(a, b) -> Exact:
    a1, a0, b1, b0 = *_halves(a), *_halves(b)  # of so few digits that their products are exact
    cross, rest = two_sum(a1 * b0, a0 * b1)
    high, more = two_sum(a1 * b1, cross)
    return two_sum(high, more + (rest + a0 * b0))


def _halves(a):
    word, mask = {32: (jnp.uint32, 0xFFFFF000), 64: (jnp.uint64, 0xFFFFFFFFF8000000)}[jnp.finfo(a.dtype).bits]
    first = jax.lax.bitcast_convert_type(jax.lax.bitcast_convert_type(a, word) & word(mask), a.dtype)
    return first, a - first
