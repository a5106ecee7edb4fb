"""Examples in batches, in an order that follows from the seed and the epoch alone."""

from __future__ import annotations

import functools
import itertools
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._errors import UnitError
from brainsim.data import Task, Trials
from brainsim.simulation.door import check_count
from brainsim.train.objective import Batch


class Batches(Protocol):
    """What gives the batches of an epoch, the same each time it is asked for the same epoch."""

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of epoch ``number``, from 0."""
        ...


class Arrays:
    """Examples in arrays.

    Parameters
    ----------
    inputs : array, (examples, ...)
    targets : array, (examples, ...), or dict of them
    lengths : int array, (examples,), optional
        Steps that count.
    batch : int
        Examples in a batch; those that are left at the end of an epoch wait for the next order.
    seed : int
    shuffle : bool
    augment : callable, optional
        ``augment(inputs, rng)`` gives the inputs of a batch as they are learned from: moved, turned, with noise. ``rng``, a
        generator of NumPy, follows from the seed, the epoch and the batch.

    Raises
    ------
    ValueError
        For arrays that do not belong together, and numbers that are not finite.
    """

    def __init__(
        self,
        inputs: Any,
        targets: Any,
        lengths: Any = None,
        *,
        batch: int,
        seed: int = 0,
        shuffle: bool = True,
        augment: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None,
    ):
        self.inputs, self.targets, self.lengths = _plain((inputs, targets, lengths))
        check_arrays(self.inputs, self.targets, self.lengths)
        check_count("Arrays: batch", batch)
        self.batch, self.seed, self.shuffle, self.augment = min(int(batch), len(self.inputs)), seed, shuffle, augment

    def __len__(self) -> int:
        return len(self.inputs) // self.batch

    @property
    def facts(self) -> dict:
        """What a checkpoint remembers of the data."""
        arrays = jax.tree.leaves((self.inputs, self.targets, self.lengths))
        sums = [zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data) for array in arrays]
        return {
            "examples": len(self.inputs),
            "input": list(self.inputs.shape[1:]),
            "batch": self.batch,
            "checksum": zlib.crc32(np.array(sums).data),
        }

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of epoch ``number``."""
        order = np.arange(len(self.inputs))
        if self.shuffle:
            order = np.random.default_rng([self.seed, number]).permutation(len(self.inputs))
        for k in range(len(self)):
            batch = self.take(order[k * self.batch : (k + 1) * self.batch])
            if self.augment is not None:
                batch = batch._replace(inputs=self.augment(batch.inputs, np.random.default_rng([self.seed, number, k])))
            yield batch

    def take(self, chosen: np.ndarray) -> Batch:
        """The examples of these numbers."""
        lengths = None if self.lengths is None else self.lengths[chosen]
        return Batch(self.inputs[chosen], jax.tree.map(lambda part: part[chosen], self.targets), lengths)


class Loader:
    """Batches of any iterable that can be gone through again: a list, ``torch.utils.data.DataLoader``, a data set of grain.

    Its items are ``(inputs, targets)``, ``(inputs, targets, lengths)`` or dictionaries with these names. Where it has
    ``set_epoch``, that is called; a run that is resumed gives the same weights where each epoch is the same again.

    Parameters
    ----------
    iterable : iterable
    number : int, optional
        Batches of an epoch, for an iterable that does not end, such as a grain data set after ``repeat()``: an epoch
        goes on where the one before ended.

    Raises
    ------
    TypeError
        For an iterator, which can be gone through only once.
    """

    def __init__(self, iterable: Iterable, number: int | None = None):
        if iter(iterable) is iterable:
            raise TypeError(
                "data: an iterator can be gone through once, and every epoch begins anew; give a list or a loader."
            )
        check_count("Loader: number", number)
        self.iterable, self.number = iterable, number

    def __len__(self) -> int:
        if self.number is not None:
            return self.number
        return len(self.iterable) if hasattr(self.iterable, "__len__") else 0  # type: ignore[arg-type]

    facts: dict = {}

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of epoch ``number``."""
        for owner in (self.iterable, getattr(self.iterable, "sampler", None)):
            if hasattr(owner, "set_epoch"):
                owner.set_epoch(number)  # type: ignore[union-attr]
        items = iter(self.iterable)
        if self.number is not None:
            items = itertools.islice(items, number * self.number, (number + 1) * self.number)
        for item in items:
            yield as_batch(item)


class Prefetch:
    """Batches that are made ready by a thread while those before are learned from.

    Parameters
    ----------
    data : Arrays, Loader, or iterable of batches
        For arrays, :class:`Arrays`, which says how large a batch is.
    ahead : int
        Batches that are ready at most.
    """

    def __init__(self, data: Any, ahead: int = 2):
        check_count("Prefetch: ahead", ahead)
        self.data, self.ahead = data if hasattr(data, "epoch") else Loader(data), ahead

    def __len__(self) -> int:
        return len(self.data)

    @property
    def facts(self) -> dict:
        """What a checkpoint remembers of the data."""
        return getattr(self.data, "facts", {})

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of epoch ``number``."""
        batches = self.data.epoch(number)
        thread = ThreadPoolExecutor(1, "prefetch")  # one: a generator is gone through in its order
        try:
            waiting = deque(thread.submit(next, batches, None) for _ in range(self.ahead))
            while (batch := waiting.popleft().result()) is not None:
                waiting.append(thread.submit(next, batches, None))
                yield batch
        finally:
            thread.shutdown(cancel_futures=True)


