"""A network as a pure function of arrays: the only place where nnx splits and merges."""

from __future__ import annotations

import dataclasses
import functools
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
from flax import nnx
from jax.core import Tracer

from brainsim import events
from brainsim._core.clock import Clock
from brainsim._core.declared import FixedVariable, ParameterVariable
from brainsim._core.dice import none_thrown
from brainsim._core.reads import NOTHING, Readers, Reads, also_known_as, reads_of, tracing_with, watched
from brainsim._core.seen import Seen, name_of
from brainsim._core.stepping import check_unshared, stepping

if TYPE_CHECKING:
    from brainsim._core.closed import Closed


@dataclasses.dataclass(frozen=True)
class Structure:
    """Everything about a network that is not an array: what a compiled program depends on.

    ``implementation`` is what serves its event operations, ``"kernel"`` or ``"plain"``; ``reads``, what its
    classes read from outside the network. ``shared`` is the one object that all equal structures have in common, with
    their compiled ``programs``; it lives as long as a network or someone else holds it.
    """

    graphdef: nnx.GraphDef
    treedefs: tuple
    paths: tuple[tuple[str, ...], ...]
    implementation: str = "kernel"
    reads: Reads = NOTHING
    shared: Structure | None = dataclasses.field(default=None, compare=False, repr=False)
    programs: dict = dataclasses.field(default_factory=dict, compare=False, repr=False)

    @functools.cached_property
    def readers(self) -> Readers:
        """What of it may read from outside."""
        return Readers.of(self.graphdef)

    @property
    def reads_through(self) -> tuple:
        """What reads from outside, where a component holds the structure of another network."""
        return self.readers

    @functools.cached_property
    def _hash(self) -> int:
        return hash((self.graphdef, self.treedefs, self.paths, self.implementation, self.reads))

    def __hash__(self):
        return self._hash

    def current(self) -> Structure:
        """The same with what its classes read now."""
        watch = vars(self).get("_watch")
        if watch is not None and watch.holds():
            return self
        reads, watch = watched(self.readers)
        if reads is not self.reads:
            return _sharing(dataclasses.replace(self, reads=reads, shared=None, programs={}))
        vars(self)["_watch"] = watch
        return self

    def merge(self, parameters: dict, fixed: dict, state: dict) -> Any:
        """The network made of these arrays (dictionaries from path to array)."""
        trees = [
            jax.tree.unflatten(treedef, [arrays[path] for path in paths])
            for treedef, paths, arrays in zip(self.treedefs, self.paths, (parameters, fixed, state))
        ]
        return nnx.merge(self.graphdef, *trees)

    def start(
        self,
        drawn: tuple[str, ...] | None,
        begun: bool,
        parameters: dict,
        fixed: dict,
        state: dict,
        given: dict,
        key: jax.Array | None = None,
    ) -> dict:
        """The state that a run starts from where ``given`` states stand in place of those in ``state``.

        Parameters
        ----------
        drawn : tuple of str
            Paths of the states that are drawn anew, with ``key``.
        begun : bool
            Whether the network has left its initial state: then nothing follows from initial values any more.
        """
        net = self.merge(parameters, fixed, state | given)
        with events.served_by(self.implementation), tracing_with(self.reads):
            net.start(state, frozenset(given), drawn, begun, key)
        return _flat(net)[-1]

    def step(self, parameters: dict, fixed: dict, state: dict, clock: Clock, inputs: dict) -> dict:
        """Advance one step: ``inputs`` overrides any variable, by path, for this step. Returns the new state."""
        return self.part(lambda net: net.update(clock), parameters, fixed, state, inputs)[1]

    def advance(
        self,
        population: str,
        parameters: dict,
        fixed: dict,
        state: dict,
        clock: Clock,
        inputs: Any = (),
        silent: bool = False,
    ) -> dict:
        """Advance one population alone by one step: receptors with what has arrived in them, stimuli, membrane.

        Returns its new state, by path; nothing is sent. Units do not depend on each other, so that the derivative of
        each unit's state after the step with respect to that before comes from as many tangents as it has states. Where
        it is ``silent``, spikes have no derivative.
        """
        own = clock.of(population)

        def alone(net):
            if getattr(net[population], "own_step_ms", None) is not None:
                raise ValueError(f"{population}: dt: steps of its own are for simulate, sweep and function.")
            if silent and getattr(net[population], "surrogate", None) is not None:
                net[population].fix(surrogate=None)
            net[population].update(own, *net[population].receive(own))

        _, after = self.part(alone, parameters, fixed, state, dict(inputs))
        return {path: array for path, array in after.items() if path.startswith(f"{population}.")}

    def through(self, projection: str, arrays: dict, arrived: jax.Array) -> dict[str, jax.Array]:
        """What a projection makes of ``arrived``, (n_pre,), at the ports of its receptor, by path: (n_post,) each.

        ``arrays``: all those of the network.
        """
        net = self.merge(arrays, arrays, arrays)
        path = net.projections[projection]
        receptor = net[path.post].receptors[path.receptor]
        with events.served_by(self.implementation), tracing_with(self.reads), stepping(net), none_thrown():
            sums = path.way.sums(arrived, receptor)
        return {f"{receptor.path}.{port}": array for port, array in sums.items()}

    def part(
        self, change: Callable[[Any], Any], parameters: dict, fixed: dict, state: dict, inputs: dict
    ) -> tuple[Any, dict]:
        """What ``change(net)`` returns, part of a step of the network made of these arrays, and the state after it."""
        net = self.merge(*({**a, **{k: v for k, v in inputs.items() if k in a}} for a in (parameters, fixed, state)))
        with events.served_by(self.implementation), tracing_with(self.reads), stepping(net), none_thrown():
            result = change(net)
        also_known_as(self.reads, self.readers)
        return result, _flat(net)[-1]


