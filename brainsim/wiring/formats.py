"""The event format that holds the synapses of a rule with the least work."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import brainunit as u
import numpy as np

from brainsim import connectivity as rules
from brainsim import events
from brainsim._errors import NotEnoughMemoryError
from brainsim._memory import available_bytes, human
from brainsim.delays import Times
from brainsim.events._sorted_rows import row_pointers, sort_rows
from brainsim.population import View

FEW = 1 << 12  # neurons
LEAST = 8  # synapses of a neuron


def format_of(rule, synapses, pre: View, post: View, alike: bool):
    """The event format that holds the synapses with the least work, and the order of the rule's own list of pairs."""
    runs = np.all(np.diff(pre.ids) == 1) and np.all(np.diff(post.ids) == 1)
    n_pre, n_post = pre.extent, post.extent
    if runs and len(pre) == n_pre and len(post) == n_post:
        return _whole(rule, synapses, n_pre, n_post)
    if runs and alike and isinstance(rule, rules.AllToAll) and synapses.size == len(pre) * len(post):
        return events.Block(n_pre, n_post, *(int(k) for v in (pre, post) for k in (v.ids[0], v.ids[-1] + 1))), None
    counts = np.zeros(n_pre, np.int64)
    counts[pre.ids] = np.diff(synapses.indptr)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    targets = _in_population(post.ids, synapses.indices)
    ascending = np.all(np.diff(post.ids) > 0)
    if ascending and np.all(np.diff(pre.ids) > 0):  # all stand where they should already
        return events.CSR(indptr, targets, n_post), synapses.order
    sources = pre.ids[synapses.pre]
    by_source = np.argsort(sources, kind="stable") if ascending else np.lexsort((targets, sources))
    order = by_source if synapses.order is None else synapses.order[by_source]
    return events.CSR(indptr, targets[by_source], n_post), order


def _in_population(ids: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Places in a view as those in its population."""
    first = int(ids[0]) if len(ids) else 0
    if not np.all(np.diff(ids) == 1):
        return ids.astype(np.int32)[indices]
    return indices + np.int32(first) if first else indices


def _whole(rule, synapses, n_pre, n_post):
    """As :func:`format_of`, between two whole populations."""
    if isinstance(rule, rules.OneToOne) and synapses.size == n_pre == n_post:
        return events.Diagonal(n_pre), None
    if isinstance(rule, rules.AllToAll) and synapses.size == n_pre * n_post:
        return events.Dense(n_pre, n_post), None
    if isinstance(rule, rules.FixedOutDegree):
        return events.FixedFanOut(synapses.indices.reshape(n_pre, -1), n_post), None
    return events.CSR(synapses.indptr, synapses.indices, n_post), synapses.order


def are_sums_of_spikes(receptor, sender, signal: str) -> bool:
    """Whether sums of spikes arrive, which are there or not: what looks at single synapses does so in the order of their
    targets.
    """
    sums = receptor.adds_up and not (receptor.graded or receptor.within_steps or receptor.one_by_one)
    return sums and signal == "spikes" and sender.dtype_of(signal) == np.bool_


def can_be_sorted(conn, rule, times: Times | None) -> bool:
    """Whether the synapses of a neuron can stand in the order of their delays: those of all pairs are a matrix."""
    stored = isinstance(conn, events.CSR | events.FixedFanOut)
    return times is not None and bool(times.shape) and stored and not isinstance(rule, rules.AllToAll)


def can_be_noted(conn, times: Times | None, expected: float) -> bool:
    """Whether synapses that learn, as many as a rule is ``expected`` to make, stand in rows of neurons, and each has a delay. Many
    neurons with few synapses take less memory with what is kept for every synapse: what a neuron was is kept of as many steps as
    the longest delay has.
    """
    stored = isinstance(conn, events.CSR | events.FixedFanOut | events.Dense)
    each = times is not None and bool(times.shape)
    return each and stored and (conn.n_pre <= FEW or expected >= LEAST * conn.n_pre)


def sorted_by_delay(
    conn, weight: u.Quantity, times: Times, others: Sequence[np.ndarray]
) -> tuple[Any, u.Quantity, Times, list]:
    """Connectivity, weights, delays and other arrays with the synapses of each neuron sorted by delay, then as they were."""
    arrays = [np.asarray(weight.mantissa), *others]
    each = [array.ravel() for array in arrays if array.ndim]
    indices, stored, *each = sort_rows(
        row_pointers(conn), times.sort_key, [np.asarray(conn.indices).ravel(), times.stored, *each]
    )
    shape = conn.weight_shape
    there = iter(each)
    values, *others = [next(there).reshape(array.shape) if array.ndim else array for array in arrays]
    conn = dataclasses.replace(conn, indices=indices.reshape(shape))
    weight = u.Quantity(values, unit=weight.unit) if values.ndim else weight
    return conn, weight, times.restored(stored), others


def beside_sorted(conn, others: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Arrays by presynaptic, then postsynaptic neuron, beside synapses whose rows stand in another order."""
    by_pair = np.lexsort(tuple(np.asarray(side) for side in reversed(conn.coo())))
    rank = np.empty_like(by_pair)
    rank[by_pair] = np.arange(len(by_pair))
    return [array.ravel()[rank].reshape(array.shape) for array in others]


def alike(weight, delay, plastic) -> bool:
    """Whether all synapses have the same weight and delay, and keep them."""
    drawn = any(isinstance(x, rules.Distribution | rules.SynapseValue) for x in (weight, delay))
    return not drawn and not plastic and all(x is None or np.ndim(u.get_mantissa(x)) == 0 for x in (weight, delay))


def check_memory(path, rule, pre, post, weight, delay, plastic, expected: int, precision: str | None):
    """Refuse before building what cannot fit: the result and one working copy, of so many synapses."""
    each = weight is None or isinstance(weight, rules.SynapseValue) or not np.isscalar(u.get_mantissa(weight))
    per_synapse = 4 + (4 if precision is None else 2) * each + 8 * (delay is not None) + 16 * plastic
    needed = 2 * per_synapse * expected
    free = available_bytes()
    if needed > free:
        raise NotEnoughMemoryError(
            f"{path}: {rule} from {len(pre)} to {len(post)} neurons makes about {expected:,} synapses "
            f"and needs {human(needed)} to build; {human(free)} are free."
        )
