"""What a run records: requests such as ``"E.V[:10]"``, checked against the network before anything is compiled."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from brainsim._errors import UnknownNameError, suggestion
from brainsim.network import Network
from brainsim.population import View
from brainsim.simulation.places import Places, elements_at, label_of, places_of

Record: TypeAlias = Any  # what people write: str, pair of path and places, view, several of them, or dict to quantity

_INDEX = r"\[(?P<index>[^\[\]]*)\]|\[\[(?P<list>[^\[\]]*)\]\]"
_REQUEST = re.compile(rf"(?P<path>[^\[\]@]+)({_INDEX}|@(?P<place>.+))?")


@dataclasses.dataclass(frozen=True)
class Request:
    """One recorded quantity: a variable, some of its elements, and how often.

    Parameters
    ----------
    label : str
        As the user wrote it.
    name : str
        Under which the recording holds it: for spikes, the population and the elements.
    path : str
        Variable in the network.
    elements : tuple of int, slice or None
        Which elements of its first axis; None for all.
    size : int or None
        Length of its first axis; None for a single number.
    shape : tuple of int
        Shape of one sample.
    every : int
        Steps between samples.
    is_spikes : bool
        Whether it is kept as events.
    of_spikes : bool
        Whether it says of spikes that are recorded when in their step they were fired.
    flat : bool
        Whether elements count the synapses of an array of more than one axis.
    places : Places or None
        Of cells, which the elements stand for.
    """

    label: str
    name: str
    path: str
    elements: tuple[int, ...] | slice | None
    size: int | None
    shape: tuple[int, ...]
    every: int
    is_spikes: bool
    of_spikes: bool = False
    flat: bool = False
    places: Places | None = dataclasses.field(default=None, compare=False, repr=False)

    @property
    def population(self) -> str:
        return self.path.rpartition(".")[0]

    @property
    def numbers(self) -> np.ndarray | None:
        """Which elements of the first axis, (k,); None for a single number."""
        return None if self.size is None else self.select(np.arange(self.size, dtype=np.int32))

    def select(self, array):
        """The elements of an array of the variable."""
        if self.elements is None:
            return array
        array = array.reshape(-1) if self.flat else array
        return array[np.asarray(self.elements) if isinstance(self.elements, tuple) else self.elements]

    def __hash__(self):
        return hash((self.label, self.path, str(self.elements), self.shape, self.every))


def parse(
    net: Network, record, every: int, arrays: dict, interval: Callable[[object, str], int]
) -> tuple[Request, ...]:
    """Requests for what is to be recorded.

    Parameters
    ----------
    net : Network
    record : str, pair, view, several of them, or dict of them to quantity
        ``"E.spikes"``, ``"E.V"``, ``"E.V[:10]"``, ``"E.ampa.g[[0, 5]]"``, ``"E->I.weight[::100]"``; of cells with a shape
        ``"cells.V@dend[3](0.5)"``, ``"cells.V@dend"``, ``("cells.na.m", tips())``, or ``cells.at("dend")`` for V there. As a
        dictionary, each with an interval of its own; None stands for ``every``.
    every : int
        Steps between samples of what is not spikes.
    arrays : dict
        Parameters and states by path.
    interval : callable
        Steps of an interval: ``interval(quantity, what)``.

    Raises
    ------
    UnknownNameError
        For a path that does not exist.
    ValueError
        For an index that cannot be read or selects nothing, or an interval that cannot be.
    """
    if isinstance(record, str | View) or _is_pair(record):
        record = [record]
    if not isinstance(record, Iterable):
        raise TypeError(f"record: expected a path such as 'E.spikes', or several of them, given {record!r}.")
    asked = list(record.items()) if isinstance(record, Mapping) else [(one, None) for one in record]
    labels = [label_of(one) for one, _ in asked]
    if len(set(labels)) < len(labels):
        raise ValueError(f"record: something is asked for twice in {labels}.")
    requests = [_request(net, one, given, every, arrays, interval) for one, given in asked]
    return (*requests, *(r for request in requests for r in _within(request, arrays)))


def _within(request, arrays) -> list[Request]:
    """Beside the spikes of neurons that fire between steps, when in its step each was fired."""
    path = f"{request.path.rpartition('.')[0]}.fired_at"
    if not request.is_spikes or path not in arrays:
        return []
    return [dataclasses.replace(request, label=f"{request.label} within", path=path, is_spikes=False, of_spikes=True)]


def _is_pair(record) -> bool:
    """Whether it is one path and places, and not two paths."""
    return isinstance(record, tuple) and len(record) == 2 and isinstance(record[0], str) and not _is_path(record[1])


def _is_path(one) -> bool:
    return isinstance(one, str) and "." in one


def _request(net, asked, given, every, arrays, interval) -> Request:
    populations, label = net.populations, label_of(asked)
    match = _REQUEST.fullmatch(label)
    if match is None:
        raise ValueError(f"record: cannot read {label!r}; write a path such as 'E.spikes', 'E.V' or 'E.V[:10]'.")
    path = match["path"]
    if path in populations:
        raise UnknownNameError(
            f"record: {path!r} is a population; say what of it, for example '{path}.spikes' or '{path}.V'."
        )
    if path not in arrays:
        raise UnknownNameError(f"record: the network has no {path!r}.{suggestion(path, arrays)}")
    owner, _, variable = path.rpartition(".")
    is_spikes = variable == "spikes" and owner in net.senders
    if given is not None:
        if is_spikes:
            raise ValueError(f"record: {label!r} takes no interval, given {given}: all spikes are recorded.")
        every = interval(given, f"record[{label!r}]")
    shape, index = arrays[path].shape, match["index"] if match["list"] is None else match["list"]
    flat = index is not None and len(shape) > 1 and _of_synapses(net, owner, variable)
    shape = (int(np.prod(shape)),) if flat else shape
    places = places_of(net, path)
    if match["place"] is not None:
        elements = elements_at(net, path, _where(asked, match["place"]), label)
    else:
        elements = _elements(label, index, shape, places)
    size = shape[0] if shape else None
    chosen = shape if elements is None else (len(_picked(elements, size)), *shape[1:])
    name = f"{owner}{label[len(path) :]}" if is_spikes else label
    every = 1 if is_spikes else every
    return Request(label, name, path, elements, size, chosen, every, is_spikes, flat=flat, places=places)


def _where(asked, place: str) -> Any:
    """Places as they were asked for."""
    return place if isinstance(asked, str) else asked if isinstance(asked, View) else asked[1]


def _of_synapses(net, owner, variable) -> bool:
    """Whether the path is of one number for each synapse."""
    declared = getattr(net[owner], "_declared", {}).get(variable)
    return declared is not None and declared.shape == "weight_shape"


def _picked(elements, size):
    return range(size)[elements] if isinstance(elements, slice) else elements


def _elements(label, text, shape, places=None):
    if text is None:
        return None
    if not shape:
        raise ValueError(f"record: {label!r} indexes a single number.")
    try:
        if ":" in text:
            numbers = [int(part) if part.strip() else None for part in text.split(":")]
            if len(numbers) > 3 or numbers[2:] == [0]:
                raise ValueError
            chosen = slice(*numbers)
        else:
            chosen = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError(
            f"record: cannot read the index in {label!r}; accepted: [:10], [5:20:5], [3], [[0, 5, 7]]."
        ) from None
    picked = _picked(chosen, shape[0])
    if len(picked) == 0 or any(not -shape[0] <= k < shape[0] for k in (min(picked), max(picked))):
        what = "nothing" if len(picked) == 0 else "what does not exist"
        last = "" if places is None else f", the last of which is {places.among(np.asarray([shape[0] - 1])).names()[0]}"
        raise ValueError(f"record: {label!r} selects {what}; the variable has {shape[0]} elements{last}.")
    if isinstance(chosen, slice):
        return chosen
    numbers = tuple(k % shape[0] for k in chosen)
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"record: {label!r} selects an element twice.")
    return numbers
