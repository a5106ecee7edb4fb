"""Spikes that arrive within a step, each at its own time: a list per neuron."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from brainsim._core import Dynamics, StateVariable
from brainsim._units import float_dtype


class Arrivals(Dynamics):
    """What arrives at a receptor in the coming step: when, as a fraction of the step, and with which weight.

    There is room for as many arrivals as a neuron has synapses, since each brings one spike in a step at most.

    Parameters
    ----------
    path : str
        Where it stands: ``"E.ampa.arrivals"``.
    count : int
        Number of neurons.
    room : int
        The most that may arrive at one of them in a step.
    """

    def __init__(self, path: str, count: int, room: int):
        super().__init__()
        self._path, self.room = path, room
        for name in ("at", "weight"):
            self.hold(name, StateVariable(jnp.zeros((room, count), float_dtype())))
        self.hold("listed", StateVariable(jnp.zeros(count, jnp.int32)))

    def take(self, begins, targets, longest: int, weight, at) -> None:
        """Add the spikes of presynaptic neurons: at the fraction ``at`` of the coming step, none where it is 0.

        Parameters
        ----------
        begins : int32 array, (n_pre + 1,)
            Where the synapses of each neuron begin.
        targets : int32 array, (n_synapses + longest,)
            Postsynaptic neuron of each synapse.
        longest : int
            The most synapses that a neuron has.
        weight : float array, () or one per synapse
        at : float array, (n_pre,)
        """
        flat = jnp.ravel(weight)
        flat = jnp.pad(flat, (0, longest)) if flat.size > 1 else flat
        place = jnp.arange(longest)

        def one(carry):
            left, when, weights, listed = carry
            j = jnp.argmax(left != 0)
            own = jax.lax.dynamic_slice(targets, (begins[j],), (longest,))
            to = jnp.where(place < begins[j + 1] - begins[j], own, listed.shape[0])  # beyond the last neuron: nowhere
            w = jax.lax.dynamic_slice(flat, (begins[j],), (longest,)) if flat.size > 1 else flat[0]
            slot = listed.at[to].get(mode="fill", fill_value=0)
            # Of several synapses between two neurons one fills the place, and the weights add up
            when = when.at[slot, to].set(left[j].astype(when.dtype), mode="drop")
            weights = weights.at[slot, to].set(0, mode="drop").at[slot, to].add(w.astype(weights.dtype), mode="drop")
            return left.at[j].set(0), when, weights, listed.at[to].set(slot + 1, mode="drop")

        names = ("at", "weight", "listed")
        carry = (at, *(self.plain(name) for name in names))
        _, *lists = jax.lax.while_loop(lambda carry: jnp.any(carry[0] != 0), one, carry)
        for name, array in zip(names, lists):
            self.put(name, array)

    def next_after(self, now):
        """The next time at which something arrives at each neuron, infinite for none."""
        at, listed = self.plain("at"), self.plain("listed")
        never = jnp.full_like(now, jnp.inf)
        soonest = lambda k, best: jnp.where((k < listed) & (at[k] > now), jnp.minimum(best, at[k]), best)
        return jax.lax.fori_loop(0, jnp.max(listed, initial=0), soonest, never)

    def arriving(self, when):
        """Sum of the weights that arrive at each neuron exactly then."""
        at, listed, weight = self.plain("at"), self.plain("listed"), self.plain("weight")
        add = lambda k, total: total + jnp.where((k < listed) & (at[k] == when), weight[k], 0)
        return jax.lax.fori_loop(0, jnp.max(listed, initial=0), add, jnp.zeros_like(when))

    def clear(self) -> None:
        """Nothing arrives any more."""
        self.put("listed", jnp.zeros_like(self.plain("listed")))
