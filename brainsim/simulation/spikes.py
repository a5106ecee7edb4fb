"""Spike trains: events, and what can be said about them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import brainunit as u
import numpy as np

from brainsim import analysis
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import QuantityLike, in_unit


def _in_ms(which: int) -> Any:
    """One of ``times_ms`` as a quantity, made when it is asked for: to make one takes longer than a step."""

    def time(train: SpikeTrain) -> Any:
        return train.times_ms[which] * u.ms

    return property(time)


@dataclasses.dataclass(frozen=True, init=False)
class SpikeTrain:
    """Spikes of a population, in the order of time.

    Attributes
    ----------
    steps, indices : int32 arrays, (k,)
        Number of the step at whose end the spike was fired, counted from 1, and which unit of the population fired.
    n : int
        Number of recorded units.
    dt : quantity, time
        Length of a step.
    start, stop : quantity, time
        The recorded window.
    units : int32 array, (n,)
        Which units of the population were recorded: ``indices`` are some of these. All, 0 to n - 1, if not given.
    within : float array, (k,), or None
        At which fraction of its step each spike was fired, of neurons whose ``spike_times`` lie between steps; None for
        the end.
    """

    steps: np.ndarray
    indices: np.ndarray
    n: int
    dt: Any = _in_ms(0)
    start: Any = _in_ms(1)
    stop: Any = _in_ms(2)
    units: Any = None
    within: np.ndarray | None = None

    if TYPE_CHECKING:

        @property
        def times_ms(self) -> tuple[float, float, float]: ...

    def __init__(
        self,
        steps: np.ndarray,
        indices: np.ndarray,
        n: int,
        dt: QuantityLike,
        start: QuantityLike,
        stop: QuantityLike,
        units: np.ndarray | None = None,
        within: np.ndarray | None = None,
    ):
        given = {"dt": dt, "start": start, "stop": stop}
        times_ms = tuple(float(in_unit(time, u.ms, f"SpikeTrain: {name}")) for name, time in given.items())
        self._hold(steps, indices, n, times_ms, units, within)

    def _hold(self, steps, indices, n, times_ms, units, within) -> None:
        units = np.arange(n, dtype=np.int32) if units is None else units
        vars(self).update(steps=steps, indices=indices, n=n, units=units, within=within, times_ms=times_ms)

    @classmethod
    def in_ms(
        cls,
        steps: np.ndarray,
        indices: np.ndarray,
        n: int,
        times_ms: tuple[float, float, float],
        units: np.ndarray | None,
        within: np.ndarray | None = None,
    ) -> SpikeTrain:
        """The same of dt, start and stop in ms; their quantities are made when they are asked for."""
        made = cls.__new__(cls)
        made._hold(steps, indices, n, times_ms, units, within)
        return made

    def __len__(self):
        return len(self.steps)

    def __repr__(self):
        return f"SpikeTrain({len(self):,} spikes of {self.n:,} units in {self.stop - self.start})"

    @property
    def times(self) -> Any:
        """Spike times, (k,)."""
        steps = self.steps if self.within is None else self.steps - 1 + self.within.astype(float)
        return steps * self.times_ms[0] * u.ms

    @property
    def local(self) -> np.ndarray:
        """Which of the recorded units fired, (k,): a place in ``units``, from 0 to n - 1."""
        places = np.zeros(int(np.max(self.units, initial=-1)) + 1, np.int32)
        places[self.units] = np.arange(self.n, dtype=np.int32)
        return places[self.indices]

    def _window(self, start, stop) -> tuple[float, float]:
        """``[start, stop)`` in seconds, which must lie in what was recorded."""
        first, last = (float(q.to_decimal(u.second)) for q in (self.start, self.stop))
        low = first if start is None else float(in_unit(start, u.second, "start"))
        high = last if stop is None else float(in_unit(stop, u.second, "stop"))
        rounding = 1e-6 * float(self.dt.to_decimal(u.second))
        if not first - rounding <= low < high <= last + rounding:
            raise ValueError(
                f"SpikeTrain: the window {low * 1e3:g} to {high * 1e3:g} ms is empty or reaches beyond what was"
                f" recorded, {first * 1e3:g} to {last * 1e3:g} ms."
            )
        return low, high

    def _events(self):
        # A spike that ends a step belongs to that step. The windows and bins of analysis see its middle, which no
        # rounding of a bound, itself a multiple of dt, can push to the other side.
        passed = 0.5 if self.within is None else self.within.astype(float)
        return (self.steps - 1 + passed) * float(self.dt.to_decimal(u.second)), self.local, self.n

    def rate(self, start: QuantityLike | None = None, stop: QuantityLike | None = None) -> Any:
        """Mean firing rate in Hz, over units and over [start, stop)."""
        return analysis.firing_rate(*self._events(), *self._window(start, stop)).mean * u.Hz

    def rates(self, start: QuantityLike | None = None, stop: QuantityLike | None = None) -> Any:
        """Firing rate of every recorded unit in Hz, (n,), in the order of ``units``."""
        return analysis.firing_rate(*self._events(), *self._window(start, stop)).per_neuron * u.Hz

    def population_rate(
        self,
        bin: Any = 1.0 * u.ms,
        smooth: u.Quantity | None = None,
        start: QuantityLike | None = None,
        stop: QuantityLike | None = None,
    ) -> tuple[Any, Any]:
        """Times and mean rate of the units in bins, optionally smoothed by a Gaussian of that standard deviation."""
        times, _, n = self._events()
        width = None if smooth is None else float(smooth.to_decimal(u.second))
        result = analysis.population_rate(
            times, n, float(bin.to_decimal(u.second)), *self._window(start, stop), smooth=width
        )
        return result.times * 1e3 * u.ms, result.rate * u.Hz

    def counts(
        self, bin: Any = 1.0 * u.ms, start: QuantityLike | None = None, stop: QuantityLike | None = None
    ) -> np.ndarray:
        """Spike counts, (bins, n), in the order of ``units``."""
        return analysis.binned_counts(*self._events(), float(bin.to_decimal(u.second)), *self._window(start, stop))

    def numbers(self, start: QuantityLike | None = None, stop: QuantityLike | None = None) -> np.ndarray:
        """Number of spikes of every recorded unit in [start, stop), int, (n,), in the order of ``units``."""
        times, local, n = self._events()
        low, high = self._window(start, stop)
        return np.bincount(local[(times >= low) & (times < high)], minlength=n)

    def isi(self) -> Any:
        """All interspike intervals, unit after unit."""
        return analysis.interspike_intervals(*self._events()).values * 1e3 * u.ms

    def cv(self, min_spikes: int = 6, start: QuantityLike | None = None, stop: QuantityLike | None = None) -> float:
        """Mean coefficient of variation of the intervals of units with at least ``min_spikes`` spikes."""
        low, high = self._window(start, stop)
        return float(analysis.cv(*self._events(), min_spikes=min_spikes, start=low, stop=high).mean)

    def cv2(self, min_spikes: int = 6, start: QuantityLike | None = None, stop: QuantityLike | None = None) -> float:
        """Mean local irregularity of the intervals, blind to slow changes of the rate; as :meth:`cv` in all else."""
        low, high = self._window(start, stop)
        return float(analysis.cv2(*self._events(), min_spikes=min_spikes, start=low, stop=high).mean)

    def fano_factor(
        self, bin: Any = 100.0 * u.ms, start: QuantityLike | None = None, stop: QuantityLike | None = None
    ) -> float:
        """Mean over units of the variance of the binned count over its mean."""
        return float(
            analysis.fano_factor(*self._events(), float(bin.to_decimal(u.second)), *self._window(start, stop)).mean
        )

    def synchrony(
        self, bin: Any = 5.0 * u.ms, start: QuantityLike | None = None, stop: QuantityLike | None = None
    ) -> float:
        """Variance of the whole population's binned count over its mean: 1 for independent Poisson units, up to n."""
        return analysis.synchrony(self._events()[0], float(bin.to_decimal(u.second)), *self._window(start, stop))

    def correlation(
        self, bin: Any = 5.0 * u.ms, start: QuantityLike | None = None, stop: QuantityLike | None = None
    ) -> float:
        """Mean pairwise correlation of the binned counts."""
        return float(
            analysis.correlation(*self._events(), float(bin.to_decimal(u.second)), *self._window(start, stop)).mean
        )

    def of(self, index: int) -> Any:
        """Spike times of one unit, by its number in the population.

        Raises
        ------
        IndexError
            If that unit was not recorded.
        """
        if index not in self.units:
            raise IndexError(f"SpikeTrain: unit {index} was not recorded; recorded: {_listed(self.units)}.")
        return self.times[self.indices == index]

    def __add__(self, later: SpikeTrain) -> SpikeTrain:
        """Join this train and one of the same units that goes on where it stops."""
        if not isinstance(later, SpikeTrain):
            return NotImplemented
        check_successive(self, later)
        if not np.array_equal(self.units, later.units):
            raise ValueError(f"SpikeTrain: units {_listed(self.units)} do not go on as {_listed(later.units)}.")
        both = {name: np.concatenate([getattr(self, name), getattr(later, name)]) for name in ("steps", "indices")}
        times_ms = (*self.times_ms[:2], later.times_ms[2])
        return SpikeTrain.in_ms(**both, n=self.n, times_ms=times_ms, units=self.units, within=_joined([self, later]))

    def merge(self, *others: SpikeTrain) -> SpikeTrain:
        """The spikes of all as one population: the units of ``self`` first, then those of the others in their order.

        Units are numbered anew, from 0 on.

        Raises
        ------
        ValueError
            If the trains are not of one window and step.
        """
        trains = (self, *others)
        facts = [t.times_ms for t in trains]
        if not np.allclose(facts, facts[0], rtol=1e-9):
            shown = ", ".join(f"{start} to {stop} ms in steps of {dt} ms" for dt, start, stop in facts)
            raise ValueError(f"SpikeTrain.merge: the trains must share one window and step; given {shown}.")
        offsets = np.cumsum([0, *(t.n for t in trains)])
        steps = np.concatenate([t.steps for t in trains])
        indices = np.concatenate([t.local + np.int32(offset) for t, offset in zip(trains, offsets)])
        within = _joined(trains)
        order = np.argsort(steps if within is None else steps - 1 + within, kind="stable")
        within, n = None if within is None else within[order], int(offsets[-1])
        return SpikeTrain.in_ms(steps[order], indices[order], n, self.times_ms, None, within)


