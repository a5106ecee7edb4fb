"""Populations of overlapping receptive fields."""

from __future__ import annotations

from dataclasses import dataclass, field

import jax.numpy as jnp

from brainsim._units import float_dtype
from brainsim.encoding.base import Encoder
from brainsim.encoding.rates import Constant


@dataclass(frozen=True)
class Population(Encoder):
    r"""Each value by several units with Gaussian fields, whose responses another encoder sends.

    .. math:: r_k = \exp\left(-\frac{(x - c_k)^2}{2\sigma^2}\right)

    with centres equally spaced from ``low`` to ``high``. Of n values come ``n * units`` units, those of the first value
    first.

    Parameters
    ----------
    units : int
        Units for each value, two at least.
    low, high : float
        Range of the values.
    width : float
        :math:`\sigma` in distances between centres.
    then : Encoder
        What makes a course of the responses, which are from 0 to 1.

    References
    ----------
    S. M. Bohte, J. N. Kok, H. La Poutré, Neurocomputing 48:17 (2002).
    """

    units: int = 10
    low: float = 0.0
    high: float = 1.0
    width: float = 0.75
    then: Encoder = field(default_factory=Constant)

    def __post_init__(self):
        if self.units < 2 or not self.low < self.high or not self.width > 0:
            raise ValueError(
                f"Population: expected units >= 2, low < high and width > 0, given {self.units}, {self.low} to"
                f" {self.high} and {self.width}."
            )

    @property
    def draws(self):
        return self.then.draws

    def encode(self, x, n_steps, step_ms, key):
        x = jnp.asarray(x, float_dtype()).ravel()
        centres = jnp.linspace(self.low, self.high, self.units, dtype=x.dtype)
        sigma = self.width * (self.high - self.low) / (self.units - 1)
        return self.then.encode(jnp.exp(-(((x[:, None] - centres[None]) / sigma) ** 2) / 2), n_steps, step_ms, key)
