"""Running a network: from its present state, into a recording."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
from jax.core import Tracer

from brainsim._core import write_back
from brainsim._units import QuantityLike
from brainsim.network import Network
from brainsim.simulation import door, loop
from brainsim.simulation.function import run_traced
from brainsim.simulation.in_use import alone
from brainsim.simulation.plan import Record
from brainsim.simulation.progress import Progress
from brainsim.simulation.recorder import Recorder, of_arrays
from brainsim.simulation.recording import Recording
from brainsim.simulation.room import Room


@alone
def simulate(
    net: Network,
    duration: QuantityLike,
    *,
    dt: QuantityLike = 0.1 * u.ms,
    record: Record = (),
    sample_every: QuantityLike | None = None,
    inputs: dict[str, Any] | None = None,
    progress: bool | None = None,
    chunk_steps: int | None = None,
    checkpoint_every: int | None = None,
) -> Recording:
    """Run a network from its present state, and leave the new state in it.

    Parameters
    ----------
    net : Network
    duration : quantity, time
        How long; a multiple of ``dt``.
    dt : quantity, time
        Length of a step.
    record : str, (str, places), view, list of them, or dict of them to quantity
        What to record: ``"E.spikes"``, ``"E.V[:10]"``, ``"E->I.weight[::100]"``; of cells with a shape
        ``"cells.V@dend[3](0.5)"``, ``("cells.na.m", tips())``, or ``cells.at("dend")`` for V. As a dictionary, each with the
        interval of its samples: ``{"E.spikes": None, "E.V[0]": 0.1 * u.ms, "E->I.weight": 100 * u.ms}``.
    sample_every : quantity, time, optional
        Interval between samples of what is not spikes and has none of its own, a multiple of ``dt``; every step if left
        out.
    inputs : dict of str to array or quantity, (steps, ...), optional
        Time courses that override variables by path, one row per step: ``{"E.drive.amplitude": I}``.
    progress : bool, optional
        Show a progress bar. By default on a terminal or in a notebook, for runs that take more than a second.
    chunk_steps : int, optional
        Steps in one call of compiled code, at most; results do not depend on it.
    checkpoint_every : int, optional
        Only inside ``jax.grad``: see :func:`function`.

    Returns
    -------
    Recording
        Spike trains and samples. Samples are taken at the end of a step, spikes are stamped with the end of theirs.

    Raises
    ------
    ValueError, TypeError, UnitError, UnknownNameError
        For arguments that cannot be run; the network stays as it was.
    NotEnoughMemoryError
        If the samples do not fit into memory.
    NonFiniteError
        If a state becomes infinite or not a number; the network stays as it was.
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
    entry = door.enter(net, duration, dt=dt, record=record, sample_every=sample_every, inputs=inputs)
    if _traced(entry.parameters, entry.state, entry.fixed, entry.inputs):
        return _simulate_traced(entry, checkpoint_every)

    requests, step_ms, n_steps = entry.requests, entry.step_ms, entry.n_steps
    loop.check_memory(requests, n_steps)
    entry = entry.prepared()
    first = int(entry.state["steps"])
    recorder, room = Recorder(requests, step_ms, first), Room(entry)
    plan = loop.plan_of(net, room.requests(requests), chunk_steps)
    arrays = room.enter(entry.parameters), room.enter(entry.fixed), room.enter(entry.state)
    with Progress(progress, n_steps) as bar:
        state, broken = loop.drive(plan, entry.structure, *arrays, step_ms, entry.inputs, n_steps, [recorder], bar)
    if broken is not None:
        path, steps = broken
        raise loop.non_finite(net, path, (first + steps) * step_ms, recorder.finish(net))
    write_back(net, room.leave(state))
    net.went_on()
    return recorder.finish(net)


def _simulate_traced(entry: door.Entry, checkpoint_every) -> Recording:
    """Inside a transformation: as a scan, whose spikes are arrays."""
    copy = None
    if not _traced(entry.parameters, entry.state, entry.fixed):
        # Only inputs are traced: the network itself must not take up their tracers.
        copy = entry.structure.merge(entry.parameters, entry.fixed, entry.state)
    entry = entry.prepared(copy)
    state, samples = run_traced(entry, entry.parameters, entry.fixed, entry.state, entry.inputs, checkpoint_every)
    write_back(entry.net, state)
    entry.net.went_on()
    return of_arrays(entry.net, entry.requests, samples, entry.step_ms, 0)


def _traced(*trees) -> bool:
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(trees))
