"""Sweeps on the disk: a Zarr group that fills up batch by batch, and from which a sweep goes on."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import brainunit as u
import numpy as np

from brainsim._units import in_unit, split_quantity, with_unit
from brainsim.simulation.batches import Batches, stacked
from brainsim.simulation.recording import Recording, Samples
from brainsim.simulation.spikes import SpikeTrain
from brainsim.simulation.sweep_facts import plain

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
            others = [name for name, digest in facts.items() if before.get(name, digest) != digest]
            if others and store.group["finished"][...].any():
                raise ValueError(
                    f"sweep: {path} holds a sweep of other {', '.join(others)}; give another name, or the same call."
                )
            if not others:
                return store
        about = {"format": FORMAT, "points": len(batches.points), "batch_size": batches.size, "facts": dict(facts)}
        about["axes"] = {name: plain(values) for name, values in axes.items()}
        group = zarr.open_group(
            path, mode="w" if path.exists() else "w-", attributes=about
        )  # over one in which nothing is
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
        """Add the results of a batch; it counts as finished once all of them are there.

        Raises
        ------
        OSError
            Where they cannot be written; names the store.
        """
        try:
            if isinstance(results[0], Recording):
                self._put_recordings(number, results)
            else:
                self._put_reduced(number, results)
            self.group["finished"][number] = True
        except OSError as error:
            raise OSError(
                error.errno,
                f"sweep: batch {number} could not be written to {self.path} ({error.strerror or error}); what finished"
                " before is there, and the same call goes on from it",
            ) from error

    # -- what was kept of each run -------------------------------------------------------------------------------------

    @property
    def _kept(self) -> dict[str, str]:
        """Under which key of the group there is what `reduce` called by a name; in the store of an older version, that name."""
        return dict(self.group.attrs.get("kept", {n: n for n, _ in self.group.arrays() if n != "finished"}))

    def _put_reduced(self, number, results):
        rows = slice(number * self.size, number * self.size + len(results))
        found, kept = stacked(results), self._kept
        if self.group["finished"][...].any() and found.keys() != kept.keys():
            raise ValueError(f"sweep: reduce gave {sorted(found)} for one run and {sorted(kept)} for another.")
        for name, values in found.items():
            array, unit = split_quantity(values)
            array = np.asarray(array)
            if name in kept:
                there = self.group[kept[name]]
                array = np.asarray(in_unit(values, u.parse_unit(there.attrs["unit"]), f"sweep: reduce, {name!r}"))
                if array.shape[1:] != there.shape[1:]:
                    raise ValueError(
                        f"sweep: reduce gave {name!r} in shapes {sorted({array.shape[1:], there.shape[1:]})}."
                    )
                dtype = np.result_type(array, there.dtype)
            else:
                there, dtype = None, array.dtype
            if there is None or dtype != there.dtype:  # whole numbers so far, and others now
                there = self._made(name, array.shape[1:], dtype, str(unit), there)
            there[rows] = array

    def _made(self, name, shape, dtype, unit, before):
        """A new array for what is called ``name``, with what there was; only then it takes the place of that."""
        kept = self._kept
        plain = (
            re.fullmatch(r"[A-Za-z][\w.-]*", name) and name not in ("finished", "batches") and name not in self.group
        )
        key = name if plain else next(k for n in itertools.count() if (k := f"kept-{n}") not in self.group)
        array = self.group.create_array(
            key,
            shape=(self.n, *shape),
            chunks=(self.size, *(max(1, k) for k in shape)),
            dtype=dtype,
            attributes={"unit": unit if before is None else before.attrs["unit"]},
        )
        if before is not None:
            array[...] = before[...]
        self.group.attrs["kept"] = kept | {name: key}
        if before is not None:
            del self.group[kept[name]]
        return array

    @property
    def reduced(self) -> dict[str, Any]:
        """What was kept of the runs, by name: quantities of shape (points, ...)."""
        arrays = {name: self.group[key] for name, key in self._kept.items()}
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


def _value(held: Mapping) -> Any:
    return with_unit(np.asarray(held["values"]), u.parse_unit(held["unit"]))


def _zarr():
    try:
        import zarr
    except ImportError:
        raise ImportError("sweep: out=... is a Zarr store; pip install 'brainsim[zarr]'.") from None
    return zarr
