"""What a run records: requests such as ``"E.V[:10]"``, checked against the network before anything is compiled."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import brainunit as u
import numpy as np

from brainsim._core import Dynamics
from brainsim._core.rounding import SUFFIX
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import in_unit, split_quantity, with_unit
from brainsim.network import Network
from brainsim.population import View
from brainsim.simulation import derived
from brainsim.simulation.derived import Derived
from brainsim.simulation.places import Places, elements_at, label_of, places_of
from brainsim.simulation.wanted import Record, is_function, listed

_INDEX = r"\[(?P<index>[^\[\]]*)\]|\[\[(?P<list>[^\[\]]*)\]\]"
_REQUEST = re.compile(rf"(?P<path>[^\[\]@]+)({_INDEX}|@(?P<place>.+))?")
WHOLE = (-1, 2**31)  # a window of all steps
PART = 1000  # steps of the intervals that one sample of a whole run is made of, at most
_REDUCED = re.compile(r"(?P<how>\w+)\((?P<inner>[^()]+)\)")


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
    derived : Derived or None
        What is computed, where it is no variable.
    unit : Unit
        Of its values.
    window : tuple of int
        What is kept: of steps with first < number <= last.
    initial : bool
        Whether the value at the beginning is kept too.
    over : str or None
        What is taken of the values in an interval; None for the last.
    total : bool
        Whether all intervals make one sample.
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
    derived: Derived | None = None
    unit: Any = u.UNITLESS
    window: tuple[int, int] = dataclasses.field(default=WHOLE, compare=False)
    initial: bool = dataclasses.field(default=False, compare=False)
    over: str | None = None
    total: bool = dataclasses.field(default=False, compare=False)

    @property
    def population(self) -> str:
        return self.path.rpartition(".")[0]

    @functools.cached_property
    def numbers(self) -> np.ndarray | None:
        """Which elements of the first axis, (k,); None for a single number. Recordings share it, and cannot write to it."""
        if self.size is None:
            return None
        numbers = self.select(np.arange(self.size, dtype=np.int32))
        numbers.flags.writeable = False
        return numbers

    def select(self, array):
        """The elements of an array of the variable."""
        if self.elements is None:
            return array
        array = array.reshape(-1) if self.flat else array
        return array[np.asarray(self.elements) if isinstance(self.elements, tuple) else self.elements]

    def kept(self, steps: np.ndarray) -> np.ndarray:
        """Which of these numbers of steps lie in the window."""
        first, last = self.window
        return (steps > first - self.initial) & (steps <= last)

    @functools.cached_property
    def bytes_per_step(self) -> float:
        """Of its samples, at most; spikes are none."""
        return 0 if self.is_spikes else (16 if self.over else 8) * math.prod(self.shape) / self.every

    @functools.cached_property
    def _hash(self) -> int:
        return hash((self.label, self.path, str(self.elements), self.shape, self.every, self.derived, self.over))

    def __hash__(self):
        return self._hash

    def __getstate__(self):
        """What copies take along: the hashes of other processes are others."""
        return {name: value for name, value in vars(self).items() if name not in ("_hash", "numbers")}


class Times:
    """What times of requests mean in steps.

    Parameters
    ----------
    step_ms : float
    first, n_steps : int
        Steps before the run, and of the run.
    every : int
        Steps between samples of what has no interval of its own.
    interval : callable
        Steps of an interval: ``interval(quantity, what)``.
    """

    def __init__(self, step_ms: float, first: int, n_steps: int, every: int, interval: Callable[[object, str], int]):
        self.step_ms, self.first, self.n_steps, self.every, self.interval = step_ms, first, n_steps, every, interval

    def window(self, label: str, record: Record) -> tuple[int, int]:
        """First and last step of the window of a request.

        Raises
        ------
        UnitError, ValueError
            For what are no times, or a window that is empty or reaches beyond the run.
        """
        first, last = self.first, self.first + self.n_steps
        if record.start is None and record.stop is None:
            return WHOLE
        bounds = [first, last]
        for k, name in enumerate(("start", "stop")):
            given = getattr(record, name)
            if given is not None:
                ms = np.asarray(in_unit(given, u.ms, f"record[{label!r}].{name}"), float)
                if ms.ndim or not np.isfinite(ms):
                    raise ValueError(f"record[{label!r}].{name}: expected a time, given {given}.")
                bounds[k] = round(float(ms) / self.step_ms)
                if abs(float(ms) / self.step_ms - bounds[k]) > 1e-6 * max(1, abs(bounds[k])):
                    raise ValueError(f"record[{label!r}].{name}: {given} is not a multiple of dt = {self.step_ms} ms.")
        if not first <= bounds[0] < bounds[1] <= last:
            begin, end = (bound * self.step_ms for bound in bounds)
            raise ValueError(
                f"record[{label!r}]: the window {begin:g} to {end:g} ms is empty or reaches beyond the run,"
                f" {first * self.step_ms:g} to {last * self.step_ms:g} ms."
            )
        return bounds[0], bounds[1]


def parse(
    net: Network,
    record,
    times: Times,
    arrays: dict,
    facts: Callable[[Sequence[Derived]], dict],
) -> tuple[Request, ...]:
    """Requests for what is to be recorded.

    Parameters
    ----------
    net : Network
    record : str, pair, view, Record, several of them, or dict of them to quantity, Record or function
        ``"E.spikes"``, ``"E.V"``, ``"E.V[:10]"``, ``"E.ampa.g[[0, 5]]"``, ``"E->I.weight[::100]"``, ``"E.ampa.I"``,
        ``"mean(E.V)"``; of cells with a shape ``"cells.V@dend[3](0.5)"``, ``"cells.V@dend"``, ``("cells.na.m", tips())``, or
        ``cells.at("dend")`` for V there. As a dictionary, each with an interval of its own (None for that of the run), or a function.
    times : Times
    arrays : dict
        Parameters and states by path.
    facts : callable
        Shape, type and unit of what is computed, by label.

    Raises
    ------
    UnknownNameError
        For a path that does not exist.
    ValueError
        For an index that cannot be read or selects nothing, or an interval that cannot be.
    """
    requests = [_request(net, label, wanted, times, arrays, facts) for label, wanted in listed(record).items()]
    return (*requests, *(r for request in requests for r in _within(request, arrays)))


def _within(request, arrays) -> list[Request]:
    """Beside the spikes of neurons that fire between steps, when in its step each was fired."""
    path = f"{request.path.rpartition('.')[0]}.fired_at"
    if not request.is_spikes or path not in arrays:
        return []
    return [dataclasses.replace(request, label=f"{request.label} within", path=path, is_spikes=False, of_spikes=True)]


def _request(net, label, wanted: Record, times: Times, arrays, facts) -> Request:
    reduced = _REDUCED.fullmatch(wanted.what) if isinstance(wanted.what, str) and "@" not in wanted.what else None
    if reduced is not None and reduced["how"] not in derived.REDUCTIONS:
        how, accepted = reduced["how"], derived.REDUCTIONS
        raise UnknownNameError(f"record: there is no reduction {how!r}.{suggestion(how, accepted)}")
    if is_function(wanted.what):
        function: Any = wanted.what
        request = _computed(label, label, derived.of_function(label, function), facts)
    elif reduced is not None:
        inner = _plain(net, label, reduced["inner"], arrays, facts)
        compute = inner.derived.compute if inner.derived else _reading(inner.path)
        changes = inner.derived is not None and inner.derived.changes
        chosen = lambda net, clock: _selected(inner, compute(net, clock))  # noqa: E731
        found = derived.reduced(label, reduced["how"], reduced["inner"], chosen, changes)
        request = _computed(label, inner.path, found, facts)
    else:
        request = _plain(net, label, wanted.what, arrays, facts)
    return _timed(request, wanted, times)


def _timed(request: Request, wanted: Record, times: Times) -> Request:
    """The request with its interval and window."""
    if wanted.over is not None:
        return _over(request, wanted, times)
    label, every = request.label, 1 if request.is_spikes else times.every
    if request.is_spikes and (wanted.every is not None or wanted.initial):
        what = "interval" if wanted.every is not None else "initial value"
        given = f", given {wanted.every}" if wanted.every is not None else ""
        raise ValueError(f"record: {label!r} takes no {what}{given}: all spikes are recorded.")
    if wanted.every is not None:
        every = times.interval(wanted.every, f"record[{label!r}]")
    window = times.window(label, wanted)
    begin = max(window[0], times.first)
    if wanted.initial and begin % every:
        raise ValueError(
            f"record[{label!r}]: the value at {begin * times.step_ms:g} ms is asked for, and there is a sample at"
            f" each multiple of {every * times.step_ms:g} ms only."
        )
    return dataclasses.replace(request, every=every, window=window, initial=wanted.initial)


def _over(request: Request, wanted: Record, times: Times) -> Request:
    """The request for what is taken of the values in its intervals: spikes are values like others then."""
    label = request.label
    window = times.window(label, wanted)
    begin, end = max(window[0], times.first), min(window[1], times.first + times.n_steps)
    if wanted.every is None:  # counted in parts of a length that few programs share
        every = math.gcd(begin, end, PART)
    else:
        every = times.interval(wanted.every, f"record[{label!r}]")
    for bound in (begin, end):
        if bound % every:
            raise ValueError(
                f"record[{label!r}]: intervals are between multiples of {every * times.step_ms:g} ms, and what is recorded"
                f" {'begins' if bound == begin else 'ends'} at {bound * times.step_ms:g} ms; give start and stop, or another"
                " interval."
            )
    return dataclasses.replace(request, name=label, is_spikes=False, every=every, window=window, over=wanted.over,
                               total=wanted.every is None)  # fmt: skip


def _plain(net, label, asked, arrays, facts) -> Request:
    """The request for a path, in every step."""
    text = label_of(asked)
    match = _REQUEST.fullmatch(text)
    if match is None:
        raise ValueError(f"record: cannot read {text!r}; write a path such as 'E.spikes', 'E.V' or 'E.V[:10]'.")
    path = match["path"]
    if path in net.populations:
        raise UnknownNameError(
            f"record: {path!r} is a population; say what of it, for example '{path}.spikes' or '{path}.V'."
        )
    found = None
    if path not in arrays or path in derived.of_synapses(net):
        computed = derived.names(net)
        if path not in computed:
            raise UnknownNameError(f"record: the network has no {path!r}.{suggestion(path, [*arrays, *computed])}")
        found = Derived(path, path, computed[path], changes=True)
    owner, _, variable = path.rpartition(".")
    is_spikes = variable == "spikes" and owner in net.senders
    (shape, _, unit) = (arrays[path].shape, None, None) if found is None else facts([found])[path]
    index = match["index"] if match["list"] is None else match["list"]
    flat = index is not None and len(shape) > 1 and _of_synapses(net, owner, variable)
    shape, places = (int(np.prod(shape)),) if flat else shape, places_of(net, path)
    if match["place"] is not None:
        elements = elements_at(net, path, _where(asked, match["place"]), text)
    else:
        elements = _elements(text, index, shape, places)
    size = shape[0] if shape else None
    chosen = shape if elements is None else (len(_picked(elements, size)), *shape[1:])
    name = f"{owner}{text[len(path) :]}" if is_spikes and label == text else label
    computed = None if found is None else dataclasses.replace(found, label=label)
    unit = _unit(net, owner, variable) if found is None and not is_spikes else unit
    request = Request(label, name, path, elements, size, chosen, 1, is_spikes, flat=flat, places=places)
    return dataclasses.replace(request, derived=computed, unit=u.UNITLESS if unit is None else unit)


def _unit(net, owner, variable) -> u.Unit | None:
    """Of a variable of the network, if it is declared."""
    part = net[owner] if owner else net
    name = variable.removesuffix(SUFFIX)  # what rounding took from a state is in its unit
    return part.unit_of(name) if isinstance(part, Dynamics) and name in part._declared else None


def _where(asked, place: str) -> Any:
    """Places as they were asked for."""
    return place if isinstance(asked, str) else asked if isinstance(asked, View) else asked[1]


def _computed(label, path, found: Derived, facts) -> Request:
    shape, _, unit = facts([found])[label]
    size = shape[0] if shape else None
    return Request(label, label, path, None, size, shape, 1, False, derived=found, unit=unit)


def _reading(path):
    owner, _, name = path.rpartition(".")
    return lambda net, clock: getattr(net[owner] if owner else net, name)


def _selected(request, value):
    number, unit = split_quantity(value)
    return with_unit(request.select(number), unit)


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
