"""What is added to a loss: costs of firing rates and of weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._units import QuantityLike, in_unit


class Penalty(Protocol):
    """What is added to the mean loss of a batch: a number made of recordings and parameters.

    One that takes ``mask``, (batch, n_steps), is given the steps that count where examples have different lengths.
    """

    record: Sequence[str]  #: paths that it needs recorded

    def __call__(self, recorded: dict[str, jax.Array], parameters: dict[str, jax.Array]) -> jax.Array:
        """The cost, of what was recorded, ``(batch, n_steps, n)`` by path, and of the trained parameters by path."""
        ...


@dataclasses.dataclass(frozen=True)
class RateBand:
    r"""Firing rates of units outside of a band, averaged over the batch.

    .. math:: \lambda\,\frac1n \sum_j \max(r_j - r_{max}, 0)^2 + \max(r_{min} - r_j, 0)^2

    with :math:`r_j` in units of 1 Hz.

    Parameters
    ----------
    populations : str or sequence of str
        Their names.
    strength : float
        :math:`\lambda`.
    lowest, highest : quantity, frequency, optional
    dt : quantity, time
        Length of a step.

    References
    ----------
    B. Cramer et al., IEEE Trans. Neural Netw. Learn. Syst. 33:2744 (2022).
    """

    populations: str | Sequence[str]
    strength: float = 1e-4
    lowest: QuantityLike | None = None
    highest: QuantityLike | None = None
    dt: QuantityLike = dataclasses.field(default_factory=lambda: 1.0 * u.ms)

    @property
    def record(self) -> list[str]:
        """Spikes of the populations."""
        return [f"{name}.spikes" for name in _names(self.populations)]

    def __call__(
        self, recorded: dict[str, jax.Array], parameters: dict[str, jax.Array], mask: jax.Array | None = None
    ) -> jax.Array:
        total = jnp.zeros(())
        for path in self.record:
            rates = jnp.mean(shares(recorded[path], mask), axis=0) / in_unit(self.dt, u.second, "dt")
            if self.highest is not None:
                total += jnp.mean(jnp.square(jnp.maximum(rates - in_unit(self.highest, u.Hz, "highest"), 0)))
            if self.lowest is not None:
                total += jnp.mean(jnp.square(jnp.maximum(in_unit(self.lowest, u.Hz, "lowest") - rates, 0)))
        return self.strength * total


@dataclasses.dataclass(frozen=True)
class Activity:
    r"""The share of steps with a spike, :math:`\lambda \langle s \rangle`, of all units and examples: makes codes sparse.

    Parameters
    ----------
    populations : str or sequence of str
    strength : float
        :math:`\lambda`.
    """

    populations: str | Sequence[str]
    strength: float = 1e-2

    @property
    def record(self) -> list[str]:
        """Spikes of the populations."""
        return [f"{name}.spikes" for name in _names(self.populations)]

    def __call__(
        self, recorded: dict[str, jax.Array], parameters: dict[str, jax.Array], mask: jax.Array | None = None
    ) -> jax.Array:
        return self.strength * jnp.asarray(sum(jnp.mean(shares(recorded[path], mask)) for path in self.record))


@dataclasses.dataclass(frozen=True)
class Reach:
    r"""Highest potentials of units that stay silent: what wakes them where spikes have no derivative, as exact spike times have
    none before there is a spike.

    .. math:: \lambda\,\Bigl\langle \max(\theta - \max_t V_{bj}(t), 0)^2 \Bigr\rangle_{b, j}

    over the examples b in which unit j is silent, of units that fire in a smaller share of them than ``share``.

    Parameters
    ----------
    populations : str or sequence of str
        Their names.
    level : float
        :math:`\theta`, the threshold, in the unit of V.
    strength : float
        :math:`\lambda`.
    share : float
        Of the examples of a batch; with 1 every unit is to fire in each.

    References
    ----------
    J. Göltz et al., Nat. Mach. Intell. 3:823 (2021), and T. Nowotny et al., Neuromorph. Comput. Eng. 5:014001 (2025), on
    neurons that have fallen silent.
    """

    populations: str | Sequence[str]
    level: float = 1.0
    strength: float = 1.0
    share: float = 0.02

    @property
    def record(self) -> list[str]:
        """Potentials and spikes of the populations."""
        return [f"{name}.{variable}" for name in _names(self.populations) for variable in ("V", "spikes")]

    def __call__(
        self, recorded: dict[str, jax.Array], parameters: dict[str, jax.Array], mask: jax.Array | None = None
    ) -> jax.Array:
        total = jnp.zeros(())
        counts = True if mask is None else mask[:, :, None]
        for name in _names(self.populations):
            fires = jnp.any((recorded[f"{name}.spikes"] != 0) & counts, axis=1)
            highest = jnp.max(jnp.where(counts, recorded[f"{name}.V"], -jnp.inf), axis=1)
            asked = ~fires & (jnp.mean(fires, axis=0) < self.share)[None]
            total += jnp.mean(jnp.where(asked, jnp.square(jnp.maximum(self.level - highest, 0)), 0))
        return self.strength * total


@dataclasses.dataclass(frozen=True)
class WeightDecay:
    r"""Sum of squares of the trained parameters, :math:`\lambda \sum w^2`, or of their sizes, :math:`\lambda \sum |w|`.

    Parameters
    ----------
    strength : float
        :math:`\lambda`.
    power : int
        2 or 1.
    """

    strength: float = 1e-4
    power: int = 2
    record: Sequence[str] = ()

    def __call__(self, recorded: dict[str, jax.Array], parameters: dict[str, jax.Array]) -> jax.Array:
        size = jnp.square if self.power == 2 else jnp.abs
        return self.strength * jnp.asarray(sum(jnp.sum(size(array)) for array in parameters.values()))


def _names(populations: str | Sequence[str]) -> list[str]:
    return [populations] if isinstance(populations, str) else list(populations)


def shares(spikes: jax.Array, mask: jax.Array | None = None) -> jax.Array:
    """Of the steps that count, the share with a spike, (batch, n)."""
    if mask is None:
        return jnp.mean(spikes * 1.0, axis=1)
    return jnp.sum(jnp.where(mask[..., None], spikes, 0.0), axis=1) / jnp.maximum(jnp.sum(mask, axis=1), 1)[:, None]
