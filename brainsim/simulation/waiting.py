"""Equations that wait for what they take, by how they are evaluated."""

from __future__ import annotations

import collections
import heapq
from collections.abc import Callable, Sequence

from jax.extend.core import Literal

from brainsim._core.draws import numbers_p
from brainsim.events import _together as together
from brainsim.events.random import poisson_input_p

# One value per element, from values of the same element.
ELEMENTWISE = frozenset(
    """
    abs add add_any and atan2 brainsim_fires brainsim_put_back broadcast_in_dim cbrt ceil clamp convert_element_type
    copy cos cosh custom_jvp_call div eq erf exp exp2 expm1 floor ge gt integer_pow is_finite jit le log log1p logistic
    lt max min mul ne neg nextafter not or pjit pow rem round rsqrt select_n shift_left shift_right_arithmetic
    shift_right_logical sign sin sinh sqrt square squeeze stop_gradient sub tan tanh xor
    """.split()  # noqa: SIM905
)

# Random numbers of a step have a key of their own
OF_KEYS = frozenset(("random_wrap", "random_unwrap", "random_fold_in"))
DEVICE_NUMBER = "brainsim_device_number"  # on a mesh, from which follows which numbers are drawn here

# Kinds of equations: of single numbers and keys; Poisson inputs; elementwise ones; deliveries of spikes, and recording
NUMBER, INPUT, IN_A_PASS, TOGETHER, OTHER = range(5)


class Waiting:
    """Equations that have not been evaluated, in their order, and which of them follow from what is known."""

    def __init__(self, equations: Sequence, known):
        self.equations = list(equations)
        self.position = {id(equation): k for k, equation in enumerate(self.equations)}
        self.left = set(range(len(self.equations)))
        self.deliveries = [k for k, equation in enumerate(self.equations) if together.is_delivery(equation)]
        self.records = [k for k, equation in enumerate(self.equations) if together.is_record(equation)]
        self.kind = [_kind(equation) for equation in self.equations]
        for k in (*self.deliveries, *self.records):
            self.kind[k] = TOGETHER
        self.unknown, self.readers = [], collections.defaultdict(list)
        self.ready: tuple[list, ...] = [], [], [], [], []  # of each kind
        for k, equation in enumerate(self.equations):
            missing = {v for v in inputs_of(equation) if v not in known}
            self.unknown.append(len(missing))
            for v in missing:
                self.readers[v].append(k)
            if not missing:
                heapq.heappush(self.ready[self.kind[k]], k)

    def those(self, positions) -> list:
        """The equations that are left at some positions."""
        return [self.equations[k] for k in positions if k in self.left]

    def know(self, variables) -> None:
        """Take in that the values of variables are known."""
        for v in variables:
            for k in self.readers.pop(v, ()):
                self.unknown[k] -= 1
                if not self.unknown[k]:
                    heapq.heappush(self.ready[self.kind[k]], k)

    def take(self, equations, variables) -> None:
        """Take out equations, which have made ``variables`` known."""
        self.left -= {self.position[id(equation)] for equation in equations}
        self.know(variables)

    def take_all(self, kind: int) -> list:
        """Take out all equations of a kind that follow from what is known and from each other."""
        taken: list = []
        while one := self.take_first(kind):
            taken += one
        return sorted(taken, key=lambda equation: self.position[id(equation)])

    def take_first(self, kind: int) -> list:
        """Take out the first equation of a kind that follows from what is known; none if there is none."""
        ready = self.ready[kind]
        while ready:
            k = heapq.heappop(ready)
            if k in self.left:
                self.take([self.equations[k]], self.equations[k].outvars)
                return [self.equations[k]]
        return []


def ready(equations: Sequence, known, accepted: Callable = lambda equation: True) -> tuple[list, list]:
    """The accepted equations that follow from what is known, and the others."""
    made, found, others = set(), [], []
    for equation in equations:
        if accepted(equation) and all(v in known or v in made for v in inputs_of(equation)):
            made.update(equation.outvars)
            found.append(equation)
        else:
            others.append(equation)
    return found, others


def is_elementwise(equation) -> bool:
    """Whether an equation makes one value per element, from values of the same element."""
    return equation.primitive.name in ELEMENTWISE and all(map(is_elementwise, _called_by(equation)))


def _called_by(equation) -> list:
    """The equations of the program that an equation calls."""
    inner = [equation.params.get(name) for name in ("jaxpr", "call_jaxpr")]
    return [e for closed in inner if closed is not None for e in closed.jaxpr.eqns]


def _is_input(equation) -> bool:
    """Whether an equation makes random numbers or Poisson input, of all units or, on a mesh, of those that are here."""
    return equation.primitive in (poisson_input_p.primitive, numbers_p) or any(map(_is_input, _called_by(equation)))


def _kind(equation) -> int:
    if equation.primitive.name in OF_KEYS or equation.primitive.name == DEVICE_NUMBER:
        return NUMBER
    if not is_elementwise(equation):
        return INPUT if _is_input(equation) else OTHER
    return IN_A_PASS if any(v.aval.ndim for v in (*inputs_of(equation), *equation.outvars)) else NUMBER


def inputs_of(equation) -> list:
    """The variables that an equation takes."""
    return [v for v in equation.invars if not isinstance(v, Literal)]
