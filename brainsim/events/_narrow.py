"""What a loop keeps of its steps for the way back: the least that the rest can be made of again."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import Any

from jax.extend.core import ClosedJaxpr, Literal

from brainsim.events._scalar import replaced


def narrowest(jaxpr: Any, costs: dict) -> list:
    """The variables to keep of what a program knows before its other arguments come, so that no more memory is written and
    read than has to be: a smallest cut between what is known and what meets the other arguments.

    Parameters
    ----------
    jaxpr : Jaxpr
    costs : dict
        The arguments that are known, each with its cost: 0 where it is there anyway. Of what follows from them it is twice the
        size, for writing and reading.
    """
    costs, made_of, met = dict(costs), {}, set()
    for equation in jaxpr.eqns:
        inputs = _variables(equation.invars)
        if all(v in costs for v in inputs):
            for v in equation.outvars:
                costs[v] = 2 * size(v) if any(costs[x] for x in inputs) else 0
                made_of[v] = inputs
        else:
            met.update(v for v in inputs if costs.get(v))
    met.update(v for v in _variables(jaxpr.outvars) if costs.get(v))
    return _smallest_cut(met, costs, made_of)


def size(v: Any) -> int:
    """Bytes of a variable."""
    return v.aval.size * v.aval.dtype.itemsize


def _smallest_cut(met: set, costs: dict, made_of: dict) -> list:
    """Of all smallest cuts before ``met``, the one closest to it: what follows is least to make again."""
    room: dict = collections.defaultdict(lambda: collections.defaultdict(float))  # where more may flow, upstream
    waiting, seen = list(met), set(met)
    for v in met:
        room["end"][v, "out"] = float("inf")
    while waiting:
        v = waiting.pop()
        room[v, "out"][v, "in"] = costs[v]
        inputs = [x for x in made_of.get(v, ()) if costs[x]]
        for x in inputs:
            room[v, "in"][x, "out"] = float("inf")
            if x not in seen:
                seen.add(x)
                waiting.append(x)
        if v not in made_of:
            room[v, "in"]["begin"] = float("inf")
    while "begin" in (way := _reached(room)):
        path = ["begin"]
        while path[-1] != "end":
            path.append(way[path[-1]])
        steps = [(b, a) for a, b in zip(path, path[1:])]
        most = min(room[a][b] for a, b in steps)
        for a, b in steps:
            room[a][b] -= most
            room[b][a] += most
    return [v for v in costs if (v, "out") in way and (v, "in") not in way]


def _reached(room: dict) -> dict:
    """From where each place is reached that can be, beginning at the end."""
    found, waiting = {"end": None}, collections.deque(["end"])
    while waiting:
        at: Any = waiting.popleft()
        for to, free in list(room[at].items()):
            if free > 0 and to not in found:
                found[to] = at
                waiting.append(to)
    return found


def between(jaxpr: Any, arguments: Sequence, results: Sequence) -> ClosedJaxpr:
    """The part of a program that leads from some of its variables to others."""
    missing, taken = {v for v in _variables(results)} - set(arguments), []
    for equation in reversed(jaxpr.eqns):
        if not missing.isdisjoint(equation.outvars):
            taken.append(equation)
            missing.update(v for v in _variables(equation.invars) if v not in arguments)
    return ClosedJaxpr(
        replaced(jaxpr, constvars=(), invars=list(arguments), outvars=list(results), eqns=taken[::-1]), ()
    )


def _variables(atoms: Sequence) -> list:
    return [v for v in atoms if not isinstance(v, Literal)]
