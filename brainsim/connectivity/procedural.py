"""Connectivity that is made anew at every spike instead of being stored."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import brainunit as u
import numpy as np

from brainsim import events

from .block_model import BlockModel
from .distribution import Distribution
from .distributions import Constant
from .fixed_degree import FixedOutDegree
from .fixed_probability import FixedProbability
from .fixed_total_number import FixedTotalNumber
from .pairs import Pairs, Synapses
from .rule import ConnectionRule


@dataclass(frozen=True, repr=False)
class Procedural(ConnectionRule):
    r"""Connect as another rule does, without storing a synapse.

    The targets and weights of a neuron are regenerated from a random key inside the kernel whenever it spikes. Building
    takes no time and no memory, however large the network; delivering costs a few nanoseconds more per synapse than
    reading them. Where a number of synapses is given in all, or for each pair of blocks, it is divided at building among
    the presynaptic neurons,

    .. math:: (K_1, \dots, K_{n_a}) \sim \mathrm{Multinomial}(n_{ab};\ 1/n_a, \dots, 1/n_a)

    and these :math:`K_i` are stored: 4 bytes for each presynaptic neuron and block of targets.

    Views must be contiguous ranges of neurons; weights can be one value or a distribution, delays one value for all, and
    there is no plasticity::

        weight = LogNormal(mean=5 * u.nS, std=1 * u.nS)
        net.connect(net.E, net.E, Procedural(FixedProbability(1e-4)), receptor="ampa", weight=weight)
        net.connect(net.E, net.I, Procedural(FixedTotalNumber(10**6)), receptor="ampa", weight=weight)

    The weight parameter of such a projection is one number that multiplies the drawn weights: it begins at 1 in the
    receptor's unit where weights are drawn, and is the weight itself where they are all equal.

    Parameters
    ----------
    rule : FixedProbability, FixedOutDegree with multiple=True, FixedTotalNumber or BlockModel with n
        Which pairs. All but those of FixedProbability are drawn with replacement.
    self_connections : bool, keyword only
        Whether a neuron may connect to itself; False here or in ``rule`` excludes it.

    Raises
    ------
    TypeError, ValueError
        For a rule that has no procedural form; at `connect`, for views that are not contiguous ranges.

    References
    ----------
    Knight & Nowotny (2021), Nature Computational Science 1:136; Izhikevich & Edelman (2008), PNAS 105:3593. Numbers of
    synapses for each pair of blocks: Potjans & Diesmann (2014), Cerebral Cortex 24:785.
    """

    rule: FixedProbability | FixedOutDegree | FixedTotalNumber | BlockModel

    def __post_init__(self):
        super().__post_init__()
        rule: Any = self.rule
        if not isinstance(rule, FixedProbability | FixedOutDegree | FixedTotalNumber | BlockModel):
            raise TypeError(
                f"{self.name}: rule is {rule!r}; give FixedProbability(p), FixedOutDegree(k, multiple=True),"
                " FixedTotalNumber(n) or BlockModel(sizes, n=), the rules that have a procedural form"
            )
        if isinstance(rule, FixedOutDegree | FixedTotalNumber) and not rule.multiple:
            number = rule.k if isinstance(rule, FixedOutDegree) else rule.n
            raise ValueError(
                f"{self.name}: procedural targets are drawn with replacement; give {rule.name}({number}, multiple=True)"
            )
        if isinstance(rule, BlockModel) and rule.n is None:
            raise ValueError(
                f"{self.name}: a block model of probabilities has no procedural form; give numbers of synapses,"
                " BlockModel(sizes, n=), or FixedProbability between slices"
            )
        self._set("self_connections", self.self_connections and self.rule.self_connections)

    def form(
        self,
        n_pre: int,
        n_post: int,
        pre: np.ndarray,
        post: np.ndarray,
        same: bool,
        rng: np.random.Generator,
        weights: events.Quantiles | None = None,
    ) -> events.Unstored:
        """The event format between neurons ``pre`` of ``n_pre`` and ``post`` of ``n_post``, with a key drawn from
        ``rng``, and after it the numbers of synapses of neurons where these are random.

        Raises
        ------
        ValueError
            If the neurons are not contiguous ranges, there is nobody to connect to, or blocks are of other neurons.
        """
        key = rng.integers(0, 2**32, 2, dtype=np.uint32)
        options = {
            "pre": _range(self.name, "pre", pre),
            "post": _range(self.name, "post", post),
            "weights": weights,
            "self_connections": self.self_connections or not same,
        }
        if isinstance(self.rule, FixedProbability):
            return events.ProceduralFixedProbability(n_pre, n_post, self.rule.p, key, **options)
        if isinstance(self.rule, FixedOutDegree):
            return events.ProceduralFixedOutDegree(n_pre, n_post, self.rule.k, key, **options)
        pairs = Pairs.between(self.name, pre, post, same and not self.self_connections)
        return events.ProceduralOutDegrees(n_pre, n_post, *self.rule.out_degrees(pairs, rng), key, **options)

    def _draw(self, pairs: Pairs, rng: np.random.Generator) -> Synapses:
        """The same synapses, stored: those of :meth:`form` with this generator, the targets of each neuron sorted."""
        pre, post = pairs.ids
        form = self.form(_end(pre), _end(post), pre, post, pairs.own is not None, rng)
        conn, _ = form.materialise()
        indptr = np.array(conn.indptr[form.pre_begin : form.pre_end + 1])
        indices = np.asarray(conn.indices) - np.int32(form.post_begin)
        for first, last in itertools.pairwise(indptr):
            indices[first:last].sort()
        return Synapses(indptr, indices)

    def expected_synapses(self, n_pre: int, n_post: int) -> int:
        return self.rule.expected_synapses(n_pre, n_post)


def quantiles(weight: Distribution, unit: u.Unit) -> events.Quantiles | None:
    """The table that the kernel draws weights from; None for a weight that is always the same."""
    if isinstance(weight, Constant):
        return None
    return events.Quantiles(weight.quantile(events.Quantiles.probabilities(), unit))


def _end(ids: np.ndarray) -> int:
    return int(ids[-1]) + 1 if len(ids) else 0


def _range(rule: str, name: str, ids: np.ndarray) -> tuple[int, int]:
    if not len(ids):
        return 0, 0
    if np.any(np.diff(ids) != 1):
        raise ValueError(
            f"{rule}: {name} is not a contiguous range of neurons; give the population or a slice, net.E[100:200]"
        )
    return int(ids[0]), _end(ids)
