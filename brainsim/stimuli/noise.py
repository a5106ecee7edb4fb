"""Noise currents, independent for every unit."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp

from brainsim._core import Clock, Parameter, State
from brainsim.connectivity.distribution import Given
from brainsim.stimuli.base import Stimulus


class WhiteNoise(Stimulus):
    r"""Gaussian white noise, :math:`I(t) = \mu + \sigma\,\xi(t)`, held over each step with standard deviation
    :math:`\sigma/\sqrt{dt}`.

    Parameters
    ----------
    sigma : quantity, input unit times square root of time, () or (n,)
        Noise intensity.
    mean : quantity in the input unit, () or (n,), optional
        Mean.
    """

    sigma = Parameter(0.0, "noise intensity", unit="sigma_unit")
    mean = Parameter(None, "mean", unit="input_unit", optional=True)

    def __init__(self, sigma: Given, mean: Given | None = None, **window: Any):
        super().__init__(sigma=sigma, mean=mean, **window)

    @property
    def sigma_unit(self) -> u.Unit | None:
        return self.input_unit * u.ms**0.5 if self.bound else None

    def value(self, clock: Clock):
        noise = self.plain("sigma") / jnp.sqrt(clock.step_ms) * clock.normal((self.count,))
        return noise if self.mean is None else noise + self.plain("mean")


class OrnsteinUhlenbeck(Stimulus):
    r"""Ornstein-Uhlenbeck process, advanced exactly.

    .. math:: \tau \dot I = \mu - I + \sigma\sqrt{2\tau}\,\xi(t)

    Parameters
    ----------
    mean : quantity in the input unit, () or (n,)
        :math:`\mu`, also the initial value.
    sigma : quantity in the input unit, () or (n,)
        Standard deviation of the stationary process.
    tau : quantity, time, () or (n,)
        Correlation time.

    References
    ----------
    D. T. Gillespie, Phys. Rev. E 54:2084 (1996).
    """

    mean = Parameter(0.0, "mean", unit="input_unit")
    sigma = Parameter(0.0, "stationary standard deviation", unit="input_unit")
    tau = Parameter(5.0 * u.ms, "correlation time", positive=True)
    x = State(0.0, "deviation from the mean", unit="input_unit", tau="tau")

    def __init__(self, mean: Given, sigma: Given, tau: Given, **values: Any):
        super().__init__(mean=mean, sigma=sigma, tau=tau, **values)

    def update(self, clock: Clock, population):
        steps = clock.step_ms / self.plain("tau")
        spread = self.plain("sigma") * jnp.sqrt(-jnp.expm1(-2 * steps))
        self.relax("x", steps)
        self.accumulate("x", spread * clock.normal((self.count,)))

    def value(self, clock: Clock):
        return self.plain("mean") + self.plain("x")
