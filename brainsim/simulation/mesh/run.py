"""A run on many devices: arrays on their way to the devices and back, and the loop on the host."""

from __future__ import annotations

import weakref

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from brainsim._mesh import AXIS
from brainsim.simulation import engine, fused
from brainsim.simulation.door import Entry
from brainsim.simulation.mesh.division import Division, Entered
from brainsim.simulation.mesh.exchange import Sent
from brainsim.simulation.mesh.layout import Layout
from brainsim.simulation.mesh.program import Chunk
from brainsim.simulation.one_pass import one_pass_is_best
from brainsim.simulation.programs import keep
from brainsim.simulation.report import Report


def is_alone() -> bool:
    """Whether this process is the only one."""
    return jax.process_count() == 1


class Run:
    """A network that is ready to run, on the devices of a mesh.

    It stands for the programs of one device in :func:`brainsim.simulation.loop.drive`.

    Parameters
    ----------
    entry : Entry
    mesh : jax.sharding.Mesh
        Of one axis.

    Raises
    ------
    ValueError
        For layers with random keys of their own, such as dropout: what they draw is not the same whichever device asks.
    """

    def __init__(self, entry: Entry, mesh: Mesh):
        self.entry, self.mesh = entry, mesh
        for path, array in (entry.parameters | entry.fixed | entry.state).items():
            if jnp.issubdtype(array.dtype, jax.dtypes.extended):
                raise ValueError(
                    f"mesh: {path} is a random key of a layer, as dropout has, which devices cannot share yet; leave out"
                    " mesh=..., or call the layer's eval()."
                )
        self.division = Division(entry.net, mesh.devices.size, entry.net._aside.share)
        self.chunk: Chunk | None = None

    def requests(self, requests):
        """What is recorded, as it is."""
        return requests

    # -- to the devices and back ---------------------------------------------------------------------------------------

    def place(self, entered: Entered) -> jax.Array:
        """An array on the devices."""
        if entered.piece is None:
            sharding = NamedSharding(self.mesh, PartitionSpec())
            whole = np.asarray(entered.whole)
            return jax.make_array_from_callback(whole.shape, sharding, lambda index: whole[index])
        sharding, count, piece = NamedSharding(self.mesh, PartitionSpec(AXIS)), self.division.devices, entered.piece

        def some(index):
            return np.stack([np.asarray(piece(k), entered.dtype) for k in range(*index[0].indices(count))])

        return jax.make_array_from_callback((count, *entered.shape), sharding, some)

    def enter(self, arrays: dict) -> dict:
        """Arrays by path on the devices; those that are the same as last time are not sent again."""
        return {path: self._kept(path, array) for path, array in arrays.items()}

    def enter_anew(self, arrays: dict) -> dict:
        """The same of arrays that change in every run."""
        return {path: self.place(self.division.enter(path, array)) for path, array in arrays.items()}

    def _kept(self, path, array):
        layout = self.division.layout(path, array.shape)  # not as before, where junctions were added
        placed, where = self.entry.net._aside.placed, (path, layout, tuple(self.mesh.devices.flat))
        known, there = placed.get(where, (None, None))
        if known is None or known() is not array:
            there = self.place(self.division.enter(path, array))
            placed[where] = weakref.ref(array), there
        return there

    def _tables(self, chunk: Chunk) -> dict:
        net = self.entry.net
        made = {}
        for name in chunk.needed:
            path = name.rpartition(":")[0]
            if name in chunk.places:
                if name not in chunk.placed:
                    chunk.placed[name] = self.place(chunk.places[name])
                made[name] = chunk.placed[name]
                continue
            targets = self.entry.fixed[path] if path in self.entry.fixed else net[path].conn.indices
            weights = self.entry.step_ms
            where = (name, weights, tuple(self.mesh.devices.flat))
            known, there = net._aside.placed.get(where, (None, None))
            if known is None or known() is not targets:
                there = self.place(self.division.table(name))
                net._aside.placed[where] = weakref.ref(targets), there
            made[name] = there
        return made

    def leave(self, arrays: dict) -> dict:
        """States by path, as they were before they entered."""
        shapes = {path: array.shape for path, array in self.entry.state.items()}
        made = {}
        for path, array in arrays.items():
            layout = self.division.layout(path, shapes[path])
            divided = layout is not None
            own = isinstance(layout, Layout) and layout.synapses in self.division.partial
            parts = self._of_here(array) if own else self._on_the_host(array)
            made[path] = jax.device_put(self.division.leave(path, shapes[path], parts) if divided else parts)
        return made

    def _of_here(self, array) -> dict[int, np.ndarray]:
        """The parts of the devices of this process, by their numbers."""
        return {shard.index[0].start or 0: np.asarray(shard.data)[0] for shard in array.addressable_shards}

    def _on_the_host(self, array) -> np.ndarray:
        if array.is_fully_addressable:
            return np.asarray(array)
        if array.is_fully_replicated:
            return np.asarray(array.addressable_data(0))
        from jax.experimental.multihost_utils import process_allgather

        return np.asarray(process_allgather(array, tiled=True))

    # -- in place of the programs of one device ----------------------------------------------------------------------------

    def start_of_samples(self, plan, structure, parameters, fixed, state, step):
        """Samples before the first step, of the whole network."""
        entry = self.entry
        return engine.start_of_samples(plan, structure, entry.parameters, entry.fixed, entry.state, step)

    def run_chunk(self, plan, structure, parameters, fixed, state, step, courses, n_steps):
        """As :func:`brainsim.simulation.engine.run_chunk`, of arrays on all devices."""
        arrays = parameters, fixed, state
        courses = {path: self.place(Entered(rows.shape, rows.dtype, None, rows)) for path, rows in courses.items()}
        step = jax.tree.map(lambda x: self.place(Entered(x.shape, x.dtype, None, x)), step)
        number = jnp.asarray(n_steps, jnp.int32)
        number = self.place(Entered((), number.dtype, None, number))
        program, tables = self._program(plan, structure, step, courses)
        told, state, recorded, samples = program(*arrays, tables, step, courses, number)
        report = Report(self._on_the_host(told), state)
        index, step = map(self._on_the_host, recorded)
        recorded = _in_order(index, step, report.counts)  # of each device
        samples = {label: self._on_the_host(array) for label, array in samples.items()}
        told = np.array([report.done, report.met, 1, len(recorded[0]), *report.finite], np.int32)
        return told, state, recorded, samples

    def _program(self, plan, structure, step, courses):
        entry = self.entry
        groups = tuple(
            {path: jax.ShapeDtypeStruct(x.shape, x.dtype) for path, x in group.items()}
            for group in (entry.parameters, entry.fixed, entry.state)
        )
        rows = [self.division.rows(path).size for path in self.division.projections]
        shapes = tuple((path, x.shape, str(x.dtype)) for group in (*groups, courses) for path, x in group.items())
        wide = jax.config.jax_enable_x64  # type: ignore[attr-defined]
        forests = tuple((name, forest.known) for name, forest in self.division.forests.items())
        key = "mesh", plan, tuple(self.mesh.devices.flat), tuple(rows), shapes, wide, forests
        programs = keep(structure)
        if key not in programs:
            programs[key] = self._compile(Chunk(plan, structure, self.division, self.mesh, groups), step, courses)
        program, chunk = programs[key]
        self.chunk = chunk
        return program, self._tables(chunk)

    def _compile(self, chunk: Chunk, step, courses):
        shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), (step, courses))
        chunk.trace(*shapes)
        groups = [
            {path: _one(self.division.enter(path, x), chunk.is_divided(path)) for path, x in group.items()}
            for group in (self.entry.parameters, self.entry.fixed, self.entry.state)
        ]
        number = jax.ShapeDtypeStruct((), jnp.int32)

        def given(names):
            tables = {name: _one(chunk.table(name), divided) for name, divided in names.items()}
            return *groups, tables, *shapes, number

        # Twice: the first time says which tables it needs
        jax.eval_shape(chunk.local({}), *given({}))
        names = {name: chunk.table(name).piece is not None for name in chunk.needed}
        traced = jax.jit(chunk.local(names), keep_unused=True).trace(*given(names))
        lowered, one_pass = traced.lower(), one_pass_is_best(traced.jaxpr)
        execute = fused.load_replicas(lowered, list(self.mesh.devices.flat), one_pass)
        made = jax.tree.map(lambda x: (x.shape, False), lowered.out_info, is_leaf=lambda x: hasattr(x, "shape"))
        told, state, *rest = made
        state = {path: (shape, chunk.is_divided(path)) for path, (shape, _) in state.items()}
        outs, tree = jax.tree.flatten((told, state, *rest), is_leaf=_is_result)
        mesh, count = self.mesh, self.division.devices
        chunk.division = _Forgotten(chunk.division)  # or the program would hold on to the network

        def program(*trees):
            results = execute(jax.tree.leaves(trees))
            return tree.unflatten(
                [_joined(mesh, count, out, pieces) for out, pieces in zip(outs, results, strict=True)]
            )

        return program, chunk

    @property
    def sent(self) -> list[Sent]:
        """What each device has sent in a step of the last chunk."""
        return [] if self.chunk is None else self.chunk.sent


def _one(entered: Entered, divided: bool):
    """An array as a program of one device takes it."""
    return jax.ShapeDtypeStruct((1, *entered.shape) if divided else entered.shape, entered.dtype)


def _is_result(x) -> bool:
    return isinstance(x, tuple) and len(x) == 2 and isinstance(x[1], bool)


def _joined(mesh: Mesh, count: int, out: tuple[tuple[int, ...], bool], pieces):
    """One array of what the devices have."""
    shape, divided = out
    spec = PartitionSpec(AXIS) if divided else PartitionSpec()
    whole = (count, *shape[1:]) if divided else shape
    return jax.make_array_from_single_device_arrays(whole, NamedSharding(mesh, spec), pieces)


class _Forgotten:
    """What is left of a division when its program is made."""

    def __init__(self, division):
        self.devices = division.devices


def _in_order(index, step, counts):
    """Events of all devices as one device would have listed them: by step, population and neuron."""
    index = np.concatenate([row[:n] for row, n in zip(index, counts, strict=True)])
    step = np.concatenate([row[:n] for row, n in zip(step, counts, strict=True)])
    order = np.lexsort((index, step))
    return index[order], step[order]
