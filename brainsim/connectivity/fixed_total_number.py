"""A given number of synapses in all."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from . import _checks, _sampling
from .pairs import Pairs, Synapses
from .rule import ConnectionRule


@dataclass(frozen=True, repr=False)
class FixedTotalNumber(ConnectionRule):
    """Draw n synapses uniformly from all pairs.

    .. math:: |S| = n

    Parameters
    ----------
    n : int
        Number of synapses.
    self_connections : bool, keyword only
        Whether a neuron may connect to itself. Default True. The number of synapses is n either way.
    multiple : bool, keyword only
        Whether a pair may be connected more than once (draws with replacement). Default True, as in NEST.

    Raises
    ------
    TypeError, ValueError
        If n is not a whole number, 0 or larger; at `connect`, if there are fewer than n pairs to draw from.

    References
    ----------
    Used with multapses by Potjans & Diesmann (2014), Cerebral Cortex 24:785.
    """

    n: int
    multiple: bool = field(default=True, kw_only=True)

    def __post_init__(self):
        super().__post_init__()
        self._set("n", _checks.count(self.name, "n", self.n))
        self._set("multiple", _checks.flag(self.name, "multiple", self.multiple))

    def out_degrees(self, pairs: Pairs, rng: np.random.Generator) -> tuple[np.ndarray, tuple[int, ...]]:
        """How many synapses each presynaptic neuron has, (n_pre, 1), and the number of targets: one block."""
        self._check_numbers(pairs)
        return _sampling.out_degrees(rng, pairs, self.n)[:, None], (pairs.n_post,)

    def _draw(self, pairs: Pairs, rng: np.random.Generator) -> Synapses:
        self._check_numbers(pairs)
        draw = _sampling.multiset if self.multiple else _sampling.subset
        return draw(rng, pairs, self.n)

    def _check_numbers(self, pairs: Pairs) -> None:
        available = pairs.size
        if self.n > available and (not self.multiple or not available):
            edit = "" if self.multiple or not available else ", or multiple=True to allow several synapses per pair"
            raise ValueError(
                f"{self.name}: n = {self.n}, but {pairs.n_pre} presynaptic and {pairs.n_post} postsynaptic neurons have"
                f" only {available} possible pairs{'' if pairs.own is None else ' without self connections'}; give n <="
                f" {available}{edit}"
            )

    def _draw_rows(self, pairs, rows, rng):
        if not self.multiple or not pairs.size:
            return None
        return _sampling.multiset_of_rows(rng, pairs, self.n, rows)

    def parts(self, pairs, rng):
        total = sum(pairs)
        if not self.multiple or not total:
            return None
        return [replace(self, n=int(n)) for n in rng.multinomial(self.n, np.asarray(pairs) / total)]

    def expected_synapses(self, n_pre: int, n_post: int) -> int:
        return self.n
