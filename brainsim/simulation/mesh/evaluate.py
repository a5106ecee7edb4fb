"""A step evaluated on parts: the equations of a whole network, each on what a device holds of their values.

The meaning of every equation is that of the whole. What is elementwise is computed of parts; what looks across elements is
computed of the whole, which devices send each other for it: spikes as bits. What there is no rule for is computed of the
whole too, so that a result is never another one, only dearer.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal, jaxpr_as_fun

from brainsim._core.draws import numbers_p
from brainsim.simulation.mesh.exchange import Devices
from brainsim.simulation.mesh.forests import Forest
from brainsim.simulation.mesh.layout import OWN, Layout, Part
from brainsim.simulation.waiting import ELEMENTWISE as ON_ONE_DEVICE

Rule = Callable[["Evaluation", Any, list[Part]], "list[Part] | None"]

# One value per element, from values of the same element or from numbers.
STRUCTURAL = frozenset(["broadcast_in_dim", "custom_jvp_call", "jit", "pjit", "squeeze"])
MORE = """
    acos acosh asin asinh atan atanh bessel_i0e bessel_i1e bitcast_convert_type copy_p digamma erf_inv erfc igamma igammac
    imag lgamma optimization_barrier population_count real regularized_incomplete_beta
"""
ELEMENTWISE = (ON_ONE_DEVICE - STRUCTURAL).union(MORE.split())
CALLS = {"jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr", "core_call": "call_jaxpr",
         "custom_jvp_call": "call_jaxpr", "custom_vjp_call": "call_jaxpr", "remat": "jaxpr", "checkpoint": "jaxpr"}  # fmt: skip


class Evaluation:
    """Evaluates equations on parts.

    Parameters
    ----------
    devices : Devices
    blocks : dict of int to Layout
        How axes are divided in blocks, by their lengths: of random numbers, and of what is the same everywhere.
    posts : dict of str to Layout
        Of one value for each target of a projection, by path.
    forests : dict of str to Forest
        Populations of cells of several shapes, by path.
    """

    def __init__(
        self, devices: Devices, blocks: dict[int, Layout], posts: dict[str, Layout], forests: dict[str, Forest]
    ):
        self.devices, self.blocks, self.posts, self.forests = devices, blocks, posts, forests
        #: whose elements the numbers of places of cells count, by path
        self.homes = {path: home for forest in forests.values() for path, (_, home) in forest.numbers.items()}

    def run(self, closed: ClosedJaxpr, given: list[Part]) -> list[Part]:
        """The results of a program, of parts."""
        values = dict(zip(closed.jaxpr.constvars, map(Part.whole, closed.consts), strict=True))
        values |= dict(zip(closed.jaxpr.invars, given, strict=True))

        def read(v):
            return Part.whole(_literal(v)) if isinstance(v, Literal) else values[v]

        for equation in closed.jaxpr.eqns:
            made = self.equation(equation, [read(v) for v in equation.invars])
            values.update(zip(equation.outvars, made, strict=True))
        return [read(v) for v in closed.jaxpr.outvars]

    def equation(self, equation, given: list[Part]) -> list[Part]:
        """The results of one equation."""
        name = equation.primitive.name
        if name in CALLS:
            return self._call(equation, name, given)
        self.devices.asking = name
        if name in ELEMENTWISE:
            return self._elementwise(equation, given)
        rule = RULES.get(name)
        made = None if rule is None else rule(self, equation, given)
        return self.of_wholes(equation, given) if made is None else made

    def bind(self, equation, arrays) -> list[jax.Array]:
        """The equation on arrays, of any shape that goes together."""
        made = equation.primitive.bind(*arrays, **equation.params)
        return list(made) if equation.primitive.multiple_results else [made]

    def of_wholes(self, equation, given: list[Part]) -> list[Part]:
        """The equation as it is, which takes the whole of everything."""
        return list(map(Part.whole, self.bind(equation, map(self.devices.whole, given))))

    def _elementwise(self, equation, given: list[Part]) -> list[Part]:
        shapes = [v.aval.shape for v in equation.outvars]
        if all(p.uniform or p.shape == () for p in given) and shapes[0]:

            def make(k, shape):
                return self.bind(equation, [p.make(shape) if p.make else p.array for p in given])[k]

            return [Part(shape, make=functools.partial(make, k)) for k, shape in enumerate(shapes)]
        layout = self._best(given)
        made = self.bind(equation, [p.array if p.shape == () else self.devices.laid(p, layout) for p in given])
        replica = self._replica(lambda: self.bind(equation, map(self.devices.whole, given)), layout, given)
        parts = [Part(shape, x, layout, of=_target(equation, given)) for shape, x in zip(shapes, made, strict=True)]
        return _with_replicas(parts, [replica] * len(parts), given)

    def _replica(self, function, layout, given: list[Part]) -> Callable | None:
        """What makes the wholes of results at little cost, if anything does; by number."""
        if not isinstance(layout, Layout) or not all(p.cheap or p.uniform for p in given):
            return None
        made: list = []

        def replica(k):
            if not made:
                made.append(function())
            return made[0][k]

        return replica

    def _call(self, equation, name: str, given: list[Part]) -> list[Part]:
        """A program within the program stays one, so that XLA makes the same of it as on one device."""
        inner = equation.params[CALLS[name]]
        closed = inner if hasattr(inner, "consts") else ClosedJaxpr(inner, ())
        whole = all(p.layout is None and not p.uniform for p in given)
        if whole and name == "jit" and not _draws(closed):
            return list(map(Part.whole, self.bind(equation, [p.array for p in given])))
        like = next((p for p in given if isinstance(p.layout, Layout)), None)
        given = [Part(p.shape, self.devices.laid(p, like.layout), like.layout) if like and p.uniform and p.shape == like.shape
                 else p for p in given]  # fmt: skip
        arrays = [() if p.uniform else p.array for p in given]
        made: list[Part] = []

        def inside(*arrays):
            parts = [p if p.uniform else dataclasses.replace(p, array=x, replica=None, free=False)
                     for p, x in zip(given, arrays, strict=True)]  # fmt: skip
            made[:] = map(self._settled, self.run(closed, parts))
            return [p.array for p in made]

        inside.__name__ = str(equation.params.get("name", name))
        results = jax.jit(inside)(*arrays)
        replicas = [
            self._replica(lambda: _function(closed)(*map(self.devices.whole, given)), p.layout, given) for p in made
        ]
        parts = [dataclasses.replace(p, array=x, replica=None, free=False) for p, x in zip(made, results, strict=True)]
        return _with_replicas(parts, replicas, given)

    def _settled(self, part: Part) -> Part:
        """A value that is laid out, also where all its elements are equal."""
        if not part.uniform:
            return part
        axis = next((k for k in reversed(range(len(part.shape))) if part.shape[k] in self.blocks), None)
        layout = None if axis is None else self.blocks[part.shape[axis]].at(axis)
        return Part(part.shape, self.devices.laid(part, layout), layout)

    def _best(self, given: list[Part]) -> Layout | str | None:
        """The layout in which an elementwise result costs least."""
        arrays = [p for p in given if p.shape and not p.uniform]
        divided = [p for p in arrays if p.divided]
        if not divided:
            return None
        if any(p.layout == OWN for p in divided):
            return OWN
        if len(divided) < len(arrays) and all(p.cheap for p in divided):
            return None  # spikes into what every device keeps: bits are sent, and not what they make
        return max((p.layout for p in divided), key=lambda layout: bool(layout.synapses))


def _literal(v) -> Any:
    """A number that stays one: XLA computes with constants otherwise than with what it is given."""
    return np.asarray(v.val, v.aval.dtype)[()] if isinstance(v.aval.dtype, np.dtype) else v.val


def _draws(inner) -> bool:
    """Whether random numbers are drawn in a program: they may be those of some elements only."""
    jaxpr = getattr(inner, "jaxpr", inner)
    if id(jaxpr) not in _drawing:
        names = {equation.primitive.name for equation in jaxpr.eqns}
        programs = [e.params[CALLS[e.primitive.name]] for e in jaxpr.eqns if e.primitive.name in CALLS]
        _drawing[id(jaxpr)] = jaxpr, bool({"random_bits", numbers_p.name} & names) or any(map(_draws, programs))
    return _drawing[id(jaxpr)][1]


_drawing: dict[int, tuple[Any, bool]] = {}  # by program, which is held so that no other one takes its number


def _with_replicas(parts: list[Part], replicas: list[Callable | None], given: list[Part]) -> list[Part]:
    """Results with what makes their wholes. Where devices would have to be asked, bits are sent themselves and not what they
    follow from.
    """
    free = all(p.known or p.uniform for p in given)
    for k, (part, replica) in enumerate(zip(parts, replicas, strict=True)):
        if replica is not None and (free or part.array.dtype != bool):
            part.replica, part.free = functools.partial(replica, k), free
    return parts


def _target(equation, given: list[Part]) -> str:
    """The projection whose targets a result still says."""
    found = {p.of for p in given if p.of}
    kept = equation.primitive.name in ("convert_element_type", "select_n")
    return found.pop() if kept and len(found) == 1 else ""


def _function(closed: ClosedJaxpr) -> Callable:
    return jax.jit(jaxpr_as_fun(closed))


# -- rules: results, or None where the whole is needed ----------------------------------------------------------------------

RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Make a function the rule of primitives."""

    def take(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return take


def moved(equation, part: Part, layout: Layout | None, array, function: Callable) -> list[Part]:
    """The result of an equation that only moves elements, which the whole does as cheaply as before."""
    replica = None
    if part.replica is not None and layout is not None:
        whole = part.replica
        replica = lambda: function(whole())  # noqa: E731
    free = part.free and replica is not None
    return [Part(equation.outvars[0].aval.shape, array, layout, replica, of=part.of, free=free)]


def function_of(equation) -> Callable:
    """The equation as a function of its first operand."""
    return lambda array: equation.primitive.bind(array, **equation.params)
