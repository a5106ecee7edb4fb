"""What a run gives back: spike trains as events, samples as quantities."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import brainunit as u
import numpy as np

from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import in_unit, with_unit
from brainsim.simulation import recording_file
from brainsim.simulation.places import label_of
from brainsim.simulation.spikes import SpikeTrain, SpikeTrains, check_successive

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure


@dataclasses.dataclass(frozen=True)
class Samples:
    """Samples of one variable.

    Attributes
    ----------
    array : array, (samples, ...)
        Plain numbers in ``unit``.
    unit : Unit
    path : str
        The variable in the network.
    elements : int array, (k,), or None
        Which elements of its first axis; None for a single number.
    first, every : int
        Number of the step at whose end the first sample was taken, counted from 1, and steps between samples.
    places : Places or list of str, optional
        Of cells with a shape, the branch and point of each element.
    """

    array: np.ndarray
    unit: Any
    path: str
    elements: Any
    first: int
    every: int
    places: Any = None

    @property
    def facts(self) -> tuple[int, int, int]:
        """First, interval and number of the samples: when they were taken."""
        return self.first, self.every, self.array.shape[0]

    @property
    def steps(self) -> np.ndarray:
        """Numbers of the steps at whose ends the samples were taken."""
        return self.first + self.every * np.arange(self.array.shape[0])


class Recording:
    """What a run recorded.

    ``rec.spikes["E"]`` is a :class:`SpikeTrain`; ``rec["E.V[:10]"]``, under the label it was asked for, a quantity of
    shape (samples, ...); ``rec.times`` the times of the samples. ``a + b`` is the recording of two runs, one after the
    other.

    Attributes
    ----------
    spikes : SpikeTrains
        By name of the population: a dict of str to SpikeTrain; ``spikes.merged("E", "I")`` is both as one.
    times : quantity, time, (samples,)
        Of all samples; :meth:`times_of` where they were taken at intervals of their own.
    dt, start, stop : quantity, time
    """

    spikes: SpikeTrains
    _samples: dict[str, Samples]
    _labels: dict[str, str]

    def __init__(
        self,
        spikes: dict[str, SpikeTrain],
        samples: dict[str, Samples],
        labels: dict[str, str],
        step_ms: float,
        start_ms: float,
        stop_ms: float,
    ):
        self.spikes, self._samples, self._labels = SpikeTrains(spikes), samples, labels
        self._times_ms = step_ms, start_ms, stop_ms

    @classmethod
    def unread(cls, read: Callable[[], tuple[dict, dict, dict]], *times_ms: float) -> Recording:
        """One whose spikes, samples and labels are made when they are looked at: to make them takes longer than a step."""
        made = cls.__new__(cls)
        vars(made).update(_read=read, _times_ms=times_ms)
        return made

    def __getattr__(self, name: str) -> Any:
        if name not in ("spikes", "_samples", "_labels"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if read := vars(self).get("_read"):
            spikes, samples, labels = read()
            vars(self).update(spikes=SpikeTrains(spikes), _samples=samples, _labels=labels)
            vars(self).pop("_read", None)
        return vars(self)[name]

    def __getstate__(self) -> dict[str, Any]:
        """What copies take along: what was recorded."""
        return {name: getattr(self, name) for name in ("spikes", "_samples", "_labels", "_times_ms")}

    @property
    def dt(self) -> Any:
        """Length of a step."""
        return self._times_ms[0] * u.ms

    @property
    def start(self) -> Any:
        """When the run began."""
        return self._times_ms[1] * u.ms

    @property
    def stop(self) -> Any:
        """When it ended."""
        return self._times_ms[2] * u.ms

    def __getitem__(self, label: Any) -> Any:
        label = label_of(label)
        if label in self._labels:
            return self.spikes[self._labels[label]]
        samples = self._of(label)
        return with_unit(samples.array, samples.unit)

    def _of(self, label) -> Samples:
        label = label_of(label)
        if label not in self._samples:
            raise UnknownNameError(f"Recording has no {label!r}.{suggestion(label, [*self._samples, *self._labels])}")
        return self._samples[label]

    def __iter__(self) -> Iterator[str]:
        return iter(self._samples)

    def __len__(self) -> int:
        return len(self._samples)

    def __contains__(self, label: object) -> bool:
        label = label_of(label)
        return label in self._samples or label in self._labels

    def keys(self) -> list[str]:
        """Labels of the samples."""
        return list(self._samples)

    @property
    def times(self) -> Any:
        """Times of the samples, (samples,)."""
        every = {samples.facts for samples in self._samples.values()}
        if len(every) > 1:
            raise ValueError(f"times: each has its own here; ask for times_of({next(iter(self._samples))!r}).")
        if every:
            return self.times_of(next(iter(self._samples)))
        step_ms, start_ms, stop_ms = self._times_ms
        return np.arange(round(start_ms / step_ms) + 1, round(stop_ms / step_ms) + 1) * step_ms * u.ms

    def times_of(self, label: str) -> Any:
        """Times of the samples under ``label``, (samples,)."""
        return self._of(label).steps * self._times_ms[0] * u.ms

    def elements_of(self, label: str) -> np.ndarray:
        """Which elements of the variable, or units of the population, stand under ``label``, in the order of columns.

        ``rec["E.V[10:20:5]"]`` has two columns, and ``rec.elements_of("E.V[10:20:5]")`` is ``[10, 15]``.
        """
        label = label_of(label)
        if label in self._labels:
            return self[label].units
        elements = self._of(label).elements
        if elements is None:
            raise ValueError(f"Recording: {label!r} is a single number and has no elements.")
        return elements

    def places_of(self, label: Any) -> list[str]:
        """Where on its cells each element under ``label`` is, in the order of columns: ``"cell 3, dend[3](0.5)"``.

        ``"cells.V@cell 3, dend[3](0.5)"`` records there.

        Raises
        ------
        ValueError
            For what has no places.
        """
        places = self._of(label).places
        if places is None:
            raise ValueError(f"Recording: {label!r} has no places on cells.")
        return places if isinstance(places, list) else places.names()

    def __repr__(self):
        spikes = ", ".join(f"{k}: {len(s):,} spikes" for k, s in self.spikes.items())
        samples = ", ".join(f"{k} {tuple(s.array.shape)}" for k, s in self._samples.items())
        return (
            f"Recording({self.start} to {self.stop};"
            f" {'; '.join(part for part in (spikes, samples) if part) or 'nothing'})"
        )

    def __add__(self, later: Recording) -> Recording:
        """The recording of this run and of the next one, which recorded the same.

        Raises
        ------
        ValueError
            If ``later`` does not begin where this one ends, or did not record the same.
        """
        if not isinstance(later, Recording):
            return NotImplemented
        check_successive(self, later)
        for label in sorted((self._samples | self._labels).keys() ^ (later._samples | later._labels).keys()):
            which = "first" if label in self._samples | self._labels else "second"
            raise ValueError(f"Recording: {label!r} is only in the {which} of the two.")
        return Recording(
            {name: train + later.spikes[name] for name, train in self.spikes.items()},
            {label: _joined(label, samples, later._samples[label]) for label, samples in self._samples.items()},
            self._labels,
            *self._times_ms[:2],
            later._times_ms[2],
        )

    def plot(self, **options: Any) -> Figure:
        """Raster, population rates and traces in one figure; options as in :func:`brainsim.plot.overview`.

        Traces are variables of one axis, or of none, that have elements.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from brainsim import plot

        populations = {name: (train.times, train.local, train.n) for name, train in self.spikes.items()}
        drawn = {label: s for label, s in self._samples.items() if np.ndim(s.array) in (1, 2) and np.size(s.array)}
        traces = {label: (self.times_of(label), self[label]) for label in drawn}
        numbers = {label: s.elements for label, s in drawn.items() if np.shape(s.array)[1:] > (1,)}
        first = {label.partition(".spikes")[0]: name for label, name in reversed(self._labels.items())}
        colored = {label: first.get(s.path.partition(".")[0]) for label, s in drawn.items()}
        if not populations and not traces:
            raise ValueError(
                "Recording: there is nothing to draw; record something, such as record=['E.spikes', 'E.V']."
            )
        settings = {"start": self.start, "stop": self.stop, "labels": numbers, "colored": colored}
        return plot.overview(populations, traces, **settings | options)

    def to_xarray(self) -> xarray.Dataset:
        """An ``xarray.Dataset``: samples over ``time`` (``<label>_time`` where intervals differ) and elements, spikes as
        ``<name>_time`` and ``<name>_index``; units as attributes.
        """
        import xarray

        one = len({samples.facts for samples in self._samples.values()}) <= 1
        variables, coordinates = {}, {}
        for label, samples in self._samples.items():
            time = "time" if one else f"{label}_time"
            coordinates[time] = (time, np.asarray(self.times_of(label).to_decimal(u.ms)), {"units": "ms"})
            dims = (time, *(f"{label}_{k}" for k in range(1, np.ndim(samples.array))))
            if samples.elements is not None and len(dims) > 1:
                coordinates[dims[1]] = samples.elements
                if samples.places is not None:
                    coordinates[f"{label}_place"] = (dims[1], self.places_of(label))
            variables[label] = (dims, np.asarray(samples.array), {"units": str(samples.unit)})
        if not self._samples:
            coordinates["time"] = ("time", np.asarray(self.times.to_decimal(u.ms)), {"units": "ms"})
        for name, train in self.spikes.items():
            variables[f"{name}_time"] = ((f"{name}_spike",), np.asarray(train.times.to_decimal(u.ms)), {"units": "ms"})
            variables[f"{name}_index"] = ((f"{name}_spike",), train.indices, {"n": train.n})
        return xarray.Dataset(variables, coordinates)

    def save(self, path: str | Path) -> None:
        """Write to an HDF5 file, whole or not at all; an earlier recording there is replaced.

        Raises
        ------
        FileExistsError
            If something else stands at ``path``; it is not touched.
        OSError
            If the file cannot be written.
        """
        window = dict(zip(("dt", "start", "stop"), map(float, self._times_ms), strict=True))
        recording_file.write(path, window, self.spikes, self._samples, self._labels)

    @classmethod
    def load(cls, path: str | Path) -> Recording:
        """Read what :meth:`save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no file.
        ValueError
            If it is not a recording, or damaged.
        """
        with recording_file.opened(path) as file:
            window, trains, samples, labels = recording_file.read(file)
        ms = {name: value * u.ms for name, value in window.items()}
        spikes = {name: SpikeTrain(**ms | facts) for name, facts in trains.items()}
        held = {label: Samples(**facts | {"unit": u.parse_unit(facts["unit"])}) for label, facts in samples.items()}
        return cls(spikes, held, labels, window["dt"], window["start"], window["stop"])


def _joined(label, one: Samples, other: Samples) -> Samples:
    same = one.path == other.path and one.every == other.every and one.array.shape[1:] == other.array.shape[1:]
    if not same or not np.array_equal(one.elements, other.elements):
        raise ValueError(f"Recording: {label!r} is not of the same elements at the same interval in the two.")
    first = one.first if one.array.shape[0] else other.first
    further = np.asarray(in_unit(with_unit(other.array, other.unit), one.unit, label))
    if one.array.shape[0] and further.shape[0]:
        ahead = other.first - one.first - one.every * one.array.shape[0]
        if ahead not in (0, -one.every):
            raise ValueError(f"Recording: {label!r} has a gap between the two.")
        further = further[1:] if ahead else further  # the initial value of the second is the last of the first
    array = np.concatenate([one.array, further])
    return dataclasses.replace(one, array=array, first=first)
