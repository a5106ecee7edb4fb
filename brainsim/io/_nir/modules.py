"""Projections as layers of NIR."""

from __future__ import annotations

from typing import Any

import numpy as np

from brainsim import events
from brainsim._core import in_order
from brainsim.io._nir.layers import channels_first
from brainsim.population import Population
from brainsim.projection import Projection


def written(nir: Any, path: str, projection: Projection, pre: Population, post: Population, factor: np.ndarray) -> list:
    """The layers of a projection, whose results are multiplied by ``factor``, (n_post,).

    Raises
    ------
    ValueError
        For layers without a counterpart.
    """
    if "layer" not in vars(projection):
        return _synapses(nir, path, projection, pre, post, factor)
    if projection.ends.sources is not None or projection.ends.targets is not None:
        raise ValueError(
            f"to_nir: {path} has a layer between views of populations; there are layers between whole ones."
        )
    made = _Layers(nir, path, pre.size)
    for module in in_order(projection.layer):
        made.add(module)
    made.scale(float(projection.plain("weight")) * factor, post.size)
    return made.nodes


def _synapses(nir, path, projection, pre, post, factor) -> list:
    weight = np.broadcast_to(np.asarray(projection.plain("weight"), float).ravel(), (projection.n_synapses,))
    if isinstance(projection.conn, events.Diagonal):
        scale = weight * factor
        return [] if np.all(scale == 1) else [nir.Scale(scale=_first(scale.reshape(post.size)))]
    if len(post.size) > 1:
        raise ValueError(f"to_nir: {path} has synapses onto {post.size} units; give the population one axis.")
    whole = np.zeros((pre.count, post.count))
    np.add.at(whole, projection.indices_of_synapses(), weight)
    return _dense(nir, pre.size, whole * factor, None)


def _dense(nir, shape, kernel, bias) -> list:
    """A dense layer (n_in, n_out), whose inputs are in the order of channels last."""
    flattened = []
    if len(shape) > 1:
        kernel = np.moveaxis(kernel.reshape(*shape, -1), len(shape) - 1, 0).reshape(-1, kernel.shape[-1])
        flattened = [nir.Flatten(input_type={"input": np.array(channels_first(shape))}, start_dim=0, end_dim=-1)]
    dense = nir.Linear(weight=kernel.T) if bias is None else nir.Affine(weight=kernel.T, bias=bias)
    return [*flattened, dense]


def _first(values):
    return np.moveaxis(values, -1, 0)


