"""Delays as they were given, in as few bytes as hold them exactly, and in steps."""

from __future__ import annotations

import numpy as np

from brainsim._mesh import Share
from brainsim.events._sorted_rows import begins_of

BLOCK = 1 << 15  # values that are looked at together: working copies stay in the cache
DISTINCT = 1 << 16  # values that a table may hold


class Times:
    """Delays in milliseconds: one for all synapses, or one each.

    They are checked when they are made. One per synapse is kept as float32 where that is exact, else as places in a
    table of the values that occur, else as float64.

    Parameters
    ----------
    ms : float array, () or one per synapse
    what : str
        What they are called in errors.
    ours : bool
        Whether nobody else changes the array, so that no copy is needed.
    rows : int array, (rows + 1,), optional
        Where rows begin that are sorted by the bits of their delays: only their ends are looked at.

    Raises
    ------
    ValueError
        For delays that are not positive and finite.
    """

    def __init__(self, ms: np.ndarray, what: str, ours: bool = False, rows: np.ndarray | None = None):
        self.what, self.shape = what, np.shape(ms)
        flat = np.asarray(ms).reshape(-1)
        looked_at = flat if rows is None else _ends(flat, rows)
        extremes = [(part.min(), part.max()) for part in _blocks(looked_at)] or [(np.inf, 0.0)]
        self.shortest, self.longest = float(min(low for low, _ in extremes)), float(max(high for _, high in extremes))
        finite = all(np.isfinite(high) and low > 0 for low, high in extremes) if flat.size else True
        if not finite:
            bad = flat[~(np.isfinite(flat) & (flat > 0))][0]
            raise ValueError(f"{what}: delays must be positive and finite, given {bad} ms; leave it out for none.")
        self._values, self._places = _compact(flat, ours)

    def __len__(self):
        return len(self._values if self._places is None else self._places)

    @property
    def nbytes(self) -> int:
        """Memory that they take."""
        return self._values.nbytes + (0 if self._places is None else self._places.nbytes)

    @property
    def ms(self) -> np.ndarray:
        """All of them, float64."""
        values = self._values if self._places is None else self._values[self._places]
        return values.astype(float).reshape(self.shape)

    def steps(self, step_ms: float) -> np.ndarray:
        """All of them in whole steps, at least 1, int32."""
        if self._places is not None:
            return _steps(self._values, step_ms)[self._places].reshape(self.shape)
        return _steps(self._values, step_ms).reshape(self.shape)

    @property
    def stored(self) -> np.ndarray:
        """What is kept of each: the value itself, or its place in a table."""
        return self._values if self._places is None else self._places

    @property
    def sort_key(self) -> np.ndarray:
        """Whole numbers in the order of the delays: uint8, uint16 or uint32."""
        if self._places is not None:
            return self._places
        if self._values.dtype == np.float32:
            return self._values.view(np.uint32)  # of positive floats the bits are in order
        return np.unique(self._values, return_inverse=True)[1].astype(np.uint32)

    def begins(self, indptr: np.ndarray, step_ms: float, depth: int) -> np.ndarray:
        """Where the synapses of each delay in steps begin in each row, (rows, depth + 1), of rows sorted by delay."""
        if self._places is None and self._values.dtype == np.float32:
            return begins_of(indptr, self._values, depth, step_ms)
        return begins_of(indptr, self.steps(step_ms).ravel(), depth)

    def longest_in_steps(self, step_ms: float) -> int:
        """The longest of them in steps."""
        return int(_steps(np.array([self.longest]), step_ms)[0]) if self.longest else 1

    def check_step(self, step_ms: float) -> None:
        """Refuse a step that is longer than a delay."""
        if np.round(self.shortest / step_ms, 6) < 1:
            raise ValueError(
                f"{self.what}: delays must be at least one step of {step_ms} ms, given {self.shortest} ms. "
                "Leave the delay out for spikes that arrive when they are fired."
            )

    def among(self, share: Share) -> Times:
        """The same as part of those of all processes, whose shortest and longest are known."""
        if not self.shape:
            return self
        other = self.restored(self.stored)
        least, other.longest = share.largest([-self.shortest, self.longest])
        other.shortest = -least
        return other

    def some(self, keep: np.ndarray) -> Times:
        """Those of some synapses, in a row."""
        other = self.reordered(keep)
        other.shape = (len(other),)
        return other

    def reordered(self, order: np.ndarray) -> Times:
        """The same, synapse k with the delay that ``order[k]`` has here."""
        return self.restored(self.stored[order])

    def restored(self, stored: np.ndarray) -> Times:
        """The same delays in another order: with what is :attr:`stored` in it."""
        other = object.__new__(Times)
        vars(other).update(vars(self))
        vars(other)["_values" if self._places is None else "_places"] = stored
        return other


def _ends(flat, rows):
    """The first and last of each row. By their bits, numbers below 0 and nan come behind all others."""
    begins, ends = rows[:-1], rows[1:]
    some = ends > begins
    return np.concatenate([flat[begins[some]], flat[ends[some] - 1]])


def _blocks(flat):
    return (flat[start : start + BLOCK] for start in range(0, len(flat), BLOCK))


def _steps(ms, step_ms):
    steps = np.empty(len(ms), np.int32)
    for start in range(0, len(ms), BLOCK):
        part = slice(start, start + BLOCK)
        whole = ms[part] / np.float64(step_ms)
        steps[part] = np.maximum(np.round(whole, out=whole), 1, out=whole)
    return steps


def _compact(flat, ours):
    """``(values, places)``: each delay is ``values[place]``, or the value itself where places are None."""
    if flat.dtype == np.float32:
        return flat if ours else np.array(flat), None
    if all(np.array_equal(part, part.astype(np.float32)) for part in _blocks(flat)):
        return flat.astype(np.float32), None
    values = np.zeros(0)
    for part in _blocks(flat):
        values = np.union1d(values, part)
        if len(values) > min(DISTINCT, len(flat) // 2):
            return flat.astype(float), None
    narrow = np.uint8 if len(values) <= 1 << 8 else np.uint16
    return values, np.concatenate([np.searchsorted(values, part).astype(narrow) for part in _blocks(flat)])
