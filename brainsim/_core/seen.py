"""A network as it was when it was last split: whether only its arrays have changed since, which is quick to see.

To split with nnx takes longer than a hundred steps of a small network. Between two runs its objects mostly hold what
they held before, and then the same variables stand at the same paths.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import is_, methodcaller
from typing import Any

import brainunit as u
import jax
from flax import nnx

from brainsim._core.watch import Watch

_RAW, _METADATA = methodcaller("get_raw_value"), methodcaller("get_metadata")  # of variables

# Attributes that are what they are as long as they are the same object; an ``_aside`` is no part of any structure.
UNCHANGING = (type(None), bool, int, float, str, bytes, u.Unit)


class Seen:
    """What a split has found.

    Parameters
    ----------
    net : Dynamics
    structure : Structure
    """

    def __init__(self, net, structure):
        self.net, self.structure = net, structure
        self.objects: list = []  # that it is made of
        self.variables: list[nnx.Variable] = []
        self.attributes: list = []  # that could change inside
        self.containers: list = []
        self.faithful = True  # whether all that the network holds is known
        places = [place for path, variable in self._walk(net, "", set()) for place in _places(path, variable)]
        order = {path: k for k, path in enumerate(places)}
        self.faithful &= sorted(places) == sorted(path for paths in structure.paths for path in paths)
        self.picked: list[list[Any]] = [[order.get(path) for path in paths] for paths in structure.paths]
        self.types, self.watch = list(map(type, self.objects)), Watch(list(map(vars, self.objects)))
        self.kinds, self.metadata = self._described()
        self.hashes = [hash(attribute) for attribute in self.attributes]
        self.tree = jax.tree.structure(self._values())

    def arrays(self) -> list[dict] | None:
        """Parameters, fixed arrays and state of the network by path; None where more than its arrays has changed."""
        same = list(map(type, self.objects)) == self.types and all(
            map(is_, map(vars, self.objects), self.watch.mappings)
        )
        if not (same and self.faithful and self.watch.holds() and (self.kinds, self.metadata) == self._described()):
            return None
        leaves, tree = jax.tree.flatten(self._values())
        if tree != self.tree or self.hashes != [hash(attribute) for attribute in self.attributes]:
            return None
        return [
            dict(zip(paths, [leaves[k] for k in picked])) for paths, picked in zip(self.structure.paths, self.picked)
        ]

    def _values(self) -> list:
        return [*map(_RAW, self.variables), self.containers]

    def _described(self) -> tuple[list, list]:
        return list(map(type, self.variables)), list(map(_METADATA, self.variables))

    def _walk(self, node, path: str, met: set[int]) -> Iterator[tuple[str, nnx.Variable]]:
        """Every variable with its path, in the order of nnx."""
        met.add(id(node))
        held = dict(vars(node))
        self.objects.append(node)
        self.faithful &= type(node)._pytree__is_pytree
        for name, value in sorted(held.items()):
            if not node._pytree__nodes.get(name, False):
                if not isinstance(value, UNCHANGING) and name not in ("_aside", "_pytree__nodes"):
                    self.attributes.append(value)
                continue
            if id(value) in met:
                continue
            inner = f"{path}.{name}" if path else name
            if isinstance(value, nnx.Variable):
                met.add(id(value))
                self.variables.append(value)
                yield inner, value
            elif isinstance(value, nnx.Pytree):
                yield from self._walk(value, inner, met)
            else:  # a container of its own, which may hold no arrays
                self.containers.append(value)
                self.faithful &= not jax.tree.leaves(value)


def _places(path: str, variable) -> list[str]:
    """Paths of the arrays of a variable, whose value may be a tree."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(variable.get_raw_value())
    return [".".join([path, *map(name_of, inner)]) for inner, _ in leaves]


def name_of(key) -> str:
    """The name in a key of a path through a tree."""
    return str(key.key) if isinstance(key, jax.tree_util.DictKey) else key.name
