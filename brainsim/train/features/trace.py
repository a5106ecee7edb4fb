"""A recorded potential and its spikes: what every feature is computed from."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim._units import NumberLike, QuantityLike, float_dtype, in_unit, split_quantity


class Trace:
    r"""The potential at one place over time, with its spikes.

    A spike is the time above ``threshold``, from a crossing upwards between ``start`` and ``stop`` to the next one
    downwards; its peak is the highest sample. Which samples these are is decided as eFEL does; times are then
    interpolated, between samples for crossings and by a parabola through three samples for peaks, so that they move
    smoothly with V, with their exact derivative. Only the number of spikes jumps; :attr:`count` is its smooth form,

    .. math:: n = \sum_k \max\bigl(\sigma_{k+1} - \sigma_k,\, 0\bigr),\qquad
        \sigma_k = \frac{1}{1 + e^{-(V_k - \theta)/w}}

    All of it is a function of arrays, for ``jax.jit``, ``jax.grad`` and ``jax.vmap``.

    Parameters
    ----------
    V : quantity or array, (n,)
        Potential; plain numbers are in mV, as a function of a network records them.
    dt : quantity, time
        Between samples.
    start, stop : quantity, time, optional
        When the stimulus begins and ends; by default all of the trace.
    threshold : quantity, voltage
        :math:`\theta`.
    width : quantity, voltage
        w: how near to the threshold a peak counts in part.
    most : int
        Spikes that are looked at; where there are more, features of single spikes are not defined.
    first : quantity, time, optional
        Of the first sample; by default dt, as in what a run records.

    Raises
    ------
    ValueError, UnitError
        For another shape, another dimension, and a stop before the start.

    References
    ----------
    W. Van Geit et al., eFEL (2015), https://github.com/openbraininstitute/eFEL, on what each feature is.
    """

    def __init__(
        self,
        V: NumberLike,
        dt: QuantityLike,
        *,
        start: QuantityLike | None = None,
        stop: QuantityLike | None = None,
        threshold: QuantityLike = -20.0 * u.mV,
        width: QuantityLike = 3.0 * u.mV,
        most: int = 100,
        first: QuantityLike | None = None,
    ):
        plain = not isinstance(V, u.Quantity)
        numbers = jnp.asarray(split_quantity(V)[0] if plain else in_unit(V, u.mV, "Trace: V"), float_dtype())
        if numbers.ndim != 1 or numbers.size < 3:
            raise ValueError(f"Trace: V must be the samples at one place, (n,), n at least 3; given {numbers.shape}.")
        if not isinstance(most, int | np.integer) or most < 1:
            raise ValueError(f"Trace: most must be a whole number from 1, given {most!r}.")
        #: samples in mV, time between them, time of the first in ms
        self.V, self.dt = numbers, float(in_unit(dt, u.ms, "Trace: dt"))
        if not self.dt > 0:
            raise ValueError(f"Trace: dt must be positive, given {dt}.")
        self.first = self.dt if first is None else float(in_unit(first, u.ms, "Trace: first"))
        last = self.first + (numbers.size - 1) * self.dt
        self.start = self.first if start is None else in_unit(start, u.ms, "Trace: start")
        self.stop = last if stop is None else in_unit(stop, u.ms, "Trace: stop")
        known = not any(isinstance(time, Tracer) for time in (self.start, self.stop))
        if known and not self.first - self.dt <= self.start < self.stop <= last + self.dt:
            raise ValueError(
                f"Trace: start and stop must lie in the trace, from {self.first:g} to {last:g} ms, one after the"
                f" other; given {self.start:g} and {self.stop:g} ms."
            )
        self.threshold = in_unit(threshold, u.mV, "Trace: threshold")
        self.width, self.most = in_unit(width, u.mV, "Trace: width"), int(most)

    @cached_property
    def times(self) -> jax.Array:
        """Of the samples, in ms."""
        return self.first + self.dt * jnp.arange(self.V.size)

    @cached_property
    def stimulated(self) -> jax.Array:
        """Which samples lie between start and stop, (n,)."""
        near = 1e-6 * self.dt
        return (self.times >= self.start - near) & (self.times < self.stop - near)

    # -- spikes ------------------------------------------------------------------------------------------------------

    @cached_property
    def _number(self) -> jax.Array:
        """Of each sample, how many crossings upwards there were since the start, (n,)."""
        above = jnp.greater(self.V, self.threshold)
        crossed = jnp.concatenate([jnp.zeros(1, bool), above[1:] & ~above[:-1]])
        return jnp.cumsum(crossed & self.stimulated)

    def _each(self, reduce: Any, values: jax.Array) -> jax.Array:
        """A reduction of the samples from each crossing upwards to the next, (most,)."""
        return reduce(values, self._number, num_segments=self.most + 1)[1:]

    @cached_property
    def _rises(self) -> jax.Array:
        """Index of the first sample of each spike; n where there is none."""
        return jnp.minimum(self._each(jax.ops.segment_min, jnp.arange(self.V.size)), self.V.size)

    @cached_property
    def _falls(self) -> jax.Array:
        """Index of the first sample after each spike; n where there is none."""
        below = jnp.where(jnp.less(self.V, self.threshold), jnp.arange(self.V.size), self.V.size)
        return jnp.minimum(self._each(jax.ops.segment_min, below), self.V.size)

    @cached_property
    def _peaks(self) -> jax.Array:
        """Index of the highest sample of each spike."""
        V, k = jax.lax.stop_gradient(self.V), jnp.arange(self.V.size)
        falls = jnp.concatenate([jnp.zeros(1, int), self._falls])[jnp.minimum(self._number, self.most)]
        within = k < falls
        highest = self._each(jax.ops.segment_max, jnp.where(within, V, -jnp.inf))
        of_spike = jnp.concatenate([V[:1], highest])[jnp.minimum(self._number, self.most)]
        is_highest = within & jnp.equal(V, of_spike)
        found = self._each(jax.ops.segment_min, jnp.where(is_highest, k, self.V.size))
        return jnp.clip(found, 1, self.V.size - 2)

    @cached_property
    def present(self) -> jax.Array:
        """Which of the spikes there are, (most,), from the first on."""
        there = self._falls < self.V.size
        return there & (self.times[self._peaks] <= self.stop + 1e-6 * self.dt)

    @cached_property
    def whole(self) -> jax.Array:
        """Whether there are no more spikes than are looked at, ()."""
        return self._number[-1] <= self.most

    @cached_property
    def spikes(self) -> jax.Array:
        """Number of spikes, (): a whole number."""
        return jnp.sum(self.present)

    @cached_property
    def count(self) -> jax.Array:
        """Number of spikes, smoothly, ()."""
        shares = jax.nn.sigmoid((self.V - self.threshold) / self.width)
        rises = jnp.maximum(jnp.diff(shares), 0.0)
        return jnp.sum(jnp.where(self.stimulated[1:], rises, 0.0))

    @cached_property
    def heights(self) -> jax.Array:
        """Potential at the peaks, in mV, (most,)."""
        return self.V[self._peaks]

    @cached_property
    def peaks(self) -> jax.Array:
        """Times of the peaks in ms, (most,)."""
        k = self._peaks
        before, at, after = self.V[k - 1], self.V[k], self.V[k + 1]
        bend = before - 2 * at + after
        curved = bend < 0
        shift = jnp.where(curved, 0.5 * (before - after) / jnp.where(curved, bend, 1.0), 0.0)
        return self.times[k] + self.dt * jnp.clip(shift, -0.5, 0.5)

    def crossing(self, level: Any, k: jax.Array) -> jax.Array:
        """Time at which V reaches a level between samples k - 1 and k, in ms."""
        k = jnp.clip(k, 1, self.V.size - 1)
        before, after = self.V[k - 1], self.V[k]
        step = jnp.where(after == before, 1.0, after - before)
        return self.times[k] - self.dt * jnp.where(after == before, 0.0, (after - level) / step)

    @cached_property
    def ups(self) -> jax.Array:
        """Times of the crossings upwards in ms, (most,)."""
        return self.crossing(self.threshold, self._rises)

    @cached_property
    def downs(self) -> jax.Array:
        """Times of the crossings downwards in ms, (most,)."""
        return self.crossing(self.threshold, self._falls)

    # -- between spikes ----------------------------------------------------------------------------------------------

    @cached_property
    def _part(self) -> jax.Array:
        """Of each sample, how many peaks there were, (n,)."""
        marks = jnp.zeros(self.V.size + 1, int).at[jnp.where(self.present, self._peaks, self.V.size)].add(1)
        return jnp.cumsum(marks[:-1])

    @cached_property
    def _troughs(self) -> jax.Array:
        """Index of the lowest sample from each peak to the next, or to the stop."""
        V, k, part = jax.lax.stop_gradient(self.V), jnp.arange(self.V.size), jnp.minimum(self._part, self.most)
        kept = jnp.where(self.times < self.stop - 1e-6 * self.dt, V, jnp.inf)
        lowest = jax.ops.segment_min(kept, part, num_segments=self.most + 1)
        found = jax.ops.segment_min(jnp.where(kept == lowest[part], k, self.V.size), part, num_segments=self.most + 1)
        return jnp.minimum(found[1:], self.V.size - 1)

    @cached_property
    def troughs(self) -> jax.Array:
        """Lowest potential after each spike, in mV, (most,)."""
        return self.V[self._troughs]

    @cached_property
    def recovered(self) -> jax.Array:
        """Which spikes reach their lowest potential before the stop, and not at it, (most,)."""
        last = jnp.max(jnp.where(self.times < self.stop - 1e-6 * self.dt, jnp.arange(self.V.size), 0))
        return self.present & (self._troughs < last)

    @cached_property
    def reach(self) -> jax.Array:
        """Highest potential since the last spike had its trough, until the stop, in mV: what is nearest to one more."""
        after = jnp.max(jnp.where(self.present, self._troughs, -1))
        asked = self.stimulated & (jnp.arange(self.V.size) > after)
        return jnp.max(jnp.where(asked, self.V, jnp.min(self.V)))

    # -- the beginning of spikes -------------------------------------------------------------------------------------

    @cached_property
    def _begins(self) -> jax.Array:
        """Index of the sample at which each spike begins: the last before its peak from which on V rises by 10 mV/ms in
        three samples; 0 where there is none.
        """
        steep = jax.lax.stop_gradient(self.slopes) >= STEEP
        flat_before = jnp.concatenate([jnp.zeros(1, bool), ~steep[:-1]])
        more = [jnp.concatenate([steep[j:], jnp.zeros(j, bool)]) for j in (1, 2)]
        starts = flat_before & steep & more[0] & more[1]
        upcoming = self._part  # samples before the first peak have 0
        latest = jnp.where(starts, jnp.arange(self.V.size), 0)
        return jax.ops.segment_max(latest, jnp.minimum(upcoming, self.most), num_segments=self.most + 1)[:-1]

    @cached_property
    def slopes(self) -> jax.Array:
        """dV/dt at the samples, in mV/ms, (n,)."""
        inner = (self.V[2:] - self.V[:-2]) / (2 * self.dt)
        ends = jnp.stack([self.V[1] - self.V[0], self.V[-1] - self.V[-2]]) / self.dt
        return jnp.concatenate([ends[:1], inner, ends[1:]])

    @cached_property
    def begins(self) -> jax.Array:
        """Potential at which each spike begins, where V rises by 10 mV/ms, in mV, (most,)."""
        k = jnp.clip(self._begins, 1, self.V.size - 1)
        before, after = self.slopes[k - 1], self.slopes[k]
        rising = after > before
        share = jnp.where(rising, (STEEP - before) / jnp.where(rising, after - before, 1.0), 1.0)
        return self.V[k - 1] + share * (self.V[k] - self.V[k - 1])

    @cached_property
    def begun(self) -> jax.Array:
        """Which spikes have a beginning, (most,)."""
        return self.present & (self._begins > 0)

    @cached_property
    def half_widths(self) -> jax.Array:
        """Time that each spike is above the middle between its beginning and its peak, in ms, (most,)."""
        half, k = 0.5 * (self.begins + self.heights), jnp.arange(self.V.size)
        levels = jax.lax.stop_gradient(half)
        of_next = jnp.concatenate([levels, jnp.full(1, jnp.inf)])[jnp.minimum(self._part, self.most)]
        of_last = jnp.concatenate([jnp.full(1, -jnp.inf), levels])[jnp.minimum(self._part, self.most)]
        V, part = jax.lax.stop_gradient(self.V), jnp.minimum(self._part, self.most)
        # The last sample below before the peak, and the first below after it
        low = jax.ops.segment_max(jnp.where(of_next >= V, k, 0), part, num_segments=self.most + 1)[:-1]
        fall = jax.ops.segment_min(jnp.where(of_last >= V, k, self.V.size), part, num_segments=self.most + 1)[1:]
        return self.crossing(half, jnp.minimum(fall, self.V.size - 1)) - self.crossing(half, low + 1)


STEEP = 10.0  # mV/ms: where a spike begins
