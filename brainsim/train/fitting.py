"""The loop of training: a pure update, again and again, with everything around it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import brainunit as u
import jax
import numpy as np
import optax
from jax.sharding import Mesh

from brainsim import _memory
from brainsim._core import write_back
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import QuantityLike
from brainsim.integrators import Adaptive
from brainsim.network import Network
from brainsim.simulation.progress import Progress
from brainsim.train import checks, losses, measures, resuming
from brainsim.train.callbacks import Callback, Epoch, Step
from brainsim.train.data import Arrays, Batches, as_batches
from brainsim.train.directions import RandomDirections, forward
from brainsim.train.evaluation import Evaluation
from brainsim.train.gradients import Gradient, bptt, eventprop, reinforce
from brainsim.train.history import History
from brainsim.train.objective import Batch, Objective
from brainsim.train.online.door import RULES
from brainsim.train.online.gradient import Eligibility
from brainsim.train.overflow import blame
from brainsim.train.reading import Read, Reads
from brainsim.train.schedules import Scheduled
from brainsim.train.search import Search, Searching
from brainsim.train.spread import Spread
from brainsim.train.trained import Trained
from brainsim.train.transforms import Transform
from brainsim.train.update import Update
from brainsim.train.windows import Windows


def fit(
    net: Network,
    data: Any,
    duration: QuantityLike,
    *,
    dt: QuantityLike = 1.0 * u.ms,
    epochs: int = 10,
    encode: Callable | None = None,
    loss: Callable = losses.cross_entropy,
    optimizer: optax.GradientTransformation | Mapping[str, optax.GradientTransformation] | None = None,
    batch: int = 64,
    validate: Any = None,
    metrics: Sequence[Callable] | Mapping[str, Callable] | None = None,
    read: Read | Reads | str | tuple | Mapping | None = None,
    into: str | None = None,
    penalties: Sequence[Any] = (),
    learn: str | Sequence[str] = (),
    freeze: str | Sequence[str] = (),
    transforms: Mapping[str, Transform] | None = None,
    schedules: Mapping[str, Callable] | None = None,
    gradient: Gradient | Search | str = "bptt",
    average: float | None = None,
    precision: str | None = None,
    truncate: QuantityLike | None = None,
    mesh: Mesh | int | Sequence[Any] | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint: str | Path | None = None,
    save_every: int | None = None,
    log: str | Path | None = None,
    seed: int = 0,
    progress: bool | None = None,
    remat: bool = True,
    checkpoint_every: int | None = None,
    parallel: str | None = None,
    adaptive: Adaptive | None = None,
) -> History:
    """Train a network on examples; its parameters are changed in place.

    ::

        history = bs.train.fit(net, (images, labels), 16 * u.ms, encode=bs.encoding.Constant(), epochs=20,
                               optimizer=optax.adam(3e-3), validate=(test_images, test_labels))
        history["validation accuracy"][-1]

    Parameters
    ----------
    net : Network
    data : tuple of arrays, or iterable of batches
        ``(inputs, targets)`` or ``(inputs, targets, lengths)``, one row for each example, targets perhaps a dictionary of
        arrays; or any iterable of such batches that can be gone through again: a list, a ``DataLoader`` of torch, a data
        set of grain, :class:`Loader`, :class:`Prefetch`.
    duration, dt : quantity, time
        How long an example is presented, and the length of a step.
    epochs : int
        Passes over the examples.
    encode : callable, optional
        Of :mod:`brainsim.encoding`; None for examples that are courses, (n_steps, n).
    loss : callable
        ``loss(output, target)`` of one example: of :mod:`brainsim.train.losses`, of optax, or one's own.
    optimizer : optax.GradientTransformation, or dict of str to it, optional
        ``optax.adam(1e-3)`` by default. Schedules, clipping and accumulation are those of optax. A dictionary has
        patterns of paths: each parameter goes by the first that matches.
    batch : int
        Examples in an update, where data are arrays.
    validate : optional
        Data that are not learned from, measured after every epoch.
    metrics : sequence or dict of callables, optional
        ``metric(output, target)`` of one example; by default the accuracy, where targets are labels.

    Other Parameters
    ----------------
    read : Read, str, tuple, or dict of them, optional
        What the output is; see :class:`Read`. By default what the network says of itself. Of a dictionary, losses and
        measures get a dictionary of outputs.
    into : str, optional
        Path of what examples are given to; by default the input of the only :class:`~brainsim.sources.SpikeInput`.
    penalties : sequence of Penalty
        Added to the loss.
    learn, freeze : str or sequence of str
        Paths or patterns of what learns beside weights and layers (``"hidden*.tau"``), and of what does not.
    transforms : dict of str to Transform, optional
        Bounds of parameters, by path or pattern. What a class declares as positive stays so.
    schedules : dict of str to callable, optional
        Parameters that follow a function of the number of updates, by path or pattern: ``{"*.axon.width": Geometric(...)}``, or
        a schedule of optax, in the unit that the class declares.
    gradient : Gradient or str
        Where gradients come from: ``"bptt"``, backpropagation through time (:func:`bptt`); ``"eventprop"``, the same
        where all spikes have exact times; ``"reinforce"``, the score function (:func:`reinforce`); ``"forward"``
        (:func:`forward`); the name of a rule of :func:`online` (``"e_prop"``), for :class:`Eligibility` with it;
        :class:`RandomDirections`, :class:`Evolution`, or a function of one's own. A :class:`Search` goes without.
    average : float, optional
        Decay of a moving average of the parameters, which is what is validated and put into the network.
    precision : str, optional
        ``"bfloat16"`` or ``"float16"``: layers of flax compute in it, parameters stay as they are; see
        :class:`Objective`. What is validated computes as the network does.
    truncate : quantity, time, optional
        Windows of this length, with an update after each: states are carried over, derivatives end there.
    mesh : jax.sharding.Mesh of one axis, list of jax.Device, or int, optional
        Divide each batch among these devices, or the first so many; its size is a multiple of their number.
    callbacks : sequence of Callback
        Called after every epoch; training ends where one returns True. One with a method ``step`` is told of every
        update.
    checkpoint : str or Path, optional
        Folder that is written after every epoch. If it holds a checkpoint of this training, training goes on from there,
        bit for bit as if it had not ended.
    save_every : int, optional
        Write it after so many updates too.
    log : str or Path, optional
        File that the history is written to after every epoch, ``.csv`` or ``.jsonl``.
    seed : int
        Of the order of examples and of what encoders, noise and dropout draw.
    progress : bool, optional
        Show how far it is; by default on a terminal or in a notebook.
    remat, checkpoint_every, parallel
        As in :func:`brainsim.function`; ``parallel="time"`` takes all steps of a layer at once.
    adaptive : Adaptive, optional
        Steps of each example's own length, as in :func:`brainsim.function`, one example after the other. ``dt`` is the interval of
        courses and samples. Spikes that are read are times with exact derivatives: ``("out.spikes", "first_time")``.

    Returns
    -------
    History
        A row for each epoch: means of loss and measures over its updates, and those of ``validate``.

    Raises
    ------
    TypeError, ValueError, UnitError, UnknownNameError
        For what does not fit together, before anything is compiled.
    NonFiniteError
        Where the loss is not finite: the network keeps the parameters before that, as does the checkpoint.
    """
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1:
        raise ValueError(f"epochs: expected a positive integer, given {epochs!r}.")
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise ValueError(f"batch: expected a positive integer, given {batch!r}.")
    checks.check_loop(callbacks, average, log)
    options: dict[str, Any] = dict(
        loss=loss,
        encode=encode,
        read=read,
        into=into,
        penalties=penalties,
        precision=precision,
        parallel=parallel,
        adaptive=adaptive,
    )
    objective = Objective(net, duration, dt=dt, remat=remat, checkpoint_every=checkpoint_every, **options)
    batches = as_batches(data, batch, seed)
    sample = next(iter(batches.epoch(0)), None)
    if sample is None:
        raise ValueError("data: there are no batches.")
    gradient = as_gradient(gradient)
    trained = Trained(net, objective.run.parameters, learn=learn, freeze=freeze, transforms=transforms)
    follows = gradient in (bptt, eventprop, forward) or isinstance(gradient, RandomDirections)
    if adaptive is not None:
        _check_adaptive(gradient, truncate)
    elif follows:
        checks.check_gradient(objective, trained)
    checks.check_fit(objective, _whole(batches, sample), objective.run.parameters)
    if follows or isinstance(gradient, Eligibility):
        checks.check_slope(objective, sample, objective.run.parameters)
    held_out = None if validate is None else as_batches(validate, batch, shuffle=False, what="validate")
    if isinstance(held_out, Arrays):
        checks.check_fit(objective, _whole(held_out, sample), objective.run.parameters, "validate")
    named = named_metrics(metrics, sample)
    scheduled = Scheduled(net, objective.run.parameters, schedules, trained.paths)
    if isinstance(gradient, Search) and optimizer is not None:
        raise ValueError(f"optimizer: {gradient.name} is a search and has no gradient that an optimizer could follow.")
    optimizer = optax.adam(1e-3) if optimizer is None else optimizer
    windows = None if truncate is None else Windows(objective, truncate)
    learned = objective if windows is None else windows.objective
    more: dict[str, Any] = dict(metrics=named, average=average, scheduled=scheduled)
    if isinstance(gradient, Search):
        update = Searching(learned, gradient, trained, **more)
    else:
        update = Update(learned, optimizer, trained, gradient=cast(Gradient, gradient), **more)
    evaluation = Evaluation(objective, named)
    loop = Loop(update, batches, held_out, evaluation, callbacks, checkpoint, save_every, log, seed, windows, mesh)
    return loop.run(epochs, progress)


def _check_adaptive(gradient: Any, truncate: Any) -> None:
    """Refuse gradients that are made step by step, for runs in steps of their own length."""
    if gradient in (eventprop, reinforce) or isinstance(gradient, Eligibility):
        name = getattr(gradient, "__name__", type(gradient).__name__)
        raise ValueError(
            f"adaptive: gradient={name!r} is made step by step, and there are no steps here; 'bptt' has derivatives of V and of the"
            " times of spikes."
        )
    if truncate is not None:
        raise ValueError("adaptive: truncate cuts a run into windows of steps, and there are no steps here.")


def as_gradient(given: Gradient | Search | str) -> Any:
    """What was given as ``gradient``.

    Raises
    ------
    TypeError, ValueError, UnknownNameError
        For what is none.
    """
    if not isinstance(given, str):
        if not callable(given) and not isinstance(given, Search):
            raise TypeError(f"gradient: expected a name such as 'bptt' or 'e_prop', or a Gradient, given {given!r}.")
        return given
    plain: dict[str, Any] = {"bptt": bptt, "eventprop": eventprop, "reinforce": reinforce, "forward": forward}
    if given not in plain and given not in RULES:
        raise UnknownNameError(f"gradient: {given!r} is unknown.{suggestion(given, [*plain, *RULES])}")
    return plain[given] if given in plain else Eligibility(given)


def named_metrics(metrics: Sequence[Callable] | Mapping[str, Callable] | None, sample: Batch) -> dict[str, Callable]:
    """Measures by name; the accuracy by default where targets are labels."""
    if metrics is None:
        targets = sample.targets
        labels = not isinstance(targets, Mapping) and targets.ndim == 1 and targets.dtype.kind in "iu"
        return {"accuracy": measures.accuracy} if labels else {}
    if isinstance(metrics, Mapping):
        return dict(metrics)
    return {getattr(metric, "__name__", type(metric).__name__): metric for metric in metrics}


def _whole(batches: Batches, sample: Batch) -> Batch:
    return Batch(batches.inputs, batches.targets, batches.lengths) if isinstance(batches, Arrays) else sample


class Loop:
    """Epochs of updates, with what is measured, shown and kept.

    Parameters
    ----------
    update : Update
    batches, held_out
        Data.
    evaluation : Evaluation
    callbacks, checkpoint, save_every, log, seed, mesh
        As in :func:`fit`.
    windows : Windows or None
    """

    def __init__(
        self, update, batches, held_out, evaluation, callbacks, checkpoint, save_every, log, seed, windows, mesh
    ):
        self.update, self.batches, self.held_out, self.log = update, batches, held_out, log
        self.callbacks, self.checkpoint, self.save_every = tuple(callbacks), checkpoint, save_every
        self.watching = [callback.step for callback in self.callbacks if hasattr(callback, "step")]
        self.evaluation, self.windows, self.spread = evaluation, windows, Spread(mesh)
        self.key, self.compiled, self.warned = jax.random.PRNGKey(seed), jax.jit(update), False
        self.fresh = True  # no update is done yet
        self.learning, self.place = update.first(), resuming.Place()
        self.good = self.learning  # the last parameters of which loss and gradient are known to be finite
        whole, window = evaluation.objective, update.objective
        self.facts = {"seed": seed, "steps": whole.n_steps, "window": window.n_steps, "step_ms": whole.run.step_ms}
        self.facts |= {"precision": window.precision, "data": getattr(batches, "facts", {})}
        if checkpoint is not None and resuming.exists(checkpoint):
            self.learning, self.place = resuming.load(checkpoint, self.learning, self.facts)

    def run(self, epochs: int, progress: bool | None) -> History:
        """Train until ``epochs`` are done."""
        history = History(self.place.rows)
        total = (epochs - self.place.epoch) * _length(self.batches) - self.place.batch
        try:
            with Progress(progress, max(total, 1), "training") as bar:
                while self.place.epoch < epochs and not self.place.memory.get("ended"):
                    self._epoch(bar)
                    history = History(self.place.rows)
                    bar.text = ", ".join(f"{name} {value:.3g}" for name, value in history.summary.items())
                    if self.log is not None:
                        history.save(self.log)
        finally:
            self._write()
        return history

    def _epoch(self, bar: Progress) -> None:
        began, waiting = time.perf_counter(), None
        for k, batch in enumerate(self.batches.epoch(self.place.epoch)):
            if k < self.place.batch:  # done before the kill
                continue
            state: dict | None = None
            key = jax.random.fold_in(self.key, self.learning.updates)
            for part in [batch] if self.windows is None else self.windows.of(batch, key):
                key, before = jax.random.fold_in(self.key, self.learning.updates), self.learning
                given = (key,) if state is None else (key, state)
                part = self.spread(part)
                self.learning, loss, measured, final = self.compiled(before, self.update.trained.fixed, part, *given)
                self._account(waiting)  # of the update before, while this one is computed
                waiting = (before, part, given, loss, measured, k)
                state = None if self.windows is None else self.windows.carried_over(final)
            bar.advance(1)
            if self.save_every and (k + 1) % self.save_every == 0:
                self._settle(waiting)
                waiting = None
                self._save()
        self._settle(waiting)
        if not self.place.sums:
            raise ValueError("data: there are no batches.")
        row = {name: float(np.mean(values)) for name, values in self.place.sums.items()}
        parameters = self.update.parameters(self.learning)
        self._measure(parameters, row)
        row["seconds"] = time.perf_counter() - began
        self.place.epoch, self.place.batch, self.place.sums = self.place.epoch + 1, 0, {}
        self.place.rows = [*self.place.rows, row]
        for number, callback in enumerate(self.callbacks):
            memory = self.place.memory.setdefault(str(number), {})
            if callable(callback) and callback(Epoch(self.place.epoch, row, parameters, memory)):
                self.place.memory["ended"] = True
        self._save()

    def _account(self, waiting) -> None:
        """Take note of an update that is done."""
        if waiting is None:
            return
        before, batch, given, loss, measured, k = waiting
        if self.fresh:
            _memory.give_back()
            self.fresh = False
        if not (np.isfinite(float(loss)) and np.isfinite(float(measured.get("gradient norm", loss)))):
            self._fail(before, batch, given, float(loss), k, measured)
        self.good = before
        row = {name: float(value) for name, value in {"loss": loss, **measured}.items()}
        for name, value in row.items():
            self.place.sums.setdefault(name, []).append(value)
        self.place.batch = k + 1
        for look in self.watching:
            look(Step(self.place.epoch + 1, k + 1, int(before.updates) + 1, row))

    def _settle(self, waiting) -> None:
        """Take note of an update after which parameters are looked at or kept."""
        self._account(waiting)
        if waiting is not None and not checks.finite(self.learning.free):
            _, batch, given, loss, _, k = waiting
            self._fail(self.learning, batch, given, float(loss), k)

    def _fail(self, learning, batch, given, loss, k, measured: Mapping = MappingProxyType({})) -> None:
        """End training at the last parameters that are good."""
        self.learning = learning if checks.finite(learning.free) else self.good
        parameters = self.update.trained.values(learning.free, self.update.trained.fixed)
        parameters |= self.update.scheduled.values(learning.updates)
        when = f"in epoch {self.place.epoch + 1}, update {k + 1}"
        norms = {
            name.partition(": ")[2]: value for name, value in measured.items() if name.startswith("gradient norm: ")
        }
        bad = [path for path, value in norms.items() if not np.isfinite(float(value))]
        error = blame(self.update.objective, parameters, learning.carried, batch, given, when, loss, bad)
        raise type(error)(f"fit: {error.args[0]}", error.path, error.time)

    def _measure(self, parameters: dict, row: dict) -> None:
        """Validate, and look at how much neurons fire."""
        data = self.held_out
        if data is None and not self.warned and self.evaluation.spiking:
            data = next(iter(self.batches.epoch(0)))
            data = [data]
        if data is None:
            return
        means, rates = self.evaluation(parameters, self.learning.carried, data)
        if self.held_out is not None:
            row |= {f"validation {name}": value for name, value in means.items()}
        if not self.warned:
            checks.warn_of_rates(rates, self.update.objective.dt)
        self.warned = True

    def _save(self) -> None:
        if self.checkpoint is not None:
            resuming.save(self.checkpoint, self.learning, self.place, self.facts)

    def _write(self) -> None:
        """Put what was learned into the network."""
        if not checks.finite(self.learning.free):  # of an update that was interrupted
            self.learning = self.good
        self.update.trained.write(self.update.parameters(self.learning))
        write_back(self.update.objective.net, self.learning.carried)


def _length(batches: Any) -> int:
    """Batches of an epoch, 0 where that is not known."""
    return len(batches) if hasattr(batches, "__len__") else 0
