"""Many runs of one network at once: over parameter values and seeds."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import brainunit as u
import jax
import numpy as np
from jax.sharding import Mesh

from brainsim._core import elements
from brainsim._errors import UnknownNameError, names_arguments, suggestion
from brainsim._units import QuantityLike, in_unit, joined, split_quantity, with_unit
from brainsim.integrators import Adaptive
from brainsim.network import Network
from brainsim.simulation.batches import Batches, stacked
from brainsim.simulation.door import check_count
from brainsim.simulation.elsewhere import run_elsewhere
from brainsim.simulation.in_use import alone
from brainsim.simulation.loop import check_memory
from brainsim.simulation.mesh import mesh_of
from brainsim.simulation.progress import Progress
from brainsim.simulation.recording import Recording
from brainsim.simulation.sweep_facts import facts_of
from brainsim.simulation.sweep_store import Store, StoredRecordings
from brainsim.simulation.wanted import Wanted

if TYPE_CHECKING:
    import xarray


class Sweep:
    """The recordings of a sweep, on the grid of its values.

    Attributes
    ----------
    axes : dict of str to quantity or array
        What was varied, in the order of the axes; ``"seed"`` is the last where seeds were given.
    shape : tuple of int
        Number of values along each axis.
    recordings : sequence of Recording
        In the order of ``numpy.ndindex(shape)``; of a sweep with ``out`` they are read from there one by one.
    """

    def __init__(self, axes: dict, recordings: Sequence[Recording]):
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

    @staticmethod
    def open(path: str | Path) -> Sweep | Reduced:
        """What ``sweep(..., out=path)`` has stored, whole.

        Raises
        ------
        FileNotFoundError, FileExistsError
            If there is none, or something else.
        ValueError
            If runs are missing.
        """
        store = Store.open(path)
        if missing := store.missing():
            raise ValueError(
                f"Sweep: {path} lacks {len(missing)} of {store.group['finished'].size} batches; the same sweep with"
                f" out={str(path)!r} goes on."
            )
        return _of_store(store)


class Reduced:
    """What ``reduce`` kept of the runs of a sweep, on the grid of its values: ``reduced["rate"]``.

    Attributes
    ----------
    axes : dict of str to quantity or array
        What was varied, in the order of the axes; ``"seed"`` is the last where seeds were given.
    shape : tuple of int
        Number of values along each axis.
    """

    def __init__(self, axes: dict, values: Mapping[str, Any]):
        self.axes = axes
        self.shape = tuple(len(u.get_mantissa(values)) for values in axes.values())
        self._values = {name: _on_grid(held, self.shape) for name, held in values.items()}

    def __getitem__(self, name: str) -> Any:
        """What is called ``name``, as an array (or quantity) of shape ``shape + its own``."""
        if name not in self._values:
            raise UnknownNameError(f"{self!r} has no {name!r}.{suggestion(name, self._values)}")
        return self._values[name]

    def keys(self) -> list[str]:
        """Names of what was kept."""
        return list(self._values)

    def __iter__(self):
        return iter(self._values)

    def __len__(self):
        return len(self._values)

    def __repr__(self):
        grid = ", ".join(f"{name}: {n}" for name, n in zip(self.axes, self.shape))
        return f"Reduced({grid}; {', '.join(self._values)})"

    def to_xarray(self) -> xarray.Dataset:
        """An ``xarray.Dataset`` over the axes; units as attributes. Values of several numbers each have axes by number."""
        import xarray

        axes = {}
        for name, values in self.axes.items():
            number, unit = split_quantity(values)
            axes[name] = np.asarray(number), {"units": str(unit)}
        one_each = {name: held for name, held in axes.items() if held[0].ndim == 1}
        found = {}
        for name, values in self._values.items():
            number, unit = split_quantity(values)
            dims = (*axes, *(f"{name}_{k}" for k in range(np.ndim(number) - len(axes))))
            found[name] = (dims, number, {"units": str(unit)})
        return xarray.Dataset(found, {name: ((name,), *held) for name, held in one_each.items()})


def _on_grid(values: Any, shape: tuple[int, ...]) -> Any:
    number, unit = split_quantity(values)
    return with_unit(number.reshape(*shape, *number.shape[1:]), unit)


def _of_store(store: Store) -> Sweep | Reduced:
    if "recordings" in store.group.attrs:
        return Sweep(store.axes, StoredRecordings(store))
    return Reduced(store.axes, store.reduced)


@names_arguments
@alone
def sweep(
    net: Network,
    values: dict[str, Any],
    duration: QuantityLike,
    *,
    dt: QuantityLike = 0.1 * u.ms,
    record: Wanted = (),
    sample_every: QuantityLike | None = None,
    inputs: dict[str, Any] | None = None,
    seeds: int | Sequence[int] | np.ndarray | range | None = None,
    vary: str | None = None,
    reduce: Callable[[Recording], Mapping[str, Any]] | None = None,
    out: str | Path | None = None,
    executor: Any = None,
    batch_size: int | None = None,
    mesh: Mesh | int | Sequence[Any] | None = None,
    progress: bool | Callable[[float, float], Any] | None = None,
    adaptive: Adaptive | None = None,
) -> Sweep | Reduced:
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
    seeds : int or sequence of int, optional
        Seeds of the noise, or how many: 4 stands for 0 to 3. Initial states that were given as distributions are drawn
        anew for each, where the network stands at its beginning; so are states that were assigned as distributions
        since the last run. The wiring stays, unless ``vary`` says otherwise.
    vary : "wiring", optional
        Everything is drawn anew for each seed: wiring, weights, delays and parameters too. A run is then that of a
        network which was made with ``Network(seed=...)``, of a network that can be described
        (:meth:`brainsim.Network.describe`) and stands at its beginning.
    reduce : callable, optional
        From the recording of a run to what is kept of it, by name, such as
        ``lambda rec: {"rate": rec.spikes["E"].rate()}``; then recordings are let go, and a :class:`Reduced` comes back.
    out : str or Path, optional
        A Zarr store for the results, batch by batch as they finish. The same call goes on where an earlier one stopped.
    executor : concurrent.futures.Executor, optional
        Where batches run: Dask's ``client.get_executor()``, ``mpi4py.futures.MPIPoolExecutor()``, submitit's
        ``AutoExecutor``, or a ``ProcessPoolExecutor`` of spawned processes. A batch whose worker dies is given to another.
        The network is sent with each batch.
    batch_size : int, optional
        Runs at a time; by default as many as fit into a quarter of the memory that is free on each device, at most 4,096,
        and on a CPU as many as stay in the cache of a core, at most 256. With several devices each takes a batch at a
        time; with an executor, give the number that keeps all workers busy.
    mesh : jax.sharding.Mesh of one axis, list of jax.Device, or int, optional
        The devices that take the batches, or the first so many; all of this process by default.
    adaptive : Adaptive, optional
        Steps of each run's own length, as in :func:`simulate`; runs go one after the other, through one program.

    Returns
    -------
    Sweep or Reduced

    Raises
    ------
    ValueError, UnitError, UnknownNameError, NotEnoughMemoryError, NonFiniteError, NetworkInUseError
        As :func:`simulate`. With ``vary="wiring"``, for what no other wiring can be drawn of, or a network that has run.
    FileExistsError, ValueError
        If ``out`` is something else, or holds another sweep.
    RuntimeError
        If workers die again and again.

    Notes
    -----
    The wiring is shared by all runs and stored once; with ``vary="wiring"``, by those of a seed, which run side by side,
    through one program for all seeds.
    """
    check_count("batch_size", batch_size)
    devices = None if mesh is None else _devices_of(mesh, executor)
    if reduce is not None and not callable(reduce):
        raise TypeError(f"sweep: reduce must be a function of a recording, given {reduce!r}.")
    if not values and seeds is None:
        raise ValueError("sweep: nothing to vary; give values={'E.tau': [...] * u.ms} or seeds=[...].")
    if isinstance(values, Mapping):  # else it is refused with the rest
        values = {path: joined(given, f"sweep[{path!r}]") for path, given in values.items()}
    numbers = None if seeds is None else _seeds(seeds)
    _check_varied(vary, numbers)
    asked = dict(duration=duration, dt=dt, record=record, sample_every=sample_every, inputs=inputs)
    options: dict[str, Any] = dict(reduce=reduce, adaptive=adaptive, vary=vary)
    arguments = net, values, numbers, asked, options
    of_size = functools.partial(Batches, net, values, numbers, asked, devices=devices, **options)
    batches = of_size(batch_size=batch_size)
    axes = dict(values) | ({} if numbers is None else {"seed": numbers})
    store = None if out is None else Store.at(out, axes, batches, facts_of(batches, axes))
    if store is not None and store.size != batches.size:
        batches = of_size(batch_size=store.size)
    kept = len(batches.points) if store is None and reduce is None else batches.size
    check_memory(batches.requests, batches.n_steps, runs=kept)

    results: dict[int, list] = {}
    finished = results.__setitem__ if store is None else store.put
    todo = range(len(batches)) if store is None else store.missing()
    with Progress(progress, sum(map(batches.work, todo))) as bar:
        if executor is None:
            _run_here(batches, todo, bar, finished)
        else:
            run_elsewhere(executor, batches, arguments, todo, bar, finished)
    if store is not None:
        return _of_store(store)
    found = [result for number in range(len(batches)) for result in results[number]]
    return Sweep(axes, found) if reduce is None else Reduced(axes, stacked(found))


