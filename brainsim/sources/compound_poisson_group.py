from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from brainsim._core import Clock, Fixed, Parameter
from brainsim._core.draws import drawn
from brainsim.connectivity.distribution import Given
from brainsim.population import Population


class CompoundPoissonGroup(Population):
    r"""Units whose synchronous events are of given sizes: a compound Poisson process (CPP).

    Events come as a Poisson process; in each, a number of units that is drawn from ``amplitudes`` fire together, any of
    them alike.

    .. math:: P(\text{k units fire}) = A_k,\qquad \lambda = \frac{n\,r}{\sum_k k\,A_k},\qquad
              \mathrm{corr}(n_i, n_j) = \frac{\langle k^2\rangle - \langle k\rangle}{(n - 1)\,\langle k\rangle}

    A unit fires once in a step at most, as units of a :class:`PoissonGroup`; that each fires at the rate r holds where that is
    rare. The rate r is ``rate`` plus the stimuli of the group, one for all; a negative sum counts as zero.

    Parameters
    ----------
    size : int or tuple of int
        Number of units, n.
    rate : quantity, frequency
        Rate of a unit without stimuli, one for all.
    amplitudes : array of float, (n + 1,) or shorter
        :math:`A_k` for k from 0 on; what is not given is 0.

    Raises
    ------
    ValueError
        For amplitudes that are no probabilities, more of them than units, or such that no unit ever fires.

    References
    ----------
    B. Staude, S. Rotter, S. Gruen, J. Comput. Neurosci. 29:327 (2010); S. Gruen, S. Rotter, Analysis of Parallel Spike
    Trains, Springer (2010), chapter 12.
    """

    input_unit = u.Hz

    rate = Parameter(0.0 * u.Hz, "rate of a unit without stimuli", shape=(), nonnegative=True)
    amplitudes = Fixed(None, "probabilities of 0, 1, 2, ... units in an event", unit=u.UNITLESS)

    def __init__(self, size: int | tuple[int, ...], rate: Given = 0.0 * u.Hz, *, amplitudes: ArrayLike, **values: Any):
        given = np.asarray(amplitudes, float)
        units = int(np.prod(size))
        if given.ndim != 1 or np.any(~(given >= 0)) or abs(given.sum() - 1) > 1e-6 or len(given) > units + 1:
            raise ValueError(
                f"CompoundPoissonGroup: amplitudes are the probabilities of 0, 1, ... up to {units} units, which sum to 1;"
                f" given {np.array2string(given, threshold=8)}."
            )
        if given[1:].sum() == 0:
            raise ValueError(
                "CompoundPoissonGroup: amplitudes say that no unit ever fires; give some beyond the first."
            )
        super().__init__(size, rate=rate, amplitudes=given, **values)

    def update(self, clock: Clock):
        self.advance_stimuli(clock)
        odds = self.plain("amplitudes").astype(clock.step_ms.dtype)
        mean = jnp.sum(odds * jnp.arange(odds.shape[0]))
        total = jnp.maximum(jnp.max(self.plain("rate") + self.stimulation(clock)), 0.0)
        count = clock.poisson(1e-3 * clock.step_ms * total * self.count / mean)
        below = jnp.cumsum(odds) / jnp.sum(odds)
        sizes, order = (jax.random.fold_in(clock.of(name).key, clock.step) for name in ("events", "units"))
        most = odds.shape[0] - 1

        def event(number, spikes):
            units = jnp.searchsorted(below, drawn("uniform", sizes, number, (), below.dtype), side="right")
            _, first = jax.lax.top_k(drawn("uniform", order, number, (self.count,), np.float32), most)
            return spikes.at[first].max(jnp.arange(most) < units)

        self.put("spikes", jax.lax.fori_loop(0, count, event, jnp.zeros(self.count, bool)))
