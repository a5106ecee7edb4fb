"""Structural plasticity: weak synapses are pruned and as many grow elsewhere."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from brainsim import events
from brainsim._core.rounding import SUFFIX
from brainsim._units import NumberLike, in_unit


def rewire(
    net: Any,
    path: str,
    *,
    weight: NumberLike,
    threshold: NumberLike | None = None,
    fraction: float | None = None,
    seed: int,
) -> int:
    r"""Prune synapses of a projection and grow as many between random pairs of its neurons that are not connected.

    .. math:: \text{prune } k:\ |w_k| \le \theta, \text{ or the fraction } f \text{ that is weakest};\qquad
        \text{grow: } (i, j) \sim U(\text{unconnected pairs}),\ w_{ij} = w_0

    Call it between two runs. The number of synapses stays, so all arrays keep their shapes and nothing compiles again.
    A grown synapse has the delay of the one that it replaces and fresh states of plasticity; traces of neurons go on.
    Spikes that are under way arrive at the old synapses. Where each presynaptic neuron has the same number of synapses
    (:class:`~brainsim.FixedOutDegree`), it keeps that number. ``net.reset()`` goes back to the weights from before the
    first run for synapses that are still there, and to ``weight`` for the others.

    Parameters
    ----------
    net : Network
    path : str
        The projection: ``"E->E"``. Its synapses have one weight each and are neither all to all nor one to one.
    weight : quantity in the weight's unit
        Weight :math:`w_0` of new synapses.
    threshold : quantity in the weight's unit
        Prune synapses whose weight is no larger than this.
    fraction : float
        Or prune this fraction of all, the weakest.
    seed : int
        Seed of the new pairs; the result depends on it and on the synapses there are.

    Returns
    -------
    int
        How many synapses were replaced.

    Raises
    ------
    ValueError
        For a projection that cannot be rewired, or where there are too few unconnected pairs; it stays as it was.

    References
    ----------
    M. Butz, A. van Ooyen, PLoS Comput. Biol. 9:e1003259 (2013);
    G. Bellec, D. Kappel, W. Maass, R. Legenstein, Deep rewiring, ICLR (2018).
    """
    projection = net[path]
    conn = projection.plain("connectivity")
    if "synapse" in vars(projection):
        raise ValueError(f"rewire: {path} has synapses with states of their own, which belong to their pairs.")
    if not isinstance(conn, events.CSR | events.FixedFanOut) or projection.plain("weight").shape != conn.weight_shape:
        given = f"{type(conn).__name__} and weights of shape {projection.plain('weight').shape}"
        raise ValueError(f"rewire: {path} needs sparse synapses of one weight each; it has {given}.")
    weights = np.array(projection.plain("weight")).ravel()
    pruned = _weakest(np.abs(weights), threshold, fraction, projection)
    if not pruned.size:
        return 0
    pre, post = (np.array(side) for side in conn.coo())
    kept = np.delete(np.arange(pre.size), pruned)
    allowed = _allowed(projection, conn)
    allowed[pre[kept], post[kept]] = False
    allowed[pre[pruned], post[pruned]] = False
    rng = np.random.default_rng([abs(seed), int(seed < 0)])
    if isinstance(conn, events.FixedFanOut):
        for i in np.unique(pre[pruned]):
            own = pruned[pre[pruned] == i]
            post[own] = _draw(rng, np.flatnonzero(allowed[i]), own.size, path)
    else:
        chosen = _draw(rng, np.flatnonzero(allowed), pruned.size, path)
        pre[pruned], post[pruned] = np.unravel_index(chosen, allowed.shape)
    order = np.lexsort((post, pre))
    new = with_pairs(conn, pre[order], post[order])
    _put(net, projection, new, order, pruned, in_unit(weight, projection.weight_unit, "rewire: weight"))
    return int(pruned.size)


def with_pairs(conn, pre, post):
    """Synapses of these pairs, sorted by presynaptic neuron, in the format of ``conn``."""
    if isinstance(conn, events.FixedFanOut):
        return events.FixedFanOut(post.reshape(conn.weight_shape), conn.n_post)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(pre, minlength=conn.n_pre))])
    return events.CSR(indptr.astype(np.int32), post, conn.n_post)


def _weakest(size, threshold, fraction, projection):
    if (threshold is None) == (fraction is None):
        raise ValueError("rewire: give threshold=... or fraction=..., one of them.")
    if threshold is not None:
        return np.flatnonzero(size <= float(in_unit(threshold, projection.weight_unit, "rewire: threshold")))
    if not 0 <= fraction <= 1:
        raise ValueError(f"rewire: fraction lies in 0 to 1, given {fraction}.")
    return np.sort(np.argsort(size, kind="stable")[: round(fraction * size.size)])


def _allowed(projection, conn):
    """Which pairs of the connected views may have a synapse, as a matrix."""
    wired = projection._aside.wired
    allowed = np.zeros((conn.n_pre, conn.n_post), bool)
    allowed[np.ix_(*wired.views)] = True
    if wired.without_self:
        np.fill_diagonal(allowed, False)
    return allowed


def _draw(rng, candidates, count, path):
    if candidates.size < count:
        raise ValueError(
            f"rewire: {path} has {candidates.size} unconnected pairs for {count} synapses to grow; prune fewer."
        )
    return rng.choice(candidates, count, replace=False)


def _put(net, projection, conn, order, pruned, weight):
    """Move every array of one value per synapse to its new place, and give grown synapses their first values."""
    path = projection.path
    moved = {f"{path}.weight": weight} | ({f"{path}.{k}": v for k, v in _states(projection)})
    moved |= {f"{path}.{k}": 0.0 for k in _roundings(projection)}  # what is new is exact

    def place(array, fresh):
        flat = np.array(array).ravel()
        if fresh is not None:
            flat[pruned] = fresh
        return jnp.asarray(flat[order].reshape(np.shape(array)))

    for name, fresh in moved.items():
        owner, _, state = name.rpartition(".")
        part = net[owner]
        part.put(state, place(part.plain(state), fresh))
        if not state.endswith(SUFFIX):
            part.rearrange(state, lambda array, fresh=fresh: place(array, fresh))
    if projection.plastic and projection.axon.single:
        for name, line in projection.plasticity.under_way.items():
            if name.endswith("pre_line"):
                owner, _, state = f"{path}.plasticity.{name}".rpartition(".")
                net[owner].put(
                    state, jnp.asarray(np.where(np.isin(order, pruned), 0, np.asarray(line)[:, order]), line.dtype)
                )
    if "delay" in vars(projection) and projection.plain("delay").ndim:
        projection.put("delay", place(projection.plain("delay"), None))
    times = projection.axon.times
    projection.rewire(conn, times.reordered(order) if times is not None and times.shape else times)


def _rules(projection):
    """The rules of a projection, those inside of others too, with their paths below it."""
    todo = [("plasticity", projection.plasticity)] if projection.plastic else []
    while todo:
        name, rule = todo.pop()
        todo += [(f"{name}.{inner}", part) for inner, part in rule.rules.items()]
        yield name, rule


def _states(projection):
    """States of one value per synapse of the rules of a projection, with the value that a new synapse has: zero."""
    for name, rule in _rules(projection):
        yield from ((f"{name}.{state}", 0.0) for state in rule.states_of_synapses)


def _roundings(projection):
    """What rounding has taken from the weights, and from states of one value per synapse."""
    for name, rule in _rules(projection):
        kept = (f"{state}{SUFFIX}" for state in ("w", *rule.states_of_synapses))
        yield from (f"{name}.{rounding}" for rounding in kept if rounding in vars(rule))
