"""Sweeps on the disk: a Zarr group that fills up batch by batch, and from which a sweep goes on."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import brainunit as u
import jax
import numpy as np

from brainsim._core import Dynamics
from brainsim._units import split_quantity, with_unit
from brainsim.simulation.batches import Batches, stacked
from brainsim.simulation.recording import Recording, Samples
from brainsim.simulation.spikes import SpikeTrain

FORMAT = "brainsim sweep 1"


class Store:
    """The results of a sweep in a Zarr group.

    Parameters
    ----------
    path : str or Path
    group : zarr.Group
    """

    def __init__(self, path: str | Path, group: Any):
        self.path, self.group = Path(path), group
        about = dict(group.attrs)
        self.n, self.size = about["points"], about["batch_size"]
        self.axes = {name: _value(held) for name, held in about["axes"].items()}

    @classmethod
    def at(cls, path: str | Path, axes: Mapping[str, Any], batches: Batches, facts: Mapping[str, str]) -> Store:
        """The store of a sweep: a new one, or that of an earlier call for the same.

        Raises
        ------
        FileExistsError
            If something else stands at ``path``.
        ValueError
            If it holds another sweep; says in what it differs.
        """
        zarr, path = _zarr(), Path(path)
        if path.exists():
            store = cls.open(path)
            before = store.group.attrs["facts"]
            others = [name for name, digest in facts.items() if before.get(name) != digest]
            if others:
                raise ValueError(
                    f"sweep: {path} holds a sweep of other {', '.join(others)}; give another name, or the same call."
                )
            return store
        about = {"format": FORMAT, "points": len(batches.points), "batch_size": batches.size, "facts": dict(facts)}
        about["axes"] = {name: _plain(values) for name, values in axes.items()}
        group = zarr.open_group(path, mode="w-", attributes=about)
        group.create_array("finished", shape=(len(batches),), chunks=(1,), dtype=bool)
        return cls(path, group)

    @classmethod
    def open(cls, path: str | Path) -> Store:
        """A store as it stands.

        Raises
        ------
        FileNotFoundError, FileExistsError
            If there is none, or something else.
        """
        zarr, path = _zarr(), Path(path)
        if not path.exists():
            raise FileNotFoundError(f"Sweep: there is no {path}.")
        try:
            group = zarr.open_group(path, mode="r+")
        except (OSError, ValueError):
            group = None
        if group is None or group.attrs.get("format") != FORMAT:
            raise FileExistsError(f"Sweep: {path} is something else, not a sweep that this version reads.")
        return cls(path, group)

    def missing(self) -> list[int]:
        """Batches that have not finished."""
        return np.flatnonzero(~self.group["finished"][...]).tolist()

    def put(self, number: int, results: list) -> None:
        """Add the results of a batch; it counts as finished once all of them are there."""
        if isinstance(results[0], Recording):
            self._put_recordings(number, results)
        else:
            self._put_reduced(number, results)
        self.group["finished"][number] = True

    # -- what was kept of each run -------------------------------------------------------------------------------------

    def _put_reduced(self, number, results):
        rows = slice(number * self.size, number * self.size + len(results))
        for name, held in stacked(results).items():
            array, unit = split_quantity(held)
            array = np.asarray(array)
            if name not in self.group:
                made = {
                    "shape": (self.n, *array.shape[1:]),
                    "chunks": (self.size, *(max(1, k) for k in array.shape[1:])),
                }
                self.group.create_array(name, dtype=array.dtype, **made, attributes={"unit": str(unit)})
            self.group[name][rows] = array

    @property
    def reduced(self) -> dict[str, Any]:
        """What was kept of the runs, by name: quantities of shape (points, ...)."""
        arrays = {name: array for name, array in self.group.arrays() if name != "finished"}
        return {name: with_unit(array[...], u.parse_unit(array.attrs["unit"])) for name, array in arrays.items()}

    # -- recordings ----------------------------------------------------------------------------------------------------

    def _put_recordings(self, number, recordings):
        one = recordings[0]
        if "recordings" not in self.group.attrs:
            self.group.attrs["recordings"] = _described(one)
        group = self.group.create_group(f"batches/{number}", overwrite=True)
        for k, label in enumerate(one._samples):
            arrays = np.stack([np.asarray(recording._samples[label].array) for recording in recordings])
            group.create_array(f"samples_{k}", data=arrays, chunks=(1, *(max(1, n) for n in arrays.shape[1:])))
        for k, name in enumerate(one.spikes):
            trains = [recording.spikes[name] for recording in recordings]
            for what in ("steps", "indices", "within"):
                parts = [getattr(train, what) for train in trains]
                if parts[0] is not None:
                    group.create_array(f"spikes_{k}_{what}", data=np.concatenate(parts))
            group.create_array(f"spikes_{k}_ends", data=np.cumsum([len(train.steps) for train in trains]))

    def recording(self, point: int) -> Recording:
        """That of one run."""
        number, row = divmod(point, self.size)
        if not self.group["finished"][number]:
            raise ValueError(f"Sweep: run {point} has not finished; the same sweep with the same `out` goes on.")
        about, group = self.group.attrs["recordings"], self.group[f"batches/{number}"]
        window = about["window"]
        ms = {name: value * u.ms for name, value in window.items()}
        samples = {}
        for k, (label, facts) in enumerate(about["samples"]):
            elements = None if facts["elements"] is None else np.asarray(facts["elements"])
            rest = {"unit": u.parse_unit(facts["unit"]), "elements": elements}
            samples[label] = Samples(group[f"samples_{k}"][row], **facts | rest)
        spikes = {}
        for k, (name, units) in enumerate(about["spikes"]):
            ends = group[f"spikes_{k}_ends"][...]
            own = slice(int(ends[row - 1]) if row else 0, int(ends[row]))
            names = [what for what in ("steps", "indices", "within") if f"spikes_{k}_{what}" in group]
            held = {what: group[f"spikes_{k}_{what}"][own] for what in names}
            spikes[name] = SpikeTrain(n=len(units), units=np.asarray(units), **held, **ms)
        return Recording(spikes, samples, about["labels"], window["dt"], window["start"], window["stop"])


class StoredRecordings(Sequence):
    """The recordings of a sweep on the disk, read one by one when they are asked for."""

    def __init__(self, store: Store):
        self._store = store

    def __len__(self) -> int:
        return self._store.n

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self._store.recording(k) for k in range(*index.indices(len(self)))]
        return self._store.recording(range(len(self))[index])

    def __iter__(self) -> Iterator[Recording]:
        return map(self._store.recording, range(len(self)))


def facts_of(batches: Batches, axes: Mapping[str, Any]) -> dict[str, str]:
    """Digests of what a sweep consists of, by what it is: those of the same sweep are the same on another day."""
    entry = batches.entry
    arrays = entry.parameters | entry.fixed | entry.state
    kinds = sorted((path, type(part).__qualname__) for path, part in _parts(batches.net))
    window = [batches.step_ms, batches.n_steps, str(jax.config.jax_enable_x64)]  # type: ignore[attr-defined]
    window += [] if batches.adaptive is None else [batches.adaptive.adaptive.key]
    asked = [(r.label, r.every, *([] if r.over is None else [r.over, r.total])) for r in batches.requests]
    varied = [] if batches.wirings is None else ["wiring"]
    return {
        "networks": _digest(kinds, *(x for path in sorted(arrays) for x in (path, *jax.tree.leaves(arrays[path])))),
        "values or seeds": _digest(*(_plain(values) for values in axes.values()), list(axes), *varied),
        "durations, dt or precision": _digest(window),
        "things to record": _digest(asked),
        "inputs": _digest(*(x for path in sorted(entry.inputs) for x in (path, entry.inputs[path]))),
        "reduce": _digest(_source(batches.reduce)),
    }


def _parts(part: Dynamics, path: str = "") -> Iterator[tuple[str, Dynamics]]:
    yield path, part
    for name, inner in part.parts(Dynamics).items():
        yield from _parts(inner, f"{path}.{name}")


def _digest(*things: Any) -> str:
    found = hashlib.blake2b(digest_size=16)
    for thing in things:
        if isinstance(thing, np.ndarray | jax.Array | np.generic):
            array = np.ascontiguousarray(thing)
            found.update(f"{array.dtype}{array.shape}".encode())
            found.update(array.data if array.size else b"")
        else:
            found.update(json.dumps(thing, default=str).encode())
    return found.hexdigest()


def _source(function) -> str | None:
    if function is None:
        return None
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return getattr(function, "__qualname__", type(function).__qualname__)


def _described(recording: Recording) -> dict:
    """What the recordings of all runs have in common, as JSON has it."""
    samples = []
    for label, held in recording._samples.items():
        facts = {"unit": str(held.unit), "path": held.path, "first": held.first, "every": held.every}
        places = None if held.places is None else recording.places_of(label)
        samples.append((label, facts | {"elements": _listed(held.elements), "places": places}))
    window = {name: float(getattr(recording, name).to_decimal(u.ms)) for name in ("dt", "start", "stop")}
    spikes = [(name, _listed(train.units)) for name, train in recording.spikes.items()]
    return {"window": window, "labels": dict(recording._labels), "samples": samples, "spikes": spikes}


def _listed(elements) -> list | None:
    return None if elements is None else np.asarray(elements).tolist()


def _plain(values: Any) -> dict:
    number, unit = split_quantity(values)
    return {"values": np.asarray(number).tolist(), "unit": str(unit)}


def _value(held: Mapping) -> Any:
    return with_unit(np.asarray(held["values"]), u.parse_unit(held["unit"]))


def _zarr():
    try:
        import zarr
    except ImportError:
        raise ImportError("sweep: out=... is a Zarr store; pip install 'brainsim[zarr]'.") from None
    return zarr
