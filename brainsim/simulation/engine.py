"""The engine: one step, looped. Compiled once for a structure and a plan, whatever the duration, the parameters or the
seed.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import functools
import math
from collections.abc import Callable, Hashable

import jax
import jax.numpy as jnp
import numpy as np

from brainsim import events
from brainsim._core import Clock, Exact, Structure
from brainsim.delays.gaussian import DUE
from brainsim.events.ends import are_finite, fresh
from brainsim.simulation import blocks, layered, over
from brainsim.simulation.derived import Derived, values
from brainsim.simulation.grouped import while_loop
from brainsim.simulation.order import Order
from brainsim.simulation.plan import Request
from brainsim.simulation.programs import Programs, keep
from brainsim.simulation.report import floats, report

# States of so few numbers are a single cell: its gradient costs calls and not arithmetic, and in segments a quarter
# less.
SINGLE_CELL = 32

# What steps that are computed again keep of the first time: arrivals, so that what is under way need not be kept.
KEPT = jax.checkpoint_policies.save_only_these_names(DUE)


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a compiled chunk records.

    Parameters
    ----------
    requests : tuple of Request
    rows : int
        Steps that the sample buffers have room for.
    capacity : int
        Spikes that the event buffer has room for; more than can be fired in one step.
    batched : tuple of str or None
        For a batch of runs, the parameters that have a leading batch axis; state and random key then have one too.
    until : Derived or None
        Condition that ends the run after a step.
    check_every : int
        Steps between looks at it.
    block : int
        Steps between looks at the room for events; one on a CPU.
    """

    requests: tuple[Request, ...]
    rows: int
    capacity: int
    batched: tuple[str, ...] | None = None
    until: Derived | None = None
    check_every: int = 1
    block: int = 1

    @functools.cached_property
    def _hash(self) -> int:
        return hash((self.requests, self.rows, self.capacity, self.batched, self.until, self.check_every, self.block))

    def __hash__(self):
        return self._hash

    @property
    def looked_at_after(self) -> int:
        """Steps between looks at whether the run goes on; each, where a condition may end it."""
        return 1 if self.until is not None else self.block

    @functools.cached_property
    def spikes(self) -> tuple[Request, ...]:
        return tuple(r for r in self.requests if r.is_spikes)

    @functools.cached_property
    def samples(self) -> tuple[Request, ...]:
        return tuple(r for r in self.requests if not r.is_spikes)

    @functools.cached_property
    def offsets(self) -> np.ndarray:
        """Where the indices of each recorded population begin in the event buffer, and where the last ends."""
        return np.concatenate([[0], np.cumsum([r.shape[0] for r in self.spikes])]).astype(int)

    def map(self, function, in_axes):
        """``function``, over the batch if there is one."""
        return function if self.batched is None else jax.vmap(function, in_axes)


