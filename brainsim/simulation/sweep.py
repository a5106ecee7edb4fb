"""Many runs of one network at once: over parameter values and seeds."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import split
from brainsim._errors import NotEnoughMemoryError, UnknownNameError, suggestion
from brainsim._memory import available_bytes, human
from brainsim._units import in_unit
from brainsim.network import Network
from brainsim.simulation.plan import parse
from brainsim.simulation.progress import Progress
from brainsim.simulation.recording import Recorder, Recording
from brainsim.simulation.run import (
    bytes_per_row,
    check_memory,
    check_network,
    drive,
    inputs_of,
    interval_of,
    non_finite,
    plan_of,
    steps_of,
)

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
        return self.recordings[int(np.ravel_multi_index(index if isinstance(index, tuple) else (index,), self.shape))]

    def __len__(self):
        return len(self.recordings)

    def __repr__(self):
        return f"Sweep({', '.join(f'{name}: {n}' for name, n in zip(self.axes, self.shape))})"

    def map(self, function):
        """``function(recording)`` at every point, as an array (or quantity) of shape ``shape + result shape``."""
        results = [function(recording) for recording in self.recordings]
        unit = u.get_unit(results[0])
        array = np.stack([np.asarray(in_unit(result, unit, "result")) for result in results])
        array = array.reshape(*self.shape, *array.shape[1:])
        return array if unit == u.UNITLESS else u.Quantity(array, unit=unit)


def sweep(
    net: Network,
    values: dict,
    duration,
    *,
    dt=0.1 * u.ms,
    record=(),
    sample_every=None,
    inputs: dict | None = None,
    seeds=None,
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
        or one per element. States may be varied too: then it is their initial value.
    duration, dt, record, sample_every, inputs, progress
        As in :func:`simulate`.
    seeds : sequence of int, optional
        Seeds of the noise. Initial states that were given as distributions are drawn anew for each; the wiring stays.
    batch_size : int, optional
        Runs at a time; by default as many as fit into a quarter of the free memory, at most 256. With several devices
        each takes a batch at a time.

    Returns
    -------
    Sweep

    Raises
    ------
    ValueError, UnitError, UnknownNameError, NotEnoughMemoryError, NonFiniteError
        As :func:`simulate`.

    Notes
    -----
    The wiring is shared by all runs and stored once.
    """
    step_ms, n_steps = steps_of(duration, dt)
    every = interval_of(sample_every, step_ms, n_steps)
    check_network(net)
    _, parameters, _, state = split(net)
    requests = parse(net, record, every, parameters | state)
    if not values and seeds is None:
        raise ValueError("sweep: nothing to vary; give values={'E.tau': [...] * u.ms} or seeds=[...].")
    arrays = {path: _values(net, path, given, parameters | state) for path, given in values.items()}
    structure, parameters, fixed, state = net.prepare(step_ms)
    inputs = inputs_of(net, inputs or {}, parameters | state, n_steps)

    axes = dict(values) | ({} if seeds is None else {"seed": np.asarray(seeds)})
    points = list(itertools.product(*(range(len(u.get_mantissa(v))) for v in axes.values())))
    if not points:
        raise ValueError("sweep: one of the lists of values is empty.")
    check_memory(requests, n_steps, runs=len(points))
    devices = jax.local_devices()
    size = _batch_size(net, batch_size, requests, parameters | state, arrays, len(points), len(devices))

    def one_batch(job):
        which, device = job
        rows = np.asarray(which)
        varied = {path: array[rows[:, k]] for k, (path, array) in enumerate(arrays.items())}
        own_state = {k: jnp.broadcast_to(v, (len(which), *v.shape)) for k, v in state.items()}
        if seeds is None:
            keys = jnp.broadcast_to(fixed["key"], (len(which), 2))
        else:
            keys = jnp.stack([jax.random.PRNGKey(int(seed)) for seed in np.asarray(seeds)[rows[:, -1]]])
            own_state |= jax.vmap(net.initial_states)(keys)
        own_state |= {
            k: jnp.broadcast_to(v.reshape(len(which), *v.shape[1:] or (1,) * state[k].ndim), own_state[k].shape)
            for k, v in varied.items()
            if k in state
        }
        swept = {k: v for k, v in varied.items() if k in parameters}
        plan = plan_of(net, requests, None, tuple(sorted(swept)), runs=len(which))
        recorders = [Recorder(requests, step_ms, int(state["steps"])) for _ in which]
        data = jax.device_put((parameters | swept, fixed | {"key": keys}, own_state, inputs), device)
        _, broken = drive(plan, structure, *data[:3], step_ms, data[3], n_steps, recorders, bar)
        if broken is not None:
            raise non_finite(broken[0], (int(state["steps"]) + broken[1]) * step_ms, recorders[0].finish(net))
        return [recorder.finish(net) for recorder in recorders]

    batches = [points[k : k + size] for k in range(0, len(points), size)]
    jobs = [(batch, devices[k % len(devices)]) for k, batch in enumerate(batches)]
    with Progress(progress, n_steps * len(batches)) as bar, ThreadPoolExecutor(len(devices)) as pool:
        recordings = [recording for batch in pool.map(one_batch, jobs) for recording in batch]
    return Sweep(axes, recordings)


def _values(net, path, given, arrays):
    if path not in arrays:
        raise UnknownNameError(f"sweep: the network has no {path!r}.{suggestion(path, arrays)}")
    owner, _, name = path.rpartition(".")
    if isinstance(given, list | tuple) and given and all(isinstance(v, u.Quantity) for v in given):
        unit = given[0].unit
        given = u.Quantity(np.stack([in_unit(v, unit, f"sweep {path}") for v in given]), unit=unit)
    array = jnp.asarray(in_unit(given, net[owner].unit_of(name), f"sweep {path}"), arrays[path].dtype)
    if array.ndim == 0 or (array.ndim > 1 and array.shape[1:] != arrays[path].shape and arrays[path].shape != ()):
        raise ValueError(
            f"sweep {path}: expected a list of values, each of shape () or {arrays[path].shape}, given shape"
            f" {array.shape}."
        )
    if not bool(jnp.all(jnp.isfinite(array))):
        raise ValueError(f"sweep {path}: values must be finite, given {given}.")
    return array


def _batch_size(net, batch_size, requests, arrays, varied, points, devices) -> int:
    if batch_size is not None:
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(f"batch_size: expected a positive integer, given {batch_size!r}.")
        return batch_size
    # Of each run: its state twice (before and after a step), what is varied, and its event and sample buffers.
    worst = sum(r.shape[0] for r in requests if r.is_spikes)
    per_run = 2 * sum(a.nbytes for a in arrays.values()) + sum(a.nbytes for a in varied.values()) // max(points, 1)
    per_run += 8 * plan_of(net, requests).capacity + 1000 * bytes_per_row(requests) + worst
    fits = int(MEMORY_SHARE * available_bytes() / per_run / devices)
    if fits < 1:
        raise NotEnoughMemoryError(f"sweep: one run needs {human(per_run)}, {human(available_bytes())} are free.")
    return min(fits, MAX_BATCH, -(-points // devices))
