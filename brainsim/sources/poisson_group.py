from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import brainunit as u
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim import events
from brainsim._core import Clock, Parameter
from brainsim._errors import AccuracyWarning
from brainsim.connectivity.distribution import Given
from brainsim.population import Population

FEWER = 0.05  # share of the spikes that may be lost without a word


class PoissonGroup(Population):
    r"""Units that fire as independent Poisson processes.

    In each step a unit fires with probability :math:`1 - e^{-r\,dt}`, and once at most: the spikes that share a step are
    one, and the rate is 5 % too low at :math:`r\,dt = 0.1`, of which a run warns. The sum of many trains is a
    :class:`~brainsim.stimuli.PoissonInput`. The rate r is ``rate`` plus the stimuli of the
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

    rate = Parameter(0.0 * u.Hz, "rate without stimuli", nonnegative=True)

    def __init__(self, size: int | tuple[int, ...], rate: Given = 0.0 * u.Hz, **values: Any):
        super().__init__(size, rate=rate, **values)

    def check_step(self, step_ms: float, varied: Mapping[str, Any] | None = None) -> None:
        """Warn of rates at which many spikes share a step."""
        rates = [self.plain("rate"), (varied or {}).get(f"{self.path}.rate", 0.0)]
        if any(isinstance(x, Tracer) for x in rates):
            return
        expected = 1e-3 * step_ms * max(float(np.max(x)) for x in rates)
        lost = 1 + np.expm1(-expected) / expected if expected > 0 else 0.0
        if lost > FEWER:
            warnings.warn(
                f"{self.path}: at {1e3 * expected / step_ms:g} Hz in steps of {step_ms:g} ms {100 * lost:.0f} % of the"
                " spikes share a step with another of their unit and are lost. Reduce dt, or take more units; the sum"
                " of many trains is a stimulus, PoissonInput.",
                AccuracyWarning,
                stacklevel=2,
            )

    def update(self, clock: Clock):
        self.advance_stimuli(clock)
        rate = jnp.maximum(self.plain("rate") + self.stimulation(clock), 0.0)
        probability = -jnp.expm1(-rate * (1e-3 * clock.step_ms))
        self.put("spikes", events.bernoulli_spikes(clock.key, clock.step, probability, self.count))