def _run_chunk(plan: Plan, structure: Structure, platform: str, parameters, fixed, state, step_ms, inputs, n_steps):
    """Run up to ``n_steps`` steps, fewer if the event buffer might overflow: the rest is for the next chunk.

    ``inputs`` hold one row per step of this chunk. Returns ``(report, state, events, samples)``: ``report`` is read by
    :class:`Report`, ``events`` are index and step where spikes are recorded. With a batch, all arrays but the report have a
    leading batch axis.
    """
    batched = plan.batched or ()
    batch = () if plan.batched is None else (fixed["key"].shape[0],)
    first = jnp.ravel(state["steps"])[0]
    room = plan.capacity - int(plan.offsets[-1])
    axes = ({p: 0 if p in batched else None for p in parameters}, {p: 0 if p == "key" else None for p in fixed}, 0)
    types = _types(plan, structure, parameters, fixed, state, step_ms, axes)

    def advance(parameters, fixed, state, done, now):
        clock = Clock(first + done, step_ms, fixed["key"])
        return structure.step(parameters, fixed, state, clock, now)

    def write(parameters, fixed, state, recorded, samples, done, now):
        step, parameters = first + done, parameters | {k: v for k, v in now.items() if k in parameters}
        if plan.spikes:
            index, when, count = recorded
            fired = [request.select(state[request.path]) for request in plan.spikes]
            with events.served_by(structure.implementation):
                recorded = events.append_events(index, when, count, fired, step + 1, plan.offsets[:-1].tolist())
        for request in plan.samples:
            # The last write into a row is the one at the end of its interval.
            row = step // request.every - first // request.every
            sample = taken(request, parameters, fixed, state, step + 1)
            samples = samples | {request.label: with_sample(request, samples[request.label], sample, row)}
        return recorded, samples

    def taken(request, parameters, fixed, state, step):
        if request.derived is None or request.every == 1 or request.over is not None:
            return sample_of(request, structure, parameters, fixed, state, Clock(step, step_ms, fixed["key"]))
        return jax.lax.cond(
            step % request.every == 0,
            lambda: sample_of(request, structure, parameters, fixed, state, Clock(step, step_ms, fixed["key"])),
            lambda: jnp.zeros(request.shape, types[request.label]),
        )

    def unfinished(carry):
        done, _, (_, _, count), _, *met = carry
        goes_on = (done < n_steps) & (jnp.max(count) <= room)
        return goes_on & ~met[0] if met else goes_on

    def body(carry):
        done, state, recorded, samples, *met = carry
        now = {path: rows[done] for path, rows in inputs.items()}
        state = plan.map(advance, (*axes, None, None))(parameters, fixed, state, done, now)
        held = (axes[0], axes[1], 0, 0, 0, None, None)
        recorded, samples = plan.map(write, held)(parameters, fixed, state, recorded, samples, done, now)
        if plan.until is not None:
            held = parameters | {k: v for k, v in now.items() if k in parameters}
            met = [ended(plan.until, held, state, first + done + 1)]
        return done + 1, state, recorded, samples, *met

    def ended(until, parameters, state, step):
        def look():
            clock = Clock(step, step_ms, fixed["key"])
            return values([until], structure, parameters, fixed, state, clock)[until.label]

        return look() if plan.check_every == 1 else jax.lax.cond(step % plan.check_every == 0, look, lambda: False)

    def has_room(carry):
        done, _, (_, _, count), *_ = carry
        return (done + plan.block <= n_steps) & (jnp.max(count) <= plan.capacity - plan.block * int(plan.offsets[-1]))

    met = () if plan.until is None else (jnp.zeros((), bool),)
    kept = jnp.zeros((), jnp.int32), state, jnp.zeros(batch, jnp.int32), met
    with events.served_by(structure.implementation):
        (none, state, count, met), buffers, samples = begin(plan, kept, batch, plan.capacity, types)
    start = none, state, (*buffers, count), samples, *met
    if platform == "cpu":  # calls are what it pays for
        own = plan.until is not None or any(r.derived is not None and r.derived.anything for r in plan.samples)
        end = while_loop(unfinished, body, start, ours=structure.readers.are_ours and not own)
    else:
        loop = functools.partial(blocks.while_loop, unfinished, has_room, plan.looked_at_after)
        with_kernels = platform in blocks.WITH_KERNELS
        end = while_loop(unfinished, body, start, calls=False, loop=loop) if with_kernels else loop(body, start)
    done, state, (*recorded, count), samples, *met = end
    with events.served_by(structure.implementation):
        finite = are_finite([state[path] for path in floats(state)])
    return report(done, count, finite, *met), state, tuple(recorded) if plan.spikes else (), samples


