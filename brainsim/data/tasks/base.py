"""What every cognitive task is: a generator of trials."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import brainunit as u
import numpy as np

from brainsim._errors import NamesArguments
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


class Task(metaclass=NamesArguments):
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
    def n_inputs(self) -> int:
        """Number of inputs."""
        return len(self.INPUTS)

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


class Periods:
    """Periods of trials one after the other: ``periods("sample")`` says in which steps a trial is in it, (n, n_steps).

    Parameters
    ----------
    n, n_steps : int
    lengths : dict of str to int or int array, (n,)
        Of the periods, in their order.
    """

    def __init__(self, n: int, n_steps: int, **lengths: int | np.ndarray):
        self.t, self.start = np.arange(n_steps), {}
        at = np.zeros(n, int)
        for name, length in lengths.items():
            self.start[name] = (at, at + length)
            at = at + length

    def __call__(self, *names: str) -> np.ndarray:
        """Whether a trial is in one of the periods."""
        within = [(self.t >= first[:, None]) & (self.t < last[:, None]) for first, last in map(self.start.get, names)]  # type: ignore[misc]
        return np.any(within, axis=0)


class Signalled(Task):
    """A task whose inputs are signals with white noise, the first of them 1 while nothing is to be answered.

    A subclass has a field ``noise``, in square roots of a time: noise of a step has the standard deviation
    ``noise / sqrt(dt)``, so that its sum over a time is the same for every dt, and names in ``PERIODS`` those that are its
    periods, in their order; one of them is ``delay``, a time or a pair of them. Class 0 is to wait.
    """

    PERIODS: tuple[str, ...] = ()  #: fields that are times one after the other

    noise: QuantityLike

    @property
    def n_steps(self) -> int:
        return sum(self.bounds(name)[1] for name in self.PERIODS)

    def periods(self, n: int, rng: np.random.Generator) -> tuple[Periods, np.ndarray]:
        """The periods of n trials, and how many steps the delay of each has."""
        delay = self.between("delay", n, rng)
        lengths = {name: delay if name == "delay" else self.steps(name) for name in self.PERIODS}
        return Periods(n, self.n_steps, **lengths), delay

    def trials(
        self,
        signals: Sequence[np.ndarray],
        waits: np.ndarray,
        asked: np.ndarray,
        labels: np.ndarray,
        rng: np.random.Generator,
        **drawn: np.ndarray,
    ) -> Trials:
        """Trials, of signals (n, n_steps) and of the steps in which one waits, or is asked."""
        sigma = float(in_unit(self.noise, u.ms**0.5, f"{type(self).__name__}.noise")) / self._dt_ms**0.5
        inputs = np.stack([waits, *signals], -1).astype(np.float32)
        if sigma:
            inputs[..., 1:] += sigma * rng.standard_normal(inputs[..., 1:].shape, np.float32)
        targets = np.where(waits, 0, np.where(asked, labels[:, None], -1)).astype(np.int32)
        return Trials(inputs, targets, labels.astype(np.int32), drawn)


def ms(time: float) -> QuantityLike:
    """A default of a field."""
    return dataclasses.field(default_factory=lambda: time * u.ms)


def white(size: float) -> QuantityLike:
    """A default of noise."""
    return dataclasses.field(default_factory=lambda: size * u.ms**0.5)


def poisson(rates: np.ndarray, step_ms: float, rng: np.random.Generator) -> np.ndarray:
    """Spikes of these rates, in Hz: one in a step with probability 1 - exp(-r dt)."""
    return (rng.random(rates.shape, np.float32) < -np.expm1(-rates * (step_ms * 1e-3))).astype(np.uint8)
