from __future__ import annotations

from collections.abc import Sequence

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
        exact: bool = False,
        positions: Layout | Positions | NumberLike | None = None,
    ):
        super().__init__(size, positions=positions, **({"fired_at": 0.0} if exact else {}))
        self.within_steps = bool(exact)
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
        self._aside.times_ms, self._aside.indices = ms, indices.astype(np.int32)

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
        first = np.concatenate([first, [steps.size, steps.size]])
        widest = int(np.diff(first).max(initial=1))
        self.hold("begun", FixedVariable(jnp.asarray(np.append(begun, -1), jnp.int32)))
        self.hold("first", FixedVariable(jnp.asarray(first, jnp.int32)))
        self.hold("order", FixedVariable(jnp.asarray(np.concatenate([indices, np.full(widest, self.count, np.int32)]))))
        if self.within_steps:
            passed = self._aside.times_ms[order] / step_ms - steps
            self.hold("passed", FixedVariable(jnp.asarray(np.append(passed, np.zeros(widest)), float_dtype())))
        self.fix(widest=widest)

    def update(self, clock: Clock):
        begun, first, order = self.plain("begun"), self.plain("first"), self.plain("order")
        place = jnp.searchsorted(begun[:-1], clock.step, method="scan_unrolled")
        slots = first[place] + jnp.arange(self.widest)
        fires = (begun[place] == clock.step) & (slots < first[place + 1])
        units = jnp.where(fires, order[slots], self.count)
        self.put("spikes", jnp.zeros(self.count, bool).at[units].set(True, mode="drop"))
        if self.within_steps:
            passed = self.plain("passed")[slots]
            self.put("fired_at", jnp.zeros(self.count, passed.dtype).at[units].set(passed, mode="drop"))
