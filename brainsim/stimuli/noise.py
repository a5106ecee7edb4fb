"""Noise currents, independent for every unit or correlated between them."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._core import Clock, Parameter, State
from brainsim.connectivity.distribution import Given
from brainsim.stimuli.base import Stimulus


class _Noise(Stimulus):
    r"""Noise of which units may share a part.

    .. math:: \xi_i = \sqrt{1 - c}\;\eta_i + \sqrt{c}\;\eta_0

    Parameters
    ----------
    correlation : float from 0 to 1, optional
        c, the correlation between any two units; independent if left out, and 1 with ``shared``.
    shared : str, optional
        Name of :math:`\eta_0`: all noise of this name has it in common, in whatever population.
    """

    shared: str | None
    correlation = Parameter(
        None, "correlation between two units", shape=(), nonnegative=True, at_most=1.0, optional=True
    )

    def __init__(self, *, shared: str | None = None, **values: Any):
        if not isinstance(shared, str | None):
            raise TypeError(f"{type(self).__name__}: shared is a name, such as 'field', given {shared!r}.")
        self.shared = shared
        if shared is not None and values.get("correlation") is None:
            values["correlation"] = 1.0
        super().__init__(**values)

    def normal(self, clock: Clock) -> jax.Array:
        """Standard normal numbers of a step, one for each unit."""
        own = clock.normal((self.count,))
        if self.correlation is None:
            return own
        common = clock.of("shared") if self.shared is None else clock.shared(self.shared)
        c = self.plain("correlation")
        return jnp.sqrt(1 - c) * own + jnp.sqrt(c) * common.normal(())


class WhiteNoise(_Noise):
    r"""Gaussian white noise, :math:`I(t) = \mu + \sigma\,\xi(t)`, held over each step with standard deviation
    :math:`\sigma/\sqrt{dt}`.

    Parameters
    ----------
    sigma : quantity, input unit times square root of time, () or (n,)
        Noise intensity.
    mean : quantity in the input unit, () or (n,), optional
        Mean.
    correlation : float from 0 to 1, optional
        Correlation between any two units; independent if left out, and 1 with ``shared``.
    shared : str, optional
        Name of what is common: all noise of this name has it, in whatever population.
    """

    sigma = Parameter(0.0, "noise intensity", unit="sigma_unit", nonnegative=True)
    mean = Parameter(None, "mean", unit="input_unit", optional=True)

    def __init__(self, sigma: Given, mean: Given | None = None, **window: Any):
        super().__init__(sigma=sigma, mean=mean, **window)

    @property
    def sigma_unit(self) -> u.Unit | None:
        return self.input_unit * u.ms**0.5 if self.bound else None

    def value(self, clock: Clock):
        noise = self.plain("sigma") / jnp.sqrt(clock.step_ms) * self.normal(clock)
        return noise if self.mean is None else noise + self.plain("mean")


class OrnsteinUhlenbeck(_Noise):
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
    correlation : float from 0 to 1, optional
        Correlation between any two units; independent if left out, and 1 with ``shared``.
    shared : str, optional
        Name of what is common: all noise of this name has it, in whatever population.

    References
    ----------
    D. T. Gillespie, Phys. Rev. E 54:2084 (1996).
    """

    mean = Parameter(0.0, "mean", unit="input_unit")
    sigma = Parameter(0.0, "stationary standard deviation", unit="input_unit", nonnegative=True)
    tau = Parameter(5.0 * u.ms, "correlation time", positive=True)
    x = State(0.0, "deviation from the mean", unit="input_unit", tau="tau")

    def __init__(self, mean: Given, sigma: Given, tau: Given, **values: Any):
        super().__init__(mean=mean, sigma=sigma, tau=tau, **values)

    def update(self, clock: Clock, population):
        steps = clock.step_ms / self.plain("tau")
        spread = self.plain("sigma") * jnp.sqrt(-jnp.expm1(-2 * steps))
        self.relax("x", steps)
        self.accumulate("x", spread * self.normal(clock))

    def value(self, clock: Clock):
        return self.plain("mean") + self.plain("x")
