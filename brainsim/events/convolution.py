"""Convolutions of images of spikes."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from brainsim.events._convolution import POST, Window, convolution


def convolve(
    x: jax.Array,
    kernel: jax.Array,
    strides: Sequence[int],
    pads: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    groups: int = 1,
) -> jax.Array:
    """Convolution, as ``jax.lax.conv_general_dilated`` with channels last.

    .. math:: y_{of} = \\sum_{k,c} x_{(o s + k d - p)\\,c} W_{kcf}

    On a CPU the work of the product and of the kernel's gradient goes with the numbers that are not zero as long as these are
    a quarter or less; otherwise, and towards the images, it is that of matrix products. Which of them is looked at in each
    call: results are equal to rounding. Derivatives of all orders are exact, batches of ``vmap`` are more images, and all
    images have one gradient of the kernel.

    Parameters
    ----------
    x : float ``[images, *space, channels]``
    kernel : float ``[*window, channels / groups, features]``
        In the dtype of ``x``.
    strides, dilation : tuple of int, one per axis of space
        Steps of the window, and between the pixels that it sees.
    pads : tuple of (int, int), one per axis of space
        Zeros before and after it.
    groups : int
        Channels and features in so many groups, one behind the other, that see nothing of each other.

    Returns
    -------
    float ``[images, *space, features]``

    Raises
    ------
    ValueError
        Where shapes or dtypes do not fit.

    References
    ----------
    N. Perez-Nieves, D. F. M. Goodman, Sparse spiking gradient descent, NeurIPS (2021).
    """
    x, kernel = jnp.asarray(x), jnp.asarray(kernel)
    _check(x, kernel, strides, pads, dilation, groups)
    pads = tuple((int(before), int(after)) for before, after in pads)
    whole = lambda values: tuple(map(int, values))  # noqa: E731
    window = Window(x.shape[1:-1], kernel.shape[:-2], whole(strides), pads, whole(dilation), int(groups))
    made = jax.ShapeDtypeStruct((len(x), *window.places, kernel.shape[-1]), x.dtype)
    return convolution(window, POST, x, kernel, like=made)


def _check(x, kernel, strides, pads, dilation, groups) -> None:
    axes = x.ndim - 2
    if axes < 1 or kernel.ndim != x.ndim or not jnp.issubdtype(x.dtype, jnp.floating) or kernel.dtype != x.dtype:
        raise ValueError(
            "events.convolve: x is a float array [images, *space, channels], the kernel of the same dtype [*window, channels /"
            f" groups, features]; got {x.dtype}{list(x.shape)} and {kernel.dtype}{list(kernel.shape)}."
        )
    for name, given in (("strides", strides), ("pads", pads), ("dilation", dilation)):
        if len(given) != axes:
            raise ValueError(f"events.convolve: {name} has one entry for each of {axes} axes of space; got {given!r}.")
    if min(*strides, *dilation) < 1:
        raise ValueError(f"events.convolve: strides and dilation are 1 or more; got {strides!r} and {dilation!r}.")
    channels, features = kernel.shape[-2:]
    if groups < 1 or channels * groups != x.shape[-1] or features % groups:
        raise ValueError(
            f"events.convolve: {groups} groups of {channels} channels and {features} features do not fit to images of"
            f" {x.shape[-1]} channels."
        )
