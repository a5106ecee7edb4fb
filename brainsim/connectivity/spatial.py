"""Rules that depend on where neurons are."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from brainsim._units import in_unit, with_unit

from . import _checks, _space
from .geometry import Space
from .kernels import Kernel
from .masks import Mask
from .pairs import Pairs, Synapses
from .placed import Placed
from .rule import ConnectionRule

_ROUNDING = 1 + 1e-9  # so that neighbours on a grid are not lost to rounding


class SpatialRule(ConnectionRule):
    """A rule whose pairs depend on the positions of the neurons: its ``connect`` needs ``space``."""

    def connect(
        self, pre, post, rng: np.random.Generator, same: bool = False, space: Space | Placed | None = None
    ) -> Synapses:
        """As :meth:`ConnectionRule.connect`, with the positions of both views.

        Raises
        ------
        ValueError
            If no positions are given, or the views cannot hold what the rule asks for.
        """
        space = space.space if isinstance(space, Placed) else space
        if not isinstance(space, Space):
            given = type(space).__name__
            raise ValueError(
                f"{self.name}: space is {given}; give Space(positions_pre, positions_post), one position per neuron"
            )
        return super().connect(pre, post, rng, same, space)

    def expected_synapses(self, n_pre: int, n_post: int) -> int:
        return n_pre * n_post

    def expected_between(self, n_pre: int, n_post: int, placed: Placed | None = None) -> int:
        return self.expected_synapses(n_pre, n_post) if placed is None else self.expected_in(placed.space)

    @abc.abstractmethod
    def expected_in(self, space: Space) -> int:
        """Upper estimate of the number of synapses between neurons that are there."""


class _Local(SpatialRule):
    """Independent pairs, with a probability that depends on the displacement."""

    @abc.abstractmethod
    def _law(self, space: Space) -> _space.Law:
        """Probability of displacements in this space."""

    def _draw(self, pairs: Pairs, rng: np.random.Generator) -> Synapses:
        assert isinstance(pairs.space, Space)  # what depends on distance is given one
        return _space.bernoulli(rng, pairs, self._law(pairs.space))

    def expected_in(self, space: Space) -> int:
        mean, deviation = _space.expected(space, self._law(space))
        return min(len(space.pre) * len(space.post), math.ceil(mean + 6 * deviation) + 16)


@dataclass(frozen=True, repr=False)
class DistanceDependent(_Local):
    r"""Connect each pair independently, with a probability that depends on its distance.

    .. math:: P\big((i, j) \in S\big) = p_{max}\, \max(k(d_{ij}), 0)

    Distances are Euclidean, the shortest way where an axis is periodic. With a kernel, or with a function and a cutoff,
    the work goes with the synapses; a function without a cutoff costs that of all pairs times ``p_max``.

    Parameters
    ----------
    kernel : Kernel or callable
        Profile :math:`k`: :class:`Gaussian`, :class:`ExponentialDecay`, :class:`DifferenceOfGaussians`, or a function of
        distances (a quantity, (n,)) that gives plain numbers of at most 1, (n,).
    p_max : float
        Probability :math:`p_{max}` where the kernel is 1. Default 1.
    cutoff : quantity or float, optional
        Largest distance of a pair.
    mask : Mask, optional
        Region of displacements beyond which there is no synapse.
    self_connections : bool, keyword only
        Whether a neuron may connect to itself. Default True.

    Raises
    ------
    TypeError, ValueError, UnitError
        For something that is not a kernel or a mask, or lengths of another dimension than the positions; at `connect`, for a
        probability above 1.

    References
    ----------
    Gaussian profile for liquids, with one amplitude for each pair of types: Maass, Natschlaeger & Markram (2002),
    Neural Computation 14:2531.
    """

    kernel: Any
    p_max: float = 1.0
    cutoff: Any = None
    mask: Mask | None = None

    def __post_init__(self):
        super().__post_init__()
        self._set("p_max", _checks.probability(self.name, "p_max", self.p_max))
        if not isinstance(self.kernel, Kernel) and not callable(self.kernel):
            raise TypeError(
                f"{self.name}: kernel is {self.kernel!r}; give a kernel such as Gaussian(sigma), or a function"
            )
        if self.mask is not None and not isinstance(self.mask, Mask):
            raise TypeError(f"{self.name}: mask is {self.mask!r}; give a mask such as Disc(radius)")

    def _law(self, space):
        p_max, mask, kernel = self.p_max, self.mask, self.kernel
        reach = math.inf if self.cutoff is None else float(space.length(self.cutoff, f"{self.name}: cutoff"))
        if not reach > 0:
            raise ValueError(f"{self.name}: cutoff = {self.cutoff}; give a positive length")
        if isinstance(kernel, Kernel):
            to_kernel = _factor(space, kernel)
            profile, bound = lambda r: kernel.profile(r * to_kernel), lambda r: kernel.bound(r * to_kernel)
            within, scale = lambda level: kernel.reach(level) / to_kernel, kernel.reach(0.1) / to_kernel / 4
        else:  # nothing is known but that it is at most 1
            profile, bound = lambda r: np.asarray(kernel(with_unit(r, space.unit)), np.float64), np.ones_like
            within, scale = lambda level: 0.0 if level >= 1 else math.inf, math.inf
        if mask is not None:
            to_mask = _factor(space, mask)
            reach = min(reach, mask.reach(space.pre.shape[1]) / to_mask)

        def probability(x):
            r = np.sqrt(np.einsum("ia,ia->i", x, x))
            k = profile(r)
            if k.shape != r.shape or not np.all(k <= 1 + 1e-6):  # nan fails the comparison
                raise ValueError(
                    f"{self.name}: kernel gives {'values of shape ' + str(k.shape) if k.shape != r.shape else k.max()}"
                    f" for distances of shape {r.shape}; give one number of at most 1 for each, and the probability"
                    " with p_max"
                )
            p = p_max * np.clip(k, 0.0, 1.0)
            p[r > reach * _ROUNDING] = 0.0
            if mask is not None:
                p[~mask.inside(x * to_mask)] = 0.0
            return p

        return _cut(
            probability, lambda r: p_max * bound(r), lambda level: within(level / p_max) if p_max else 0.0, scale, reach
        )


@dataclass(frozen=True, repr=False)
class Radial(_Local):
    r"""Connect each pair whose displacement lies in a region, all of them or each with probability p.

    .. math:: P\big((i, j) \in S\big) = p\, [x_j - x_i \in M]

    Parameters
    ----------
    mask : Mask
        Region :math:`M` of displacements: :class:`Disc`, :class:`Annulus`, :class:`Box`; :class:`Moore` and
        :class:`VonNeumann` are the neighbourhoods of a grid.
    p : float
        Probability of a connection. Default 1.
    self_connections : bool, keyword only
        Whether a neuron may connect to itself, where the region contains it. Default True.

    Raises
    ------
    TypeError, ValueError, UnitError
        For something that is not a mask, or lengths of another dimension than the positions.
    """

    mask: Mask
    p: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        self._set("p", _checks.probability(self.name, "p", self.p))
        if not isinstance(self.mask, Mask):
            raise TypeError(f"{self.name}: mask is {self.mask!r}; give a mask such as Disc(radius) or Moore(1)")

    @property
    def draws(self) -> bool:  # type: ignore[override]
        """Whether a pair inside the mask may be left out."""
        return self.p != 1

    def _law(self, space):
        mask, p, to_mask = self.mask, self.p, _factor(space, self.mask)
        return _cut(
            lambda x: np.where(mask.inside(x * to_mask), p, 0.0),
            lambda r: np.full_like(r, p),
            lambda level: 0.0 if level >= p else math.inf,
            math.inf,
            mask.reach(space.pre.shape[1]) / to_mask,
        )


@dataclass(frozen=True, repr=False)
class Nearest(SpatialRule):
    r"""Connect every presynaptic neuron to the k postsynaptic ones nearest to it.

    .. math:: |\{j : (i, j) \in S\}| = k,\qquad d_{ij} \le d_{ij'} \text{ for } (i, j) \in S,\ (i, j') \notin S

    Where several are equally far away, any of them may be taken: on grids, take a k that closes a shell (4 or 8 in
    2-D), or
    :class:`Radial` with a neighbourhood.

    Parameters
    ----------
    k : int
        Synapses per presynaptic neuron.
    self_connections : bool, keyword only
        Whether a neuron may be its own nearest partner. Default True; with False it has k others.

    Raises
    ------
    TypeError, ValueError
        If k is not a whole number, 0 or larger; at `connect`, if there are fewer than k partners.
    """

    draws = False

    k: int

    def __post_init__(self):
        super().__post_init__()
        self._set("k", _checks.count(self.name, "k", self.k))

    def _draw(self, pairs: Pairs, rng: np.random.Generator) -> Synapses:
        self._require(self.k, "k", pairs.per_row, "presynaptic", "postsynaptic")
        return Synapses.from_row_counts(np.full(pairs.n_pre, self.k), _space.nearest(pairs, self.k).reshape(-1))

    def expected_synapses(self, n_pre: int, n_post: int) -> int:
        return n_pre * self.k

    def expected_in(self, space: Space) -> int:
        return len(space.pre) * self.k


def _cut(probability: Callable, bound: Callable, within: Callable, scale: float, reach: float) -> _space.Law:
    """The law whose bound is zero beyond ``reach``."""
    reach *= _ROUNDING
    return _space.Law(
        probability,
        lambda r: np.where(r <= reach, bound(r), 0.0),
        lambda level: min(within(level), reach),
        min(scale, reach / 5) if reach > 0 else scale,
    )


def _factor(space: Space, lengths: Kernel | Mask) -> float:
    """What turns lengths of the space into those of a kernel or mask."""
    return float(in_unit(with_unit(1.0, space.unit), lengths.unit, f"{type(lengths).__name__}: distance"))
