"""Interval timing: measure a time, and wait as long again."""

from __future__ import annotations

from dataclasses import dataclass, field

import brainunit as u
import numpy as np

from brainsim._units import QuantityLike
from brainsim.data.tasks.base import Periods, Signalled, Trials, ms, white


@dataclass(frozen=True)
class IntervalTiming(Signalled):
    """Ready, set, go: from a first pulse to a second one passes a time, and as long after the second one acts.

    Times are from the beginning of a pulse to that of the next. Classes: 0 wait, 1 go. In ``tolerance`` around the right
    moment either is right. The label is always 1; what is drawn is the interval, in steps.

    Parameters
    ----------
    interval : quantity, time, or pair of them
        What is measured; of a pair, anything between.
    gain : float
        What is waited for, in units of the interval.
    fixation, pulse, decision : quantity, time
        Before the first pulse; length of a pulse; how long the answer is asked for.
    tolerance : quantity, time
        Before and after the right moment, in which nothing is asked.
    noise : quantity, square root of a time
        Of the pulses; see :class:`~brainsim.data.Task`.
    dt : quantity, time
        Length of a step.

    References
    ----------
    M. Jazayeri, M. N. Shadlen, Nat. Neurosci. 13:1020 (2010); neurogym's ``ReadySetGo``.
    """

    INPUTS = ("wait", "ready", "set")
    ANSWERS = ("wait", "go")

    interval: QuantityLike | tuple[QuantityLike, QuantityLike] = field(
        default_factory=lambda: (500.0 * u.ms, 1000.0 * u.ms)
    )
    gain: float = 1.0
    fixation: QuantityLike = ms(500.0)
    pulse: QuantityLike = ms(80.0)
    decision: QuantityLike = ms(300.0)
    tolerance: QuantityLike = ms(0.0)
    noise: QuantityLike = white(0.1)
    dt: QuantityLike = ms(1.0)

    def __post_init__(self):
        if not self.gain > 0:
            raise ValueError(f"IntervalTiming: expected a gain above 0, given {self.gain}.")
        if self.bounds("interval")[0] < self.steps("pulse"):
            raise ValueError(f"IntervalTiming: an interval of {self.interval} is shorter than a pulse of {self.pulse}.")

    @property
    def n_steps(self) -> int:
        longest = self.bounds("interval")[1]
        return self.steps("fixation") + longest + self._awaited(np.array(longest)) + self.steps("decision")

    def _awaited(self, interval):
        return np.round(self.gain * interval).astype(int)

    def draw(self, n: int, rng: np.random.Generator) -> Trials:
        interval, pulse, near = self.between("interval", n, rng), self.steps("pulse"), self.steps("tolerance")
        before, awaited = self.steps("fixation"), self._awaited(interval)
        decision = self.steps("decision")
        ready = Periods(n, self.n_steps, before=before, pulse=pulse)("pulse")
        set_ = Periods(n, self.n_steps, before=before + interval, pulse=pulse)("pulse")
        course = Periods(n, self.n_steps, wait=before + interval + awaited, decision=decision)
        waits, asked = course("wait"), course("decision")
        moment = (before + interval + awaited)[:, None]
        close = np.abs(course.t - moment + 0.5) < near
        made = self.trials([ready, set_], waits, asked, np.ones(n, int), rng, interval=interval)
        return made._replace(targets=np.where(close, -1, made.targets).astype(np.int32))
