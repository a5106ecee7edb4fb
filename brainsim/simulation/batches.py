"""The batches of a sweep: runs that go side by side in one compiled program."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import key_of
from brainsim._errors import NotEnoughMemoryError
from brainsim._memory import available_bytes, human
from brainsim._units import in_unit, split_quantity, with_unit
from brainsim.integrators import Adaptive
from brainsim.network import Network
from brainsim.simulation.continuous import run as continuous
from brainsim.simulation.door import enter, lists_of_values, over
from brainsim.simulation.loop import bytes_per_row, drive, non_finite, plan_of
from brainsim.simulation.progress import Progress
from brainsim.simulation.recorder import Recorder
from brainsim.simulation.room import Room
from brainsim.simulation.wirings import Wirings

MAX_BATCH = {"cpu": 256}  # runs in one batch, by platform: beyond it, more in parallel gains nothing on a CPU
MAX_ELSEWHERE = 4096
# Bytes of state of a batch that a core has beside it: 16 runs of 4,000 neurons take half the time of 64
CACHE = 1 << 20
AT_A_TIME = 16  # runs in a batch of those that go one after the other: what is kept together
MEMORY_SHARE = 0.25  # of the free memory of a device that its batch may use


class Batches:
    """The runs of a sweep, so many at a time.

    Parameters
    ----------
    net : Network
    values : dict of str to quantity, (k, ...)
        Values to take, by path.
    seeds : int array, optional
    asked : dict
        What is asked of every run, as arguments of :func:`brainsim.simulation.door.enter`.
    reduce : callable, optional
        What is kept of each run, from its recording.
    batch_size : int, optional
    devices : sequence of jax.Device, optional
        That take the batches in turn; by default those of this process.
    adaptive : Adaptive, optional
        Runs in steps of their own length, which go one after the other.
    vary : "wiring", optional
        Draw the network anew for each seed.
    """

    def __init__(
        self,
        net: Network,
        values: Mapping[str, Any],
        seeds: np.ndarray | None,
        asked: Mapping[str, Any],
        *,
        reduce: Callable[[Any], Any] | None = None,
        batch_size: int | None = None,
        devices: Sequence[Any] | None = None,
        adaptive: Adaptive | None = None,
        vary: str | None = None,
    ):
        self._made_of: dict[str, Any] = dict(values=values, asked=asked, devices=devices, adaptive=adaptive)
        self.devices = jax.local_devices() if devices is None else list(devices)
        entry = enter(net, **asked)
        arrays = lists_of_values(entry.slots, entry.parameters | entry.state, values)
        if both := entry.inputs.keys() & arrays:
            raise ValueError(f"sweep: {min(both)} is varied and is in inputs, which would hide its values; give one.")
        each = [path for path, array in arrays.items() if array.ndim > 1]
        self.wirings = None if vary is None else Wirings(net, self._of_a_seed, each)
        self.net, self.arrays, self.seeds, self.reduce = net, arrays, seeds, reduce
        self.requests, self.step_ms, self.n_steps = entry.requests, entry.step_ms, entry.n_steps
        if adaptive is None:
            self.entry = entry.prepared(varied={k: v for k, v in arrays.items() if k in entry.parameters})
        else:
            self.entry = continuous.admitted(entry, adaptive)
        for projection in net.projections.values():
            projection.check_weights(arrays)
        self.axes = axes = dict(values) | ({} if seeds is None else {"seed": seeds})
        self.points = list(itertools.product(*(range(len(u.get_mantissa(v))) for v in axes.values())))
        self.adaptive = None if adaptive is None else continuous.Going(self.entry, adaptive)
        alone = min(AT_A_TIME, -(-len(self.points) // len(self.devices)))
        size = batch_size or (self._size_that_fits() if adaptive is None else alone)
        self.size = -(-len(self.points) // -(-len(self.points) // size))  # as even as they can be
        self.room = Room(self.entry, arrays, runs=self.size)

    def __len__(self) -> int:
        """How many batches there are."""
        return -(-len(self.points) // self.size)

    def rows(self, number: int) -> range:
        """Which of the points are in a batch."""
        return range(number * self.size, min((number + 1) * self.size, len(self.points)))

    def run(self, number: int, bar: Progress) -> list:
        """The recordings of batch ``number``, or what was kept of each, in the order of its points."""
        which = [self.points[k] for k in self.rows(number)]
        runs = self._recordings if self.wirings is None else self._by_wiring
        recordings = runs(which, self.devices[number % len(self.devices)], bar)
        if self.reduce is None:
            return recordings
        kept = [self.reduce(recording) for recording in recordings]
        if varied := stacked(kept).keys() & self.axes:  # all refused now, not after all of the batches
            raise ValueError(
                f"sweep: reduce: {min(varied)!r} is what is varied and an axis of the results; give another name."
            )
        return kept

    def work(self, number: int) -> int:
        """Steps that batch ``number`` goes through."""
        seeds = {self.points[k][-1] for k in self.rows(number)} if self.wirings is not None else {0}
        return self.n_steps * len(seeds)

    def _by_wiring(self, which, device, bar):
        """Recordings of runs, those of a seed side by side."""
        assert self.wirings is not None and self.seeds is not None
        found = {}
        for seed in dict.fromkeys(point[-1] for point in which):
            same = [k for k, point in enumerate(which) if point[-1] == seed]
            points = [(*which[k][:-1], 0) for k in same]
            found |= zip(same, self.wirings.of(int(self.seeds[seed]))._recordings(points, device, bar), strict=True)
        return [found[k] for k in range(len(which))]

    def _of_a_seed(self, net: Network, seed: int) -> Batches:
        """The runs of one seed, as many at a time as a batch has of it."""
        assert self.seeds is not None
        return Batches(net, **self._made_of, seeds=np.array([seed]), batch_size=-(-self.size // len(self.seeds)))

    def _recordings(self, which, device, bar):
        if self.adaptive is not None:
            return self._one_by_one(self.adaptive, which, device, bar)
        net, entry, room, seeds = self.net, self.entry, self.room, self.seeds
        parameters, fixed, state = entry.parameters, entry.fixed, entry.state
        n_wanted = len(which)
        which = which + which[-1:] * (self.size - n_wanted)  # the last is as large as the others: the same program
        rows = np.asarray(which)
        varied = {path: array[rows[:, k]] for k, (path, array) in enumerate(self.arrays.items())}
        given = {path: over(array, len(which), state[path].shape) for path, array in varied.items() if path in state}
        swept = {k: v for k, v in varied.items() if k in parameters}
        keys = np.stack([fixed["key"]] * len(which) if seeds is None else [key_of(seed) for seed in seeds[rows[:, -1]]])
        own_state = _starts(entry, room, swept, given, keys, seeds is not None)
        plan = plan_of(net, room.requests(self.requests), None, tuple(sorted(swept)), runs=len(which))
        first = int(state["steps"])
        recorders = [Recorder(self.requests, self.step_ms, first, self.n_steps) for _ in range(n_wanted)]
        trees = room.enter(parameters) | swept, room.enter(fixed) | {"key": keys}, own_state
        numbers, tables, begin = jax.device_put(trees, device)
        _, broken, _ = drive(
            plan, entry.structure, numbers, tables, begin, self.step_ms, entry.inputs, self.n_steps, recorders, bar
        )
        if broken is not None:
            raise non_finite(net, broken[0], (first + broken[1]) * self.step_ms, recorders[0].finish())
        return [recorder.finish() for recorder in recorders]

    def _one_by_one(self, going: continuous.Going, which, device, bar):
        """Recordings of runs in steps of their own length."""
        entry, recordings = self.entry, []
        drawn = self.net.drawn_anew() if self.seeds is not None else ()
        for point in which:
            varied = {path: jnp.asarray(array[k]) for k, (path, array) in zip(point, self.arrays.items())}
            swept = {path: array for path, array in varied.items() if path in entry.parameters}
            given = {
                path: jnp.broadcast_to(x, entry.state[path].shape) for path, x in varied.items() if path not in swept
            }
            fixed = entry.fixed if self.seeds is None else entry.fixed | {"key": key_of(int(self.seeds[point[-1]]))}
            parameters, state = entry.parameters | swept, entry.state | given
            if drawn or self.net.follows():
                begun = self.net.begun
                state = entry.structure.start(drawn, begun, parameters, fixed, entry.state, given, fixed["key"])
            arrays: Any = jax.device_put((parameters, fixed, state), device)
            recordings.append(going.run(arrays[0], arrays[1], arrays[2], bar)[0])
        return recordings

    def _size_that_fits(self) -> int:
        # Of each run: its state twice (before and after a step), what is varied, and its event and sample buffers.
        worst = sum(r.shape[0] for r in self.requests if r.is_spikes)
        held = (self.entry.parameters | self.entry.state).values()
        per_run = 2 * sum(a.nbytes for a in held) + sum(a.nbytes for a in self.arrays.values()) // max(
            len(self.points), 1
        )
        per_run += 8 * plan_of(self.net, self.requests).capacity + 1000 * bytes_per_row(self.requests) + worst
        count, platform = len(self.devices), self.devices[0].platform
        free = min(map(available_bytes, self.devices)) / (count if platform == "cpu" else 1)  # CPUs share theirs
        most = MAX_BATCH.get(platform, MAX_ELSEWHERE)
        if platform == "cpu":
            most = min(most, max(CACHE // max(sum(a.nbytes for a in self.entry.state.values()), 1), 1))
        fits = int(min(MEMORY_SHARE * free / per_run, most))
        if fits < 1:
            raise NotEnoughMemoryError(f"sweep: one run needs {human(per_run)}, {human(free)} are free on a device.")
        return min(fits, -(-len(self.points) // count))


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


def stacked(results: list) -> dict[str, Any]:
    """What was kept of several runs, by name: arrays or quantities of one row for each run.

    Raises
    ------
    TypeError, ValueError
        For what is no dict, and runs of which other things were kept.
    """
    for result in results:
        if not isinstance(result, Mapping):
            raise TypeError(
                f"sweep: reduce must give values by name, such as {{'rate': rec.spikes['E'].rate()}}, given {result!r}."
            )
        if not result:
            raise ValueError("sweep: reduce gave nothing, {}, for a run; name what is to be kept of it.")
        for name in result:
            if not isinstance(name, str) or not name:
                raise TypeError(f"sweep: reduce: a name is a text, such as 'rate', given {name!r}.")
        if result.keys() != results[0].keys():
            raise ValueError(f"sweep: reduce gave {sorted(result)} for one run and {sorted(results[0])} for another.")
    found = {}
    for name, first in results[0].items():
        unit = split_quantity(first)[1]
        rows = [np.asarray(in_unit(result[name], unit, f"sweep: reduce, {name!r}")) for result in results]
        if rows[0].dtype.kind not in "biufc":
            raise TypeError(f"sweep: reduce gave {name!r} as {type(first).__name__}, which is no number or array.")
        if len({row.shape for row in rows}) > 1:
            raise ValueError(f"sweep: reduce gave {name!r} in shapes {sorted({row.shape for row in rows})}.")
        found[name] = with_unit(np.stack(rows), unit)
    return found
