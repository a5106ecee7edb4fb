"""What stands between two populations of a stack; the size of its input is found out where it is put."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass
from typing import Any

import jax

from brainsim import _core
from brainsim._errors import NamesArguments
from brainsim._units import QuantityLike
from brainsim.connectivity.distribution import Given


class LayerSpec(metaclass=NamesArguments):
    """A layer whose input is not known yet. A subclass gives :meth:`module`; modules of flax nnx need none."""

    @abc.abstractmethod
    def module(self, shape: tuple[int, ...], key: jax.Array) -> Any:
        """The layer for inputs of ``shape``: a module of flax nnx that is called with one example.

        Parameters
        ----------
        shape : tuple of int
        key : uint32 array, (2,)
            For initial values.
        """


@dataclass(frozen=True, eq=False)
class Linear(LayerSpec):
    r"""All to all, :math:`y_j = \sum_i W_{ij} s_i`.

    Alone between two populations it is synapses (:class:`brainsim.AllToAll`): its weights are in the receptor's unit, by
    path ``"input->hidden1.weight"``, and may be delayed. Beside other layers, or with a bias, it is a dense layer of flax:
    ``"input->hidden1.layer.kernel"``.

    Parameters
    ----------
    size : int, optional
        Number of outputs; by default that of the population behind it.
    gain : float
        Initial weights are normal, with standard deviation :math:`g/\sqrt{n}` for n inputs, in the receptor's unit.
    weight : quantity, array (n_in, n_out), or distribution, optional
        Initial weights of synapses, in place of those.
    bias : bool
        Add :math:`b_j` at every step.
    delay, max_delay : optional
        Of synapses, as in :meth:`brainsim.Network.connect`.
    """

    size: int | None = None
    gain: float = 1.0
    weight: Given | None = None
    bias: bool = False
    delay: Any = None
    max_delay: QuantityLike | None = None

    @property
    def synaptic(self) -> bool:
        """Whether it can stand as synapses."""
        return not self.bias

    def module(self, shape, key):
        if self.size is None:
            raise ValueError("nn.Linear: give the number of outputs, Linear(128), where other layers stand beside it.")
        if self.weight is not None or self.delay is not None or self.max_delay is not None:
            raise ValueError(
                "nn.Linear: weight and delay are those of synapses, which it is alone between two populations and without"
                " a bias."
            )
        n = math.prod(shape)
        dense = _core.new_layer("Linear", n, self.size, key=key, gain=self.gain, use_bias=self.bias)
        return dense if len(shape) == 1 else _core.chain([_core.Flat(), dense])


@dataclass(frozen=True)
class Conv(LayerSpec):
    r"""Convolution over all axes but the last, which are features.

    Parameters
    ----------
    features : int
        Number of outputs at each place.
    kernel_size : tuple of int
    strides : int or tuple of int
    padding : str
        ``"SAME"`` or ``"VALID"``.
    gain : float
        Initial weights are normal, with standard deviation :math:`g/\sqrt{n}` for n inputs of an output.
    bias : bool
    """

    features: int
    kernel_size: tuple[int, ...] = (3, 3)
    strides: int | tuple[int, ...] = 1
    padding: str = "SAME"
    gain: float = 1.0
    bias: bool = False

    def module(self, shape, key):
        if len(shape) != len(self.kernel_size) + 1:
            raise ValueError(
                f"nn.Conv: a kernel of shape {self.kernel_size} takes {len(self.kernel_size)} axes and features, given an"
                f" input of shape {shape}; an image of one channel is {(*shape, 1)[: len(self.kernel_size)] + (1,)}."
            )
        options = dict(strides=self.strides, padding=self.padding, use_bias=self.bias)
        return _core.new_layer("Conv", shape[-1], self.features, self.kernel_size, key=key, gain=self.gain, **options)


@dataclass(frozen=True)
class _Pool(LayerSpec):
    window: tuple[int, ...] = (2, 2)
    strides: tuple[int, ...] | None = None
    padding: str = "VALID"

    how = ""

    def module(self, shape, key):
        if len(shape) != len(self.window) + 1:
            raise ValueError(
                f"nn.{type(self).__name__}: a window of shape {self.window} takes {len(self.window)} axes and features,"
                f" given an input of shape {shape}."
            )
        return _core.Pool(self.how, self.window, self.strides or self.window, self.padding)


class MaxPool(_Pool):
    """Largest value in each window: of spikes, whether one of its units has fired.

    Parameters
    ----------
    window : tuple of int
    strides : tuple of int, optional
        By default the window.
    padding : str
        ``"VALID"`` or ``"SAME"``.
    """

    how = "max"


class AvgPool(_Pool):
    """Mean over each window; parameters as of :class:`MaxPool`."""

    how = "mean"


class SumPool(_Pool):
    """Sum over each window; parameters as of :class:`MaxPool`."""

    how = "sum"


@dataclass(frozen=True)
class BatchNorm(LayerSpec):
    r"""Batch normalisation.

    .. math:: y = \gamma\,\frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta

    Mean and variance are those of all examples of the batch, and all places, at each step, while the network is trained
    (in an :class:`brainsim.train.Objective`); elsewhere, so in ``simulate``, they are the running ones. :class:`BNTT` has
    those of each step.

    Parameters
    ----------
    scale : float
        Initial :math:`\gamma`, in the receptor's unit.
    momentum : float
        What running statistics keep of themselves in a step.
    epsilon : float

    References
    ----------
    S. Ioffe, C. Szegedy, ICML (2015).
    """

    scale: float = 1.0
    momentum: float = 0.99
    epsilon: float = 1e-5

    def module(self, shape, key):
        return _core.BatchNorm(shape[-1], self.momentum, self.epsilon, self.scale)


@dataclass(frozen=True)
class Embed(LayerSpec):
    r"""A vector for each of several symbols: what arrives is their numbers, from 0.

    .. math:: y_i = E_{k_i}

    Symbols are given to a :class:`~brainsim.sources.SpikeInput` step by step, as floats: 0 is the first of them, and also
    what arrives where nothing is sent. A number that there is not gives NaN, which ends a run.

    Parameters
    ----------
    number : int
        Symbols that there are.
    features : int
        Length of a vector.
    """

    number: int
    features: int

    def module(self, shape, key):
        return _core.chain([_core.Whole(), _core.new_embedding(self.number, self.features, key)])


@dataclass(frozen=True)
class Dropout(LayerSpec):
    r"""Each input is left out with probability ``rate`` at every step while the network is trained, the others grow by
    :math:`1/(1 - rate)`.

    Parameters
    ----------
    rate : float
    """

    rate: float = 0.5

    def module(self, shape, key):
        return _core.dropout(self.rate, key)