def _devices_of(mesh, executor) -> list:
    """The devices of a mesh, all of this process."""
    devices = list(mesh_of(mesh).devices.flat)
    if executor is not None:
        raise ValueError(
            "sweep: mesh says where batches run in this process, and executor runs them elsewhere; give one."
        )
    there = jax.local_devices()
    other = [device for device in devices if device not in there]
    if other:
        raise ValueError(
            f"sweep: mesh: {other[0]} belongs to another process, where this one can run nothing; accepted: {there}."
        )
    return devices


def _run_here(batches: Batches, numbers: Sequence[int], bar: Progress, finished: Callable[[int, list], None]) -> None:
    """Run batches in this process, one at a time on each device."""
    wide = jax.config.jax_enable_x64  # type: ignore[attr-defined]

    def in_this_precision(number):  # a thread of its own does not know what `with jax.enable_x64(...)` says around it
        with jax.enable_x64(wide):
            return batches.run(number, bar)

    with ThreadPoolExecutor(len(batches.devices)) as pool:
        try:
            for number, results in zip(numbers, pool.map(in_this_precision, numbers)):
                finished(number, results)
        except BaseException:  # an interrupt too, which is not to wait for the batches that are running
            bar.stop()
            raise


def _seeds(seeds) -> np.ndarray:
    """The seeds of a list, or so many from 0 on."""
    array = np.asarray(seeds)
    if array.ndim == 0 and array.dtype.kind in "iu" and array >= 1:
        array = np.arange(int(array))
    if array.ndim != 1 or not array.size or array.dtype.kind not in "iu":
        raise ValueError(f"sweep: seeds must be a list of integers, or how many of them from 0 on, given {seeds!r}.")
    return array


def _check_varied(vary, seeds) -> None:
    if vary is None:
        return
    if vary != "wiring":
        raise ValueError(f"sweep: vary: expected 'wiring', given {vary!r}; values to take are the second argument.")
    if seeds is None:
        raise ValueError("sweep: vary='wiring' draws the network anew for each seed; give seeds=[...], or how many.")
