"""Delayed comparison of two frequencies: Romo's task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from brainsim._units import QuantityLike
from brainsim.data.tasks.base import Signalled, Trials, ms, white


@dataclass(frozen=True)
class DelayedComparison(Signalled):
    r"""Two vibrations with a delay between them, of which one has the higher frequency.

    With x the frequency between the lowest (0) and the highest (1), one input is :math:`0.4 + 0.8 x` and one
    :math:`0.4 + 0.8\,(1 - x)`, as cells of area S2 rise or fall with the frequency. Classes: 0 wait, 1 the first, 2 the
    second.

    Parameters
    ----------
    pairs : sequence of pair of float
        Frequencies, in Hz; either may come first.
    fixation, first, delay, second, decision : quantity, time
        Periods; ``delay`` may be a pair of times, for anything between.
    noise : quantity, square root of a time
        Of the stimuli; see :class:`~brainsim.data.Task`.
    dt : quantity, time
        Length of a step.

    References
    ----------
    R. Romo, C. D. Brody, A. Hernández, L. Lemus, Nature 399:470 (1999); H. F. Song, G. R. Yang, X.-J. Wang, PLoS Comput.
    Biol. 12:e1004792 (2016); neurogym's ``DelayComparison``.
    """

    INPUTS = ("wait", "rising", "falling")
    ANSWERS = ("wait", "first", "second")
    PERIODS = ("fixation", "first", "delay", "second", "decision")

    pairs: Sequence[tuple[float, float]] = ((18, 10), (22, 14), (26, 18), (30, 22), (34, 26))
    fixation: QuantityLike = ms(500.0)
    first: QuantityLike = ms(500.0)
    delay: QuantityLike | tuple[QuantityLike, QuantityLike] = ms(1000.0)
    second: QuantityLike = ms(500.0)
    decision: QuantityLike = ms(100.0)
    noise: QuantityLike = white(1.0)
    dt: QuantityLike = ms(1.0)

    def __post_init__(self):
        pairs = np.asarray(self.pairs, float)
        if pairs.ndim != 2 or pairs.shape[1] != 2 or np.any(pairs[:, 0] == pairs[:, 1]):
            raise ValueError(f"DelayedComparison: expected pairs of two different frequencies, given {self.pairs}.")

    def draw(self, n: int, rng: np.random.Generator) -> Trials:
        (periods, delay), pairs = self.periods(n, rng), np.asarray(self.pairs, float)
        shown = rng.permuted(pairs[rng.integers(0, len(pairs), n)], axis=1)
        x = (shown - pairs.min()) / (pairs.max() - pairs.min())
        first, second = periods("first"), periods("second")
        level = lambda x: first * (0.4 + 0.8 * x[:, :1]) + second * (0.4 + 0.8 * x[:, 1:])
        labels = np.where(shown[:, 0] > shown[:, 1], 1, 2)
        waits, asked = periods(*self.PERIODS[:-1]), periods("decision")
        return self.trials([level(x), level(1 - x)], waits, asked, labels, rng, frequencies=shown, delay=delay)
