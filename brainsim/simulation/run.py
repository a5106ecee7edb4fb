"""Running a network: from its present state, into a recording."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import brainunit as u
import numpy as np
from jax.core import Tracer
from jax.sharding import Mesh

from brainsim._core import count_of, split, write_back, write_state
from brainsim._errors import names_arguments
from brainsim._units import QuantityLike
from brainsim.integrators import Adaptive
from brainsim.network import Network
from brainsim.simulation import derived, door, loop
from brainsim.simulation.continuous import run as continuous
from brainsim.simulation.function import run_traced
from brainsim.simulation.in_use import alone
from brainsim.simulation.mesh import Run, is_alone, mesh_of
from brainsim.simulation.plan import WHOLE
from brainsim.simulation.progress import Progress
from brainsim.simulation.recorder import Recorder, of_arrays
from brainsim.simulation.recording import Recording
from brainsim.simulation.room import Room
from brainsim.simulation.wanted import Wanted


@names_arguments
@alone
def simulate(
    net: Network,
    duration: QuantityLike,
    *,
    dt: QuantityLike = 0.1 * u.ms,
    record: Wanted = (),
    sample_every: QuantityLike | None = None,
    inputs: dict[str, Any] | None = None,
    until: Callable[[Network], Any] | None = None,
    check_every: QuantityLike | None = None,
    callback: Callable[[Network], Any] | None = None,
    callback_every: QuantityLike | None = None,
    progress: bool | Callable[[float, float], Any] | None = None,
    chunk_steps: int | None = None,
    checkpoint_every: int | None = None,
    adaptive: Adaptive | None = None,
    mesh: Mesh | int | Sequence[Any] | None = None,
) -> Recording:
    """Run a network from its present state, and leave the new state in it.

    Parameters
    ----------
    net : Network
    duration : quantity, time
        How long; a multiple of ``dt``.
    dt : quantity, time
        Length of a step.
    record : str, (str, places), view, Record, list of them, or dict of them to quantity, function or Record
        What to record: variables ``"E.spikes"``, ``"E.V[:10]"``, ``"E->I.weight[::100]"``; of cells with a shape
        ``"cells.V@dend[3](0.5)"``, ``("cells.na.m", tips())``, or ``cells.at("dend")`` for V; currents ``"E.ampa.I"`` of a
        receptor, ``"cell.na.I"`` of a channel (per area, into the cell), ``"E.I"`` of all receptors and stimuli,
        ``"E.drive.value"`` of a stimulus; ``"mean(E.V)"``, and ``std``, ``sum``, ``min`` and ``max``. As a dictionary, each
        with the interval of its samples, or by a name of one's own: a path, ``{"potential": "E.V[:10]"}``, or a function of
        the network, ``{"E.spikes": None, "E.V[0]": 0.1 * u.ms, "above": lambda net: (net.E.V > -50 * u.mV).mean()}``.
        :class:`Record` says more of an item: an interval, a window of time, the initial value.
    sample_every : quantity, time, optional
        Interval between samples of what is not spikes and has none of its own, a multiple of ``dt``; every step if left
        out.
    inputs : dict of str to array or quantity, (steps, ...), optional
        Time courses that override variables by path, one row per step: ``{"E.drive.amplitude": I}``.
    until : callable, optional
        Condition that ends the run early: ``until(net)``, true or false, compiled with the step and looked at after each:
        ``until=lambda net: net.E.spikes.any()``.
    check_every : quantity, time, optional
        How often ``until`` is looked at: when the time is a multiple of it. In every step if left out.
    callback : callable, optional
        ``callback(net)`` is called in Python, with the live network, whenever its time is a multiple of
        ``callback_every``: to look, to save, to assign parameters, states or inputs. Where it returns True the run ends.
    callback_every : quantity, time, optional
        A multiple of ``dt``.
    progress : bool or callable, optional
        Show a progress bar. By default on a terminal or in a notebook, for runs that take more than a second. A function
        is called a few times a second, and at the end: ``progress(done, seconds)``, with the part of the duration that
        is done and the seconds that it took.
    chunk_steps : int, optional
        Steps in one call of compiled code, at most; results do not depend on it.
    checkpoint_every : int, optional
        Only inside ``jax.grad``: see :func:`function`.
    adaptive : Adaptive, optional
        Integrate in steps of the network's own length, to the tolerances of
        :class:`brainsim.integrators.Adaptive`, with spikes, resets, arrivals and jumps of stimuli at their own times; needs
        float64. ``dt`` is then the grid of samples alone, and of the duration; it may be longer than delays and refractory times.
        What acts step by step (noise, plasticity, terminals, graded signals) is refused by name.
    mesh : jax.sharding.Mesh of one axis, list of jax.Device, or int, optional
        Divide the network among these devices, or the first so many: neurons of every population in blocks, each device
        with the synapses onto its neurons. The result is that of one device, to the last bit. By default those that the
        network was built on, if it was built on any.

    Returns
    -------
    Recording
        Spike trains and samples; ``stop`` says when the run ended. Samples are taken at the end of a step, spikes are
        stamped with the end of theirs. A
        current is that at the potential and the conductance of that moment, and a stimulus has the value that it has in
        the step that begins there.

    Raises
    ------
    ValueError, TypeError, UnitError, UnknownNameError
        For arguments that cannot be run; the network stays as it was.
    NotEnoughMemoryError
        If the samples do not fit into memory.
    NonFiniteError
        If a state becomes infinite or not a number; the network stays as it was (before the run, or after the last
        callback).
    NetworkInUseError
        If another run of this network goes on, in another thread or around this one.

    Notes
    -----
    Compiles once per structure of the network and plan of recording. Inside ``jax.grad`` or ``jax.vmap`` it runs as a
    scan with rematerialised steps, and recorded spikes are arrays of shape (steps, n). Where only ``inputs`` are
    traced, the network keeps its state.
    """
    door.check_count("chunk_steps", chunk_steps)
    door.check_count("checkpoint_every", checkpoint_every)
    over = _mesh_of(net, mesh)
    entry = door.enter(net, duration, dt=dt, record=record, sample_every=sample_every, inputs=inputs, mesh=over)
    if adaptive is not None:
        options = dict(until=until, check_every=check_every, callback=callback, callback_every=callback_every)
        continuous.check_options(**options, chunk_steps=chunk_steps, checkpoint_every=checkpoint_every, mesh=over)
        return continuous.run(entry, adaptive, progress)
    ends = _ends(entry, until, check_every)
    interval = _callback_interval(entry, callback, callback_every)
    if not (entry.ready and not entry.inputs) and _traced(entry.parameters, entry.state, entry.fixed, entry.inputs):
        if over is not None:
            raise ValueError("simulate: mesh is not for the inside of a transformation.")
        if ends[0] is not None or callback is not None:
            raise ValueError("simulate: until and callback are not for the inside of a transformation.")
        return _simulate_traced(entry, checkpoint_every)
    loop.check_memory(entry.requests, entry.n_steps)
    entry = entry.prepared()
    first, courses = entry.first, entry.inputs
    recorder, last = Recorder(entry.requests, entry.step_ms, first, entry.n_steps), first + entry.n_steps
    now = first
    if over is not None and not is_alone():
        progress = False  # how long a piece takes must not decide how long the next one is: processes differ
    with Progress(progress, entry.n_steps) as bar:
        while True:
            stop = last if interval is None else min(last, (now // interval + 1) * interval)
            met = _advance(entry, stop - now, recorder, bar, chunk_steps, ends, over)
            now = first + recorder.steps
            if callback is not None and interval is not None and now % interval == 0:
                answer = callback(net)
                met = met or _is_true(answer)
                entry = _after_callback(entry, now)
            if met or now == last:
                return recorder.finish()
            rest = {path: rows[now - first :] for path, rows in courses.items()}
            entry = dataclasses.replace(entry, inputs=rest, ready=False).prepared()


def _mesh_of(net, mesh) -> Mesh | None:
    """The mesh that is asked for, or the one that the network was built on."""
    if mesh is not None:
        return mesh_of(mesh)
    share = net._aside.share if isinstance(net, Network) else None
    return None if share is None else share.mesh


def _advance(entry: door.Entry, n_steps: int, recorder: Recorder, bar: Progress, chunk_steps, ends, over) -> bool:
    """Run ``n_steps`` steps into the recorder and leave the state in the network; whether a condition has ended the run."""
    net, step_ms = entry.net, entry.step_ms
    room: Room | Run
    if over is None:
        programs, (room, plan) = None, loop.kept_plan(entry, chunk_steps, *ends)
    else:
        room = programs = Run(entry, over)
        plan = loop.plan_of(net, entry.requests, chunk_steps, None, 1, *ends)
        plan = dataclasses.replace(plan, block=1)  # what is recorded is on the host already
    arrays = room.enter(entry.parameters), room.enter(entry.fixed), room.enter(entry.state)
    inputs = {path: rows[:n_steps] for path, rows in entry.inputs.items()}
    state, broken, met = loop.drive(plan, entry.structure, *arrays, step_ms, inputs, n_steps, [recorder], bar, programs)
    if broken is not None:
        path, steps = broken
        raise loop.non_finite(net, path, (count_of(entry.state["steps"]) + steps) * step_ms, recorder.finish())
    write_state(net, entry.structure, room.leave(state))
    net.went_on(recorder.first + recorder.steps)
    return met


def _ends(entry: door.Entry, until, check_every) -> tuple[derived.Derived | None, int]:
    """The condition that ends a run, and the steps between looks at it."""
    if until is None:
        if check_every is not None:
            raise ValueError("check_every: says how often until is looked at; give until=... too.")
        return None, 1
    if not callable(until):
        raise TypeError(f"until: expected a function of the network, given {until!r}.")
    every = 1 if check_every is None else door.interval_of(entry.step_ms, entry.n_steps, check_every, "check_every")
    condition = derived.of_function("until", until)
    arrays = entry.structure, entry.parameters, entry.fixed, entry.state
    shape, dtype, _ = derived.facts([condition], *arrays, entry.step_ms)["until"]
    if shape or dtype.kind != "b":
        raise TypeError(
            f"until: the function must give one truth value, such as net.E.spikes.any(), given {dtype} of shape {shape}."
        )
    return condition, every


def _is_true(answer: Any) -> bool:
    """Whether a callback has returned that the run is to end; what is no truth value says nothing."""
    if getattr(answer, "dtype", type(answer)) not in (bool, np.dtype(bool)):
        return False
    if np.ndim(answer):
        raise TypeError(
            f"callback: it ends the run by returning one truth value, such as net.E.spikes.any(); given {np.shape(answer)} of"
            " them."
        )
    return bool(answer)


def _callback_interval(entry: door.Entry, callback, callback_every) -> int | None:
    """Steps between calls of a callback."""
    if (callback is None) != (callback_every is None):
        raise ValueError("callback: give both callback=... and callback_every=..., how often it is called.")
    if callback is None:
        return None
    if not callable(callback):
        raise TypeError(f"callback: expected a function of the network, given {callback!r}.")
    return door.interval_of(entry.step_ms, entry.n_steps, callback_every, "callback_every")


def _after_callback(entry: door.Entry, now: int) -> door.Entry:
    """The entry with what a callback has assigned.

    Raises
    ------
    ValueError
        If it has done more than to assign numbers.
    """
    structure, parameters, fixed, state = split(entry.net)
    if structure.shared is not entry.structure.shared or count_of(state["steps"]) != now:
        raise ValueError(
            "callback: it may assign numbers of the network, and not add, take out or reset anything; to do so, let it"
            " return True, which ends the run, and begin another one."
        )
    for request in entry.requests:
        before, after = ((group | state).get(request.path) for group in (entry.parameters, parameters))
        if before is not None and after is not None and before.shape != after.shape:
            raise ValueError(f"callback: {request.path} is recorded, and was {before.shape}; given {after.shape}.")
    return dataclasses.replace(entry, structure=structure, parameters=parameters, fixed=fixed, state=state)


def _simulate_traced(entry: door.Entry, checkpoint_every) -> Recording:
    """Inside a transformation: as a scan, whose spikes are arrays."""
    for request in entry.requests:
        if request.initial or request.window != WHOLE:
            raise ValueError(
                f"record: {request.label!r} takes no window and no initial value inside a transformation; select them"
                " in what it returns."
            )
    copy = None
    if not _traced(entry.parameters, entry.state, entry.fixed):
        # Only inputs are traced: the network itself must not take up their tracers.
        copy = entry.structure.merge(entry.parameters, entry.fixed, entry.state)
    entry = entry.prepared(copy)
    state, samples = run_traced(entry, entry.parameters, entry.fixed, entry.state, entry.inputs, checkpoint_every)
    write_back(entry.net, state)
    entry.net.went_on()
    return of_arrays(entry.requests, samples, entry.step_ms, 0)


def _traced(*groups: dict) -> bool:
    kinds = {kind for arrays in groups for kind in map(type, arrays.values())}
    return any(issubclass(kind, Tracer) for kind in kinds)
