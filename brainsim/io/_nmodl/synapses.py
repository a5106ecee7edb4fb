"""What NET_RECEIVE does to a synapse, and to the point that it stands at."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import Any

from brainsim.io._nmodl.syntax import Assign, Binary, Do, Expression, File, If, Local, Name, Send, Unary, parts_of


def with_synapses(file: File) -> File:
    """The file with the arguments of NET_RECEIVE as variables, ``file.synapse``: the weight, and what each synapse has of
    its own. Those that the file has already are renamed.
    """
    block = file.blocks.get("NET_RECEIVE")
    if block is None:
        return file
    taken = {*file.parameters, *file.assigned, *file.states, *file.constants, *file.locals}
    names = {name: f"{name}_of_synapse" if name in taken else name for name in block.arguments}
    clashing = {old: new for old, new in names.items() if old != new}
    blocks = dict(file.blocks)
    for kind in ("NET_RECEIVE", "CONNECT"):
        if kind in blocks:
            body = tuple(_renamed(s, clashing) for s in blocks[kind].body)
            blocks[kind] = replace(blocks[kind], body=body, arguments=())
    units = [*block.units, *[None] * len(block.arguments)]
    return replace(file, blocks=blocks, synapse=dict(zip(names.values(), units)))


def _renamed(thing: Any, names: dict[str, str]) -> Any:
    """Statements and expressions with other names for variables."""
    if isinstance(thing, Name):
        return Name(names.get(thing.name, thing.name))
    if isinstance(thing, tuple):
        return tuple(_renamed(one, names) for one in thing)
    if dataclasses.is_dataclass(thing):
        values = {f.name: getattr(thing, f.name) for f in dataclasses.fields(thing)}
        return replace(thing, **{k: _renamed(v, names) for k, v in values.items()})  # type: ignore[type-var]
    return thing


def adds_in_proportion(body: tuple, weight: str, others: set[str]) -> bool:
    """Whether all that a spike does is to add to variables what is in proportion to the ``weight``: nothing else of it,
    none of ``others``, and none of the variables is in that.
    """
    targets = {s.target.name for s in body if isinstance(s, Assign)}
    if not all(isinstance(s, Assign) for s in body) or targets & others or len(targets) != len(body):
        return False
    for s in body:
        found = added(s.target.name, s.value)
        if found is None or _names(found) & (targets | others) or _power(found, weight) != 1:
            return False
    return True


def adds_only(body: tuple, changing: set[str]) -> bool:
    """Whether a spike adds to the variables ``changing`` what depends on none of them, and nothing else depends on them:
    then it does not matter which of two spikes comes first.
    """
    return _adds_only(body, changing, set(changing))


def _adds_only(body, changing, tainted) -> bool:
    for s in body:
        if isinstance(s, If):
            if _names(s.condition) & tainted or not all(_adds_only(b, changing, tainted) for b in (s.then, s.other)):
                return False
        elif isinstance(s, Send):
            if (_names(s.delay) | _names(s.flag)) & tainted:
                return False
        elif isinstance(s, Assign) and s.target.name in changing:
            found = added(s.target.name, s.value)
            if found is None or _names(found) & tainted:
                return False
        elif isinstance(s, Assign):
            if _names(s.value) & tainted:
                return False
        elif isinstance(s, Do) or not isinstance(s, Local):
            return False
    return True


def added(name: str, value: Expression) -> Expression | None:
    """What is added to a variable where ``value`` is it plus something that it is not in; None where that is not so."""
    if isinstance(value, Binary) and value.op in "+-":
        if name not in _names(value.right):
            inner = None if value.left == Name(name) else added(name, value.left)
            if value.left != Name(name) and inner is None:
                return None
            right = value.right if value.op == "+" else Unary("-", value.right)
            return right if inner is None else Binary("+", inner, right)
        if value.op == "+" and name not in _names(value.left):
            inner = None if value.right == Name(name) else added(name, value.right)
            if value.right == Name(name):
                return value.left
            return None if inner is None else Binary("+", value.left, inner)
    return None


def _power(e: Expression, name: str) -> int | None:
    """0 where the name is not in an expression, 1 where that is in proportion to it, None otherwise."""
    if name not in _names(e):
        return 0
    if isinstance(e, Name):
        return 1
    if isinstance(e, Unary) and e.op == "-":
        return _power(e.value, name)
    if isinstance(e, Binary):
        left, right = _power(e.left, name), _power(e.right, name)
        if e.op in "+-" and left == right == 1:
            return 1
        if (e.op == "*" and {left, right} == {0, 1}) or (e.op == "/" and (left, right) == (1, 0)):
            return 1
    return None


def _names(e: Expression) -> set[str]:
    return {part.name for part in parts_of(e) if isinstance(part, Name)}
