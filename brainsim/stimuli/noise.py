"""Noise currents, independent for every unit or correlated between them: by a common part, or by distance."""

from __future__ import annotations

import math
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._core import Clock, Fixed, FixedVariable, Parameter, State
from brainsim._units import float_dtype
from brainsim.connectivity.distribution import Given
from brainsim.stimuli.base import Stimulus
from brainsim.stimuli.field import factor, known_positions


class _Noise(Stimulus):
    r"""Noise of which units may share a part.

    .. math:: \xi_i = \sqrt{1 - c}\;\eta_i + \sqrt{c}\;\eta_0,\qquad \langle\eta_i \eta_j\rangle = e^{-d_{ij}^2 / 2 \ell^2}

    Parameters
    ----------
    length : quantity or float, optional
        :math:`\ell`, over which units are alike, in the unit of the population's positions; independent if left out.
    correlation : float from 0 to 1, optional
        c, the correlation between any two units; independent if left out, and 1 with ``shared``.
    shared : str, optional
        Name of :math:`\eta_0`: all noise of this name has it in common, in whatever population.
    """

    shared: str | None
    position_unit: u.Unit | None = None
    length = Fixed(
        None, "length over which units are alike", unit="position_unit", shape=(), optional=True, positive=True
    )
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

    def bind(self, population, name, ids=None):
        what = f"{population.path}.{name}"
        positions = known_positions(population, what) if "length" in self._aside.given else None
        self.fix(position_unit=None if positions is None else positions.unit)
        super().bind(population, name, ids)
        if positions is not None:
            field = factor(positions, float(self.plain("length")), what)
            self.hold("field", FixedVariable(jnp.asarray(field, float_dtype())))

    def normal(self, clock: Clock, which: str | None = None) -> jax.Array:
        """Standard normal numbers of a step, one for each unit; others of another name."""
        mine = clock if which is None else clock.of(which)
        if self.length is None:
            own = mine.normal((self.count,))
        else:
            field = self.plain("field")
            own = jnp.dot(field, mine.normal((field.shape[1],)), precision=jax.lax.Precision.HIGHEST)
        if self.correlation is None:
            return own
        common = clock.of("shared") if self.shared is None else clock.shared(self.shared)
        common = common if which is None else common.of(which)
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
    length : quantity or float, optional
        Units at a distance d have the correlation :math:`e^{-d^2/2\ell^2}`; the population has positions that are known, and its
        units one place each.
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


class _Coloured(_Noise):
    """Noise around a mean, with a correlation time."""

    mean = Parameter(0.0, "mean", unit="input_unit")
    sigma = Parameter(0.0, "stationary standard deviation", unit="input_unit", nonnegative=True)
    tau = Parameter(5.0 * u.ms, "correlation time", positive=True)
    x = State(0.0, "deviation from the mean", unit="input_unit", tau="tau")

    def __init__(self, mean: Given, sigma: Given, tau: Given, **values: Any):
        super().__init__(mean=mean, sigma=sigma, tau=tau, **values)

    def value(self, clock: Clock):
        return self.plain("mean") + self.plain("x")


class OrnsteinUhlenbeck(_Coloured):
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
    length : quantity or float, optional
        Units at a distance d have the correlation :math:`e^{-d^2/2\ell^2}`; the population has positions that are known, and its
        units one place each.
    correlation : float from 0 to 1, optional
        Correlation between any two units; independent if left out, and 1 with ``shared``.
    shared : str, optional
        Name of what is common: all noise of this name has it, in whatever population.

    References
    ----------
    D. T. Gillespie, Phys. Rev. E 54:2084 (1996).
    """

    def update(self, clock: Clock, population):
        steps = clock.step_ms / self.plain("tau")
        spread = self.plain("sigma") * jnp.sqrt(-jnp.expm1(-2 * steps))
        self.relax("x", steps)
        self.accumulate("x", spread * self.normal(clock))


class SmoothNoise(_Coloured):
    r"""Noise that has a slope: white noise behind two low-pass filters, advanced exactly.

    .. math:: \tau \dot y = -y + 2\sigma\sqrt{\tau}\,\xi(t),\qquad \tau \dot x = y - x,\qquad I = \mu + x

    Its autocorrelation is :math:`(1 + |t|/\tau)\,e^{-|t|/\tau}`, and its standard deviation :math:`\sigma`.

    Parameters
    ----------
    mean : quantity in the input unit, () or (n,)
        :math:`\mu`, also the initial value.
    sigma : quantity in the input unit, () or (n,)
        Standard deviation of the stationary process.
    tau : quantity, time, () or (n,)
        Time constant of both filters.
    length : quantity or float, optional
        Units at a distance d have the correlation :math:`e^{-d^2/2\ell^2}`; the population has positions that are known, and its
        units one place each.
    correlation : float from 0 to 1, optional
        Correlation between any two units; independent if left out, and 1 with ``shared``.
    shared : str, optional
        Name of what is common: all noise of this name has it, in whatever population.

    References
    ----------
    D. T. Gillespie, Phys. Rev. E 54:2084 (1996).
    """

    tau = Parameter(5.0 * u.ms, "time constant of the filters", positive=True)
    y = State(0.0, "behind the first filter", unit="input_unit", tau="tau")

    def update(self, clock: Clock, population):
        s = clock.step_ms / self.plain("tau")
        first, both, second = 2 * _tail(2 * s, 1), _tail(2 * s, 2), _tail(2 * s, 3)  # their covariance over the step
        a, b = self.normal(clock), self.normal(clock, "second")
        spread, sigma, decay = jnp.sqrt(first), self.plain("sigma"), jnp.exp(-s)
        slower = jnp.sqrt(second - both**2 / first)
        y, x = self.plain("y"), self.plain("x")
        self.put("x", decay * (x + s * y) + sigma * (both / spread * a + slower * b))
        self.put("y", decay * y + sigma * spread * a)


def _tail(x: jax.Array, n: int) -> jax.Array:
    r""":math:`1 - e^{-x} \sum_{k<n} x^k/k!`, without cancellation where x is small."""
    few = sum(x**k / math.factorial(k) for k in range(n))
    rest = sum(jnp.minimum(x, 1) ** k / math.factorial(k) for k in range(n, n + 14))
    return jnp.where(x < 1, jnp.exp(-x) * rest, 1 - jnp.exp(-x) * few)
