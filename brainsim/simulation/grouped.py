"""The step of a run in few calls.

XLA's CPU runtime executes a body of more than eight calls as a graph, with a queue and atomic counters; fewer, one after the
other, cost a third of that. Small networks gain: at 4,000 neurons a step takes 4 µs, of which the graph was one.
"""

from __future__ import annotations

import collections
import heapq
import math
from collections.abc import Callable, Sequence

import jax
from jax.experimental.xla_metadata import set_xla_metadata
from jax.extend.core import ClosedJaxpr, Literal, jaxpr_as_fun

from brainsim.events import _together as together

# One value per element, from values of the same element.
ELEMENTWISE = frozenset(
    """
    abs add add_any and atan2 broadcast_in_dim cbrt ceil clamp convert_element_type copy cos cosh custom_jvp_call div eq
    erf exp exp2 expm1 floor ge gt integer_pow is_finite jit le log log1p logistic lt max min mul ne neg nextafter not
    or pjit pow rem round rsqrt select_n shift_left shift_right_arithmetic shift_right_logical sign sin sinh sqrt square
    squeeze stop_gradient sub tan tanh xor
    """.split()  # noqa: SIM905
)


def grouped(function: Callable) -> Callable:
    """``function`` with the same results in fewer calls.

    Elementwise equations that depend on each other (those of a population) become one call, and all deliveries of spikes that
    can be made at the same time another, which records the spikes as well. What depends only on values that ``function`` closes
    over stays outside, for XLA to move out of the loop.
    """

    def run(*arguments):
        closed, shapes = jax.make_jaxpr(function, return_shape=True)(*arguments)
        results = _run(closed.jaxpr, closed.consts, jax.tree.leaves(arguments))
        return jax.tree.unflatten(jax.tree.structure(shapes), results)

    return run


def _run(jaxpr, consts, arguments) -> list:
    values = dict(zip(jaxpr.constvars, consts, strict=True))

    def read(v):
        return v.val if isinstance(v, Literal) else values[v]

    readers: dict = {
        v: {None} for v in jaxpr.outvars if not isinstance(v, Literal)
    }  # by which equations a variable is read
    equations = _used(jaxpr)
    for equation in equations:
        for v in _inputs(equation):
            readers.setdefault(v, set()).add(id(equation))

    def read_elsewhere(equations):
        own = set(map(id, equations))
        return [v for equation in equations for v in equation.outvars if readers.get(v, own) - own]

    def evaluate(equations, as_call=False):
        made = {v for equation in equations for v in equation.outvars}
        given = list(dict.fromkeys(v for equation in equations for v in _inputs(equation) if v not in made))
        kept = read_elsewhere(equations)
        part = jaxpr.replace(constvars=(), invars=given, outvars=kept, eqns=list(equations))
        function = jaxpr_as_fun(ClosedJaxpr(part, ()))
        large = [v for v in kept if v.aval.size > 1]  # single numbers take no pass over anything
        function = _call(function) if as_call and len(kept) > 1 and large else function
        values.update(zip(kept, function(*map(read, given)), strict=True))

    fixed, moving = _ready(equations, values, _is_not_larger)
    evaluate(fixed)
    values.update(zip(jaxpr.invars, arguments, strict=True))
    waiting = _Waiting(moving, values)
    while waiting.left:
        for part in _connected(waiting.take_elementwise()):
            evaluate(part, as_call=True)
        if waiting.ready_deliveries:
            reached, _ = _ready(waiting.those(waiting.deliveries), values)
            # One call has one batch: a network of which a parameter is swept delivers with and without one. What
            # something else reads must not be added to yet.
            reached = [e for e in reached if together.extents(e) == together.extents(reached[0])]
            kept = set(read_elsewhere(reached))
            deliveries, _ = _ready(reached, values, lambda e: e.invars[-1] not in kept)  # noqa: B023
            if deliveries:
                batch = together.extents(deliveries[0])
                known = [e for e in waiting.those(waiting.records) if all(v in values for v in _inputs(e))]
                record = next((e for e in known if together.extents(e) == batch), None)
                made = together.deliver_together(deliveries, read, record)
                values.update(made)
                waiting.take([*deliveries, *([] if record is None else [record])], made)
        equation = waiting.take_first()
        if equation is not None:
            evaluate([equation])
            waiting.know(equation.outvars)
    return [read(v) for v in jaxpr.outvars]


