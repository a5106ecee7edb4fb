"""What every statistic asks of its arguments, and how a time falls into a window or a bin."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

# A simulator computes spike times as step * dt, which rounds to either side of a bin edge. A time this close below an
# edge counts as on it: far above the rounding of float64 times, far below any time step.
_SLACK = 1e-9


class PerNeuron(NamedTuple):
    """A statistic of each neuron, and its mean over the neurons that have one (NaN marks those that do not)."""

    mean: float
    per_neuron: np.ndarray


def plain(name: str, value: Any, unit: str = "second") -> np.ndarray:
    """``value`` as a real NumPy array; refuses quantities, whose unit would be lost silently."""
    if hasattr(value, "mantissa") and hasattr(value, "unit"):
        raise TypeError(
            f"{name}: got a quantity in {value.unit}; brainsim.analysis takes plain numbers. "
            f"Pass {name}.to_decimal(u.{unit})."
        )
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name}: got dtype {array.dtype}; accepted are real numbers.")
    return array


def number(name: str, value: Any, *, above: float | None = None) -> float:
    """``value`` as a finite float, larger than ``above``."""
    array = plain(name, value)
    if array.ndim or not np.isfinite(array) or (above is not None and array <= above):
        accepted = "one finite number" + ("" if above is None else f" > {above}")
        raise ValueError(f"{name}: got {value!r}; accepted is {accepted}.")
    return float(array)


def integer(name: str, value: Any, *, least: int) -> int:
    """``value`` as an int of at least ``least``."""
    array = np.asarray(value)
    if array.ndim or array.dtype.kind not in "iu" or array < least:
        raise ValueError(f"{name}: got {value!r}; accepted is one integer >= {least}.")
    return int(array)


def check_times(name: str, times: ArrayLike) -> tuple[np.ndarray, float]:
    """Event times as a flat float64 array, and how far below an edge a time still counts as on it."""
    given = plain(name, times)
    if given.ndim != 1:
        raise ValueError(f"{name}: got shape {given.shape}; accepted is one dimension, one entry per spike.")
    array = given.astype(np.float64)
    if array.size == 0:
        return array, _SLACK
    largest = np.abs(array).max()
    if not np.isfinite(largest):
        raise ValueError(f"{name}: got NaN or infinite entries; accepted are finite times in seconds.")
    if given.dtype.kind == "f":  # times stored in float32 are coarser than a nanosecond
        return array, max(_SLACK, 2 * float(np.spacing(given.dtype.type(largest))))
    return array, _SLACK


def check_events(times: ArrayLike, indices: ArrayLike, n: int) -> tuple[np.ndarray, np.ndarray, int, float]:
    """Validated ``(times, indices, n, slack)`` of a population's events."""
    times, slack = check_times("times", times)
    indices = plain("indices", indices)
    n = integer("n", n, least=1)
    if indices.shape != times.shape:
        raise ValueError(f"indices: got shape {indices.shape} with times of shape {times.shape}; they must be equal.")
    if indices.size == 0:
        return times, indices.astype(np.intp), n, slack
    if indices.dtype.kind not in "iu":
        raise TypeError(f"indices: got dtype {indices.dtype}; accepted are integers.")
    low, high = indices.min(), indices.max()
    if low < 0 or high >= n:
        raise ValueError(f"indices: got {low if low < 0 else high}; accepted with n={n} are 0 to {n - 1}.")
    return times, indices.astype(np.intp, copy=False), n, slack


def check_window(start: float, stop: float) -> tuple[float, float]:
    """The window as two floats, ``start < stop``."""
    start, stop = number("start", start), number("stop", stop)
    if stop <= start:
        raise ValueError(f"stop: got {stop!r} with start={start!r}; accepted is stop > start.")
    return start, stop


def inside(times: np.ndarray, start: float, stop: float, slack: float) -> np.ndarray:
    """Mask of the events with ``start <= t < stop``."""
    return (times >= start - slack) & (times < stop - slack)


class Bins(NamedTuple):
    """Equal bins from ``start``: as many whole ones as fit into the window."""

    start: float
    width: float
    count: int

    @classmethod
    def of(cls, bin: float, start: float, stop: float) -> "Bins":
        start, stop = check_window(start, stop)
        width = number("bin", bin, above=0)
        count = int((stop - start) / width + 1e-6)
        if count == 0:
            raise ValueError(f"bin: got {width!r}; accepted is at most the window, stop - start = {stop - start!r}.")
        return cls(start, width, count)

    @property
    def centers(self) -> np.ndarray:
        return self.start + self.width * (np.arange(self.count) + 0.5)

    def locate(self, times: np.ndarray, slack: float) -> tuple[np.ndarray, np.ndarray]:
        """The bin of each event, and the mask of the events that fall into one."""
        which = np.floor((times - self.start + min(slack, self.width / 4)) / self.width)
        return which.astype(np.intp), (which >= 0) & (which < self.count)
