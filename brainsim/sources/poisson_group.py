from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp

from brainsim import events
from brainsim._core import Clock, Parameter
from brainsim.connectivity.distribution import Given
from brainsim.population import Population


class PoissonGroup(Population):
    r"""Units that fire as independent Poisson processes.

    In each step a unit fires with probability :math:`1 - e^{-r\,dt}`. The rate r is ``rate`` plus the stimuli of the
    group, which are rates here: ``group.add_stimuli(burst=Constant(50 * u.Hz, start=..., stop=...))`` makes it vary in
    time. A negative sum counts as zero.

    Parameters
    ----------
    size : int or tuple of int
        Number of units.
    rate : quantity, frequency, () or (n,)
        Rate without stimuli.
    """

    input_unit = u.Hz

    rate = Parameter(0.0 * u.Hz, "rate without stimuli")

    def __init__(self, size: int | tuple[int, ...], rate: Given = 0.0 * u.Hz, **values: Any):
        super().__init__(size, rate=rate, **values)

    def update(self, clock: Clock):
        self.advance_stimuli(clock)
        rate = jnp.maximum(self.plain("rate") + self.stimulation(clock), 0.0)
        probability = -jnp.expm1(-rate * (1e-3 * clock.step_ms))
        self.put("spikes", events.bernoulli_spikes(clock.key, clock.step, probability, self.count))