def _used(jaxpr) -> list:
    """The equations that a result depends on, and those that do something: what is not read would split groups."""
    read, used = {v for v in jaxpr.outvars if not isinstance(v, Literal)}, []
    for equation in reversed(jaxpr.eqns):
        if equation.effects or not read.isdisjoint(equation.outvars):
            read.update(_inputs(equation))
            used.append(equation)
    return used[::-1]


class _Waiting:
    """Equations that have not been evaluated, in their order, and which of them follow from what is known."""

    def __init__(self, equations: Sequence, known):
        self.equations = list(equations)
        self.position = {id(equation): k for k, equation in enumerate(self.equations)}
        self.left = set(range(len(self.equations)))
        self.elementwise = [_is_elementwise(equation) for equation in self.equations]
        self.deliveries = [k for k, equation in enumerate(self.equations) if together.is_delivery(equation)]
        self.records = [k for k, equation in enumerate(self.equations) if together.is_record(equation)]
        self.unknown, self.readers = [], collections.defaultdict(list)
        self.ready: tuple[list, list] = [], []  # not elementwise, elementwise
        for k, equation in enumerate(self.equations):
            missing = {v for v in _inputs(equation) if v not in known}
            self.unknown.append(len(missing))
            for v in missing:
                self.readers[v].append(k)
            if not missing:
                heapq.heappush(self.ready[self.elementwise[k]], k)

    @property
    def ready_deliveries(self) -> bool:
        """Whether there is a delivery that can be made."""
        return any(k in self.left and not self.unknown[k] for k in self.deliveries)

    def those(self, positions) -> list:
        """The equations that are left at some positions."""
        return [self.equations[k] for k in positions if k in self.left]

    def know(self, variables) -> None:
        """Take in that the values of variables are known."""
        for v in variables:
            for k in self.readers.pop(v, ()):
                self.unknown[k] -= 1
                if not self.unknown[k]:
                    heapq.heappush(self.ready[self.elementwise[k]], k)

    def take(self, equations, variables) -> None:
        """Take out equations, which have made ``variables`` known."""
        self.left -= {self.position[id(equation)] for equation in equations}
        self.know(variables)

    def take_elementwise(self) -> list:
        """Take out all elementwise equations that follow from what is known and from each other."""
        taken, ready = [], self.ready[True]
        while ready:
            taken.append(heapq.heappop(ready))
            self.take([self.equations[taken[-1]]], self.equations[taken[-1]].outvars)
        return [self.equations[k] for k in sorted(taken)]

    def take_first(self):
        """Take out the first equation that follows from what is known; None if there is none."""
        ready = self.ready[False]
        while ready:
            k = heapq.heappop(ready)
            if k in self.left:
                self.left.discard(k)
                return self.equations[k]
        return None


def _ready(equations: Sequence, known, accepted: Callable = lambda equation: True) -> tuple[list, list]:
    """The accepted equations that follow from what is known, and the others."""
    made, ready, others = set(), [], []
    for equation in equations:
        if accepted(equation) and all(v in known or v in made for v in _inputs(equation)):
            made.update(equation.outvars)
            ready.append(equation)
        else:
            others.append(equation)
    return ready, others


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
        own = [v for v in _inputs(equation) if v.aval.size > 1] + list(equation.outvars)
        for v in (*_inputs(equation), *own):
            if v in group_of:
                leader[led_by(group_of[v])] = k
        group_of |= dict.fromkeys(own, k)
    groups: dict = {}
    for k, equation in enumerate(equations):
        groups.setdefault(led_by(k), []).append(equation)
    return list(groups.values())


def _call(function: Callable) -> Callable:
    """A function that XLA leaves as a call of its own."""

    def inside(*arguments):
        with set_xla_metadata(inlineable=None):
            return function(*arguments)

    def outside(*arguments):
        with set_xla_metadata(inlineable="false"):
            return jax.jit(inside)(*arguments)

    return outside


def _is_elementwise(equation) -> bool:
    inner = [equation.params.get(name) for name in ("jaxpr", "call_jaxpr")]
    return equation.primitive.name in ELEMENTWISE and all(
        _is_elementwise(e) for closed in inner if closed is not None for e in closed.jaxpr.eqns
    )


def _is_not_larger(equation) -> bool:
    return max((v.aval.size for v in equation.outvars), default=math.inf) <= max(
        (v.aval.size for v in equation.invars), default=0
    )


def _inputs(equation) -> list:
    return [v for v in equation.invars if not isinstance(v, Literal)]
