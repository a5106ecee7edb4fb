"""What a run records: requests such as ``"E.V[:10]"``, checked against the network before anything is compiled."""

from __future__ import annotations

import dataclasses
import re

import numpy as np

from brainsim._errors import UnknownNameError, suggestion
from brainsim.network import Network

_REQUEST = re.compile(r"^(?P<path>[^\[\]]+)(\[(?P<index>[^\[\]]*)\])?$")


@dataclasses.dataclass(frozen=True)
class Request:
    """One recorded quantity: a variable, some of its elements, and how often.

    Parameters
    ----------
    label : str
        As the user wrote it.
    path : str
        Variable in the network.
    elements : tuple of int or None
        Which elements of its first axis; None for all.
    shape : tuple of int
        Shape of one sample.
    every : int
        Steps between samples.
    """

    label: str
    path: str
    elements: tuple[int, ...] | slice | None
    shape: tuple[int, ...]
    every: int

    @property
    def is_spikes(self) -> bool:
        return self.path.endswith(".spikes")

    @property
    def population(self) -> str:
        return self.path.rpartition(".")[0]

    def select(self, array):
        """The elements of an array of the variable."""
        if self.elements is None:
            return array
        return (
            array[np.asarray(self.elements)]
            if isinstance(self.elements, tuple)
            else array[slice(*self.elements.indices(array.shape[0]))]
        )

    def __hash__(self):
        return hash((self.label, self.path, str(self.elements), self.shape, self.every))


def parse(net: Network, labels, every: int, arrays: dict) -> tuple[Request, ...]:
    """Requests for ``labels``.

    Parameters
    ----------
    net : Network
    labels : str or iterable of str
        ``"E.spikes"``, ``"E.V"``, ``"E.V[:10]"``, ``"E.ampa.g[[0, 5]]"``, ``"E->I.weight[::100]"``.
    every : int
        Steps between samples of what is not spikes.
    arrays : dict
        Parameters and states by path.

    Raises
    ------
    UnknownNameError
        For a path that does not exist.
    ValueError
        For an index that cannot be read or selects nothing.
    """
    labels = [labels] if isinstance(labels, str) else list(labels)
    requests = []
    for label in labels:
        match = _REQUEST.match(label.replace("[[", "[").replace("]]", "]")) if isinstance(label, str) else None
        if match is None:
            raise ValueError(f"record: cannot read {label!r}; write a path such as 'E.spikes', 'E.V' or 'E.V[:10]'.")
        path = match["path"]
        if path in net.populations:
            raise UnknownNameError(
                f"record: {path!r} is a population; say what of it, for example '{path}.spikes' or '{path}.V'."
            )
        if path not in arrays:
            raise UnknownNameError(f"record: the network has no {path!r}.{suggestion(path, arrays)}")
        shape = arrays[path].shape
        elements = _elements(label, match["index"], shape)
        sample = (
            shape
            if elements is None
            else (len(range(*elements.indices(shape[0]))) if isinstance(elements, slice) else len(elements), *shape[1:])
        )
        requests.append(Request(label, path, elements, sample, 1 if path.endswith(".spikes") else every))
    if len({r.label for r in requests}) < len(requests):
        raise ValueError(f"record: something is asked for twice in {labels}.")
    return tuple(requests)


def _elements(label, text, shape):
    if text is None:
        return None
    if not shape:
        raise ValueError(f"record: {label!r} indexes a single number.")
    try:
        if ":" in text:
            numbers = [int(part) if part.strip() else None for part in text.split(":")]
            if len(numbers) > 3:
                raise ValueError
            chosen = slice(*numbers)
        else:
            chosen = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError(
            f"record: cannot read the index in {label!r}; accepted: [:10], [5:20:5], [3], [[0, 5, 7]]."
        ) from None
    picked = range(shape[0])[chosen] if isinstance(chosen, slice) else chosen
    if len(picked) == 0 or any(not -shape[0] <= k < shape[0] for k in (min(picked), max(picked))):
        what = "nothing" if len(picked) == 0 else "what does not exist"
        raise ValueError(f"record: {label!r} selects {what}; the variable has {shape[0]} elements.")
    return chosen if isinstance(chosen, slice) else tuple(k % shape[0] for k in chosen)
