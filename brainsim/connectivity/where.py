"""Connections by a condition on the two neurons."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from brainsim._units import UNITLESS, in_unit

from . import _checks
from .geometry import Space
from .of_pairs import applied, checked
from .pairs import Pairs, Synapses
from .placed import Placed
from .rule import ConnectionRule

BLOCK = 1 << 17  # pairs looked at at once, or those of one neuron where there are more
LOOKED_AT = 1 << 16  # pairs that the number of synapses is estimated from


@dataclass(frozen=True, repr=False)
class Where(ConnectionRule):
    r"""Connect the pairs for which a condition holds, all of them or each with a probability.

    .. math:: P\big((i, j) \in S\big) = p_{ij}\, [c(i, j)]

    For example::

        Where(lambda i, j: abs(i - j) <= 2)
        Where(lambda pre, post: pre.x < post.x, p=0.1)
        Where(lambda i, j: orientation[i] == orientation[j], p=lambda pre, post: np.exp(-abs(pre.x - post.x) / 0.2))

    Every pair is looked at once: 0.02 to 0.1 microseconds each. Pairs come in blocks of 2**17 (those of one presynaptic neuron where
    there are more), which take some 10 MB beside the result. :class:`DistanceDependent` looks at near pairs only.

    Parameters
    ----------
    condition : callable
        Of arguments named ``i`` and ``j``: the numbers of some neurons within their views, (n,) each; or named ``pre``
        and ``post``: these neurons, with ``index``, ``x``, ``y``, ``z`` and ``position``. Gives one truth value for
        each pair. NumPy or JAX; coordinates are as they stand, also where the space is periodic.
    p : float or callable
        Probability of a pair for which the condition holds: a number, or a function as the condition. Default 1.
    self_connections : bool, keyword only
        Whether a neuron may connect to itself, where the condition holds. Default True.

    Raises
    ------
    TypeError, ValueError
        For what is no such function; at `connect`, for a condition that does not give one truth value for each pair, or
        probabilities outside of 0 and 1.
    """

    condition: Callable
    p: Any = 1.0

    def __post_init__(self):
        super().__post_init__()
        checked(self.condition, f"{self.name}: condition")
        if callable(self.p):
            checked(self.p, f"{self.name}: p")
        else:
            self._set("p", _checks.probability(self.name, "p", self.p))

    @property
    def draws(self) -> bool:  # type: ignore[override]
        """Whether a pair for which the condition holds may be left out."""
        return callable(self.p) or self.p != 1

    def _draw(self, pairs: Pairs, rng: np.random.Generator) -> Synapses:
        placed = Placed.of(pairs.space) if isinstance(pairs.space, Space) else pairs.space
        counts, found = np.zeros(pairs.n_pre, np.int64), [np.empty(0, np.int32)]
        rows = max(1, BLOCK // max(pairs.n_post, 1))
        targets = np.tile(np.arange(pairs.n_post), min(rows, pairs.n_pre))
        for start in range(0, pairs.n_pre if pairs.n_post else 0, rows):
            stop = min(start + rows, pairs.n_pre)
            pre = np.repeat(np.arange(start, stop), pairs.n_post)
            post = targets[: len(pre)]
            chosen = np.flatnonzero(self._holds(placed, pre, post))
            if pairs.own is not None:
                chosen = chosen[pairs.own[pre[chosen]] != post[chosen]]
            chosen = chosen[self._taken(placed, pre[chosen], post[chosen], rng)]
            counts[start:stop] = np.bincount(pre[chosen] - start, minlength=stop - start)
            found.append(post[chosen].astype(np.int32))
        return Synapses.from_row_counts(counts, np.concatenate(found))

    def _holds(self, placed, pre, post) -> np.ndarray:
        held = np.asarray(applied(self.condition, placed, pre, post))
        if held.dtype != bool or held.shape not in ((), pre.shape):
            raise ValueError(
                f"{self.name}: the condition gives {held.dtype} of shape {held.shape} for {pre.shape} pairs; give one"
                " truth value for each, such as abs(i - j) < 3"
            )
        return np.broadcast_to(held, pre.shape)

    def _taken(self, placed, pre, post, rng) -> np.ndarray:
        p = self.p
        if callable(p):
            p = np.asarray(in_unit(applied(p, placed, pre, post), UNITLESS, f"{self.name}: p"), float)
            if p.shape not in ((), pre.shape) or not np.all((p >= 0) & (p <= 1)):  # nan fails the comparison
                given = f"values of shape {p.shape}" if p.shape not in ((), pre.shape) else f"{p.min()} to {p.max()}"
                raise ValueError(f"{self.name}: p gives {given} for {pre.shape} pairs; give one of 0 to 1 for each")
        elif p == 1:
            return np.ones(len(pre), bool)
        return rng.random(len(pre)) < p

    def __repr__(self) -> str:
        shown = [getattr(f, "__name__", repr(f)) for f in (self.condition, self.p)]
        with_p = "" if not callable(self.p) and self.p == 1 else f", p={shown[1]}"
        return f"{self.name}({shown[0]}{with_p}{'' if self.self_connections else ', self_connections=False'})"

    def expected_synapses(self, n_pre: int, n_post: int) -> int:
        p = 1.0 if callable(self.p) else self.p
        mean = n_pre * n_post * p
        return min(n_pre * n_post, math.ceil(mean + 6 * math.sqrt(mean * (1 - p))))

    def expected_between(self, n_pre: int, n_post: int, placed: Placed | None = None) -> int:
        """As :meth:`expected_synapses`, from what the condition gives for some of the pairs."""
        most = self.expected_synapses(n_pre, n_post)
        if n_pre * n_post <= LOOKED_AT:
            return most
        rng = np.random.default_rng(0)
        pre, post = (rng.integers(0, n, LOOKED_AT) for n in (n_pre, n_post))
        held = int(np.count_nonzero(self._holds(placed, pre, post)))
        return min(most, math.ceil(most * (held + 6 * math.sqrt(held) + 16) / LOOKED_AT))
