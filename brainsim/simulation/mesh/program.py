"""The compiled chunk of a run on many devices: the loop of :mod:`brainsim.simulation.engine`, on parts."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from brainsim import events
from brainsim._core import Clock, Structure
from brainsim.simulation import blocks, engine
from brainsim.simulation.derived import values
from brainsim.simulation.grouped import grouped, while_loop
from brainsim.simulation.mesh import operations, random_numbers, shapes  # noqa: F401  # their rules
from brainsim.simulation.mesh.ahead import Ahead
from brainsim.simulation.mesh.collectives import gathered
from brainsim.simulation.mesh.division import Entered
from brainsim.simulation.mesh.evaluate import Evaluation
from brainsim.simulation.mesh.exchange import Devices, Sent
from brainsim.simulation.mesh.layout import OWN, Layout, Part
from brainsim.simulation.report import floats, report

LOOKS = 16  # steps between looks at how full the buffers of spikes are, at most
SOME = 1 << 22  # events that there is room for between two looks


class Traced(NamedTuple):
    """A function of a whole network as a program, with what it takes and gives."""

    closed: Any
    gives: Any  # structure of its results

    @classmethod
    def of(cls, function, *arguments) -> Traced:
        closed, made = jax.make_jaxpr(function, return_shape=True)(*arguments)
        return cls(closed, jax.tree.structure(made))

    def on(self, evaluation: Evaluation, *parts):
        """Its results, as parts, of parts."""
        given = jax.tree.leaves(parts, is_leaf=lambda x: isinstance(x, Part))
        return jax.tree.unflatten(self.gives, evaluation.run(self.closed, given))


@dataclasses.dataclass
class Chunk:
    """The program of a plan for a network that is divided.

    Parameters
    ----------
    plan : Plan
    structure : Structure
    division : Division
    mesh : jax.sharding.Mesh or None
        None where nothing is compiled.
    groups : tuple of dict of str to ShapeDtypeStruct
        Parameters, fixed arrays and states of the whole network.
    """

    plan: engine.Plan
    structure: Structure
    division: Any
    mesh: Mesh | None
    groups: tuple[dict, ...]

    def __post_init__(self):
        parameters, fixed, state = self.groups
        self.layouts = {path: self.division.layout(path, x.shape) for group in self.groups for path, x in group.items()}
        self.sent: list[Sent] = []
        self.numbers = {path for forest in self.division.forests.values() for path in forest.numbers}
        self.ahead = Ahead(self.division, state)
        self.needed: list[str] = []  # tables, in the order in which they are asked for
        self.places: dict[str, Entered] = {}  # those that follow from the program
        self.placed: dict[str, jax.Array] = {}
        each = [r.shape[0] if r.elements is not None else self._most(r) for r in self.plan.spikes]
        worst = max(sum(each), 1)
        self.looks = int(np.clip(SOME // worst, 1, LOOKS))
        self.room = min(self.plan.capacity, 32 * worst + 64)
        self.capacity = self.room + (self.looks + 1) * worst

    def _most(self, request) -> int:
        """How many spikes of a population one device may record in a step."""
        layout = self.layouts[request.path]
        return layout.most if _is_in_blocks(layout) else request.shape[0]

    # -- what a step is, of the whole --------------------------------------------------------------------------------------

    def trace(self, step_ms, courses):
        number = jax.ShapeDtypeStruct((), jnp.int32)
        now = {path: jax.ShapeDtypeStruct(rows.shape[1:], rows.dtype) for path, rows in courses.items()}
        plan, structure = self.plan, self.structure

        def held(parameters, now):
            return parameters | {path: x for path, x in now.items() if path in parameters}

        def advance(parameters, fixed, state, number, length, now):
            state = structure.step(parameters, fixed, state, Clock(number, length, fixed["key"]), now)
            return state, [request.select(state[request.path]) for request in plan.spikes]

        def sample(request, parameters, fixed, state, number, length, now):
            clock = Clock(number + 1, length, fixed["key"])
            return engine.sample_of(request, structure, held(parameters, now), fixed, state, clock)

        def condition(parameters, fixed, state, number, length, now):
            clock = Clock(number + 1, length, fixed["key"])
            until: Any = plan.until
            return values([until], structure, held(parameters, now), fixed, state, clock)[until.label]

        given = (*self.groups, number, step_ms, now)
        self.advance = Traced.of(advance, *given)
        self.samples = {r.label: Traced.of(functools.partial(sample, r), *given) for r in plan.samples}
        self.until = None if plan.until is None else Traced.of(condition, *given)

    # -- what a device does ------------------------------------------------------------------------------------------------

    def _part(self, path: str, array) -> Part:
        layout = self.layouts[path]
        shape = next(group[path].shape for group in self.groups if path in group)
        owner, _, rest = path.partition(".")
        of = owner if owner in self.division.projections and rest.startswith("connectivity.") else ""
        of = path if path in self.ahead.lines or path in self.numbers else of
        of = owner if layout == OWN and owner in self.division.forests else of
        return Part(shape, array, layout, of=of)

    def on_a_device(self, parameters, fixed, state, tables, length, courses, n_steps):
        """The loop of one device, of what it holds: see :func:`brainsim.simulation.engine.run_chunk`."""
        plan = self.plan
        devices = Devices(self.division.devices, functools.partial(self._table, tables))
        division = self.division
        evaluation = Evaluation(devices, division.blocks, division.posts, division.forests)
        first = state["steps"]
        parts = functools.partial(_mapped, self._part)
        number_of = Part.whole

        def given(state, done, now):
            lengths = jax.tree.map(Part.whole, length)
            return (parts(parameters), parts(fixed), parts(state), number_of(first + done), lengths,
                    {path: Part.whole(x) for path, x in now.items()})  # fmt: skip

        def body(carry):
            devices.sent.clear()  # a loop may be traced more than once
            done, state, known, recorded, most, samples, *met = carry
            known = self.ahead.told(devices, known, state, done, first)
            for path in self.ahead.lines:
                devices.arriving[path] = functools.partial(self.ahead.arriving, path, known, done)
            now = {path: rows[done] for path, rows in courses.items()}
            after, fired = self.advance.on(evaluation, *given(state, done, now))
            state = {path: devices.laid(part, self.layouts[path]) for path, part in after.items()}
            state = {path: x.astype(self.groups[2][path].dtype) for path, x in state.items()}
            if plan.spikes:
                recorded = self._append(devices, recorded, fired, first + done + 1)
                look = done % self.looks == self.looks - 1
                most = jax.lax.cond(look, lambda: gathered(recorded[2], devices.count).max(), lambda: most)
            for request in plan.samples:
                take = functools.partial(self._sampled, devices, evaluation, request, given(state, done, now))
                samples = samples | {request.label: take(samples[request.label], first, first + done)}
            if self.until is not None:
                met = [self._ended(devices, evaluation, given(state, done, now), first + done + 1)]
            return done + 1, state, known, recorded, most, samples, *met

        def unfinished(carry):
            done, _, _, _, most, _, *met = carry
            goes_on = (done < n_steps) & (most <= self.room)
            return goes_on & ~met[0] if met else goes_on

        types = {label: traced.closed.jaxpr.outvars[0].aval.dtype for label, traced in self.samples.items()}
        met = () if self.until is None else (jnp.zeros((), bool),)
        nothing = jnp.zeros((), jnp.int32)
        with events.served_by(self.structure.implementation):
            kept = nothing, state, nothing, nothing, met
            (none, state, count, most, met), buffers, samples = engine.begin(plan, kept, (), self.capacity, types)
        start = none, state, self.ahead.nothing(devices), (*buffers, count), most, samples, *met
        done, state, _, recorded, _, samples, *met = self._loop(unfinished, body, start, n_steps)
        self.sent = devices.sent
        *recorded, counts = (gathered(x, devices.count) for x in recorded)
        return report(done, counts, self._finite(devices, state), *met), state, recorded, samples

    def _loop(self, unfinished, body, start, n_steps):
        """As on one device: see :func:`brainsim.simulation.engine.run_chunk`."""
        platform = "" if self.mesh is None else self.mesh.devices.flat[0].platform
        if platform == "cpu":
            own = self.until is not None or any(r.derived is not None and r.derived.anything for r in self.plan.samples)
            return while_loop(unfinished, body, start, ours=self.structure.readers.are_ours and not own)

        def has_room(carry):
            done, *_, most = carry[:5]
            return (done + self.looks <= n_steps) & (most <= self.room)

        body = grouped(body, calls=False) if platform in blocks.WITH_KERNELS else body
        steps = 1 if self.until is not None else self.looks
        return blocks.while_loop(unfinished, has_room, steps, body, start)

    def _append(self, devices: Devices, recorded, fired: list[Part], step):
        own, offsets = [], []
        for part, offset in zip(fired, self.plan.offsets[:-1].tolist(), strict=True):
            layout: Any = part.layout
            if _is_in_blocks(layout):
                here, first = layout.is_here(devices.here), layout.first(devices.here)
            else:  # all devices know them: the first one records them
                layout, here, first = None, jnp.broadcast_to(devices.here == 0, part.shape), 0
            array = devices.laid(part, layout)
            own.append(jnp.where(here, array, jnp.zeros((), array.dtype)))
            offsets.append(offset + first)
        with events.served_by(self.structure.implementation):
            index, when, count = recorded
            return events.append_events(index, when, count, own, step, offsets)

    def _sampled(self, devices: Devices, evaluation: Evaluation, request, given, rows, first, step):
        """The samples so far, with that of this step where one is due."""

        def write():
            sample = devices.whole(self.samples[request.label].on(evaluation, *given))
            return engine.with_sample(request, rows, sample, step // request.every - first // request.every)

        return (
            write()
            if request.every == 1 or request.over is not None
            else jax.lax.cond((step + 1) % request.every == 0, write, lambda: rows)
        )

    def _ended(self, devices, evaluation, given, step):
        def look():
            until: Any = self.until
            return devices.whole(until.on(evaluation, *given))

        every = self.plan.check_every
        return look() if every == 1 else jax.lax.cond(step % every == 0, look, lambda: False)

    def _finite(self, devices: Devices, state):
        """Whether each of :func:`brainsim.simulation.report.floats` is finite."""
        flags = [jnp.ones(0, bool)]
        for path in floats(state):
            good, layout = jnp.isfinite(state[path]), self.layouts[path]
            if isinstance(layout, Layout) and not layout.synapses:
                here = jnp.expand_dims(layout.is_here(devices.here), [k for k in range(good.ndim) if k != layout.axis])
                good = good | ~here
            flags.append(jnp.all(good)[None])
        return jnp.all(gathered(jnp.concatenate(flags), devices.count), 0)

    def _table(self, tables, name, rows=None):
        if name in tables:
            return tables[name]
        if name not in self.needed:
            self.needed.append(name)
            if rows is not None:
                self.places[name] = Entered(rows[0].shape, rows[0].dtype, rows.__getitem__)
        entered = self.table(name)
        return jnp.zeros(entered.shape, entered.dtype)

    def table(self, name: str) -> Entered:
        """An array that the program uses besides those of the network."""
        return self.places[name] if name in self.places else self.division.table(name)

    # -- the program -------------------------------------------------------------------------------------------------------

    def local(self, names: dict[str, bool]):
        """The program of one device, of arrays with an axis of length 1 in front where they are divided; ``names``: the
        tables, and whether each is divided.
        """

        def enter(arrays: dict, divided) -> dict:
            return {path: x[0] if divided(path) else x for path, x in arrays.items()}

        def chunk(parameters, fixed, state, tables, step, courses, n_steps):
            groups = [enter(group, self.is_divided) for group in (parameters, fixed, state)]
            own = enter(tables, names.get)
            done, state, *rest = self.on_a_device(groups[0], groups[1], groups[2], own, step, courses, n_steps)
            return done, {path: x[None] if self.is_divided(path) else x for path, x in state.items()}, *rest

        return chunk

    def is_divided(self, path: str) -> bool:
        """Whether each device has an array of its own."""
        return self.layouts[path] is not None


def _is_in_blocks(layout: Any) -> bool:
    """Whether what a device has of a population follows each other."""
    return isinstance(layout, Layout) and layout.rows == 1


def _mapped(function, arrays: dict) -> dict:
    return {path: function(path, array) for path, array in arrays.items()}
