"""Many runs of one network at once: over parameter values and seeds."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import elements, key_of
from brainsim._errors import NotEnoughMemoryError
from brainsim._memory import available_bytes, human
from brainsim._units import QuantityLike, in_unit
from brainsim.network import Network
from brainsim.simulation.door import check_count, enter, lists_of_values, over
from brainsim.simulation.in_use import alone
from brainsim.simulation.loop import bytes_per_row, check_memory, drive, non_finite, plan_of
from brainsim.simulation.plan import Record
from brainsim.simulation.progress import Progress
from brainsim.simulation.recorder import Recorder
from brainsim.simulation.recording import Recording
from brainsim.simulation.room import Room

MAX_BATCH = 256  # runs in one batch: beyond it, more in parallel gains nothing on a CPU
MEMORY_SHARE = 0.25  # of the free memory that one batch may use


class Sweep:
    """The recordings of a sweep, on the grid of its values.

    Attributes
    ----------
    axes : dict of str to quantity or array
        What was varied, in the order of the axes; ``"seed"`` is the last where seeds were given.
    shape : tuple of int
        Number of values along each axis.
    recordings : list of Recording
        In the order of ``numpy.ndindex(shape)``.
    """

    def __init__(self, axes: dict, recordings: list[Recording]):
        self.axes, self.recordings = axes, recordings
        self.shape = tuple(len(u.get_mantissa(values)) for values in axes.values())

    def __getitem__(self, index) -> Recording:
        """The recording at a point of the grid: ``sweep[0, 2]``."""
        at = elements(index, self.shape, repr(self))
        if at.ndim:
            raise IndexError(f"{self!r}: give one index for each axis, given {index!r}.")
        return self.recordings[int(at)]

    def __iter__(self):
        """The recordings, in the order of ``recordings``."""
        return iter(self.recordings)

    def __len__(self):
        return len(self.recordings)

    def __repr__(self):
        return f"Sweep({', '.join(f'{name}: {n}' for name, n in zip(self.axes, self.shape))})"

    def map(self, function: Callable[[Recording], Any]) -> u.Quantity | np.ndarray:
        """``function(recording)`` at every point, as an array (or quantity) of shape ``shape + result shape``."""
        results = [function(recording) for recording in self.recordings]
        unit = u.get_unit(results[0])
        array = np.stack([np.asarray(in_unit(result, unit, "result")) for result in results])
        array = array.reshape(*self.shape, *array.shape[1:])
        return array if unit == u.UNITLESS else u.Quantity(array, unit=unit)


@alone
def sweep(
    net: Network,
    values: dict[str, Any],
    duration: QuantityLike,
    *,
    dt: QuantityLike = 0.1 * u.ms,
    record: Record = (),
    sample_every: QuantityLike | None = None,
    inputs: dict[str, Any] | None = None,
    seeds: Sequence[int] | np.ndarray | range | None = None,
    batch_size: int | None = None,
    progress: bool | None = None,
) -> Sweep:
    """Run a network for every combination of parameter values and seeds, many at a time.

    Parameters
    ----------
    net : Network
        Every run starts from its present state; it stays as it is.
    values : dict of str to quantity, (k, ...)
        Values to take, by path: ``{"E.tau": [10, 20] * u.ms, "E->I.weight": [4, 6] * u.nS}``. A value may be one number
        or one per element. States may be varied too: then it is the value that they start from. What follows from
        initial values follows from these: derived defaults, and at the beginning histories in delays.
    duration, dt, record, sample_every, inputs, progress
        As in :func:`simulate`.
    seeds : sequence of int, optional
        Seeds of the noise. Initial states that were given as distributions are drawn anew for each, where the network
        stands at its beginning; so are states that were assigned as distributions since the last run. The wiring stays.
    batch_size : int, optional
        Runs at a time; by default as many as fit into a quarter of the free memory, at most 256. With several devices
        each takes a batch at a time.

    Returns
    -------
    Sweep

    Raises
    ------
    ValueError, UnitError, UnknownNameError, NotEnoughMemoryError, NonFiniteError, NetworkInUseError
        As :func:`simulate`.

    Notes
    -----
    The wiring is shared by all runs and stored once.
    """
    check_count("batch_size", batch_size)
    entry = enter(net, duration, dt=dt, record=record, sample_every=sample_every, inputs=inputs)
    if not values and seeds is None:
        raise ValueError("sweep: nothing to vary; give values={'E.tau': [...] * u.ms} or seeds=[...].")
    arrays = lists_of_values(entry.slots, entry.parameters | entry.state, values)
    seeds = None if seeds is None else _seeds(seeds)
    requests, step_ms, n_steps = entry.requests, entry.step_ms, entry.n_steps
    entry = entry.prepared(varied={path: values for path, values in arrays.items() if path in entry.parameters})
    structure, parameters, fixed, state = entry.structure, entry.parameters, entry.fixed, entry.state

    axes = dict(values) | ({} if seeds is None else {"seed": seeds})
    points = list(itertools.product(*(range(len(u.get_mantissa(v))) for v in axes.values())))
    check_memory(requests, n_steps, runs=len(points))
    devices = jax.local_devices()
    size = batch_size or _batch_size(net, requests, parameters | state, arrays, len(points), len(devices))
    n_batches = -(-len(points) // size)
    size = -(-len(points) // n_batches)

    room = Room(entry, arrays, runs=size)

    def one_batch(job):
        which, device = job
        n_wanted = len(which)
        which = which + which[-1:] * (size - n_wanted)  # the last batch is as large as the others: the same program
        rows = np.asarray(which)
        varied = {path: array[rows[:, k]] for k, (path, array) in enumerate(arrays.items())}
        given = {path: over(array, len(which), state[path].shape) for path, array in varied.items() if path in state}
        swept = {k: v for k, v in varied.items() if k in parameters}
        keys = np.stack([fixed["key"]] * len(which) if seeds is None else [key_of(seed) for seed in seeds[rows[:, -1]]])
        own_state = _starts(entry, room, swept, given, keys, seeds is not None)
        plan = plan_of(net, room.requests(requests), None, tuple(sorted(swept)), runs=len(which))
        recorders = [Recorder(requests, step_ms, int(state["steps"])) for _ in range(n_wanted)]
        trees = room.enter(parameters) | swept, room.enter(fixed) | {"key": keys}, own_state
        trees = jax.device_put(trees, device)
        numbers, tables, begin = trees
        _, broken = drive(plan, structure, numbers, tables, begin, step_ms, entry.inputs, n_steps, recorders, bar)
        if broken is not None:
            raise non_finite(net, broken[0], (int(state["steps"]) + broken[1]) * step_ms, recorders[0].finish(net))
        return [recorder.finish(net) for recorder in recorders]

    batches = [points[k : k + size] for k in range(0, len(points), size)]
    jobs = [(batch, devices[k % len(devices)]) for k, batch in enumerate(batches)]
    wide = jax.config.jax_enable_x64  # type: ignore[attr-defined]

    def in_this_precision(job):  # a thread of its own does not know what `with jax.enable_x64(...)` says around it
        with jax.enable_x64(wide):
            return one_batch(job)

    with Progress(progress, n_steps * len(batches)) as bar, ThreadPoolExecutor(len(devices)) as pool:
        recordings = [recording for batch in pool.map(in_this_precision, jobs) for recording in batch]
    return Sweep(axes, recordings)


def _starts(entry, room, swept, given, keys, anew: bool) -> dict:
    """The state that each run starts from; ``anew``: what was given as distributions is drawn, with ``keys``."""
    net, state, n = entry.net, entry.state, len(keys)
    drawn = net.drawn_anew() if anew else ()
    if not drawn and not net.follows():
        return _repeated(room.enter_anew(state), n) | given

    weights = swept.keys() & set(net.at_once())
    before = state | {path: entry.parameters[path] for path in weights}

    def start(swept, given, key):
        parameters, given = entry.parameters | swept, given | {path: swept[path] for path in weights}
        after = entry.structure.start(drawn, net.begun, parameters, entry.fixed, before, given, key)
        return {path: array for path, array in after.items() if array is not before[path]}

    changed = jax.vmap(start)(swept, given, keys)
    same = {path: array for path, array in state.items() if path not in changed}
    return _repeated(room.enter_anew(same), n) | room.enter_anew(changed)


@functools.partial(jax.jit, static_argnames="n")
def _repeated(state, n: int) -> dict:
    return {path: jnp.broadcast_to(array, (n, *array.shape)) for path, array in state.items()}


def _seeds(seeds) -> np.ndarray:
    array = np.asarray(seeds)
    if array.ndim != 1 or not array.size or array.dtype.kind not in "iu":
        raise ValueError(f"sweep: seeds must be a list of integers, given {seeds!r}.")
    return array


def _batch_size(net, requests, arrays, varied, points, devices) -> int:
    # Of each run: its state twice (before and after a step), what is varied, and its event and sample buffers.
    worst = sum(r.shape[0] for r in requests if r.is_spikes)
    per_run = 2 * sum(a.nbytes for a in arrays.values()) + sum(a.nbytes for a in varied.values()) // max(points, 1)
    per_run += 8 * plan_of(net, requests).capacity + 1000 * bytes_per_row(requests) + worst
    fits = int(MEMORY_SHARE * available_bytes() / per_run / devices)
    if fits < 1:
        raise NotEnoughMemoryError(f"sweep: one run needs {human(per_run)}, {human(available_bytes())} are free.")
    return min(fits, MAX_BATCH, -(-points // devices))
