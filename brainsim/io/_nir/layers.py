"""Layers of NIR, whose channels come first, as modules whose channels come last."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from brainsim import _core
from brainsim._units import float_dtype
from brainsim.io._nir.graph import kind


def channels_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with its first axis behind the others."""
    return (*shape[1:], *shape[:1])


def channels_first(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with its last axis before the others."""
    return (*shape[-1:], *shape[:-1])


def moved(values: np.ndarray) -> np.ndarray:
    """Values of one per unit, with channels last."""
    return np.moveaxis(values, 0, -1)


class Chain:
    """The modules of a route, one after the other.

    Attributes
    ----------
    shape : tuple of int
        Of what comes out, with channels last.
    modules : list
    weight : array, (n_in, n_out), or None
        Of the only layer, where it is linear and adds nothing: it can stand as synapses.
    delay : float
        Seconds.
    """

    def __init__(self, shape: tuple[int, ...]):
        self.shape, self.modules, self.delay = tuple(map(int, shape)), [], 0.0
        self.weight: np.ndarray | None = None
        self.flattened = False

    def add(self, name: str, node: Any, brings: bool) -> None:
        """Add a layer, with what it adds to the sum or without.

        Raises
        ------
        ValueError
            For one that does not fit.
        """
        try:
            getattr(self, f"_{kind(node)}".lower())(node, brings)
        except (ValueError, TypeError, IndexError) as error:
            raise ValueError(
                f"from_nir: {name!r} ({kind(node)}) does not fit to an input of shape"
                f" {channels_first(self.shape)}: {error}"
            ) from error

    def end(self) -> None:
        """Put what was flattened in the order of NIR, where no dense layer has taken care of it."""
        if self.flattened:
            if len(self.shape) > 1:
                self._append(_core.Moved(-1, 0))
                self._append(_core.Flat())
            self.flattened = False

    def _append(self, module) -> None:
        self.weight = None
        self.modules.append(module)
        self.shape = tuple(_core.result_of(module, self.shape, float_dtype()).shape)

    def _flatten(self, node, brings):
        self.flattened = True  # whatever start_dim says: some tools count the axis of examples, some do not

    def _delay(self, node, brings):
        values = np.unique(np.asarray(node.delay, float))
        if len(values) != 1:
            raise ValueError("all units must have the same delay")
        self.delay += float(values[0])

    def _linear(self, node, brings):
        self._dense(np.asarray(node.weight), None)

    def _affine(self, node, brings):
        self._dense(np.asarray(node.weight), np.asarray(node.bias) if brings else None)

    def _dense(self, weight, bias):
        if weight.ndim != 2 or weight.shape[1] != math.prod(self.shape):
            raise ValueError(f"its weight has shape {weight.shape}")
        if len(self.shape) > 1:  # its columns are in the order of channels first
            ordered = np.moveaxis(weight.reshape(-1, *channels_first(self.shape)), 1, -1)
            weight = ordered.reshape(len(weight), -1)
        alone, self.flattened = not self.modules, False
        if len(self.shape) > 1:
            self._append(_core.Flat())
        made = _core.new_layer(
            "Linear", weight.shape[1], weight.shape[0], key=_core.key_of(0), use_bias=bias is not None
        )
        _fill(made, weight.T, bias)
        self._append(made)
        self.weight = weight.T if alone and bias is None else None

    def _conv1d(self, node, brings):
        self._conv(node, brings, 1)

    def _conv2d(self, node, brings):
        self._conv(node, brings, 2)

    def _conv(self, node, brings, axes):
        self.end()
        kernel = np.moveaxis(np.asarray(node.weight), (0, 1), (-1, -2))
        bias = None if node.bias is None or not brings else np.asarray(node.bias)
        padding = (
            node.padding.upper() if isinstance(node.padding, str) else tuple((k, k) for k in _each(node.padding, axes))
        )
        made = _core.new_layer(
            "Conv",
            kernel.shape[-2] * int(node.groups),
            kernel.shape[-1],
            kernel.shape[:axes],
            key=_core.key_of(0),
            strides=_each(node.stride, axes),
            kernel_dilation=_each(node.dilation, axes),
            feature_group_count=int(node.groups),
            padding=padding,
            use_bias=bias is not None,
        )
        _fill(made, kernel, bias)
        self._append(made)

    def _sumpool2d(self, node, brings):
        self._pool(node, "sum")

    def _avgpool2d(self, node, brings):
        self._pool(node, "mean")

    def _pool(self, node, how):
        self.end()
        window, strides, padding = (_each(x, 2) for x in (node.kernel_size, node.stride, node.padding))
        self._append(_core.Pool(how, window, strides, tuple((k, k) for k in padding) if any(padding) else "VALID"))

    def _scale(self, node, brings):
        self.end()
        scale = np.asarray(node.scale, float)
        self._append(_core.Scaled(moved(scale) if scale.ndim > 1 else scale))

    def scale(self, factor: np.ndarray) -> None:
        """Multiply what comes out, (n_out,)."""
        if self.weight is not None:
            self.weight = self.weight * factor
        elif (
            self.modules
            and (kernel := getattr(self.modules[-1], "kernel", None)) is not None
            and (kernel.ndim == 2 or np.ptp(factor) == 0)
        ):
            bias, each = self.modules[-1].bias, factor if kernel.ndim == 2 else factor[0]
            _fill(
                self.modules[-1],
                np.asarray(kernel.get_value()) * each,
                None if bias is None else np.asarray(bias.get_value()) * each,
            )
        else:
            self._append(_core.Scaled(factor.reshape(self.shape)))


def _each(value, axes: int) -> tuple[int, ...]:
    values = np.ravel(value).tolist()
    return tuple(int(x) for x in (values * axes if len(values) == 1 else values))


def _fill(layer, kernel, bias) -> None:
    layer.kernel.set_value(jnp.asarray(kernel, float_dtype()))
    if bias is not None:
        layer.bias.set_value(jnp.asarray(bias, float_dtype()))