def _joined(trains) -> np.ndarray | None:
    """``within`` of trains one after the other; an end of a step is 1, where others are within."""
    if all(train.within is None for train in trains):
        return None
    return np.concatenate([np.ones(len(t)) if t.within is None else t.within for t in trains])


def check_successive(one, other) -> None:
    """Refuse two records, of ``dt``, ``start`` and ``stop``, of which the second does not begin where the first ends."""
    step, end = (float(q.to_decimal(u.ms)) for q in (one.dt, one.stop))
    other_step, begin = (float(q.to_decimal(u.ms)) for q in (other.dt, other.start))
    if abs(step - other_step) > 1e-9 * step or abs(end - begin) > 1e-6 * step:
        raise ValueError(
            f"{type(one).__name__}: what ends at {end:g} ms in steps of {step:g} ms is not followed by what begins at"
            f" {begin:g} ms in steps of {other_step:g} ms."
        )


def _listed(units) -> str:
    return ", ".join(map(str, units[:5])) + (f", ... ({len(units)} units)" if len(units) > 5 else "")


class SpikeTrains(dict):
    """The spike trains of a recording, by name of the population."""

    def __missing__(self, name):
        raise UnknownNameError(f"Recording has no spikes of {name!r}.{suggestion(name, self)}")

    def merged(self, *names: str) -> SpikeTrain:
        """The spikes of several populations (all, if none is named) as one train; units count on from one to the next.

        ``rec.spikes.merged("E", "I").rate()`` is the mean rate over both.
        """
        if not self:
            raise UnknownNameError("Recording has no spikes to merge: record some, as in record=['E.spikes'].")
        first, *others = (self[name] for name in names or self)
        return first.merge(*others)
