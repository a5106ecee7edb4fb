"""Delayed match to sample: whether what is shown now was shown before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brainsim._units import QuantityLike
from brainsim.data.tasks.base import Signalled, Trials, ms, white


@dataclass(frozen=True)
class DelayedMatch(Signalled):
    r"""A sample, a delay and a test, which is the sample or not.

    Stimuli are directions :math:`\theta` at equal distances; input j of them is :math:`\cos(\theta_j - \theta)`. In half of
    the trials the test is the sample. Classes: 0 wait, 1 match, 2 no match.

    Parameters
    ----------
    choices : int
        Number of stimuli.
    fixation, sample, delay, test, decision : quantity, time
        Periods; ``delay`` may be a pair of times, for anything between.
    noise : quantity, square root of a time
        Of the stimuli; see :class:`~brainsim.data.Task`.
    dt : quantity, time
        Length of a step.

    References
    ----------
    E. K. Miller, C. A. Erickson, R. Desimone, J. Neurosci. 16:5154 (1996); neurogym's ``DelayMatchSample``.
    """

    ANSWERS = ("wait", "match", "no match")
    PERIODS = ("fixation", "sample", "delay", "test", "decision")

    choices: int = 2
    fixation: QuantityLike = ms(300.0)
    sample: QuantityLike = ms(500.0)
    delay: QuantityLike | tuple[QuantityLike, QuantityLike] = ms(1000.0)
    test: QuantityLike = ms(500.0)
    decision: QuantityLike = ms(900.0)
    noise: QuantityLike = white(1.0)
    dt: QuantityLike = ms(1.0)

    def __post_init__(self):
        if self.choices < 2:
            raise ValueError(f"DelayedMatch: expected two stimuli at least, given choices={self.choices}.")

    @property
    def n_inputs(self) -> int:
        return 1 + self.choices

    def draw(self, n: int, rng: np.random.Generator) -> Trials:
        periods, delay = self.periods(n, rng)
        sample, match = rng.integers(0, self.choices, n), rng.integers(0, 2, n).astype(bool)
        other = (sample + rng.integers(1, self.choices, n)) % self.choices
        test = np.where(match, sample, other)
        angles = 2 * np.pi * np.arange(self.choices) / self.choices
        shown = [periods(name)[..., None] * np.cos(angles - angles[which][:, None])[:, None]
                 for name, which in (("sample", sample), ("test", test))]  # fmt: skip
        signals = list(np.moveaxis(shown[0] + shown[1], -1, 0))
        labels = np.where(match, 1, 2)
        waits, asked = periods(*self.PERIODS[:-1]), periods("decision")
        return self.trials(signals, waits, asked, labels, rng, sample=sample, test=test, delay=delay)