class _Layers:
    """The nodes of the modules of a layer, one after the other."""

    def __init__(self, nir, path, shape):
        self.nir, self.path, self.shape = nir, path, tuple(shape)
        self.nodes: list = []
        self.flat_from: tuple[int, ...] | None = None  # the shape that was flattened, with no dense layer behind it yet

    def add(self, module) -> None:
        """Add a module."""
        kind = type(module).__name__
        make = {
            "Linear": self._linear,
            "Conv": self._conv,
            "Flat": self._flat,
            "Pool": self._pool,
            "Scaled": self._scaled,
        }
        if kind == "Dropout":  # nothing where nothing is trained
            return
        if kind not in make:
            raise ValueError(
                f"to_nir: {self.path} has a layer {kind}, which has no counterpart; there are {', '.join(make)}."
            )
        make[kind](module)

    def _linear(self, module):
        kernel, bias = _value(module.kernel), None if module.bias is None else _value(module.bias)
        self.nodes += _dense(self.nir, self.flat_from or self.shape, kernel, bias)
        self.shape, self.flat_from = kernel.shape[1:], None

    def _flat(self, module):
        if len(self.shape) > 1:
            self.flat_from, self.shape = self.shape, (int(np.prod(self.shape)),)

    def _conv(self, module):
        kernel = np.moveaxis(_value(module.kernel), (-1, -2), (0, 1))
        axes = kernel.ndim - 2
        if axes not in (1, 2):
            raise ValueError(f"to_nir: {self.path} has a convolution over {axes} axes; there are 1 and 2.")
        strides, dilation = (_each(x, axes) for x in (module.strides, module.kernel_dilation))
        padding = self._padding(module.padding, kernel.shape[2:], strides, dilation)
        bias = np.zeros(kernel.shape[0]) if module.bias is None else _value(module.bias)
        options = dict(weight=kernel, groups=int(module.feature_group_count), bias=bias)
        if axes == 2:
            numbers = dict(stride=strides, padding=padding, dilation=dilation)
            shape = self.shape[:2] if options["groups"] == 1 else None  # nir 1.0 takes the channels of a group for all
            self.nodes.append(self.nir.Conv2d(input_shape=shape, **numbers, **options))
        else:
            numbers = dict(stride=strides[0], padding=padding[0], dilation=dilation[0])
            shape = self.shape[0] if options["groups"] == 1 else None
            self.nodes.append(self.nir.Conv1d(input_shape=shape, **numbers, **options))
        reach = [(k - 1) * d + 1 for k, d in zip(kernel.shape[2:], dilation, strict=True)]
        sides = zip(self.shape, padding, reach, strides, strict=False)
        self.shape = (*((n + 2 * p - r) // s + 1 for n, p, r, s in sides), kernel.shape[0])

    def _padding(self, given, window, strides, dilation) -> tuple[int, ...]:
        """How many zeros stand on either side of each axis."""
        if given == "VALID":
            return (0,) * len(window)
        pairs = given
        if given == "SAME":
            reach = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
            totals = [max((-(-n // s) - 1) * s + r - n, 0) for n, s, r in zip(self.shape, strides, reach, strict=False)]
            pairs = [(total // 2, total - total // 2) for total in totals]
        pairs = [
            (p, p) if isinstance(p, int) else tuple(p) for p in (pairs if np.ndim(pairs) else [pairs] * len(window))
        ]
        if any(low != high for low, high in pairs):
            raise ValueError(f"to_nir: {self.path} is padded by {pairs}, and there both sides are padded alike.")
        return tuple(int(low) for low, _ in pairs)

    def _pool(self, module):
        if module.how == "max":
            raise ValueError(f"to_nir: {self.path} takes maxima, which have no counterpart; take sums or means.")
        window, strides = tuple(module.window), tuple(module.strides)
        padding = self._padding(module.padding, window, strides, (1,) * len(window))
        kind = self.nir.SumPool2d if module.how == "sum" else self.nir.AvgPool2d
        self.nodes.append(kind(*map(np.array, (window, strides, padding))))
        sides = zip(self.shape, padding, window, strides, strict=False)
        self.shape = (*((n + 2 * p - k) // s + 1 for n, p, k, s in sides), self.shape[-1])

    def _scaled(self, module):
        self.scale(np.broadcast_to(_value(module.scale), self.shape).ravel(), self.shape)

    def _scale_there(self, values):
        return _first(values) if values.ndim > 1 else values

    def scale(self, factor, size) -> None:
        """Multiply the results, in the last layer where it can be."""
        last: Any = self.nodes[-1] if self.nodes else None
        kind = type(last).__name__
        channels = factor.reshape(size).reshape(-1, size[-1])
        each = factor if kind in ("Linear", "Affine") else channels[0] if np.ptp(channels, axis=0).max() == 0 else None
        if kind in ("Linear", "Affine", "Conv1d", "Conv2d") and each is not None:
            last.weight = last.weight * each.reshape(-1, *[1] * (last.weight.ndim - 1))
            if kind != "Linear":
                last.bias = last.bias * each
        elif np.any(factor != 1):
            self.nodes.append(self.nir.Scale(scale=self._scale_there(factor.reshape(size))))


def _value(variable) -> np.ndarray:
    return np.asarray(variable.get_value(), float)


def _each(value, axes) -> tuple[int, ...]:
    return tuple(int(x) for x in (value if np.ndim(value) else [1 if value is None else value] * axes))
