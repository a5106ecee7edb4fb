"""What a run gives back: spike trains as events, samples as quantities."""

from __future__ import annotations

import dataclasses
import json

import brainunit as u
import numpy as np

from brainsim import analysis
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import with_unit


@dataclasses.dataclass(frozen=True)
class SpikeTrain:
    """Spikes of a population, in the order of time.

    Attributes
    ----------
    steps, indices : int32 arrays, (k,)
        Number of the step at whose end the spike was fired, counted from 1, and which unit fired.
    n : int
        Number of recorded units.
    dt : quantity, time
        Length of a step.
    start, stop : quantity, time
        The recorded window.
    """

    steps: np.ndarray
    indices: np.ndarray
    n: int
    dt: u.Quantity
    start: u.Quantity
    stop: u.Quantity

    def __len__(self):
        return len(self.steps)

    def __repr__(self):
        return f"SpikeTrain({len(self):,} spikes of {self.n:,} units in {self.stop - self.start})"

    @property
    def times(self) -> u.Quantity:
        """Spike times, (k,)."""
        return self.steps * float(self.dt.to_decimal(u.ms)) * u.ms

    def _window(self, start, stop):
        low = self.start if start is None else start
        high = self.stop if stop is None else stop
        return float(low.to_decimal(u.second)), float(high.to_decimal(u.second))

    def _events(self):
        # A spike that ends a step belongs to that step. The windows and bins of analysis see its middle, which no
        # rounding of a bound, itself a multiple of dt, can push to the other side.
        return (self.steps - 0.5) * float(self.dt.to_decimal(u.second)), self.indices, self.n

    def rate(self, start=None, stop=None) -> u.Quantity:
        """Mean firing rate in Hz, over units and over [start, stop)."""
        return analysis.firing_rate(*self._events(), *self._window(start, stop)).mean * u.Hz

    def rates(self, start=None, stop=None) -> u.Quantity:
        """Firing rate of every unit in Hz, (n,)."""
        return analysis.firing_rate(*self._events(), *self._window(start, stop)).per_neuron * u.Hz

    def population_rate(self, bin=1.0 * u.ms, smooth=None, start=None, stop=None) -> tuple[u.Quantity, u.Quantity]:
        """Times and mean rate of the units in bins, optionally smoothed by a Gaussian of that standard deviation."""
        times, _, n = self._events()
        width = None if smooth is None else float(smooth.to_decimal(u.second))
        result = analysis.population_rate(
            times, n, float(bin.to_decimal(u.second)), *self._window(start, stop), smooth=width
        )
        return result.times * 1e3 * u.ms, result.rate * u.Hz

    def counts(self, bin=1.0 * u.ms, start=None, stop=None) -> np.ndarray:
        """Spike counts, (bins, n)."""
        return analysis.binned_counts(*self._events(), float(bin.to_decimal(u.second)), *self._window(start, stop))

    def isi(self) -> u.Quantity:
        """All interspike intervals, unit after unit."""
        return analysis.interspike_intervals(*self._events()).values * 1e3 * u.ms

    def cv(self, min_spikes: int = 6, start=None, stop=None) -> float:
        """Mean coefficient of variation of the intervals of units with at least ``min_spikes`` spikes."""
        low, high = self._window(start, stop)
        return float(analysis.cv(*self._events(), min_spikes=min_spikes, start=low, stop=high).mean)

    def cv2(self, min_spikes: int = 6, start=None, stop=None) -> float:
        """Mean local irregularity of the intervals, blind to slow changes of the rate; as :meth:`cv` in all else."""
        low, high = self._window(start, stop)
        return float(analysis.cv2(*self._events(), min_spikes=min_spikes, start=low, stop=high).mean)

    def fano_factor(self, bin=100.0 * u.ms, start=None, stop=None) -> float:
        """Mean over units of the variance of the binned count over its mean."""
        return float(
            analysis.fano_factor(*self._events(), float(bin.to_decimal(u.second)), *self._window(start, stop)).mean
        )

    def synchrony(self, bin=5.0 * u.ms, start=None, stop=None) -> float:
        """Variance of the whole population's binned count over its mean: 1 for independent Poisson units, up to n."""
        return analysis.synchrony(self._events()[0], float(bin.to_decimal(u.second)), *self._window(start, stop))

    def correlation(self, bin=5.0 * u.ms, start=None, stop=None) -> float:
        """Mean pairwise correlation of the binned counts."""
        return float(
            analysis.correlation(*self._events(), float(bin.to_decimal(u.second)), *self._window(start, stop)).mean
        )

    def of(self, index: int) -> u.Quantity:
        """Spike times of one unit."""
        return self.times[self.indices == index]

    def merge(self, *others: SpikeTrain) -> SpikeTrain:
        """The spikes of all as one population: the units of ``self`` first, then those of the others in their order.

        Raises
        ------
        ValueError
            If the trains are not of one window and step.
        """
        trains = (self, *others)
        facts = [tuple(float(q.to_decimal(u.ms)) for q in (t.dt, t.start, t.stop)) for t in trains]
        if not np.allclose(facts, facts[0], rtol=1e-9):
            shown = ", ".join(f"{start} to {stop} ms in steps of {dt} ms" for dt, start, stop in facts)
            raise ValueError(f"SpikeTrain.merge: the trains must share one window and step; given {shown}.")
        offsets = np.cumsum([0, *(t.n for t in trains)])
        steps = np.concatenate([t.steps for t in trains])
        indices = np.concatenate([t.indices + t.indices.dtype.type(offset) for t, offset in zip(trains, offsets)])
        order = np.argsort(steps, kind="stable")
        return dataclasses.replace(self, steps=steps[order], indices=indices[order], n=int(offsets[-1]))


