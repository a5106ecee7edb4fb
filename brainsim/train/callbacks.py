"""What may be done after every epoch."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple, Protocol


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


class Callback(Protocol):
    """A function that is called after every epoch; training ends where it returns True."""

    def __call__(self, epoch: Epoch) -> bool | None:
        """Look at the epoch."""
        ...


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

    def __call__(self, epoch: Epoch) -> bool:
        """Whether to stop."""
        if self.monitor not in epoch.row:
            raise KeyError(f"EarlyStopping: {self.monitor!r} is not measured; there are {', '.join(epoch.row)}.")
        largest = "accuracy" in self.monitor if self.largest is None else self.largest
        value: Any = epoch.row[self.monitor] * (-1 if largest else 1)
        if value < epoch.memory.get("best", float("inf")) - self.least:
            epoch.memory.update(best=value, epoch=epoch.number)
        return epoch.number - epoch.memory.get("epoch", 0) >= self.patience
