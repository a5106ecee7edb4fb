"""All deliveries of a step, and the recording of its spikes, in one call of compiled code: for a loop that is traced
already.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal, Primitive
from jax.interpreters import mlir
from jax.lax import convert_element_type_p

from brainsim.events import _backends as backends
from brainsim.events._contract import POST, Face, contract_p
from brainsim.events._primitive import Batch, bits
from brainsim.events._rows import has_rows
from brainsim.events._shared import Block, Calendar, Delivery, Recorded, Together
from brainsim.events._under_way import BITS
from brainsim.events.calendar import deliver_sorted_p
from brainsim.events.delay import deliver_delayed_p
from brainsim.events.record import append_events_p


class Placed(NamedTuple):
    """Where a value stands: in an array of its own, or among others.

    Parameters
    ----------
    array : array
    at : int
        Where it begins.
    rest : int
        How many elements come after it.
    """

    array: Any
    at: int = 0
    rest: int = 0

    @property
    def alone(self) -> bool:
        """Whether the array holds nothing else."""
        return not self.at and not self.rest

    def value(self):
        """The value as an array of its own."""
        return self.array if self.alone else self.array[self.at : self.array.shape[0] - self.rest]

    def changed(self, value):
        """The array with another value at this place."""
        return value if self.alone else self.array.at[self.at : self.array.shape[0] - self.rest].set(value)


class _Delivery(NamedTuple):
    tree: Any  # of the shared arguments
    batch: Batch
    source: Placed  # their arrays by number
    target: Placed
    words: int = 0  # of what is under way, where spikes arrive later
    ahead: int = -1  # which slots they are added to, of those that there are for a block of steps

    @property
    def states(self) -> int:
        """How many arrays hold what is under way."""
        return 2 if self.words else 0

    def calendar(self, shared) -> Calendar:
        """What the kernel is told of its shared arguments; a depth of 0 where spikes arrive at once."""
        return Calendar(shared[1].shape[1] - 1, self.words) if self.words else Calendar(0, 0)


class _Record(NamedTuple):
    batch: Batch
    sources: tuple[Placed, ...]  # of each recorded population


def is_record(equation) -> bool:
    """Whether an equation of a jaxpr appends spikes to buffers of events, and a kernel may."""
    if equation.primitive is not append_events_p.primitive or equation.params["served_by"] == "plain":
        return False
    recorded = equation.invars[5::2]
    return len(set(map(id, recorded))) == len(recorded)


def is_delivery(equation) -> bool:
    """Whether an equation of a jaxpr is a delivery, at once or to synapses with delays of their own, and a kernel may make
    it.
    """
    served = {operation.primitive: operation for operation in (contract_p, deliver_sorted_p)}.get(equation.primitive)
    if served is None or equation.params["served_by"] == "plain":
        return False
    tree, static, batch = (equation.params[name] for name in ("tree", "static", "batch"))
    shared = tree.unflatten([v.aval for v in equation.invars[: tree.num_leaves]])
    operands = [v.aval for v in equation.invars[tree.num_leaves :]]
    forwards = _is_later(equation) or static[:2] == (POST, 0)
    return forwards and all(batch.masks[-1]) and served.serves(shared, operands, static, batch)


def of_16_bits(equations: Sequence) -> list:
    """The equations, where deliveries through rows, now and through a ring, take weights of 16 bits as they are and not what is
    made of them.
    """
    widened = {
        equation.outvars[0]: equation.invars[0]
        for equation in equations
        if equation.primitive is convert_element_type_p and equation.invars[0].aval.dtype == jnp.float16
    }
    if not widened:
        return list(equations)
    found = []
    for equation in equations:
        if is_delivery(equation) or _is_through_ring(equation):
            n = equation.params["tree"].num_leaves
            weight = equation.invars[n + 1]
            conn = equation.params["tree"].unflatten([v.aval for v in equation.invars[:n]])[0]
            if not isinstance(weight, Literal) and weight in widened and has_rows(conn):
                arguments = [*equation.invars[: n + 1], widened[weight], *equation.invars[n + 2 :]]
                equation = equation.replace(invars=arguments)
        found.append(equation)
    return found


def _is_through_ring(equation) -> bool:
    return equation.primitive is deliver_delayed_p.primitive and equation.params["served_by"] != "plain"


def _is_later(equation) -> bool:
    return equation.primitive is deliver_sorted_p.primitive


class Ahead(NamedTuple):
    """Slots in which sums are made ahead, for a block of steps; in a loop they go with it and are none of its results.

    Parameters
    ----------
    made : dict
        What :func:`made_ahead` gives.
    slots : dict
        For each variable that is added to, an array of one slot for each step of a block, behind any batch.
    next : int array
        The step for which they are; another where they are for none.
    """

    made: dict
    slots: dict
    next: Any

    @classmethod
    def of(cls, made: dict, extents: tuple[int, ...]) -> Ahead:
        """Empty slots, for deliveries with a batch of these extents."""
        into = list(dict.fromkeys(made.values()))
        shapes = [(*extents, Block.STEPS, *v.aval.shape[len(extents) :]) for v in into]
        slots = {v: jnp.zeros(shape, v.aval.dtype) for v, shape in zip(into, shapes, strict=True)}
        return cls(made, slots, jnp.full(extents, -1, jnp.int32))

    @property
    def arrays(self) -> list:
        """What goes with a loop; nothing where nothing is made ahead."""
        return [*self.slots.values(), self.next] if self.slots else []

    def filled(self, arrays: Sequence) -> Ahead:
        """The same with other arrays."""
        return self._replace(slots=dict(zip(self.slots, arrays[:-1], strict=True)), next=arrays[-1]) if arrays else self


def made_ahead(equations: Sequence, is_fixed: Callable, is_carried: Callable) -> dict:
    """Those of the deliveries made together of which sums can be made ahead: what each is added to, by its first result.

    The synapses that are reached must be the same in every step. ``is_fixed`` says so of a variable; ``is_carried`` says of
    an equation and two variables whether the second is what the first will be in the next step, and nobody else knows them.
    """
    found, first, step = {}, {}, None
    for equation in equations:
        result, into = equation.outvars[0], equation.invars[-1]
        first[result] = first.get(into, into)
        if not _is_later(equation) or equation.params["served_by"] != "kernel":
            continue
        n = equation.params["tree"].num_leaves
        *conn, begins, now = equation.invars[:n]
        weight, fired, waiting = equation.invars[n + 1 : n + 4]
        step = now if step is None else step
        room = BITS * equation.params["static"][0] >= begins.aval.shape[-1] - 1 + Block.STEPS
        after = equation.outvars[1:]
        carried = all(is_carried(equation, *both) for both in zip((fired, waiting), after, strict=True))
        if room and carried and now is step and all(map(is_fixed, (*conn, begins, weight))):
            found[result] = first[result]
    return found


def extents(equation) -> tuple[int, ...]:
    """Extents of the batch of a delivery or a recording; those made together have the same."""
    return equation.params["batch"].extents


def deliver_together(
    equations: Sequence, place: Callable, record=None, ahead: Ahead | None = None
) -> tuple[dict, list, Ahead | None]:
    """Evaluate deliveries, given where the value of each variable stands.

    Where one takes the result of another, only the last of them is among the results. With ``record``, an equation that
    appends spikes, its buffers are among them too. All have a batch of the same extents. With ``ahead``, sums of some are made
    ahead of their steps.

    Returns
    -------
    dict
        Where each result stands, by variable.
    list of (array, array)
        Arrays of several values that were added to, before and after.
    Ahead or None
        The slots after the step.
    """
    all_of = [*equations, *([] if record is None else [record])]
    found = {extents(equation) for equation in all_of}
    if len(found) > 1:
        raise ValueError(f"deliveries of different batches are not one call; got extents {sorted(found)}.")
    (served_by,) = {equation.params["served_by"] for equation in all_of}
    # Each population is a source of its own, in the order in which they are named, wherever its spikes stand: so sums are the
    # same whatever stands beside each other
    sources: dict = {}  # identity of an array, and the place in it: position and array
    targets: list = []
    into_of: dict = {}  # identity of an array of several: position
    standing: dict = {}  # variable: what is added to there

    def source_of(spikes, mask):
        placed = place(spikes)
        key = id(placed.array), placed.at, placed.rest, mask
        return placed._replace(array=sources.setdefault(key, (len(sources), placed.array))[0])

    def target_of(into):
        if into in standing:
            return standing.pop(into)
        placed, new = place(into), len(targets)
        target = new if placed.alone else into_of.setdefault(id(placed.array), new)
        if target == new:
            targets.append(placed.array)
        return placed._replace(array=target)

    calls, into_slots = [], {} if ahead is None else {v: k for k, v in enumerate(ahead.slots)}
    for equation in equations:
        tree, batch = equation.params["tree"], equation.params["batch"]
        own, (spikes, weight, *under_way, into) = equation.invars[: tree.num_leaves], equation.invars[tree.num_leaves :]
        target = standing[equation.outvars[0]] = target_of(into)
        words = equation.params["static"][0] if _is_later(equation) else 0
        slots = -1 if ahead is None else into_slots.get(ahead.made.get(equation.outvars[0]), -1)
        delivery = _Delivery(tree, batch, source_of(spikes, batch.masks[0]), target, words, slots)
        calls.append((own, weight, delivery, under_way, equation.outvars[1:]))
    # In the order in which a kernel makes them
    calls.sort(key=lambda call: call[2].source.array)
    shared, weights, deliveries, states, states_after = (
        [v for own, *_ in calls for v in own],
        [call[1] for call in calls],
        [call[2] for call in calls],
        [v for call in calls for v in call[3]],
        [v for call in calls for v in call[4]],
    )
    buffers, recorded = [], None
    if record is not None:
        batch = record.params["batch"]
        *buffers, step = record.invars[:4]
        buffers += [step, *record.invars[4::2]]  # offset and spikes of each population in turn
        recorded = _Record(batch, tuple(map(source_of, record.invars[5::2], batch.masks[5::2])))
    read = lambda v: place(v).value()  # noqa: E731
    operands = [*map(read, shared), *(array for _, array in sources.values()), *map(read, weights), *targets]
    slots = [] if ahead is None else ahead.arrays
    results = _deliver_p.bind(
        *operands,
        *map(read, states),
        *slots,
        *map(read, buffers),
        sources=len(sources),
        deliveries=tuple(deliveries),
        ahead=len(slots),
        recorded=recorded,
        served_by=served_by,
    )
    made = {v: target._replace(array=results[target.array]) for v, target in standing.items()}
    first, end = len(targets) + len(states), len(targets) + len(states) + len(slots)
    after = [*states_after, *([] if record is None else record.outvars)]
    made |= dict(zip(after, map(Placed, [*results[len(targets) : first], *results[end:]]), strict=True))
    if ahead is not None:
        ahead = ahead.filled(results[first:end])
    return made, [(targets[k], results[k]) for k in into_of.values()], ahead


def results_of(equations: Sequence) -> list:
    """The variables that deliveries made together give."""
    taken = [equation.invars[-1] for equation in equations]
    return [v for equation in equations for v in equation.outvars if v not in taken]


def _split(arguments, sources, deliveries, ahead, recorded):
    """Shared arguments of each delivery, spikes of each source, weight of each delivery, the targets, what is under way
    to those of each delivery, slots and their step, and what recording takes.
    """
    shared, start = [], 0
    for delivery in deliveries:
        shared.append(arguments[start : start + delivery.tree.num_leaves])
        start += delivery.tree.num_leaves
    rest = arguments[start:]
    cut, end = sources + len(deliveries), len(rest) - (4 + len(recorded.sources) if recorded else 0)
    slots = rest[end - ahead : end]
    first = end - ahead - sum(delivery.states for delivery in deliveries)
    under_way = iter(rest[first : end - ahead])
    states = [[next(under_way) for _ in range(delivery.states)] for delivery in deliveries]
    return shared, rest[:sources], rest[sources:cut], list(rest[cut:first]), states, slots, rest[end:]


def _one_by_one(*arguments, sources, deliveries, ahead, recorded, served_by):
    """Nothing is made ahead: slots stay as they are."""
    shared, spikes, weights, into, states, slots, record = _split(arguments, sources, deliveries, ahead, recorded)

    def there(placed, arrays):
        return placed._replace(array=arrays[placed.array])

    later = []
    for own, weight, delivery, under_way in zip(shared, weights, deliveries, states, strict=True):
        operation, static = (deliver_sorted_p, (delivery.words,)) if delivery.words else (contract_p, Face(POST))
        place = there(delivery.target, into)
        target = place.value()
        operands = there(delivery.source, spikes).value(), weight.astype(target.dtype), *under_way, target
        call = {"static": static, "batch": delivery.batch, "implementation": served_by}
        added, *after = operation(delivery.tree.unflatten(own), *operands, **call)
        into[delivery.target.array] = place.changed(added)
        later += after
    into += [*later, *slots]
    if not recorded:
        return into
    fired = [there(source, spikes).value() for source in recorded.sources]
    populations = [x for pair in zip(record[4:], fired, strict=True) for x in pair]
    call = {"static": (len(recorded.sources),), "batch": recorded.batch, "implementation": served_by}
    return [*into, *append_events_p((), *record[:4], *populations, **call)]


def _lower(platform, context, *arguments, **parameters):
    lowering = backends.lowering(platform, "deliver_together", parameters["served_by"])
    found = None if lowering is None else _lower_with(lowering, context, *arguments, **parameters)
    if found is not None:
        return found
    return mlir.lower_fun(_one_by_one, multiple_results=True)(context, *arguments, **parameters)


def _lower_with(lowering, context, *arguments, sources, deliveries, ahead, recorded, served_by):
    shared, _, _, into, states, slots, record = _split(context.avals_in, sources, deliveries, ahead, recorded)
    numbers, start, kept = [], 0, sum(map(len, states)) + len(slots)  # what is under way, and slots
    for own, delivery in zip(shared, deliveries, strict=True):
        source, target, own_shared = delivery.source, delivery.target, delivery.tree.unflatten(own)
        places = source.at, source.rest, target.at, target.rest
        numbers += [*own_shared[0].layout, *delivery.calendar(own_shared)]
        numbers += Delivery(start, source.array, target.array, *places, delivery.ahead)
        start += len(own)
    masks = {delivery.source.array: delivery.batch.masks[0] for delivery in deliveries}
    if recorded:
        masks |= dict(zip((source.array for source in recorded.sources), recorded.batch.masks[5::2], strict=True))
        numbers += [number for source in recorded.sources for number in Recorded(*source)]
    masks = [*(masks[k] for k in range(sources)), *(delivery.batch.masks[1] for delivery in deliveries)]
    extents = deliveries[0].batch.extents
    masks += [(True,) * len(extents)] * (len(into) + kept)
    masks += [*recorded.batch.masks[:4], *recorded.batch.masks[4::2]] if recorded else []
    numbers = [
        len(extents),
        *extents,
        start,
        *map(bits, masks),
        *Together(sources, len(deliveries), len(into), max(ahead - 1, 0)),
        *numbers,
    ]
    first = len(arguments) - len(record) - kept - len(into)
    aliases = {first + k: k for k in range(len(into) + kept + (3 if recorded else 0))}
    return lowering(context, *arguments, numbers=np.array(numbers, np.int64), aliases=aliases)


def _shapes(*avals, sources, deliveries, ahead, recorded, served_by):
    *_, into, states, slots, record = _split(avals, sources, deliveries, ahead, recorded)
    return [*into, *(state for own in states for state in own), *slots, *record[:3]]


_deliver_p = Primitive("brainsim_deliver_together")
_deliver_p.multiple_results = True
_deliver_p.def_impl(_one_by_one)
_deliver_p.def_abstract_eval(_shapes)
mlir.register_lowering(_deliver_p, mlir.lower_fun(_one_by_one, multiple_results=True))
for platform in backends.BACKENDS:
    mlir.register_lowering(_deliver_p, functools.partial(_lower, platform), platform=platform)