def as_batch(item: Any) -> Batch:
    """What an iterable gave as a batch."""
    if isinstance(item, Batch):
        parts = item
    elif isinstance(item, Mapping):
        unknown = sorted(item.keys() - set(Batch._fields))
        if unknown or not {"inputs", "targets"} <= item.keys():
            raise ValueError(
                f"data: a batch has inputs, targets and perhaps lengths, given {', '.join(map(str, item)) or 'nothing'}."
            )
        parts = Batch(**item)
    elif isinstance(item, list | tuple) and len(item) in (2, 3):
        parts = Batch(*item)
    else:
        raise ValueError(
            f"data: a batch is (inputs, targets) or (inputs, targets, lengths), given {type(item).__name__}."
        )
    made = Batch(*_plain(parts))
    check_arrays(*made)
    return made


def _plain(parts: Iterable) -> tuple:
    """Inputs, targets and lengths as arrays."""
    return tuple(
        None if part is None else jax.tree.map(functools.partial(_array, name), part, is_leaf=_is_leaf)
        for name, part in zip(Batch._fields, parts)
    )


def _array(name: str, part: Any) -> np.ndarray:
    if not isinstance(part, u.Quantity):
        return np.asarray(part)
    if not part.unit.has_same_dim(u.UNITLESS):
        raise UnitError(
            f"data: {name} are in {part.unit}; give numbers without unit, in that of what they are given to or compared with."
        )
    return np.asarray(part.to_decimal(u.UNITLESS))


def _is_leaf(x: Any) -> bool:
    return isinstance(x, list | tuple | u.Quantity)  # a list of numbers is one array


def as_batches(data: Any, batch: int, seed: int = 0, shuffle: bool = True, what: str = "data") -> Any:
    """What was given as data, in batches.

    Raises
    ------
    TypeError, ValueError
        For what is none.
    """
    if hasattr(data, "epoch") and callable(data.epoch):
        return data
    if isinstance(data, Trials):
        data = data.data
    if isinstance(data, Task):
        raise TypeError(
            f"{what}: {type(data).__name__} is a task; give its trials, task(1000), or task.batches(32, 50)."
        )
    if isinstance(data, Mapping):
        data = tuple(as_batch(data))
    if isinstance(data, tuple) and len(data) in (2, 3) and isinstance(data[0], list) and hasattr(data[0][0], "shape"):
        raise TypeError(
            f"{what}: inputs are a list of {len(data[0])} arrays; (inputs, lengths) = bs.data.padded(list) makes one array of"
            " sequences of different length, and (inputs, targets, lengths) are learned from."
        )
    if isinstance(data, tuple) and len(data) in (2, 3) and all(map(_is_data, data)):
        return Arrays(*data, batch=batch, seed=seed, shuffle=shuffle)
    if isinstance(data, Iterable) and not isinstance(data, str | bytes) and not hasattr(data, "shape"):
        return Loader(data)
    raise TypeError(
        f"{what}: expected (inputs, targets), (inputs, targets, lengths) or an iterable of batches, given"
        f" {type(data).__name__}."
    )


def _is_data(x: Any) -> bool:
    return x is None or hasattr(x, "shape") or (isinstance(x, Mapping) and all(map(_is_data, x.values())))


def _are_numbers(array: np.ndarray) -> bool:
    """Whether they are real ones; those of 16 and 8 bits that NumPy does not know are."""
    return array.dtype.kind in "biu" or jnp.issubdtype(array.dtype, jnp.floating)


def check_arrays(inputs: np.ndarray, targets: Any, lengths: np.ndarray | None) -> None:
    """Refuse arrays that do not belong together, and numbers that are not finite."""
    several = targets.items() if isinstance(targets, Mapping) else [("", targets)]
    named = [(f"targets{name and f' of {name}'}", array) for name, array in several]
    for name, array in (*named, ("lengths", lengths)):
        if array is not None and (array.ndim == 0 or len(array) != len(inputs)):
            raise ValueError(f"data: there are {len(inputs)} inputs, and {name} of shape {array.shape}.")
        if array is not None and not _are_numbers(array):
            raise ValueError(f"data: {name} are {array.dtype}, expected numbers of one shape for all examples.")
    if targets is None:
        raise ValueError("data: there are no targets; give (inputs, targets).")
    if inputs.ndim == 0 or not len(inputs):
        raise ValueError(f"data: there are no examples, inputs have the shape {inputs.shape}.")
    if not _are_numbers(inputs):
        raise ValueError(f"data: inputs are {inputs.dtype}, expected numbers of one shape for all examples.")
    if inputs.dtype.kind not in "biu" and not np.all(np.isfinite(inputs)):
        bad = np.flatnonzero(~np.isfinite(inputs.reshape(len(inputs), -1)).all(1))
        raise ValueError(f"data: {len(bad)} inputs are not finite, the first is example {bad[0]}.")
    if lengths is not None and (lengths.dtype.kind not in "iu" or lengths.min() < 1):
        raise ValueError("data: lengths are integers, 1 at least.")
