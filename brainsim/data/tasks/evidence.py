"""Evidence accumulation: the side to which there were more cues."""

from __future__ import annotations

from dataclasses import dataclass, field

import brainunit as u
import numpy as np

from brainsim._units import QuantityLike, in_unit
from brainsim.data.tasks.base import Task, Trials, poisson


@dataclass(frozen=True)
class EvidenceAccumulation(Task):
    """Cues to the left or right, a delay, and the question to which side there were more.

    A mouse runs along a corridor, sees the cues, and turns to their side at the end. Four groups of neurons fire: at cues
    to the left, at cues to the right, while the answer is asked, and as noise all the time. In a trial, all cues come
    with the same probability from the same, random side. Class 0 is left, 1 is right; it is asked for during the
    decision, which ends the longest trials; after it shorter ones have noise only.

    Parameters
    ----------
    cues : int
        Number of cues, odd, so that there is no tie.
    probability : float
        That a cue is to the side that is likelier in its trial.
    cue, gap : quantity, time
        Length of a cue, and from its end to the next.
    delay : quantity, time, or pair of them
        From the last gap to the decision; of a pair, anything between.
    decision : quantity, time
        How long the answer is asked for.
    neurons : int
        Neurons of each of the four groups.
    rate, noise : quantity, frequency
        Of groups that are active, and of noise.
    dt : quantity, time
        Length of a step.

    References
    ----------
    A. S. Morcos, C. D. Harvey, Nat. Neurosci. 19:1672 (2016); G. Bellec et al., Nat. Commun. 11:3625 (2020), figure 3.
    """

    INPUTS = ("left", "right", "decision", "noise")
    ANSWERS = ("left", "right")

    cues: int = 7
    probability: float = 0.7
    cue: QuantityLike = field(default_factory=lambda: 100.0 * u.ms)
    gap: QuantityLike = field(default_factory=lambda: 50.0 * u.ms)
    delay: QuantityLike | tuple[QuantityLike, QuantityLike] = field(
        default_factory=lambda: (500.0 * u.ms, 1500.0 * u.ms)
    )
    decision: QuantityLike = field(default_factory=lambda: 150.0 * u.ms)
    neurons: int = 10
    rate: QuantityLike = field(default_factory=lambda: 40.0 * u.Hz)
    noise: QuantityLike = field(default_factory=lambda: 10.0 * u.Hz)
    dt: QuantityLike = field(default_factory=lambda: 1.0 * u.ms)

    def __post_init__(self):
        if self.cues < 1 or self.cues % 2 == 0:
            raise ValueError(f"EvidenceAccumulation: expected an odd number of cues, given {self.cues}.")
        if not 0.5 <= self.probability <= 1:
            raise ValueError(f"EvidenceAccumulation: expected a probability from 0.5 to 1, given {self.probability}.")

    @property
    def n_steps(self) -> int:
        return self.cues * (self.steps("cue") + self.steps("gap")) + self.bounds("delay")[1] + self.steps("decision")

    @property
    def n_inputs(self) -> int:
        return len(self.INPUTS) * self.neurons

    def draw(self, n: int, rng: np.random.Generator) -> Trials:
        every, cue, decision = self.steps("cue") + self.steps("gap"), self.steps("cue"), self.steps("decision")
        likelier = rng.integers(0, 2, n)
        sides = np.where(rng.random((n, self.cues)) < self.probability, likelier[:, None], 1 - likelier[:, None])
        start = self.cues * every + self.between("delay", n, rng)
        t = np.arange(self.n_steps)
        shown = (t < self.cues * every) & (t % every < cue)
        now = sides[:, np.minimum(t // every, self.cues - 1)]
        asked = (t >= start[:, None]) & (t < start[:, None] + decision)
        active = np.stack([shown & (now == 0), shown & (now == 1), asked], -1)
        rates = float(in_unit(self.rate, u.Hz, "rate")) * active
        noise = np.full((n, self.n_steps, 1), float(in_unit(self.noise, u.Hz, "noise")))
        rates = np.concatenate([rates, noise], -1).astype(np.float32)
        spikes = poisson(np.repeat(rates, self.neurons, axis=-1), self._dt_ms, rng)
        labels = (2 * sides.sum(1) > self.cues).astype(np.int32)
        targets = np.where(asked, labels[:, None], -1).astype(np.int32)
        return Trials(spikes, targets, labels, {"sides": sides, "likelier": likelier, "start": start})
