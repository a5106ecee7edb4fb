from __future__ import annotations

import dataclasses
import math
from typing import cast

import jax
import numpy as np
from jax.core import Tracer

from brainsim import events
from brainsim._core import Clock
from brainsim.paths.base import Path
from brainsim.plasticity import Plasticity
from brainsim.plasticity.later import Later
from brainsim.plasticity.synapses import Surroundings, single_rows
from brainsim.plasticity.synapses import Synapses as Learning

# Synapses that get room for more; of more, programs are compiled again, which takes little of their time
MOST = 1 << 22


@dataclasses.dataclass(frozen=True, eq=False)
class Synapses(Path):
    r"""Synapses: each adds its weight times what arrives to its target.

    .. math:: g_j \leftarrow g_j + \sum_i W_{ij}\, f(s_i)

    with :math:`f` what the receptor's port takes of a value (:meth:`~brainsim.receptors.Receptor.features`).

    Parameters
    ----------
    conn : Format or Procedural
        Who connects to whom.
    weight : float array, () or one per synapse
    plasticity : Plasticity, optional
        How the weights change.
    by_post : PostIndex, optional
        The synapses of each postsynaptic neuron, for plasticity.
    """

    conn: events.Format | events.Unstored
    weight: jax.Array
    plasticity: Plasticity | None = None
    by_post: events.PostIndex | None = None

    @property
    def single(self) -> Synapses:
        weight = self.weight.ravel() if self.weight.ndim else self.weight
        return dataclasses.replace(self, conn=single_rows(cast(events.Format, self.conn)), weight=weight)

    def deliver(self, clock: Clock, arrived, receptor):
        if not receptor.adds_up:
            receptor.take_in(self.conn, arrived, self.weight)
            return
        for port, feature in zip(receptor.ports, receptor.features(arrived)):
            receptor.put(port, events.deliver(self.conn, feature, self.weight, receptor.plain(port)))

    def sums(self, arrived, receptor):
        if receptor.one_by_one or not receptor.adds_up:
            raise ValueError(f"{receptor.path}: what arrives at it one by one has no sum.")
        here = self._rounded_up()
        return {
            port: events.deliver(here.conn, feature, here.weight)
            for port, feature in zip(receptor.ports, receptor.features(arrived))
        }

    def _rounded_up(self) -> Synapses:
        """The same outside of a program, with room for the synapses of other seeds, for which it would be compiled again."""
        n, traced = self.conn.n_synapses, any(isinstance(x, Tracer) for x in jax.tree.leaves((self.conn, self.weight)))
        if traced or type(self.conn) is not events.CSR or not 0 < n <= MOST:
            return self
        length, weight = 1 << (n + 3 * math.isqrt(n)).bit_length(), self.weight
        if weight.ndim:
            weight = jax.device_put(np.pad(np.asarray(weight), (0, length - n)))
        return dataclasses.replace(self, conn=self.conn.longer(length), weight=weight)

    def learn(
        self,
        clock: Clock,
        arrived: jax.Array,
        fired: jax.Array,
        around: Surroundings,
        source: jax.Array | None = None,
        later: Later | None = None,
    ) -> jax.Array:
        """The weights after a step of plasticity.

        Parameters
        ----------
        clock : Clock
            The rule's.
        arrived : bool or float array, (n_pre,), or (n_synapses,) with ``source``
            Presynaptic spikes that reach the synapses at t + dt.
        fired : bool or float array, (n_post,)
            Postsynaptic spikes fired at t + dt.
        around : Surroundings
        source : int array, (n_synapses,), optional
            Presynaptic neuron of each synapse, where each synapse has its own arrivals.
        later : Later, optional
            Where synapses see what is presynaptic as it was: ``arrived`` is what is sent at t + dt then.
        """
        rule = cast(Plasticity, self.plasticity)
        here = self if source is None else self.single
        conn = cast(events.Format, here.conn)  # of what is not stored no weight changes
        s = Learning(rule, clock, conn, self.by_post, arrived, fired, here.weight, around, source=source, later=later)
        rule.advance(s)
        return s.weight.reshape(self.weight.shape)
