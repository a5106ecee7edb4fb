from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import brainunit as u
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from brainsim._core import Clock, FixedVariable, State
from brainsim._units import NumberLike, QuantityLike, float_dtype, in_unit
from brainsim.connectivity.geometry import Layout, Positions
from brainsim.population import Population


class SpikeTimes(Population):
    """Units that fire at given times.

    A time is rounded to the nearest step; the spike is emitted at the end of the step before it, as a neuron's that
    reached threshold then. Two spikes of one unit in one step are an error.

    Parameters
    ----------
    size : int or tuple of int
        Number of units.
    times : quantity, time, (k,)
        Spike times after 0, in any order.
    indices : array of int, (k,)
        Which unit fires.
    period : quantity, time, optional
        The times, up to this one, come again and again after it; a multiple of dt.
    exact : bool, optional
        Do not round: a spike reaches neurons with exact spike times at its own time. Others see it at the end of the
        step that it falls in.
    positions : optional
        Where the units are, as in :class:`~brainsim.Population`.

    Raises
    ------
    ValueError
        For unequal lengths, an index outside the group, or a time that is not positive.
    """

    fired_at = State(None, "when in the last step it fired, as a fraction of it; 0 where it did not", optional=True)

    def __init__(
        self,
        size: int | tuple[int, ...],
        times: QuantityLike | Sequence[u.Quantity],
        indices: ArrayLike,
        *,
        period: QuantityLike | None = None,
        exact: bool = False,
        positions: Layout | Positions | NumberLike | None = None,
    ):
        super().__init__(size, positions=positions, **({"fired_at": 0.0} if exact else {}))
        self.within_steps = bool(exact)
        self.period_ms = None if period is None else _period(period)
        self._aside.times_ms, self._aside.indices = self._checked(times, indices)

    @classmethod
    def of(cls, train: Any, *, start: QuantityLike | None = None, **options: Any) -> SpikeTimes:
        """Units that fire as a recorded train: ``SpikeTimes.of(rec.spikes["E"])``.

        Parameters
        ----------
        train : SpikeTrain
            Unit k of those recorded is unit k here.
        start : quantity, time, optional
            What is time 0 here; the beginning of the recorded window by default.
        **options
            As of the class.

        Raises
        ------
        TypeError
            For what is no recorded train.
        """
        if not all(hasattr(train, name) for name in ("start", "times", "local", "n")):
            raise TypeError(f"SpikeTimes.of: expected recorded spikes, rec.spikes['E'], given {train!r}.")
        begin = train.start if start is None else start
        ms = np.asarray(train.times.to_decimal(u.ms), float) - float(in_unit(begin, u.ms, "SpikeTimes.of: start"))
        return cls(train.n, ms[ms > 0] * u.ms, train.local[ms > 0], **options)

    def set_spikes(self, times: QuantityLike | Sequence[u.Quantity], indices: ArrayLike) -> None:
        """Fire at other times from now on, given as in the constructor; those before now are past.

        Numbers of spikes up to the same power of two are one program, so that nothing is compiled again.
        """
        before = self._aside.times_ms, self._aside.indices
        self._aside.times_ms, self._aside.indices = self._checked(times, indices)
        if self._aside.prepared_for is not None:
            try:
                self.prepare(self._aside.prepared_for)
            except ValueError:
                self._aside.times_ms, self._aside.indices = before
                raise

    def _checked(self, times, indices) -> tuple[np.ndarray, np.ndarray]:
        ms = np.atleast_1d(np.asarray(in_unit(times, u.ms, "SpikeTimes.times"), float))
        indices = np.atleast_1d(np.asarray(indices))
        if ms.shape != indices.shape or ms.ndim != 1:
            raise ValueError(
                f"SpikeTimes: times and indices must be one-dimensional and equally long, given {ms.shape} and"
                f" {indices.shape}."
            )
        if indices.size and not (
            np.issubdtype(indices.dtype, np.integer) and indices.min() >= 0 and indices.max() < self.count
        ):
            raise ValueError(
                f"SpikeTimes: indices must be integers in [0, {self.count}), given {indices.min()} to {indices.max()}."
            )
        if ms.size and not (np.all(np.isfinite(ms)) and ms.min() > 0):
            raise ValueError(f"SpikeTimes: times must be positive and finite, given {ms.min()} ms.")
        if self.period_ms is not None and ms.size and ms.max() > self.period_ms * (1 + 1e-9):
            raise ValueError(f"SpikeTimes: times must be up to the period, {self.period_ms} ms, given {ms.max()} ms.")
        return ms, indices.astype(np.int32)

    def prepare(self, step_ms: float) -> None:
        """Sort the spikes into steps of this length."""
        last = self._aside.times_ms / step_ms  # the step at whose end each is emitted
        last = (np.ceil(last - 1e-9) if self.within_steps else np.round(last)).astype(np.int64) - 1
        if last.size and last.min() < 0:
            early = self._aside.times_ms.min()
            raise ValueError(f"{self.path}: a spike at {early} ms is before the end of the first step of {step_ms} ms.")
        if last.size and last.max() >= 2**31 - 1:
            late = self._aside.times_ms.max()
            raise ValueError(
                f"{self.path}: a spike at {late} ms is beyond the longest run, 2**31 steps of {step_ms} ms."
            )
        order = np.lexsort((self._aside.indices, last))
        steps, indices = last[order], self._aside.indices[order]
        same = (np.diff(steps) == 0) & (np.diff(indices) == 0)
        if same.any():
            k = int(np.argmax(same))
            raise ValueError(
                f"{self.path}: unit {indices[k]} has two spikes in the step that ends at {(steps[k] + 1) * step_ms} ms."
            )
        begun, first = np.unique(steps, return_index=True)  # each step with spikes, and where its units begin
        widest = _rounded(int(np.diff(np.append(first, steps.size)).max(initial=1)))
        # Behind them is room: other times of about as many spikes are the same program
        room, length = _rounded(begun.size), _rounded(steps.size) + widest
        self._table("begun", _longer(begun, room, 2**31 - 1), jnp.int32)
        self._table("first", _longer(first, room + 1, steps.size), jnp.int32)
        self._table("order", _longer(indices, length, self.count), jnp.int32)
        if self.within_steps:
            passed = self._aside.times_ms[order] / step_ms - steps
            self._table("passed", _longer(passed, length, 0.0), float_dtype())
        if self.period_ms is not None:
            period = round(self.period_ms / step_ms)
            if period < 1 or abs(self.period_ms / step_ms - period) > 1e-6 * period:
                raise ValueError(f"{self.path}.period: {self.period_ms} ms is not a multiple of dt = {step_ms} ms.")
            self._table("period_steps", period, jnp.int32)
        self.fix(widest=widest)

    def _table(self, name: str, values: Any, dtype: Any) -> None:
        self.hold(name, FixedVariable(jnp.asarray(values, dtype)))

    def update(self, clock: Clock):
        begun, first, order = self.plain("begun"), self.plain("first"), self.plain("order")
        step = clock.step if self.period_ms is None else clock.step % self.plain("period_steps")
        place = jnp.minimum(jnp.searchsorted(begun, step, method="scan_unrolled"), begun.size - 1)
        slots = first[place] + jnp.arange(self.widest)
        fires = (begun[place] == step) & (slots < first[place + 1])
        units = jnp.where(fires, order[slots], self.count)
        self.put("spikes", jnp.zeros(self.count, bool).at[units].set(True, mode="drop"))
        if self.within_steps:
            passed = self.plain("passed")[slots]
            self.put("fired_at", jnp.zeros(self.count, passed.dtype).at[units].set(passed, mode="drop"))


def _period(given: QuantityLike) -> float:
    ms = np.asarray(in_unit(given, u.ms, "SpikeTimes.period"), float)
    if ms.ndim or not np.isfinite(ms) or ms <= 0:
        raise ValueError(f"SpikeTimes: period: expected one positive time, given {given}.")
    return float(ms)


def _rounded(n: int) -> int:
    """The next power of two."""
    return 1 << max(n - 1, 0).bit_length()


def _longer(array: np.ndarray, length: int, value: float) -> np.ndarray:
    return np.concatenate([array, np.full(length - len(array), value, np.asarray(array).dtype)])
