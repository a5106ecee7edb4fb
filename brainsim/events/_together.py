"""All deliveries of a step, and the recording of its spikes, in one call of compiled code: for a loop that is traced
already.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jax.extend.core import Literal, Primitive
from jax.interpreters import mlir

from brainsim.events import _backends as backends
from brainsim.events._contract import POST, contract_p
from brainsim.events._primitive import Batch, bits
from brainsim.events._shared import Delivery, Together
from brainsim.events.record import append_events_p


class _Delivery(NamedTuple):
    tree: Any  # of the shared arguments
    batch: Batch
    source: int
    target: int


class _Record(NamedTuple):
    batch: Batch
    sources: tuple[int, ...]  # of each recorded population


def is_record(equation) -> bool:
    """Whether an equation of a jaxpr appends spikes to buffers of events, and a kernel may."""
    if equation.primitive is not append_events_p.primitive or not equation.params["kernel"]:
        return False
    recorded = equation.invars[5::2]
    return len(set(map(id, recorded))) == len(recorded)


def is_delivery(equation) -> bool:
    """Whether an equation of a jaxpr is a delivery, and a kernel may make it."""
    if equation.primitive is not contract_p.primitive or not equation.params["kernel"]:
        return False
    tree, static, batch = (equation.params[name] for name in ("tree", "static", "batch"))
    shared = tree.unflatten([v.aval for v in equation.invars[: tree.num_leaves]])
    operands = [v.aval for v in equation.invars[tree.num_leaves :]]
    return static == (POST, 0) and all(batch.masks[2]) and contract_p.serves(shared, operands, static, batch)


def extents(equation) -> tuple[int, ...]:
    """Extents of the batch of a delivery or a recording; those made together have the same."""
    return equation.params["batch"].extents


def deliver_together(equations: Sequence, read: Callable, record=None) -> dict:
    """Evaluate deliveries, given the value of each variable: the arrays that they add up to, by variable.

    Where one takes the result of another, only the last of them is among the results. With ``record``, an equation that
    appends spikes, its buffers are among them too. All have a batch of the same extents.
    """
    found = {extents(equation) for equation in (*equations, *([] if record is None else [record]))}
    if len(found) > 1:
        raise ValueError(f"deliveries of different batches are not one call; got extents {sorted(found)}.")
    sources: dict = {}  # variable: position
    targets: list = []  # [first operand, last result]

    def source_of(spikes, mask):
        key = id(spikes) if isinstance(spikes, Literal) else spikes
        return sources.setdefault((key, mask), (len(sources), spikes))[0]

    shared, weights, deliveries = [], [], []
    for equation in equations:
        tree, batch = equation.params["tree"], equation.params["batch"]
        *own, spikes, weight, into = equation.invars
        target = next((k for k, (_, last) in enumerate(targets) if last is into), len(targets))
        if target == len(targets):
            targets.append([into, None])
        targets[target][1] = equation.outvars[0]
        shared += own
        weights.append(weight)
        deliveries.append(_Delivery(tree, batch, source_of(spikes, batch.masks[0]), target))
    buffers, recorded = [], None
    if record is not None:
        batch = record.params["batch"]
        *buffers, step = record.invars[:4]
        buffers += [step, *record.invars[4::2]]  # offset and spikes of each population in turn
        recorded = _Record(batch, tuple(map(source_of, record.invars[5::2], batch.masks[5::2])))
    operands = [*shared, *(v for _, v in sources.values()), *weights, *(first for first, _ in targets), *buffers]
    results = _deliver_p.bind(
        *map(read, operands), sources=len(sources), deliveries=tuple(deliveries), recorded=recorded
    )
    made = [*(last for _, last in targets), *(() if record is None else record.outvars)]
    return dict(zip(made, results, strict=True))


def _split(arguments, sources, deliveries, recorded):
    """Shared arguments of each delivery, spikes of each source, weight of each delivery, the targets, and what
    recording takes.
    """
    shared, start = [], 0
    for delivery in deliveries:
        shared.append(arguments[start : start + delivery.tree.num_leaves])
        start += delivery.tree.num_leaves
    rest = arguments[start:]
    cut, end = sources + len(deliveries), len(rest) - (4 + len(recorded.sources) if recorded else 0)
    return shared, rest[:sources], rest[sources:cut], list(rest[cut:end]), rest[end:]


def _one_by_one(*arguments, sources, deliveries, recorded):
    shared, spikes, weights, into, record = _split(arguments, sources, deliveries, recorded)
    for own, weight, (tree, batch, source, target) in zip(shared, weights, deliveries, strict=True):
        operands = spikes[source], weight, into[target]
        call = {"static": (POST, 0), "batch": batch, "implementation": "kernel"}
        (into[target],) = contract_p(tree.unflatten(own), *operands, **call)
    if not recorded:
        return into
    populations = [x for pair in zip(record[4:], (spikes[k] for k in recorded.sources), strict=True) for x in pair]
    call = {"static": (len(recorded.sources),), "batch": recorded.batch, "implementation": "kernel"}
    return [*into, *append_events_p((), *record[:4], *populations, **call)]


def _lower(lowering, context, *arguments, sources, deliveries, recorded):
    shared, _, _, into, record = _split(context.avals_in, sources, deliveries, recorded)
    numbers, start = [], 0
    for own, delivery in zip(shared, deliveries, strict=True):
        numbers += [*delivery.tree.unflatten(own)[0].layout, *Delivery(start, delivery.source, delivery.target)]
        start += len(own)
    masks = {delivery.source: delivery.batch.masks[0] for delivery in deliveries}
    masks |= dict(zip(recorded.sources, recorded.batch.masks[5::2], strict=True)) if recorded else {}
    masks = [*(masks[k] for k in range(sources)), *(delivery.batch.masks[1] for delivery in deliveries)]
    extents = deliveries[0].batch.extents
    masks += [(True,) * len(extents)] * len(into)
    masks += [*recorded.batch.masks[:4], *recorded.batch.masks[4::2]] if recorded else []
    numbers = [*Together(sources, len(deliveries), len(into)), *numbers, *(recorded.sources if recorded else ())]
    numbers = np.array([len(extents), *extents, start, *map(bits, masks), *numbers], np.int64)
    first = len(arguments) - len(record) - len(into)
    aliases = {first + k: k for k in range(len(into) + (3 if recorded else 0))}
    return lowering(context, *arguments, numbers=numbers, aliases=aliases)


def _shapes(*avals, sources, deliveries, recorded):
    *_, into, record = _split(avals, sources, deliveries, recorded)
    return [*into, *record[:3]]


_deliver_p = Primitive("brainsim_deliver_together")
_deliver_p.multiple_results = True
_deliver_p.def_impl(_one_by_one)
_deliver_p.def_abstract_eval(_shapes)
mlir.register_lowering(_deliver_p, mlir.lower_fun(_one_by_one, multiple_results=True))
for platform, lowering in backends.of("deliver_together").items():
    mlir.register_lowering(_deliver_p, functools.partial(_lower, lowering), platform=platform)
