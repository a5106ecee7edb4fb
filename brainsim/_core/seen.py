"""A network as it was when it was last split: whether only its arrays have changed since, which is quick to see.

To split with nnx takes longer than a hundred steps of a small network. Between two runs its objects mostly hold what
they held before, and then the same variables stand at the same paths.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Sequence
from operator import is_, itemgetter, methodcaller

import brainunit as u
import jax
from flax import nnx

from brainsim._core.watch import Watch

# Places where flax keeps what a variable is: its methods take longer than a step of a small network
_value, _metadata = (vars(nnx.Variable).get(name) for name in ("_raw_value", "_var_metadata"))
value_of = methodcaller("get_raw_value") if _value is None else _value.__get__
put = nnx.Variable.set_raw_value if _value is None else _value.__set__  # in whatever transformation
_metadata_of = methodcaller("get_metadata") if _metadata is None else _metadata.__get__

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
        self.attributes: list = []  # that could change inside
        self.containers: list = []
        self.faithful = True  # whether all that the network holds is known
        walked = dict(self._walk(net, "", set()))
        self.variables = list(walked.values())
        # Most variables hold one array each; trees of arrays are dear to flatten
        self.by_path = {path: v for path, v in walked.items() if jax.tree_util.all_leaves([value_of(v)])}
        self.single = list(self.by_path.values())
        self.trees = [variable for path, variable in walked.items() if path not in self.by_path]
        inner = [place for path, v in walked.items() if path not in self.by_path for place in _places(path, v)]
        order = {path: k for k, path in enumerate([*self.by_path, *inner])}
        self.faithful &= sorted(order) == sorted(path for paths in structure.paths for path in paths)
        self.picked = [_picking([order.get(path) for path in paths]) for paths in structure.paths]
        self.writable = self.by_path.keys() >= set(structure.paths[-1])  # whether each state is a variable
        self.types, self.watch = list(map(type, self.objects)), Watch(list(map(vars, self.objects)))
        self.kinds, metadata = self._described()
        self.metadata = list(map(dict, metadata))
        self.hashes = [hash(attribute) for attribute in self.attributes]
        self.held, (_, self.tree) = list(map(type, map(value_of, self.single))), self._flat_trees()

    def arrays(self) -> list[dict] | None:
        """Parameters, fixed arrays and state of the network by path; None where more than its arrays has changed."""
        same = list(map(type, self.objects)) == self.types and all(
            map(is_, map(vars, self.objects), self.watch.mappings)
        )
        if not (same and self.faithful and self.watch.holds() and (self.kinds, self.metadata) == self._described()):
            return None
        values, (leaves, tree) = list(map(value_of, self.single)), self._flat_trees()
        whole = list(map(type, values)) == self.held or jax.tree_util.all_leaves(values)
        if not whole or tree != self.tree or self.hashes != [hash(attribute) for attribute in self.attributes]:
            return None
        values += leaves
        return [dict(zip(paths, picked(values))) for paths, picked in zip(self.structure.paths, self.picked)]

    def take(self, state: dict) -> bool:
        """Write the state, arrays by path that are no tracers; False where a variable holds a tree of them.

        Raises
        ------
        flax.errors.TraceContextError
            Inside a transformation that the network is not of; asked of one variable for all.
        """
        if not self.writable:
            return False
        variables, arrays = map(self.by_path.__getitem__, state), list(state.values())
        next(variables).set_raw_value(arrays[0])
        collections.deque(map(put, variables, arrays[1:]), maxlen=0)
        return True

    def _flat_trees(self) -> tuple:
        held = [*map(value_of, self.trees), *self.containers]
        return jax.tree.flatten(held) if held else ((), None)

    def _described(self) -> tuple[list, list]:
        return list(map(type, self.variables)), list(map(_metadata_of, self.variables))

    def _walk(self, node, path: str, met: set[int]) -> Iterator[tuple[str, nnx.Variable]]:
        """Every variable with its path, in the order of nnx."""
        met.add(id(node))
        held = dict(vars(node))
        self.objects.append(node)
        self.faithful &= type(node)._pytree__is_pytree
        for name, value in sorted(held.items()):
            if not node._pytree__nodes.get(name, False):
                if not _is_unchanging(value) and name not in ("_aside", "_pytree__nodes"):
                    self.attributes.append(value)
                continue
            if id(value) in met or name == "_pytree__state":  # what flax notes while an object is made
                continue
            inner = f"{path}.{name}" if path else name
            if isinstance(value, nnx.Variable):
                met.add(id(value))
                yield inner, value
            elif isinstance(value, nnx.Pytree):
                yield from self._walk(value, inner, met)
            else:  # a container of its own, which may hold no arrays
                self.containers.append(value)
                self.faithful &= not jax.tree.leaves(value)


def _picking(places: list) -> Callable[[list], Sequence]:
    """Those of a list that stand at some places."""
    return itemgetter(*places) if len(places) > 1 else lambda leaves: [leaves[k] for k in places]


def _is_unchanging(value) -> bool:
    return all(map(_is_unchanging, value)) if type(value) is tuple else isinstance(value, UNCHANGING)


def _places(path: str, variable) -> list[str]:
    """Paths of the arrays of a variable, whose value may be a tree."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(variable.get_raw_value())
    return [".".join([path, *map(name_of, inner)]) for inner, _ in leaves]


def name_of(key) -> str:
    """The name in a key of a path through a tree."""
    return str(key.key) if isinstance(key, jax.tree_util.DictKey) else key.name
