"""Convolutions whose weight gradient is a product of patches, which may be spikes."""

from __future__ import annotations

import functools
import itertools
import math

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from brainsim.events.matmul import spike_matmul


@functools.partial(jax.custom_jvp, nondiff_argnums=(2, 3, 4))
def convolve(
    x: jax.Array,
    kernel: jax.Array,
    strides: tuple[int, ...],
    pads: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
) -> jax.Array:
    """Convolution, as ``jax.lax.conv_general_dilated`` with channels last.

    On a CPU, XLA's gradient of a kernel takes many times what the convolution takes, most of all within a loop. Here it is a
    product of the patches that the kernel sees, by :func:`spike_matmul`.

    Parameters
    ----------
    x : float ``[batch, *space, channels]``
    kernel : float ``[*window, channels, features]``
    strides, dilation : tuple of int, one per axis of space
        Steps of the window, and between the places that it sees.
    pads : tuple of (int, int)
        Zeros before and after each axis of space.

    Returns
    -------
    float ``[batch, *space, features]``
    """
    return _convolved(x, kernel, strides, pads, dilation)


@functools.partial(convolve.defjvp, symbolic_zeros=True)
def _jvp(strides, pads, dilation, primals, tangents):
    (x, kernel), (dx, dkernel) = primals, tangents
    y = convolve(x, kernel, strides, pads, dilation)
    change = jnp.zeros_like(y)
    if not isinstance(dx, SymbolicZero):
        change = change + convolve(dx, kernel, strides, pads, dilation)
    if not isinstance(dkernel, SymbolicZero):
        on_cpu = jax.default_backend() == "cpu"
        change = change + (_product if on_cpu else _convolved)(x, dkernel, strides, pads, dilation)
    return y, change


def _convolved(x, kernel, strides, pads, dilation):
    last, space = x.ndim - 1, range(1, x.ndim - 1)
    numbers = jax.lax.ConvDimensionNumbers((0, last, *space), (last, last - 1, *range(last - 1)), (0, last, *space))
    return jax.lax.conv_general_dilated(x, kernel, strides, pads, rhs_dilation=dilation, dimension_numbers=numbers)


def _product(x, kernel, strides, pads, dilation):
    """The same as a product of patches and the kernel."""
    *window, channels, features = kernel.shape
    x = jnp.pad(x, [(0, 0), *pads, (0, 0)])
    spread = [d * (w - 1) + 1 for d, w in zip(dilation, window, strict=True)]
    space = [(n - s) // stride + 1 for n, s, stride in zip(x.shape[1:-1], spread, strides, strict=True)]
    patches = []
    for place in itertools.product(*map(range, window)):
        begins = [d * k for d, k in zip(dilation, place, strict=True)]
        ends = [b + (n - 1) * stride + 1 for b, n, stride in zip(begins, space, strides, strict=True)]
        patches.append(jax.lax.slice(x, (0, *begins, 0), (len(x), *ends, channels), (1, *strides, 1)))
    rows = jnp.concatenate(patches, -1).reshape(-1, math.prod(window) * channels)
    return spike_matmul(rows, kernel.reshape(-1, features)).reshape(len(x), *space, features)
