"""Context-dependent decision: one of two stimuli counts, and a cue says which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from brainsim._units import QuantityLike
from brainsim.data.tasks.base import Signalled, Trials, ms, white


@dataclass(frozen=True)
class ContextDecision(Signalled):
    r"""Motion and colour, each with evidence for one of two choices; a context says which of them counts.

    For coherence c, signed by the choice that it speaks for, the two inputs of a stimulus are :math:`(1 \pm c)/2`. The
    context is shown until the decision. Classes: 0 wait, 1 and 2 the choices.

    Parameters
    ----------
    coherences : sequence of float
        From 0 to 1.
    fixation, stimulus, delay, decision : quantity, time
        Periods; ``delay`` may be a pair of times, for anything between.
    noise : quantity, square root of a time
        Of the stimuli and the context; see :class:`~brainsim.data.Task`.
    dt : quantity, time
        Length of a step.

    References
    ----------
    V. Mante, D. Sussillo, K. V. Shenoy, W. T. Newsome, Nature 503:78 (2013); neurogym's ``ContextDecisionMaking``.
    """

    INPUTS = ("wait", "motion 1", "motion 2", "colour 1", "colour 2", "context motion", "context colour")
    ANSWERS = ("wait", "choice 1", "choice 2")
    PERIODS = ("fixation", "stimulus", "delay", "decision")

    coherences: Sequence[float] = (0.05, 0.15, 0.5)
    fixation: QuantityLike = ms(300.0)
    stimulus: QuantityLike = ms(750.0)
    delay: QuantityLike | tuple[QuantityLike, QuantityLike] = ms(300.0)
    decision: QuantityLike = ms(100.0)
    noise: QuantityLike = white(1.0)
    dt: QuantityLike = ms(1.0)

    def __post_init__(self):
        if not len(self.coherences) or min(self.coherences) <= 0 or max(self.coherences) > 1:
            raise ValueError(f"ContextDecision: coherences are above 0 and up to 1, given {tuple(self.coherences)}.")

    def draw(self, n: int, rng: np.random.Generator) -> Trials:
        periods, delay = self.periods(n, rng)
        sizes = np.asarray(self.coherences, float)[rng.integers(0, len(self.coherences), (n, 2))]
        coherence = sizes * rng.choice([-1.0, 1.0], (n, 2))  # of motion and colour; above 0 for choice 1
        context = rng.integers(0, 2, n)
        shown, waits = periods("stimulus"), periods(*self.PERIODS[:-1])
        evidence = [shown * (1 + sign * coherence[:, k : k + 1]) / 2 for k in (0, 1) for sign in (1, -1)]
        cues = [waits * (context == k)[:, None] for k in (0, 1)]
        labels = np.where(coherence[np.arange(n), context] > 0, 1, 2)
        drawn = {"coherence": coherence, "context": context, "delay": delay}
        return self.trials([*evidence, *cues], waits, periods("decision"), labels, rng, **drawn)
