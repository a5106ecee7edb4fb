"""Synapses that each have a delay, as a rule of plasticity sees them: the presynaptic side is that of a delay ago."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import jax

from brainsim import events

if TYPE_CHECKING:
    from brainsim.events import Format

PAST = "_past"  # behind the name of a trace: what it has been


@dataclasses.dataclass(frozen=True, eq=False)
class Later:
    """Where terms of a rule are, in place of the connectivity: it also says what the presynaptic side was.

    Traces of presynaptic spikes are kept for each neuron, with what they have been in the last steps; a synapse finds there
    what reaches it. So nothing is kept for synapses, and work goes with those of neurons that spike.

    Parameters
    ----------
    due : Due
        The synapses that spikes reach at t + dt.
    delay : int array, one per synapse
        In steps.
    """

    due: events.Due
    delay: jax.Array

    @property
    def conn(self) -> Format:
        """Who connects to whom."""
        return self.due.conn

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of one value per synapse."""
        return self.conn.weight_shape

    def targets(self) -> jax.Array:
        """Postsynaptic neuron of each synapse."""
        return self.conn.targets()

    def spread(self, values: jax.Array) -> jax.Array:
        """Values of the presynaptic neurons of now, one per synapse."""
        return self.conn.spread(values)

    @property
    def ago(self) -> events.Ago:
        """When presynaptic values were what they are at the synapses now."""
        return events.Ago(self.delay.reshape(self.weight_shape), self.due.step)

    def seen(self, past: jax.Array) -> jax.Array:
        """Of the presynaptic values of the last steps, (slots, n_pre), those that reach each synapse now."""
        return events.seen_ago(self.conn, past, *self.ago)

    def arrived(self) -> jax.Array:
        """Whether a spike reaches each synapse now."""
        return events.is_due(self.due)
