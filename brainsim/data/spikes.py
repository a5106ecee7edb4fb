"""Labelled spike trains: the Heidelberg digits and speech commands as HDF5, the free spoken digits as npz."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, cast

import numpy as np


class SpikeData(NamedTuple):
    """Spikes of many recordings, one after the other.

    Parameters
    ----------
    times : float array, (spikes,)
        In ms.
    units : int array, (spikes,)
    starts : int array, (recordings + 1,)
        Where the spikes of each recording begin, and where the last end.
    labels : int array, (recordings,)
    count : int
        Number of units.
    """

    times: np.ndarray
    units: np.ndarray
    starts: np.ndarray
    labels: np.ndarray
    count: int

    def __len__(self) -> int:  # type: ignore[override]
        return len(self.labels)

    def take(self, chosen: np.ndarray) -> SpikeData:
        """The recordings of these numbers, or where ``chosen`` is true."""
        chosen = np.arange(len(self))[np.asarray(chosen)]
        lengths = np.diff(self.starts)[chosen]
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        where = np.arange(starts[-1]) + np.repeat(self.starts[:-1][chosen] - starts[:-1], lengths)
        return SpikeData(self.times[where], self.units[where], starts, self.labels[chosen], self.count)

    def lengths(self, step_ms: float) -> np.ndarray:
        """Steps up to the last spike of each recording, int32: what :func:`brainsim.train.fit` takes as lengths."""
        last = np.zeros(len(self))
        np.maximum.at(last, np.repeat(np.arange(len(self)), np.diff(self.starts)), np.floor(self.times / step_ms) + 1)
        return last.astype(np.int32)

    def binned(self, n_steps: int, step_ms: float, *, group: int = 1, binary: bool = False) -> np.ndarray:
        """Spikes of each step: what :func:`brainsim.train.fit` takes as courses.

        Parameters
        ----------
        n_steps : int
            Steps; what is later than the last is left out.
        step_ms : float
            Length of a step in ms.
        group : int
            Neighbouring units that are taken together.
        binary : bool
            Whether there was a spike, in place of how many (255 at most).

        Returns
        -------
        uint8 array, (recordings, n_steps, units)
        """
        if self.count % group:
            raise ValueError(f"binned: {self.count} units cannot be taken together by {group}.")
        frames = np.zeros((len(self), n_steps, self.count // group), np.uint8)
        recording = np.repeat(np.arange(len(self)), np.diff(self.starts))
        step = np.floor(self.times / step_ms).astype(np.int64)
        kept = (step >= 0) & (step < n_steps)
        place = np.ravel_multi_index((recording[kept], step[kept], self.units[kept] // group), frames.shape)
        where, number = np.unique(place, return_counts=True)
        frames.reshape(-1)[where] = 1 if binary else np.minimum(number, 255)
        return frames


def spikes(path: str | Path, count: int = 700) -> SpikeData:
    """Spike trains of the Spiking Heidelberg Digits or the Spiking Speech Commands, as they are published.

    Parameters
    ----------
    path : str or Path
        HDF5 file with ``spikes/times`` in seconds, ``spikes/units`` and ``labels``.
    count : int
        Number of units.

    Returns
    -------
    SpikeData

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    ImportError
        Without h5py.
    ValueError
        If it holds something else.

    References
    ----------
    B. Cramer et al., IEEE Trans. Neural Netw. Learn. Syst. 33:2744 (2022).
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"data.spikes: there is no file {path}.")
    try:
        import h5py
    except ImportError as error:
        raise ImportError(f"data.spikes: {path} is read by h5py; pip install h5py.") from error
    if not h5py.is_hdf5(path):
        raise ValueError(f"data.spikes: {path} is not an HDF5 file.")
    with h5py.File(path, "r") as file:
        missing = [name for name in ("spikes/times", "spikes/units", "labels") if name not in file]
        if missing:
            raise ValueError(f"data.spikes: {path} has no {', '.join(missing)}; it holds {', '.join(file)}.")
        times, units = (list(cast(h5py.Dataset, file[f"spikes/{name}"])) for name in ("times", "units"))
        labels = np.asarray(file["labels"]).astype(np.int32)
    lengths = [len(t) for t in times]
    if lengths != [len(k) for k in units] or len(labels) != len(times):
        raise ValueError(f"data.spikes: in {path}, times, units and labels do not belong together.")
    joined = np.concatenate(units).astype(np.int64) if units else np.zeros(0, np.int64)
    if joined.size and (joined.min() < 0 or joined.max() >= count):
        raise ValueError(
            f"data.spikes: {path} has units from {joined.min()} to {joined.max()}; expected {count} of them."
        )
    ms = np.concatenate(times).astype(np.float64) * 1e3 if times else np.zeros(0)
    return SpikeData(ms, joined, np.concatenate([[0], np.cumsum(lengths)]), labels, count)
