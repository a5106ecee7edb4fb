"""A graph of NIR as populations and the routes between them."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

STATEFUL = ("LIF", "CubaLIF", "LI", "CubaLI", "IF")
STATELESS = ("Linear", "Affine", "Conv1d", "Conv2d", "SumPool2d", "AvgPool2d", "Flatten", "Scale", "Delay")


@dataclasses.dataclass(frozen=True)
class Route:
    """From a population through layers to another.

    Parameters
    ----------
    pre, post : str
        Names of nodes.
    layers : tuple of str
        Names of the nodes on the way.
    brings : tuple of bool
        Whether it brings what each of them adds (a bias): of several routes that meet, one does.
    """

    pre: str
    post: str
    layers: tuple[str, ...]
    brings: tuple[bool, ...]


def kind(node: Any) -> str:
    """Name of a node's class."""
    return type(node).__name__


def flat(graph: Any, prefix: str = "") -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Nodes by name, and edges, with those of graphs inside of it; what goes into such a graph goes into its nodes."""
    nodes, edges, inner = {}, [], set()
    for name, node in graph.nodes.items():
        path = f"{prefix}{name}"
        if kind(node) == "NIRGraph":
            inner.add(path)
            own, between = flat(node, f"{path}.")
            nodes |= own
            edges += between
        else:
            nodes[path] = node
    for a, b in dict.fromkeys(map(tuple, graph.edges)):
        for pre in _ends(nodes, f"{prefix}{a}", inner, "Output"):
            edges += [(pre, post) for post in _ends(nodes, f"{prefix}{b}", inner, "Input")]
    return (nodes, edges) if prefix else _without_doors(nodes, edges)


def _ends(nodes, path, inner, door):
    """A node itself, or the doors of the graph that it is."""
    if path not in inner:
        return [path]
    return [name for name, node in nodes.items() if name.startswith(f"{path}.") and kind(node) == door]


def _without_doors(nodes, edges):
    """Without the inputs and outputs of inner graphs, which pass on what they get."""
    before, after = defaultdict(list), defaultdict(list)
    for a, b in edges:
        before[b].append(a)
        after[a].append(b)
    doors = {name for name, node in nodes.items() if kind(node) in ("Input", "Output") and before[name] and after[name]}

    def beyond(name) -> Iterator[str]:
        for b in after[name]:
            yield from beyond(b) if b in doors else (b,)

    kept = [(a, b) for a in nodes if a not in doors for b in dict.fromkeys(beyond(a))]
    return {name: node for name, node in nodes.items() if name not in doors}, kept


def routes(nodes: dict[str, Any], edges: list[tuple[str, str]]) -> list[Route]:
    """All ways from a population or input to a population or output, through layers only.

    Raises
    ------
    ValueError
        For a circle of layers, and for nodes that are not known.
    """
    after, passed = defaultdict(list), set()
    for a, b in edges:
        after[a].append(b)
    known = (*STATEFUL, *STATELESS, "Input", "Output")
    unknown = {name: kind(node) for name, node in nodes.items() if kind(node) not in known}
    if unknown:
        shown = ", ".join(f"{name!r} ({what})" for name, what in unknown.items())
        raise ValueError(f"from_nir: nodes of these kinds have no counterpart: {shown}; there are {', '.join(known)}.")
    found = []

    def go(pre, name, layers):
        if kind(nodes[name]) not in STATELESS:
            if kind(nodes[name]) == "Input":
                raise ValueError(f"from_nir: {layers[-1] if layers else pre!r} goes into the input {name!r}.")
            ends = [(layers[k:], name) for k in range(len(layers))]
            found.append(Route(pre, name, layers, tuple(end not in passed for end in ends)))
            passed.update(ends)
            return
        if name in layers:
            raise ValueError(f"from_nir: the layers {', '.join(layers[layers.index(name) :])} go round in a circle.")
        if not after[name]:
            raise ValueError(f"from_nir: behind {name!r} stands nothing.")
        for b in after[name]:
            go(pre, b, (*layers, name))

    for name, node in nodes.items():
        if kind(node) in (*STATEFUL, "Input"):
            for b in after[name]:
                go(name, b, ())
    return found


def in_order(names: list[str], between: list[tuple[str, str]]) -> tuple[list[str], set[tuple[str, str]]]:
    """Names in an order in which connections lead on, and the connections that lead back.

    A connection leads back where it closes a circle, seen from the first of ``names`` on.
    """
    after: dict[str, list[str]] = defaultdict(list)
    for a, b in dict.fromkeys(between):
        after[a].append(b)
    back, order, begun, done = set(), [], set(), set()

    def visit(name):
        begun.add(name)
        for b in after[name]:
            if b in begun:
                back.add((name, b))
            elif b not in done:
                visit(b)
        begun.discard(name)
        done.add(name)
        order.append(name)

    for name in names:
        if name not in done:
            visit(name)
    return order[::-1], back
