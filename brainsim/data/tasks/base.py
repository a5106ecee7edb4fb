"""What every cognitive task is: a generator of trials."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import brainunit as u
import numpy as np

from brainsim._units import QuantityLike, in_unit


class Trials(NamedTuple):
    """Trials of a task, as long as each other.

    Parameters
    ----------
    inputs : array, (n, n_steps, inputs)
        What is shown: spikes, or a signal with noise.
    targets : int32 array, (n, n_steps)
        The class that is right in each step; -1 where nothing is asked.
    labels : int32 array, (n,)
        The right answer of each trial.
    drawn : dict of str to array, (n, ...)
        What is different from trial to trial, by name; times in steps.
    """

    inputs: np.ndarray
    targets: np.ndarray
    labels: np.ndarray
    drawn: dict[str, np.ndarray]

    @property
    def mask(self) -> np.ndarray:
        """Whether something is asked, (n, n_steps)."""
        return self.targets >= 0

    @property
    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets: what :func:`brainsim.train.fit` takes."""
        return self.inputs, self.targets


class Task(abc.ABC):
    """A task: ``task(n, seed)`` gives n random trials, the same for the same seed.

    Tasks are frozen dataclasses; a new one is a class with fields, the names of what goes in and of what may be answered,
    and a method :meth:`draw`. Targets are classes in each step, so that ``loss=losses.step_cross_entropy``,
    ``metrics=[measures.decision()]`` and ``read=("output.V", "sequence")`` train it.
    """

    INPUTS: tuple[str, ...] = ()  #: what the inputs are
    ANSWERS: tuple[str, ...] = ()  #: what the classes stand for

    dt: QuantityLike

    def __call__(self, n: int, seed: int | Sequence[int] = 0) -> Trials:
        """Random trials.

        Parameters
        ----------
        n : int
            How many.
        seed : int, or sequence of int

        Raises
        ------
        ValueError
            For less than one trial, or times that are no whole steps.
        """
        if n < 1:
            raise ValueError(f"{type(self).__name__}: expected one trial at least, given {n}.")
        return self.draw(n, np.random.default_rng(seed))

    @abc.abstractmethod
    def draw(self, n: int, rng: np.random.Generator) -> Trials:
        """Random trials, of a generator of NumPy."""

    @property
    @abc.abstractmethod
    def n_steps(self) -> int:
        """Steps of a trial."""

    @property
    def duration(self) -> u.Quantity:
        """How long a trial is."""
        return u.Quantity(self.n_steps * self._dt_ms, unit=u.ms)

    def batches(self, batch: int, number: int, seed: int = 0) -> FreshTrials:
        """Data for :func:`brainsim.train.fit`: in every epoch ``number`` batches of ``batch`` new trials."""
        return FreshTrials(self, batch, number, seed)

    @property
    def _dt_ms(self) -> float:
        return float(in_unit(self.dt, u.ms, f"{type(self).__name__}.dt"))

    def steps(self, name: str) -> int:
        """A field that is a time, in steps."""
        return self._steps(name, getattr(self, name))

    def between(self, name: str, n: int, rng: np.random.Generator) -> np.ndarray:
        """Random times in steps, (n,): of a field that is a pair, from the first to the last."""
        low, high = self.bounds(name)
        return rng.integers(low, high + 1, n)

    def bounds(self, name: str) -> tuple[int, int]:
        """The least and most steps of a field that is a time or a pair of them."""
        value = getattr(self, name)
        low, high = (self._steps(name, x) for x in (value if isinstance(value, tuple | list) else (value, value)))
        if low > high:
            raise ValueError(f"{type(self).__name__}.{name}: expected a shorter and a longer time, given {value}.")
        return low, high

    def _steps(self, name: str, time: QuantityLike) -> int:
        ratio = float(in_unit(time, u.ms, f"{type(self).__name__}.{name}")) / self._dt_ms
        if ratio < 0 or abs(ratio - round(ratio)) > 1e-6 * max(ratio, 1):
            raise ValueError(f"{type(self).__name__}.{name}: {time} is not a whole number of steps of {self.dt}.")
        return round(ratio)


@dataclasses.dataclass
class FreshTrials:
    """Batches of new trials in every epoch, which follow from seed, epoch and number of the batch.

    Parameters
    ----------
    task : Task
    batch : int
        Trials in a batch.
    number : int
        Batches in an epoch.
    seed : int
    """

    task: Task
    batch: int
    number: int
    seed: int = 0
    epoch: int = 0

    def set_epoch(self, epoch: int) -> None:
        """Make the trials of this epoch the next ones."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.number

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for k in range(self.number):
            yield self.task(self.batch, [self.seed, self.epoch, k]).data


def poisson(rates: np.ndarray, step_ms: float, rng: np.random.Generator) -> np.ndarray:
    """Spikes of these rates, in Hz: one in a step with probability 1 - exp(-r dt)."""
    return (rng.random(rates.shape, np.float32) < -np.expm1(-rates * (step_ms * 1e-3))).astype(np.uint8)
