"""Go or no go: act on one stimulus, not on the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brainsim._units import QuantityLike
from brainsim.data.tasks.base import Signalled, Trials, ms, white


@dataclass(frozen=True)
class GoNoGo(Signalled):
    """One of two stimuli and a delay; then one acts after the first and does nothing after the second.

    Classes: 0 do nothing, 1 go.

    Parameters
    ----------
    go : float
        Probability of the stimulus that asks for action.
    fixation, stimulus, delay, decision : quantity, time
        Periods; ``delay`` may be a pair of times, for anything between.
    noise : quantity, square root of a time
        Of the stimuli; see :class:`~brainsim.data.Task`.
    dt : quantity, time
        Length of a step.

    References
    ----------
    X. Zhang et al., eLife 8:e43191 (2019); neurogym's ``GoNogo``.
    """

    INPUTS = ("wait", "no go", "go")
    ANSWERS = ("nothing", "go")
    PERIODS = ("fixation", "stimulus", "delay", "decision")

    go: float = 0.5
    fixation: QuantityLike = ms(0.0)
    stimulus: QuantityLike = ms(500.0)
    delay: QuantityLike | tuple[QuantityLike, QuantityLike] = ms(500.0)
    decision: QuantityLike = ms(500.0)
    noise: QuantityLike = white(0.0)
    dt: QuantityLike = ms(1.0)

    def __post_init__(self):
        if not 0 <= self.go <= 1:
            raise ValueError(f"GoNoGo: go is a probability, given {self.go}.")

    def draw(self, n: int, rng: np.random.Generator) -> Trials:
        periods, delay = self.periods(n, rng)
        labels = (rng.random(n) < self.go).astype(int)
        shown = periods("stimulus")
        signals = [shown * (labels == k)[:, None] for k in (0, 1)]
        waits = periods(*self.PERIODS[:-1])
        return self.trials(signals, waits, periods("decision"), labels, rng, delay=delay)
