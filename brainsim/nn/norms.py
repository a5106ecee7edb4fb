"""Batch normalisations that know of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brainsim import _core
from brainsim.nn.layers import LayerSpec


@dataclass(frozen=True)
class TDBN(LayerSpec):
    r"""Threshold-dependent batch normalisation: statistics over all steps, and inputs of the size of the threshold.

    .. math:: y_t = \gamma\,\frac{x_t - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta,\qquad \gamma_0 = \alpha V_{th}

    Mean and variance are those of all examples of the batch, all steps and all places while the network is trained, which
    therefore has to run layer by layer; elsewhere, so in ``simulate``, they are the running ones.

    Parameters
    ----------
    V_th : float
        Threshold of the neurons behind it, in the receptor's unit.
    alpha : float
        1, or :math:`1/\sqrt2` where a residual connection adds as much.
    momentum : float
        What running statistics keep of themselves in a batch.
    epsilon : float

    References
    ----------
    H. Zheng, Y. Wu, L. Deng, Y. Hu, G. Li, AAAI 35 (2021).
    """

    V_th: float = 1.0
    alpha: float = 1.0
    momentum: float = 0.9
    epsilon: float = 1e-5

    def module(self, shape, key):
        return _core.BatchNormOverTime(shape[-1], self.momentum, self.epsilon, self.alpha * self.V_th)


@dataclass(frozen=True)
class TEBN(LayerSpec):
    r"""Temporal effective batch normalisation: as :class:`TDBN`, times a factor that each step learns.

    .. math:: y_t = p_t\left(\gamma\,\frac{x_t - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta\right)

    Behind the last of its steps the factor of that holds on.

    Parameters
    ----------
    steps : int
        Steps of a run.
    scale : float
        Initial :math:`\gamma`, in the receptor's unit.
    momentum : float
        What running statistics keep of themselves in a batch.
    epsilon : float

    References
    ----------
    C. Duan, J. Ding, S. Chen, Z. Yu, T. Huang, NeurIPS 35 (2022).
    """

    steps: int
    scale: float = 1.0
    momentum: float = 0.9
    epsilon: float = 1e-5

    def __post_init__(self):
        _check_steps(self)

    def module(self, shape, key):
        return _core.BatchNormOverTime(shape[-1], self.momentum, self.epsilon, self.scale, self.steps)


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
