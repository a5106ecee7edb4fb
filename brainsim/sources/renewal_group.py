from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim._core import Clock, Parameter, State
from brainsim.connectivity._sources import JaxSource
from brainsim.connectivity.distribution import Continuous, Distribution, Given
from brainsim.connectivity.distributions import LogNormal
from brainsim.population import Population

POINTS = 1 << 16  # of a quantile function: its mean is within 1e-4 for intervals as irregular as their mean


class RenewalGroup(Population):
    r"""Units that fire as independent renewal processes: intervals of any distribution, at rates that may vary.

    .. math:: \Lambda(t_{i+1}) - \Lambda(t_i) = X_i / \langle X\rangle,\qquad
        \Lambda(t) = \int^t \frac{r(s)}{1 - r(s)\, d}\, [\,s - t_i > d\,]\, ds

    Intervals X of a distribution are drawn in operational time :math:`\Lambda`, which runs with the rate r and stands still
    for the dead time d after a spike. The rate is r, and without a dead time the intervals have the coefficient of variation
    of X; with one it is :math:`1 - r d` times that. Units begin in equilibrium, as processes that have gone on for ever, and
    out of their dead time. A unit fires once in a step at most, and what is left over counts for the next spike. The rate r
    is ``rate`` plus the stimuli of the group, which are rates here; a negative sum counts as zero, and where stimuli make it
    1 / d and more a unit fires as soon as it can.

    Parameters
    ----------
    size : int or tuple of int
        Number of units.
    rate : quantity, frequency, () or (n,)
        Rate without stimuli.
    intervals : Distribution
        Of positive numbers or times, with single numbers as arguments. Their scale does not matter: the rate has it.
        ``LogNormal(1.0, cv)`` has the coefficient of variation ``cv``.
    dead_time : quantity, time, () or (n,)
        d, for which a unit cannot fire after a spike.

    Raises
    ------
    TypeError
        For intervals that are no distribution.
    ValueError
        For intervals that are not all positive, or depend on the unit, and a ``rate`` of 1 / d or more.

    References
    ----------
    D. R. Cox, Renewal Theory, Methuen (1962); M. Deger, M. Helias, C. Boucsein, S. Rotter, J. Comput. Neurosci. 32:443
    (2012).
    """

    input_unit = u.Hz

    intervals: Distribution
    rate = Parameter(0.0 * u.Hz, "rate without stimuli", nonnegative=True)
    dead_time = Parameter(0.0 * u.ms, "time after a spike in which there is none", nonnegative=True)
    left = State(0.0, "operational time until the next spike, by default of a process in equilibrium")
    rest = State(0.0 * u.ms, "dead time that is left")

    def __init__(
        self,
        size: int | tuple[int, ...],
        rate: Given = 0.0 * u.Hz,
        intervals: Distribution = LogNormal(1.0, 0.5),  # noqa: B008  it is frozen
        **values: Any,
    ):
        if not isinstance(intervals, Distribution):
            raise TypeError(
                f"RenewalGroup: intervals is {intervals!r}; give a distribution such as LogNormal(1.0, 0.5)."
            )
        self.intervals = intervals
        self._plain = intervals.plain(intervals.unit)
        self._mean = float(quantiles(self._plain).mean())
        super().__init__(size, rate=rate, **{"left": Recurrence(self._mean, self._plain)} | values)

    def check_step(self, step_ms: float, varied: Mapping[str, Any] | None = None) -> None:
        """Refuse rates that dead times do not leave room for."""
        rate, dead = (self._each(name, varied) for name in ("rate", "dead_time"))
        if isinstance(rate, Tracer) or isinstance(dead, Tracer):
            return
        if np.any(1e-3 * rate * dead >= 1):
            raise ValueError(
                f"{self.path}: at {np.max(rate):g} Hz there is no time for a dead time of {np.max(dead):g} ms; give a rate"
                f" below {1e3 / np.max(dead):g} Hz, or a shorter dead time."
            )

    def _each(self, name: str, varied: Mapping[str, Any] | None) -> Any:
        """A parameter of each unit, (n,) or one for all, or (runs, n) where it is varied."""
        value = (varied or {}).get(f"{self.path}.{name}")
        if value is None:
            return self.plain(name)
        return value[:, None] if np.ndim(value) == 1 else value

    def update(self, clock: Clock):
        self.advance_stimuli(clock)
        rate = jnp.maximum(self.plain("rate") + self.stimulation(clock), 0.0) * 1e-3  # in 1/ms
        rest, dead = self.plain("rest"), self.plain("dead_time")
        open_for = jnp.maximum(clock.step_ms - rest, 0.0)
        left = self.plain("left") - open_for * rate / jnp.maximum(1.0 - rate * dead, 1e-3)
        drawn = self._plain._sample(ClockSource(clock, left.shape, left.dtype), u.UNITLESS) / self._mean
        spikes = (left <= 0) & (open_for > 0)
        self.put("left", jnp.where(spikes, left + drawn, left))
        self.put("rest", jnp.where(spikes, dead, jnp.maximum(rest - clock.step_ms, 0.0)))
        self.put("spikes", spikes)


def quantiles(intervals: Distribution) -> np.ndarray:
    """Equally probable values of plain intervals, refused where they are none."""
    values = intervals.quantile((np.arange(POINTS) + 0.5) / POINTS)
    if not values[0] > 0 or not np.isfinite(values[-1]):
        raise ValueError(
            f"RenewalGroup: intervals must be positive, given {intervals!r}; truncate them: .truncate(low=...)."
        )
    return values


@dataclass(frozen=True, eq=False)
class Recurrence(Continuous):
    r"""Time until the next spike of a process that has gone on for ever, in mean intervals: it has the density P(X > x)."""

    mean: Any
    intervals: Any
    standard = "uniform"

    def _table(self) -> tuple[np.ndarray, np.ndarray]:
        x = np.concatenate([[0.0], quantiles(self.intervals) / self.mean])
        longer = 1 - np.concatenate([[0.0], (np.arange(POINTS) + 0.5) / POINTS])
        below = np.concatenate([[0.0], np.cumsum((longer[1:] + longer[:-1]) / 2 * np.diff(x))])
        return below / below[-1], x

    def _from_standard(self, z, source, unit):
        xp: Any = source.numpy
        return xp.interp(z, *map(xp.asarray, self._table()))

    def _to_standard(self, x, source, unit):
        xp: Any = source.numpy
        below, of = map(xp.asarray, self._table())
        return xp.interp(x, of, below)


@dataclass(frozen=True)
class ClockSource(JaxSource):
    """Standard variables of a step: a clock stands for the key."""

    key: Any

    def normal(self) -> jax.Array:
        return self.key.normal(self.shape).astype(self.dtype)

    def uniform(self) -> jax.Array:
        return self.key.uniform(self.shape).astype(self.dtype)
