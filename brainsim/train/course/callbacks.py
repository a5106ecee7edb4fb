"""What may be done after every epoch."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple, Protocol

import numpy as np

from brainsim._errors import check_flag
from brainsim.train.course.history import History


class Epoch(NamedTuple):
    """The end of an epoch, as a callback sees it.

    Parameters
    ----------
    number : int
        Epochs that are done.
    row : dict of str to float
        What was measured; a callback may add to it.
    parameters : dict of str to array
        Plain, by path.
    memory : dict
        Of this callback alone, kept in checkpoints: numbers, strings, lists and dictionaries.
    """

    number: int
    row: dict
    parameters: dict
    memory: dict


class Step(NamedTuple):
    """An update that is done, as a callback's ``step`` sees it.

    Parameters
    ----------
    epoch, batch : int
        Which epoch, and which update of it, from 1.
    number : int
        Updates that are done.
    row : dict of str to float
        Loss, measures and the lengths of gradients: ``"gradient norm"``, ``"gradient norm: hidden->output.weight"``.
    """

    epoch: int
    batch: int
    number: int
    row: dict


class Callback(Protocol):
    """A function that is called after every epoch; training ends where it returns True.

    An object that has a method ``step(step)``, as well or alone, is told of every update, by a :class:`Step`.
    """

    def __call__(self, epoch: Epoch) -> bool | None:
        """Look at the epoch."""
        ...


class Steps:
    """Keeps what every update measured: a callback with one row for each, such as the gradient norms of all layers.

    ``steps["gradient norm: hidden->output.weight"]`` is an array (updates,); ``steps.rows`` are all.
    """

    def __init__(self):
        self.rows: list[dict[str, float]] = []

    def step(self, step: Step) -> None:
        """Keep an update."""
        self.rows.append({"update": step.number, **step.row})

    def __getitem__(self, name: str) -> np.ndarray:
        return History(self.rows)[name]

    def of(self, name: str) -> dict[str, np.ndarray]:
        """What was measured of each part, by path: ``steps.of("gradient norm")``."""
        return History(self.rows).of(name)


@dataclasses.dataclass
class EarlyStopping:
    """Ends training when a number has not become better for some epochs.

    Parameters
    ----------
    monitor : str
        What is watched, as it is called in the history.
    patience : int
        Epochs without something better that are allowed.
    largest : bool, optional
        Whether more is better; by default for accuracies.
    least : float
        What counts as better.
    """

    monitor: str = "validation loss"
    patience: int = 5
    largest: bool | None = None
    least: float = 0.0

    def __post_init__(self):
        if isinstance(self.patience, bool) or not isinstance(self.patience, int | np.integer) or self.patience < 1:
            raise ValueError(f"EarlyStopping: patience: expected a positive integer, given {self.patience!r}.")
        if not isinstance(self.monitor, str):
            raise TypeError(
                f"EarlyStopping: monitor: expected a name of the history, such as 'loss', given {self.monitor!r}."
            )
        if self.largest is not None:
            check_flag("EarlyStopping: largest", self.largest)
        number = isinstance(self.least, int | float | np.number) and not isinstance(self.least, bool)
        if not number or not 0 <= self.least < float("inf"):
            raise ValueError(f"EarlyStopping: least: expected a number of 0 or more, given {self.least!r}.")

    def __call__(self, epoch: Epoch) -> bool:
        """Whether to stop."""
        if self.monitor not in epoch.row:
            raise KeyError(f"EarlyStopping: {self.monitor!r} is not measured; there are {', '.join(epoch.row)}.")
        largest = "accuracy" in self.monitor if self.largest is None else self.largest
        value: Any = epoch.row[self.monitor] * (-1 if largest else 1)
        if value < epoch.memory.get("best", float("inf")) - self.least:
            epoch.memory.update(best=value, epoch=epoch.number)
        return epoch.number - epoch.memory.get("epoch", 0) >= self.patience
