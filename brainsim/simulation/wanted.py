"""What a user asks a run to record, with when and how often."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import QuantityLike
from brainsim.population import View
from brainsim.simulation.places import label_of

OVER = ("mean", "sum", "min", "max")
Wanted: TypeAlias = Any  # what people write: str, Record, pair of path and places, view, several of them, or dict


@dataclasses.dataclass(frozen=True, eq=False)
class Record:
    """What to record, with when and how often: an item of ``record`` of :func:`brainsim.simulate`.

    For example::

        record=["E.spikes", Record("E.V[:10]", every=1 * u.ms, start=200 * u.ms), Record("E.w", initial=True)]
        record={"late": Record("E.spikes", start=500 * u.ms), "mean_V": Record(lambda net: net.E.V.mean(), every=1 * u.ms)}
        record={"counts": Record("E.spikes", over="sum", every=10 * u.ms), "V": Record("E.V", over="mean")}

    Parameters
    ----------
    what : str, (str, places), view or callable
        A path such as ``"E.V[:10]"``, a reduction of one, ``"mean(E.V)"``, places of cells, or a function of the network.
    every : quantity, time, optional
        Interval between samples; that of the run (``sample_every``) if left out.
    start, stop : quantity, time, optional
        Window: spikes and samples with start < t <= stop, in the time of the network. From the beginning, to the end,
        if left out.
    initial : bool
        Also the value at the beginning of the run, or of the window if that is later.
    over : str, optional
        A sample is the ``"mean"``, ``"sum"``, ``"min"`` or ``"max"`` of the values at the ends of all steps of its interval,
        and not the last of them: means of a potential, numbers of spikes of each neuron. Taken together where the run is,
        so that nothing else of it comes from the device. Without ``every``, one sample for the window, or the run.

    Raises
    ------
    TypeError, ValueError, UnknownNameError
        For what is neither a path, places nor a function, and another ``over``.
    """

    what: Any
    every: QuantityLike | None = None
    start: QuantityLike | None = None
    stop: QuantityLike | None = None
    initial: bool = False
    over: str | None = None

    def __post_init__(self):
        if not is_function(self.what):
            label_of(self.what)
        if not isinstance(self.initial, bool):
            raise TypeError(f"Record: initial is True or False, given {self.initial!r}.")
        if self.over is not None and self.over not in OVER:
            raise UnknownNameError(f"Record: there is no over={self.over!r}.{suggestion(str(self.over), OVER)}")
        if self.over is not None and self.initial:
            raise ValueError("Record: over an interval there is no initial value; leave out initial=True.")


def listed(record: Any) -> dict[str, Record]:
    """What is asked for, by label.

    Raises
    ------
    TypeError, ValueError
        For what is no list of paths, or two of the same label.
    """
    if isinstance(record, str | Record | View) or is_pair(record):
        record = [record]
    if not isinstance(record, Iterable):
        raise TypeError(f"record: expected a path such as 'E.spikes', or several of them, given {record!r}.")
    if isinstance(record, Mapping):
        asked = [(label_of(key), _of(key, given)) for key, given in record.items()]
    else:
        items = [item if isinstance(item, Record) else Record(_checked(item)) for item in record]
        for item in items:
            if is_function(item.what):
                raise TypeError(f"record: a function needs a name, record={{'x': {item.what!r}}}.")
        asked = [(label_of(item.what), item) for item in items]
    found = dict(asked)
    if len(found) < len(asked):
        raise ValueError(f"record: something is asked for twice in {[label for label, _ in asked]}.")
    return found


def _of(key: Any, given: Any) -> Record:
    if isinstance(given, Record):
        return given
    if is_function(given):
        return Record(given)
    if isinstance(given, str | View) or is_pair(given):  # by another name
        return Record(_checked(given))
    every: Any = given
    return Record(key, every=every)


def _checked(item):
    label_of(item)  # which refuses what is neither path nor places
    return item


def is_function(given: Any) -> bool:
    """Whether it is a function, and not a quantity or a view."""
    return callable(given) and not isinstance(given, View) and not hasattr(given, "mantissa")


def is_pair(record) -> bool:
    """Whether it is one path and places, and not two paths."""
    return isinstance(record, tuple) and len(record) == 2 and isinstance(record[0], str) and not _is_path(record[1])


def _is_path(one) -> bool:
    return isinstance(one, Record) or (isinstance(one, str) and "." in one)