class SpikeTrains(dict):
    """The spike trains of a recording, by name of the population."""

    def __missing__(self, name):
        raise UnknownNameError(f"Recording has no spikes of {name!r}.{suggestion(name, self)}")

    def merged(self, *names: str) -> SpikeTrain:
        """The spikes of several populations (all, if none is named) as one train; units count on from one to the next.

        ``rec.spikes.merged("E", "I").rate()`` is the mean rate over both.
        """
        if not self:
            raise UnknownNameError("Recording has no spikes to merge: record some, as in record=['E.spikes'].")
        first, *others = (self[name] for name in names or self)
        return first.merge(*others)


class Recording:
    """What a run recorded.

    ``rec.spikes["E"]`` is a :class:`SpikeTrain`; ``rec["E.V[:10]"]``, under the label it was asked for, a quantity of
    shape (samples, ...); ``rec.times`` the times of the samples.

    Attributes
    ----------
    spikes : SpikeTrains
        By name of the population: a dict of str to SpikeTrain; ``spikes.merged("E", "I")`` is both as one.
    times : quantity, time, (samples,)
    dt, start, stop : quantity, time
    """

    def __init__(self, spikes, samples, units, times_ms, step_ms, start_ms, stop_ms):
        self.spikes, self._samples, self._units = SpikeTrains(spikes), samples, units
        self.times = times_ms * u.ms
        self.dt, self.start, self.stop = step_ms * u.ms, start_ms * u.ms, stop_ms * u.ms

    @classmethod
    def of_arrays(cls, net, requests, samples, step_ms, first, every):
        """From traced arrays, inside a transformation: spikes are arrays too, and one row per step is kept."""
        kept = {
            r.label: samples[r.label] if r.is_spikes else samples[r.label][r.every - 1 :: r.every] for r in requests
        }
        n = max((a.shape[0] for a in samples.values()), default=0)
        times = (first + 1 + np.arange(n)) * step_ms
        return cls(
            {}, kept, _units(net, requests), times[every - 1 :: every], step_ms, first * step_ms, (first + n) * step_ms
        )

    def __getitem__(self, label: str):
        if label in self._samples:
            return with_unit(self._samples[label], self._units[label])
        trains = {_spike_label(name): train for name, train in self.spikes.items()}
        if label in trains:
            return trains[label]
        raise UnknownNameError(f"Recording has no {label!r}.{suggestion(label, [*self._samples, *trains])}")

    def keys(self) -> list[str]:
        """Labels of the samples."""
        return list(self._samples)

    def __repr__(self):
        spikes = ", ".join(f"{k}: {len(s):,} spikes" for k, s in self.spikes.items())
        samples = ", ".join(f"{k} {tuple(v.shape)}" for k, v in self._samples.items())
        return (
            f"Recording({self.start} to {self.stop};"
            f" {'; '.join(part for part in (spikes, samples) if part) or 'nothing'})"
        )

    def plot(self, **options):
        """Raster, population rates and traces in one figure; options as in :func:`brainsim.plot.overview`.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from brainsim import plot

        populations = {k: (s.times, s.indices, s.n) for k, s in self.spikes.items()}
        traces = {k: (self.times, self[k]) for k, v in self._samples.items() if np.ndim(v) in (1, 2)}
        return plot.overview(populations, traces, start=self.start, stop=self.stop, **options)

    def to_xarray(self):
        """An ``xarray.Dataset``: samples over ``time``, spikes as ``<name>_time`` and ``<name>_index``; units as
        attributes.
        """
        import xarray

        variables = {}
        for label, array in self._samples.items():
            dims = ("time", *(f"{label}_{k}" for k in range(1, np.ndim(array))))
            variables[label] = (dims, np.asarray(array), {"units": str(self._units[label])})
        for name, train in self.spikes.items():
            variables[f"{name}_time"] = ((f"{name}_spike",), np.asarray(train.times.to_decimal(u.ms)), {"units": "ms"})
            variables[f"{name}_index"] = ((f"{name}_spike",), train.indices, {"n": train.n})
        return xarray.Dataset(variables, {"time": ("time", np.asarray(self.times.to_decimal(u.ms)), {"units": "ms"})})

    def save(self, path) -> None:
        """Write to an HDF5 file."""
        import h5py

        with h5py.File(path, "w") as file:
            file.attrs["brainsim"] = json.dumps(
                {k: float(getattr(self, k).to_decimal(u.ms)) for k in ("dt", "start", "stop")}
            )
            file["times"] = np.asarray(self.times.to_decimal(u.ms))
            for label, array in self._samples.items():
                file.create_dataset(f"samples/{label}", data=np.asarray(array)).attrs["unit"] = str(self._units[label])
            for name, train in self.spikes.items():
                group = file.create_group(f"spikes/{name}")
                group["steps"], group["indices"] = train.steps, train.indices
                group.attrs["n"] = train.n

    @classmethod
    def load(cls, path) -> Recording:
        """Read what :meth:`save` wrote."""
        import h5py

        with h5py.File(path) as file:
            if "brainsim" not in file.attrs:
                raise ValueError(f"{path} is no recording of brainsim.")
            facts = json.loads(file.attrs["brainsim"])
            samples = {k: v[...] for k, v in file.get("samples", {}).items()}
            units = {k: u.parse_unit(v.attrs["unit"]) for k, v in file.get("samples", {}).items()}
            window = facts["dt"] * u.ms, facts["start"] * u.ms, facts["stop"] * u.ms
            spikes = {
                k: SpikeTrain(g["steps"][...], g["indices"][...], int(g.attrs["n"]), *window)
                for k, g in file.get("spikes", {}).items()
            }
            return cls(spikes, samples, units, file["times"][...], *(facts[k] for k in ("dt", "start", "stop")))


class Recorder:
    """Collects the pieces of a run on the host."""

    def __init__(self, requests, step_ms, first):
        self.requests, self.step_ms, self.first = requests, step_ms, first
        self.steps = 0
        self.events = {r.label: ([], []) for r in requests if r.is_spikes}
        self.pieces = {r.label: [] for r in requests if not r.is_spikes}

    def add(self, plan, advanced: int, first: int, events, samples) -> None:
        """Add what ``advanced`` steps from step number ``first`` on have recorded."""
        self.steps += advanced
        count = int(events[2])
        index, step = (np.asarray(array)[:count] for array in events[:2])
        for request, low, high in zip(plan.spikes, plan.offsets, plan.offsets[1:]):
            own = slice(None) if len(plan.spikes) == 1 else np.flatnonzero((index >= low) & (index < high))
            indices, steps = self.events[request.label]
            indices.append(index[own] - np.int32(low))
            steps.append(step[own].copy())
        for request in plan.samples:
            complete = (first + advanced) // request.every - first // request.every
            self.pieces[request.label].append(np.asarray(samples[request.label])[:complete].copy())

    def finish(self, net) -> Recording:
        """The recording."""
        start, stop = self.first * self.step_ms, (self.first + self.steps) * self.step_ms
        window = self.step_ms * u.ms, start * u.ms, stop * u.ms
        spikes = {}
        for request in self.requests:
            if request.is_spikes:
                indices, steps = (
                    np.concatenate(parts) if parts else np.zeros(0, np.int32) for parts in self.events[request.label]
                )
                name = (
                    request.label.removesuffix(".spikes")
                    if request.elements is None
                    else request.label.replace(".spikes", "")
                )
                spikes[name] = SpikeTrain(steps, indices, request.shape[0], *window)
        samples = {label: np.concatenate(parts) for label, parts in self.pieces.items()}
        every = next((r.every for r in self.requests if not r.is_spikes), 1)
        numbers = np.arange(self.first // every + 1, (self.first + self.steps) // every + 1) * every
        return Recording(spikes, samples, _units(net, self.requests), numbers * self.step_ms, self.step_ms, start, stop)


def _units(net, requests):
    units = {}
    for request in requests:
        owner, _, name = request.path.rpartition(".")
        units[request.label] = (net[owner] if owner else net).unit_of(name) if not request.is_spikes else u.UNITLESS
    return units


def _spike_label(name: str) -> str:
    """The label under which spikes named ``"E"`` or ``"E[:10]"`` were asked for."""
    population, bracket, elements = name.partition("[")
    return f"{population}.spikes{bracket}{elements}"
