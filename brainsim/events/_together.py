"""Several deliveries in one call of compiled code: for a loop over steps, once it is traced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend.core import Literal, Primitive
from jax.interpreters import mlir

from brainsim.events import _library
from brainsim.events._contract import POST, contract_p
from brainsim.events._primitive import Batch


class _Delivery(NamedTuple):
    tree: Any  # of the shared arguments
    batch: Batch
    source: int
    target: int


def is_delivery(equation) -> bool:
    """Whether an equation of a jaxpr is a delivery by the compiled kernel."""
    if equation.primitive is not contract_p.primitive or not equation.params["kernel"]:
        return False
    tree, static, batch = (equation.params[name] for name in ("tree", "static", "batch"))
    shared = tree.unflatten([v.aval for v in equation.invars[: tree.num_leaves]])
    return static == (POST, 0) and contract_p.serves(shared, [v.aval for v in equation.invars[tree.num_leaves :]], static, batch)


def deliver_together(equations: Sequence, read: Callable) -> dict:
    """Evaluate deliveries, given the value of each variable: the arrays that they add up to, by variable.

    Where one takes the result of another, only the last of them is among the results.
    """
    sources: dict = {}  # variable: position
    targets: list = []  # [first operand, last result]
    shared, weights, deliveries = [], [], []
    for equation in equations:
        tree, batch = equation.params["tree"], equation.params["batch"]
        *own, spikes, weight, into = equation.invars
        target = next((k for k, (_, last) in enumerate(targets) if last is into), len(targets))
        if target == len(targets):
            targets.append([into, None])
        targets[target][1] = equation.outvars[0]
        key = id(spikes) if isinstance(spikes, Literal) else spikes
        sources.setdefault((key, batch.masks[0]), (len(sources), spikes))
        shared += own
        weights.append(weight)
        deliveries.append(_Delivery(tree, batch, sources[key, batch.masks[0]][0], target))
    operands = [*shared, *(v for _, v in sources.values()), *weights, *(first for first, _ in targets)]
    results = _deliver_p.bind(*map(read, operands), sources=len(sources), deliveries=tuple(deliveries))
    return dict(zip((last for _, last in targets), results, strict=True))


def _split(arguments, sources, deliveries):
    """Shared arguments of each delivery, spikes of each source, weight of each delivery, and the targets."""
    shared, start = [], 0
    for delivery in deliveries:
        shared.append(arguments[start : start + delivery.tree.num_leaves])
        start += delivery.tree.num_leaves
    rest = arguments[start:]
    cut = sources + len(deliveries)
    return shared, rest[:sources], rest[sources:cut], list(rest[cut:])


def _one_by_one(*arguments, sources, deliveries):
    shared, spikes, weights, into = _split(arguments, sources, deliveries)
    for own, weight, (tree, batch, source, target) in zip(shared, weights, deliveries, strict=True):
        operands = spikes[source], weight, into[target]
        (into[target],) = contract_p(tree.unflatten(own), *operands, static=(POST, 0), batch=batch)
    return into


def _lower_cpu(context, *arguments, sources, deliveries):
    shared, *_, into = _split(context.avals_in, sources, deliveries)
    numbers, start = [], 0
    for own, delivery in zip(shared, deliveries, strict=True):
        numbers += [*delivery.tree.unflatten(own)[0].layout, start, delivery.source, delivery.target]
        start += len(own)
    masks = {delivery.source: delivery.batch.masks[0] for delivery in deliveries}
    masks = [*(masks[k] for k in range(sources)), *(delivery.batch.masks[1] for delivery in deliveries)]
    extents = deliveries[0].batch.extents
    masks += [(True,) * len(extents)] * len(into)
    bits = [sum(1 << level for level, flag in enumerate(mask) if flag) for mask in masks]
    numbers = np.array([len(extents), *extents, start, *bits, sources, len(deliveries), *numbers], np.int64)
    first = len(arguments) - len(into)
    aliases = {first + k: k for k in range(len(into))}
    lower = jax.ffi.ffi_lowering(_library.target("deliver_together"), operand_output_aliases=aliases)
    return lower(context, *arguments, numbers=numbers)


_deliver_p = Primitive("brainsim_deliver_together")
_deliver_p.multiple_results = True
_deliver_p.def_impl(_one_by_one)
_deliver_p.def_abstract_eval(lambda *avals, sources, deliveries: _split(avals, sources, deliveries)[3])
mlir.register_lowering(_deliver_p, mlir.lower_fun(_one_by_one, multiple_results=True))
mlir.register_lowering(_deliver_p, _lower_cpu, platform="cpu")