def begin(plan: Plan, kept, batch: tuple[int, ...], capacity: int, types: dict) -> tuple:
    """What a loop begins with: a copy of what is ``kept``, the buffers of events, and those of samples by label."""
    rows = {r.label: (*batch, plan.rows // r.every + 2) for r in plan.samples}
    buffer = jax.ShapeDtypeStruct((*batch, capacity), jnp.int32)
    each = [r for r in plan.samples if r.over is None]  # of these, each row that is asked for is written
    unwritten = {r.label: jax.ShapeDtypeStruct((*rows[r.label], *r.shape), types[r.label]) for r in each}
    kept, (buffers, samples) = fresh(kept, ((buffer, buffer), unwritten))
    others = {r.label: over.nothing(r, rows[r.label], types[r.label]) for r in plan.samples if r.over is not None}
    return kept, buffers, samples | others


def with_sample(request: Request, rows: jax.Array, sample: jax.Array, row) -> jax.Array:
    """The samples, with that of a step in its row."""
    if request.over is not None:
        return over.taken_in(request, rows, sample, row)
    return jax.lax.dynamic_update_index_in_dim(rows, sample, row, 0)


run_chunk = Programs(_run_chunk, one_pass=True, goes_on=(2, 1))


def _types(plan: Plan, structure, parameters, fixed, state, step_ms, axes) -> dict:
    """Type of each sample, by label."""
    types = {r.label: variable(parameters, state, r.path).dtype for r in plan.samples if r.derived is None}
    computed = [r for r in plan.samples if r.derived is not None]
    if not computed:
        return types

    def all_of(parameters, fixed, state):
        clock = Clock(state["steps"], step_ms, fixed["key"])
        return {r.label: sample_of(r, structure, parameters, fixed, state, clock) for r in computed}

    shapes = jax.eval_shape(plan.map(all_of, axes), parameters, fixed, state)
    return types | {label: shape.dtype for label, shape in shapes.items()}


def sample_of(request: Request, structure: Structure, parameters, fixed, state, clock: Clock):
    """What is recorded of the network made of these arrays, at the time of ``clock``."""
    if request.derived is None:
        return request.select(variable(parameters, state, request.path))
    label = request.derived.label
    return request.select(values([request.derived], structure, parameters, fixed, state, clock)[label])


def _start_of_samples(plan: Plan, structure: Structure, platform: str, parameters, fixed, state, step_ms):
    """Samples of the state before the first step, by label."""
    batched = plan.batched or ()
    axes = ({p: 0 if p in batched else None for p in parameters}, {p: 0 if p == "key" else None for p in fixed}, 0)

    def all_of(parameters, fixed, state):
        clock = Clock(state["steps"], step_ms, fixed["key"])
        return {r.label: sample_of(r, structure, parameters, fixed, state, clock) for r in plan.samples}

    return plan.map(all_of, axes)(parameters, fixed, state)


start_of_samples = Programs(_start_of_samples)


def variable(parameters, state, path):
    """The array of a state, or of a parameter."""
    return state[path] if path in state else parameters[path]


def run_differentiable(
    requests,
    structure: Structure,
    parameters,
    fixed,
    state,
    step_ms: Exact,
    n_steps,
    checkpoint_every,
    remat,
    inputs,
    order: Order,
):
    """Run ``n_steps`` steps as a scan whose steps are computed again on the way back, or as one for each group of an
    ``order``. Returns ``(state, samples)``.
    """
    loop = functools.partial(_layers, order) if order.groups else functools.partial(_scan, checkpoint_every)
    loop, key = (
        functools.partial(loop, requests, n_steps, remat),
        ("scan", requests, n_steps, checkpoint_every, remat, order),
    )
    return kept_program(structure, key, loop)(parameters, fixed, state, step_ms, inputs)


def kept_program(structure: Structure, key: Hashable, function: Callable) -> Callable:
    """A function of arrays under ``jax.jit``, the same for the same key and equal structures, of which it finds the one of now
    as :func:`structure_now`.
    """
    programs = keep(structure)
    if key not in programs:
        programs[key] = jax.jit(function)

    def call(*arrays):
        with _traced_now(structure):
            return programs[key](*arrays)

    return call


def structure_now() -> Structure:
    """That of the program which is traced."""
    return _structure.get()


def run_moved(
    requests, structure: Structure, parameters, fixed, state, inputs, step_ms: Exact, n_steps: int, moves: dict
):
    """As a scan of steps behind each of which ``moves``, by path and of one row for each step, are added to the state."""
    fixed = _made_once(structure, parameters, fixed, state, step_ms, inputs)

    def body(state, now):
        courses, moves = now
        clock = Clock(state["steps"], step_ms, fixed["key"])
        state = structure.step(parameters, fixed, state, clock, courses)
        state |= {path: state[path] + move for path, move in moves.items()}
        held = parameters | {k: v for k, v in courses.items() if k in parameters}
        after = clock._replace(step=clock.step + 1)
        return state, {r.label: sample_of(r, structure, held, fixed, state, after) for r in requests}

    return jax.lax.scan(body, state, (inputs, moves), length=n_steps)


@contextlib.contextmanager
def _traced_now(structure):
    # Not held by the program, which would hold on to the network then: any structure that is equal will do
    token = _structure.set(structure)
    try:
        yield
    finally:
        _structure.reset(token)


_structure: contextvars.ContextVar[Structure] = contextvars.ContextVar("structure")


def _made_once(structure, parameters, fixed, state, step_ms, inputs) -> dict:
    """The fixed arrays, with what learned delays make of the parameters: the same in all steps."""
    owners = [path.removesuffix(".axon.kernel") for path in fixed if path.endswith(".axon.kernel")]
    owners = [owner for owner in owners if not any(path.startswith(f"{owner}.") for path in inputs)]
    if not owners:
        return fixed
    net = structure.merge(parameters, fixed, state)
    return fixed | {f"{owner}.axon.kernel": net.projections[owner].kernel(step_ms.high) for owner in owners}


def _layers(order, requests, n_steps, remat, parameters, fixed, state, step_ms, inputs):
    fixed = _made_once(_structure.get(), parameters, fixed, state, step_ms, inputs)
    record = {r.label: (r.path, r.select) for r in requests if r.path in state}
    run = functools.partial(layered.run, order, _structure.get(), parameters, fixed, state, step_ms, n_steps)
    after, samples = run(inputs, record, remat)
    for r in requests:
        if r.path not in state:
            array = parameters[r.path]
            samples[r.label] = jax.vmap(r.select)(inputs.get(r.path, jnp.broadcast_to(array, (n_steps, *array.shape))))
    return after, samples


def _scan(checkpoint_every, requests, n_steps, remat, parameters, fixed, state, step_ms, inputs):
    structure = _structure.get()
    fixed = _made_once(structure, parameters, fixed, state, step_ms, inputs)
    if checkpoint_every is None and sum(array.size for array in state.values()) <= SINGLE_CELL:
        checkpoint_every = math.isqrt(n_steps)

    def body(state, now):
        clock = Clock(state["steps"], step_ms, fixed["key"])
        state = structure.step(parameters, fixed, state, clock, now)
        held = parameters | {k: v for k, v in now.items() if k in parameters}
        after = clock._replace(step=clock.step + 1)
        return state, {r.label: sample_of(r, structure, held, fixed, state, after) for r in requests}

    if remat:
        body = jax.checkpoint(body, policy=KEPT)
    if checkpoint_every is None or checkpoint_every >= n_steps:
        return jax.lax.scan(body, state, inputs, length=n_steps)

    # Segments: only the state at the beginning of each is kept, and one segment at a time is unrolled on the way back.
    n_segments, rest = divmod(n_steps, checkpoint_every)

    @jax.checkpoint
    def segment(state, inputs):
        return jax.lax.scan(body, state, inputs, length=checkpoint_every)

    cut = n_segments * checkpoint_every
    head = {k: v[:cut].reshape(n_segments, checkpoint_every, *v.shape[1:]) for k, v in inputs.items()}
    state, samples = jax.lax.scan(segment, state, head, length=n_segments)
    samples = {k: v.reshape(cut, *v.shape[2:]) for k, v in samples.items()}
    if rest:
        state, tail = jax.lax.scan(body, state, {k: v[cut:] for k, v in inputs.items()}, length=rest)
        samples = {k: jnp.concatenate([v, tail[k]]) for k, v in samples.items()}
    return state, samples
