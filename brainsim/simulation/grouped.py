"""The step of a run in few calls.

XLA's CPU runtime executes a body of more than eight calls as a graph, with a queue and atomic counters; fewer, one after the
other, cost a third of that. Small networks gain: at 4,000 neurons a step takes 4 µs, of which the graph was one.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax.extend.core import ClosedJaxpr, Literal, jaxpr_as_fun

from brainsim._core.draws import numbers_p
from brainsim.events import _draws as draws
from brainsim.events import _together as together
from brainsim.events._joined import join, split
from brainsim.events._shared import Block
from brainsim.simulation import keys, rows_of_numbers
from brainsim.simulation.alike import Cohort, Values, cohorts, evaluate
from brainsim.simulation.calls import as_it_is, as_one
from brainsim.simulation.waiting import (
    IN_A_PASS,
    INPUT,
    NUMBER,
    OTHER,
    TOGETHER,
    Waiting,
    inputs_of,
    is_elementwise,
    ready,
)

# Bytes of the slots in which deliveries of the next steps are added up, at most.
SLOTS = 1 << 28

# Arrays with spikes under way that one call of deliveries changes, about: XLA compares each with all that the call takes, once
# for every one of them, so a call with 2,000 of them takes a minute to compile.
UNDER_WAY = 128


class _Deliveries(NamedTuple):
    equations: list
    record: Any  # the equation that records the spikes at the same time, or None


class _Inputs(NamedTuple):
    equations: list


def while_loop(
    unfinished: Callable, body: Callable, start, ours: bool = False, calls: bool = True, loop: Callable | None = None
):
    """``jax.lax.while_loop`` with the same results in fewer calls.

    Elementwise equations that depend on each other (those of a population) become one call, and all deliveries of spikes that
    can be made at the same time another, which records the spikes as well. Many populations with the same equations
    become one (see :mod:`brainsim.simulation.alike`): their states stand behind each other for as long as the loop goes on.
    What depends only on values that ``body`` closes over is evaluated before.

    ``ours``: whether all equations are the package's own. Theirs become small calls.

    ``calls``: whether what is elementwise is called as one, and deliveries are made ahead of their steps, as serves a CPU.

    ``loop``: what goes on instead of ``jax.lax.while_loop(unfinished, ...)``: ``loop(body, start, of)``, where ``of(condition)``
    makes a condition like ``unfinished`` one of what is carried here.
    """
    leaves, tree = jax.tree.flatten(start)
    closed = jax.make_jaxpr(body)(start)
    step = _Step(closed.jaxpr, ours, calls)
    before = Values(dict(zip(closed.jaxpr.constvars, closed.consts, strict=True)))
    step.begin(before)
    carried = step.carried_together()
    alone = sorted(set(range(len(leaves))).difference(*carried))
    empty = step.made_ahead() if calls else []

    def one_step(carry):
        rows, own, ahead = carry
        values = Values(dict(before.known))
        for positions, array in zip(carried, rows, strict=True):
            values.put_behind_each_other([closed.jaxpr.invars[k] for k in positions], array)
        values.update({closed.jaxpr.invars[k]: array for k, array in zip(alone, own, strict=True)})
        ahead = step.advance(values, [one.filled(arrays) for one, arrays in zip(empty, ahead, strict=True)])
        after = closed.jaxpr.outvars
        rows = [values.read_all([after[k] for k in positions], sizes(positions)) for positions in carried]
        return rows, [values.read(after[k]) for k in alone], [one.arrays for one in ahead]

    def sizes(positions):
        return [leaves[k].size for k in positions]

    def of(condition):
        def looked_at(carry):
            own = [None] * len(leaves)
            for k, array in zip(alone, carry[1], strict=True):
                own[k] = array
            return condition(jax.tree.unflatten(tree, own))

        return looked_at

    def once(body, start, of):
        return jax.lax.while_loop(of(unfinished), body, start)

    rows = [join([leaves[k] for k in positions], sizes(positions)) for positions in carried]
    ahead = [one.arrays for one in empty]
    # Results have the types that a step gives them, such as counters that began as Python's numbers
    rows, own, _ = (loop or once)(one_step, (rows, [leaves[k] for k in alone], ahead), of)
    for positions, array in zip(carried, rows, strict=True):
        for k, part in zip(positions, split(array, [leaves[k].shape for k in positions]), strict=True):
            leaves[k] = part
    for k, array in zip(alone, own, strict=True):
        leaves[k] = array
    return jax.tree.unflatten(tree, leaves)


def grouped(function: Callable, calls: bool = True) -> Callable:
    """``function`` with the same results in fewer calls, as a step of :func:`while_loop`.

    ``calls``: whether what is elementwise is called as one; deliveries are made together, and so are Poisson inputs.
    """

    def run(*arguments):
        closed, shapes = jax.make_jaxpr(function, return_shape=True)(*arguments)
        values = Values(dict(zip(closed.jaxpr.constvars, closed.consts, strict=True)))
        step = _Step(closed.jaxpr, calls=calls)
        step.begin(values)
        values.update(dict(zip(closed.jaxpr.invars, jax.tree.leaves(arguments), strict=True)))
        step.advance(values)
        return jax.tree.unflatten(jax.tree.structure(shapes), map(values.read, closed.jaxpr.outvars))

    return run


class _Step:
    """The equations of a step, in the order and in the groups in which they are evaluated."""

    def __init__(self, jaxpr, ours: bool = False, calls: bool = True):
        jaxpr = jaxpr.replace(eqns=together.of_16_bits(jaxpr.eqns))
        self.jaxpr = jaxpr
        self.call: Callable = functools.partial(as_one, ours=ours) if calls else as_it_is
        self.apart: Callable = functools.partial(as_one, ours=False) if calls else as_it_is
        self.readers: dict = {
            v: {None} for v in jaxpr.outvars if not isinstance(v, Literal)
        }  # by which equations a variable is read
        equations = _used(jaxpr)
        for equation in equations:
            for v in inputs_of(equation):
                self.readers.setdefault(v, set()).add(id(equation))
        known = set(jaxpr.constvars)
        fixed, moving = ready(equations, known, lambda e: keys.is_of_keys(e) or _is_not_larger(e))
        known.update(v for equation in fixed for v in equation.outvars)
        self.keys, fixed = keys.apart(fixed, jaxpr.constvars)
        same, others = cohorts(_connected(fixed), is_elementwise)
        left = {id(equation) for part in others for equation in part}
        self.fixed = [*same, [equation for equation in fixed if id(equation) in left]]
        self.begun, self.prepared = frozenset(known), {}
        self.phases = list(self._order(moving, known | set(jaxpr.invars)))

    def _order(self, moving, known):
        waiting = Waiting(moving, known)
        while waiting.left:
            if taken := waiting.take_all(NUMBER):  # which take no pass over anything
                known.update(v for equation in taken for v in equation.outvars)
                yield from ([equation] for equation in taken)
            if taken := waiting.take_all(INPUT):  # before any pass, so that what takes them is one with the rest
                numbers, taken = ready(taken, known, lambda equation: equation.primitive is numbers_p)
                yield from [numbers] if numbers else []
                known.update(v for equation in numbers for v in equation.outvars)
                before, inputs, after = draws.apart(taken)
                yield from ([equation] for equation in before)
                yield from [_Inputs(inputs)] if inputs else []
                yield from ([equation] for equation in after)
                known.update(v for equation in taken for v in equation.outvars)
                continue
            if taken := waiting.take_all(IN_A_PASS):
                known.update(v for equation in taken for v in equation.outvars)
                same, others = cohorts(_connected(taken), is_elementwise)
                yield from (*same, *others)
                continue
            if taken := waiting.take_all(OTHER):
                yield from ([equation] for equation in taken)
                known.update(v for equation in taken for v in equation.outvars)
                continue
            # As late as can be: as many as can be are made together
            phase = self._deliveries(waiting, known)
            if phase is not None:
                known.update(v for equation in (*phase.equations, phase.record) if equation for v in equation.outvars)
                yield phase
            elif taken := waiting.take_first(TOGETHER):
                known.update(taken[0].outvars)
                yield taken

    def _deliveries(self, waiting, known) -> _Deliveries | None:
        """Take out the deliveries that can be made together."""
        reached, _ = ready(waiting.those(waiting.deliveries), known)
        if not reached:
            return None
        # One call has one batch: a network of which a parameter is swept delivers with and without one. What something
        # else reads must not be added to yet.
        batch = together.extents(reached[0])
        reached = [e for e in reached if together.extents(e) == batch]
        kept = set(self._read_elsewhere(reached))
        deliveries, _ = ready(reached, known, lambda e: e.invars[-1] not in kept)
        deliveries = _not_too_many(deliveries)
        if not deliveries:
            return None
        records = [e for e in waiting.those(waiting.records) if all(v in known for v in inputs_of(e))]
        record = next((e for e in records if together.extents(e) == batch), None)
        made = together.results_of(deliveries) + ([] if record is None else list(record.outvars))
        waiting.take([*deliveries, *([] if record is None else [record])], made)
        return _Deliveries(deliveries, record)

    def _read_elsewhere(self, equations) -> list:
        own = set(map(id, equations))
        return [v for equation in equations for v in equation.outvars if self.readers.get(v, own) - own]

    def begin(self, values: Values) -> None:
        """Evaluate what does not change from step to step; what are single numbers in one call, so that there are few."""
        keys.derive(self.keys, values)
        for part in self.fixed:
            if isinstance(part, Cohort):
                self._evaluate(part, values, as_it_is)
                continue
            for some, call in zip(_numbers_first(part), (self.apart, as_it_is)):
                if some:
                    given, kept, function = self._function(some)
                    values.update(dict(zip(kept, call(function, len(kept))(*map(values.read, given)), strict=True)))
        for cohort in (phase for phase in self.phases if isinstance(phase, Cohort)):
            for row in zip(*cohort.given, strict=True):
                if row not in self.prepared and self.begun.issuperset(row):
                    self.prepared[row] = values.read_all(row, cohort.sizes)

    def advance(self, values: Values, ahead: Sequence = ()) -> list:
        """Evaluate what does; gives the slots of deliveries that are made ahead, as they are then."""
        slots, after = iter(ahead), []
        for phase in self.phases:
            if isinstance(phase, _Deliveries):
                own = next(slots, None)
                made, moved, own = together.deliver_together(phase.equations, values.place, phase.record, own)
                after += [] if own is None else [own]
                for arrays in moved:
                    values.move(*arrays)
                values.update(made)
            elif isinstance(phase, _Inputs):
                values.update(draws.draw_together(phase.equations, values.read))
            else:
                several = isinstance(phase, Cohort) or len(phase) > 1
                self._evaluate(phase, values, self.call if several else as_it_is)
        return after

    def made_ahead(self) -> list:
        """Empty slots for the sums that can be made ahead of their steps, of each phase of deliveries."""
        before = {v: k for k, v in enumerate(self.jaxpr.invars)}
        after = {v: k for k, v in enumerate(self.jaxpr.outvars) if not isinstance(v, Literal)}

        def is_fixed(v):
            return isinstance(v, Literal) or v in self.begun

        def is_carried(equation, v, later):
            alone = self.readers[v] == {id(equation)} and self.readers[later] == {None}
            return alone and v in before and before[v] == after[later]

        found = []
        for phase in (phase for phase in self.phases if isinstance(phase, _Deliveries)):
            made = together.made_ahead(phase.equations, is_fixed, is_carried)
            extents = together.extents(phase.equations[0])
            fits = Block.STEPS * sum(v.aval.size * v.aval.dtype.itemsize for v in set(made.values())) <= SLOTS
            found.append(together.Ahead.of(made if fits else {}, extents))
        return found

    def _evaluate(self, part, values, call: Callable) -> None:
        if isinstance(part, Cohort):
            own = set(map(id, (equation for equations in part.parts for equation in equations)))
            read_elsewhere = lambda same: any(self.readers.get(v, own) - own for v in same)  # noqa: E731
            evaluate(part, values, read_elsewhere, self.prepared, call)
            return
        if call is as_it_is and part[0].primitive is numbers_p and self.call is not as_it_is:
            numbers = rows_of_numbers.draw(part[0], values.read)
            if numbers is not None:
                return values.update({part[0].outvars[0]: numbers})
        given, kept, function = self._function(part)
        large = [v for v in kept if v.aval.size > 1]  # single numbers take no pass over anything
        function = call(function, len(kept)) if large else function
        values.update(dict(zip(kept, function(*map(values.read, given)), strict=True)))

    def _function(self, part) -> tuple[list, list, Callable]:
        """What equations read, what of what they make is read elsewhere, and the function from one to the other."""
        made = {v for equation in part for v in equation.outvars}
        given = list(dict.fromkeys(v for equation in part for v in inputs_of(equation) if v not in made))
        kept = self._read_elsewhere(part)
        jaxpr = self.jaxpr.replace(constvars=(), invars=given, outvars=kept, eqns=list(part))
        return given, kept, jaxpr_as_fun(ClosedJaxpr(jaxpr, ()))

    def carried_together(self) -> list[tuple[int, ...]]:
        """Which variables of the loop stand behind each other, by their positions."""
        before = {v: k for k, v in enumerate(self.jaxpr.invars)}
        after = {v: k for k, v in enumerate(self.jaxpr.outvars) if not isinstance(v, Literal)}
        found, taken = [], set()
        for cohort in (phase for phase in self.phases if isinstance(phase, Cohort)):
            rows = [(before, row) for row in zip(*cohort.given, strict=True)]
            rows += [(after, row) for row in zip(*cohort.made, strict=True)]
            for where, row in rows:
                positions = tuple(where.get(v, -1) for v in row)
                arrays = all(v.aval.ndim == 1 for v in row)
                if arrays and min(positions) >= 0 and len({*positions} - taken) == len(row):
                    found.append(positions)
                    taken.update(positions)
        return found


def _used(jaxpr) -> list:
    """The equations that a result depends on, and those that do something: what is not read would split groups."""
    read, used = {v for v in jaxpr.outvars if not isinstance(v, Literal)}, []
    for equation in reversed(jaxpr.eqns):
        if equation.effects or not read.isdisjoint(equation.outvars):
            read.update(inputs_of(equation))
            used.append(equation)
    return used[::-1]


def _connected(equations: Sequence) -> list[list]:
    """The equations in groups that have no array in common, so that each group can pass over its elements by itself."""
    group_of: dict = {}  # variable: any equation of its group
    leader = list(range(len(equations)))  # of each equation

    def led_by(k):
        while leader[k] != k:
            leader[k] = leader[leader[k]]
            k = leader[k]
        return k

    for k, equation in enumerate(equations):
        own = [v for v in inputs_of(equation) if v.aval.size > 1] + list(equation.outvars)
        for v in (*inputs_of(equation), *own):
            if v in group_of:
                leader[led_by(group_of[v])] = k
        group_of |= dict.fromkeys(own, k)
    groups: dict = {}
    for k, equation in enumerate(equations):
        groups.setdefault(led_by(k), []).append(equation)
    return list(groups.values())


def _not_too_many(deliveries: Sequence) -> list:
    """As many of the deliveries as one call may make: all that are added to the first array, to the second, and so on."""
    first: dict = {}  # what the result of each began as
    by_target: dict = {}
    for equation in deliveries:
        into = first[equation.outvars[0]] = first.get(equation.invars[-1], equation.invars[-1])
        by_target.setdefault(into, []).append(equation)
    taken, under_way = set(), 0
    for same in by_target.values():
        if under_way < UNDER_WAY:
            taken.update(map(id, same))
            under_way += sum(len(equation.outvars) - 1 for equation in same)
    return [equation for equation in deliveries if id(equation) in taken]


def _numbers_first(equations: Sequence) -> tuple[list, list]:
    """Those that make single numbers of single numbers, and those that make or need arrays."""
    numbers, arrays, made = [], [], set()
    for equation in equations:
        inputs = inputs_of(equation)
        few = all(v.aval.size <= 1 for v in (*inputs, *equation.outvars)) and made.isdisjoint(inputs)
        (numbers if few else arrays).append(equation)
        made.update(() if few else equation.outvars)
    return numbers, arrays


def _is_not_larger(equation) -> bool:
    return max((v.aval.size for v in equation.outvars), default=math.inf) <= max(
        (v.aval.size for v in equation.invars), default=0
    )