def split(net: Closed) -> tuple[Structure, dict, dict, dict]:
    """``(structure, parameters, fixed, state)`` of a network; state is whatever is not one of the others."""
    seen = net._aside.seen
    same = seen is not None and seen.net is net and seen.structure.implementation == events.implementation()
    arrays = seen.arrays() if seen is not None and same else None
    if seen is not None and arrays is not None:
        structure = seen.structure = seen.structure.current()
        net._aside.structure = structure.shared
        return structure, *arrays
    graphdef, treedefs, paths, *arrays = _flat(net)
    check_unshared(net, graphdef)
    structure = _sharing(Structure(graphdef, treedefs, paths, events.implementation(), reads_of(Readers.of(graphdef))))
    net._aside.structure = structure.shared
    if not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(arrays)):
        net._aside.seen = Seen(net, structure)
    return structure, *arrays


_shared: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def _sharing(structure: Structure) -> Structure:
    """The structure with the object that all equal ones share."""
    found = _shared.get(structure)
    shared = None if found is None else found()
    if shared is None:
        shared = dataclasses.replace(structure, graphdef=_without_asides(structure.graphdef))
        _shared[shared] = weakref.ref(shared)
    return dataclasses.replace(structure, shared=shared, programs=shared.programs)


def forget_programs() -> None:
    """Drop all compiled programs."""
    for structure in list(_shared):
        structure.programs.clear()


def _without_asides(graphdef):
    """The graph without what objects remember aside from it: to compare with, as long as it may live."""
    attributes = [
        (name, type(attribute)(type(attribute.value)()) if name == "_aside" else attribute)
        for name, attribute in graphdef.attributes
    ]
    return type(graphdef)(nodes=graphdef.nodes, attributes=attributes, num_leaves=graphdef.num_leaves)


def _flat(net) -> tuple:
    """Graph, structure of its three trees, paths and arrays of the network's parameters, fixed arrays and state."""
    graphdef, *trees = nnx.split(net, (ParameterVariable, nnx.Param), (FixedVariable, nnx.RngState), ...)
    flat = [jax.tree_util.tree_flatten_with_path(tree) for tree in trees]
    paths = tuple(tuple(_path(path) for path, _ in leaves) for leaves, _ in flat)
    arrays = [dict(zip(names, (leaf for _, leaf in leaves))) for names, (leaves, _) in zip(paths, flat)]
    return graphdef, tuple(treedef for _, treedef in flat), paths, *arrays


def _path(keys) -> str:
    # The names on the way to a variable, and inside it where its value is a tree; not the step into the variable
    # itself.
    names = [name_of(key) for key in keys]
    depth = sum(isinstance(k, jax.tree_util.DictKey) for k in keys)
    return ".".join(names[:depth] + names[depth + 1 :])


def write_back(net: nnx.Module, arrays: dict) -> None:
    """Write arrays, by path, into the live network."""
    for path, array in arrays.items():
        *owners, name = path.split(".")
        node = net
        for owner in owners:
            node = vars(node)[owner]
        vars(node)[name].set_raw_value(array)


def write_state(net: Closed, structure: Structure, state: dict) -> None:
    """The same of the state after a run, which is no tracer, of a network of which ``split`` gave ``structure``."""
    seen = net._aside.seen
    if seen is None or seen.structure is not structure or not seen.take(state):
        write_back(net, state)
