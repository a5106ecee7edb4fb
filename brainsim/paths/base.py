"""What every way from arrivals to a receptor shares."""

from __future__ import annotations

import abc

import jax

from brainsim._core import Clock
from brainsim._errors import NamesArguments
from brainsim.receptors.base import Receptor


class Path(metaclass=NamesArguments):
    """How what arrives reaches the ports of a receptor: through synapses, or through a layer."""

    @property
    def single(self) -> Path:
        """The same with each synapse in a row of its own, for arrivals of single synapses; itself where there are none."""
        return self

    @abc.abstractmethod
    def deliver(self, clock: Clock, arrived: jax.Array, receptor: Receptor) -> None:
        """Add to the ports of ``receptor`` what arrives at t + dt.

        Parameters
        ----------
        clock : Clock
            The projection's.
        arrived : bool or float array, (n_pre,)
            Of a :attr:`single` one: (n_synapses,).
        receptor : Receptor
        """

    @abc.abstractmethod
    def sums(self, arrived: jax.Array, receptor: Receptor) -> dict[str, jax.Array]:
        """What arrives at the ports of ``receptor`` together, by name, float ``(n_post,)`` each."""

    def all_at_once(self, arrived: jax.Array, receptor: Receptor, steps: jax.Array) -> dict[str, jax.Array]:
        """The same at each of ``steps``, (n_steps, n_post), of what arrives at each, (n_steps, n_pre)."""
        return jax.vmap(lambda arrived: self.sums(arrived, receptor))(arrived)
