"""Batch normalisation that knows of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brainsim import _core
from brainsim.nn.layers import LayerSpec


@dataclass(frozen=True)
class BNTT(LayerSpec):
    r"""Batch normalisation through time: each step has its own statistics and its own factors.

    .. math:: y_t = \gamma_t\,\frac{x_t - \mu_t}{\sqrt{\sigma_t^2 + \epsilon}}

    Mean and variance are those of all examples of the batch, and all places, in one step while the network is trained;
    elsewhere they are the running ones of that step. Behind the last of its steps the numbers of that hold on.

    Parameters
    ----------
    steps : int
        Steps of a run.
    scale : float
        Initial :math:`\gamma_t`, in the receptor's unit.
    momentum : float
        What running statistics keep of themselves in a batch.
    epsilon : float

    References
    ----------
    Y. Kim, P. Panda, Front. Neurosci. 15:773954 (2021).
    """

    steps: int
    scale: float = 1.0
    momentum: float = 0.9
    epsilon: float = 1e-5

    def __post_init__(self):
        _check_steps(self)

    def module(self, shape, key):
        return _core.BatchNorm(shape[-1], self.momentum, self.epsilon, self.scale, self.steps)


def _check_steps(spec) -> None:
    steps = spec.steps
    if not isinstance(steps, int | np.integer) or isinstance(steps, bool) or steps < 1:
        raise ValueError(f"nn.{type(spec).__name__}: steps must be a positive integer, given {steps!r}.")
