"""Spikes that arrive within a step, each at its own time: what the synapses of a neuron bring in the coming one."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from brainsim._core import Dynamics, StateVariable
from brainsim._units import float_dtype


class Arrivals(Dynamics):
    """What arrives at a receptor in the coming step: when, as a fraction of the step, and with which weight.

    Each synapse brings one spike in a step at most. Those of projections with one delay are a list for each neuron, with
    room for as many as it has synapses; where every synapse has a delay of its own, each has a row.

    Parameters
    ----------
    path : str
        Where it stands: ``"E.ampa.arrivals"``.
    count : int
        Number of neurons.
    room : int
        The most that may be listed at one of them in a step.
    rows : int
        The most synapses with a delay of their own that one of them has.
    """

    def __init__(self, path: str, count: int, room: int, rows: int = 0):
        super().__init__()
        self._path, self.room, self.rows = path, room, rows
        for name in ("at", "weight"):
            self.hold(name, StateVariable(jnp.zeros((room + rows, count), float_dtype())))
        self.hold("listed", StateVariable(jnp.zeros(count, jnp.int32)))

    @property
    def most(self) -> int:
        """The most that may arrive at a neuron in a step."""
        return self.room + self.rows

    def take(self, begins, targets, repeats, longest: int, weight, at) -> None:
        """List the spikes of presynaptic neurons: at the fraction ``at`` of the coming step, none where it is 0.

        Parameters
        ----------
        begins : int32 array, (n_pre + 1,)
            Where the synapses of each neuron begin.
        targets, repeats : int32 array, (n_synapses + longest,)
            Postsynaptic neuron of each synapse, and how many synapses before it connect the same two neurons.
        longest : int
            The most synapses that a neuron has.
        weight : float array, () or one per synapse
        at : float array, (n_pre,)
        """
        names = ("at", "weight", "listed")
        arrays = [self.plain(name) for name in names]
        weights = jnp.broadcast_to(jnp.ravel(weight), (targets.shape[0] - longest,)).astype(arrays[1].dtype)
        found = _listed(
            longest, weights, at.astype(arrays[0].dtype), arrays[0], arrays[1], arrays[2], begins, targets, repeats
        )
        for name, array in zip(names, found):
            self.put(name, array)

    def place(self, first: int, synapses, weight, at) -> None:
        """What arrives through synapses with a delay of their own, in rows from ``first`` on.

        Parameters
        ----------
        first : int
        synapses : int32 array, (rows, n_post)
            Which synapse stands there; their number for none.
        weight : float array, () or one per synapse
        at : float array, (n_synapses,)
        """
        weight = jnp.ravel(weight)
        weights = jnp.append(jnp.broadcast_to(weight, at.shape), 0)
        for name, values in (("at", jnp.append(at, 0)), ("weight", weights)):
            array = self.plain(name)
            row = self.room + first
            self.put(name, array.at[row : row + len(synapses)].set(values[synapses].astype(array.dtype)))

    def next_after(self, now):
        """The next time at which something arrives at each neuron, infinite for none."""
        at, listed = self.plain("at"), self.plain("listed")
        never = jnp.full_like(now, jnp.inf)
        soonest = lambda k, best: jnp.where((k < listed) & (at[k] > now), jnp.minimum(best, at[k]), best)
        if self.room:
            never = jax.lax.fori_loop(0, jnp.max(listed, initial=0), soonest, never)
        own = at[self.room :]
        return jnp.minimum(never, jnp.min(jnp.where(own > now[None], own, jnp.inf), axis=0, initial=jnp.inf))

    def arriving(self, when):
        """What arrives at each neuron exactly then: the sum of the weights, and of the weights times what is added to
        their times, which is zero and has a derivative.
        """
        at, listed, weight = self.plain("at"), self.plain("listed"), self.plain("weight")
        row = jnp.arange(self.most)[:, None]
        here = (at == when[None]) & ((row < listed[None]) | (row >= self.room))
        moved = jnp.where(here, weight * (at - jax.lax.stop_gradient(at)), 0)
        return jnp.sum(jnp.where(here, weight, 0), axis=0), jnp.sum(moved, axis=0)

    def sum_of(self, when):
        """Sum of the weights that arrive at each neuron exactly then, as in :meth:`arriving`, without derivatives."""
        at, listed, weight = self.plain("at"), self.plain("listed"), self.plain("weight")
        add = lambda k, total: total + jnp.where((k < listed) & (at[k] == when), weight[k], 0)
        total = jnp.zeros_like(when)
        if self.room:
            total = jax.lax.fori_loop(0, jnp.max(listed, initial=0), add, total)
        return total + jnp.sum(jnp.where(at[self.room :] == when[None], weight[self.room :], 0), axis=0)

    def clear(self) -> None:
        """Nothing arrives any more."""
        self.put("listed", jnp.zeros_like(self.plain("listed")))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _listed(longest, weights, at, when, weight, listed, begins, targets, repeats):
    """The lists with the synapses of those that fired."""
    return _filled(longest, weights, at, when, weight, listed, begins, targets, repeats)[:3]


@_listed.defjvp
def _listed_jvp(longest, primals, tangents):
    weights, at, when, weight, listed, *_ = primals
    *found, which, source = _filled(longest, *primals)
    row = jnp.arange(when.shape[0])[:, None]
    new = (row >= listed[None]) & (row < found[2][None])
    moved = (
        jnp.where(new, tangents[1][source], tangents[2]),
        jnp.where(new, tangents[0][which], tangents[3]),
        tangents[4],
    )
    return tuple(found), moved


def _filled(longest, weights, at, when, weight, listed, begins, targets, repeats):
    """The lists, and which synapse, of which neuron, is new in each place."""
    flat, place = jnp.pad(weights, (0, longest)), jnp.arange(longest, dtype=jnp.int32)

    def one(carry):
        left, when, weight, listed, which, source = carry
        j = jax.lax.argmax(left != 0, 0, jnp.int32)
        cut = lambda array: jax.lax.dynamic_slice(array, (begins[j],), (longest,))
        to = jnp.where(
            place < begins[j + 1] - begins[j], cut(targets), listed.shape[0]
        )  # beyond the last neuron: nowhere
        slot = listed.at[to].get(mode="fill", fill_value=0) + cut(repeats)
        put = lambda array, value: array.at[slot, to].set(value, mode="drop")
        when, weight = put(when, left[j]), put(weight, cut(flat))
        which, source = put(which, begins[j] + place), put(source, j)
        return left.at[j].set(0), when, weight, listed.at[to].add(1, mode="drop"), which, source

    nowhere = jnp.zeros(when.shape, jnp.int32)
    carry = (at, when, weight, listed, nowhere, nowhere)
    return jax.lax.while_loop(lambda carry: jnp.any(carry[0] != 0), one, carry)[1:]
