"""Training in one call: what is given is checked and put together, and the loop is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import brainunit as u
import optax
from jax.sharding import Mesh

from brainsim._errors import UnknownNameError, names_arguments, suggestion
from brainsim._units import QuantityLike
from brainsim.integrators import Adaptive
from brainsim.network import Network
from brainsim.simulation.door import check_count
from brainsim.train import checks, losses, measures
from brainsim.train.course.callbacks import Callback
from brainsim.train.course.evaluation import Evaluation
from brainsim.train.course.history import History
from brainsim.train.course.loop import Loop
from brainsim.train.course.schedules import Scheduled
from brainsim.train.data import Arrays, Batches, as_batches
from brainsim.train.directions import RandomDirections, forward
from brainsim.train.gradients import Gradient, bptt, eventprop, reinforce
from brainsim.train.objective import Batch, Objective
from brainsim.train.online.door import RULES
from brainsim.train.online.gradient import Eligibility
from brainsim.train.reading import Read, Reads
from brainsim.train.search import Search, Searching
from brainsim.train.trained import Trained
from brainsim.train.transforms import Transform
from brainsim.train.update import Update
from brainsim.train.windows import Windows


@names_arguments
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
        bit for bit as if it had not ended; one of other data, another loss, optimiser or learning rate is refused.
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
    for name, number in (("epochs", epochs), ("batch", batch)):
        if number is None:
            raise ValueError(f"{name}: expected a positive integer, given None.")
        check_count(name, number)
    check_count("save_every", save_every)
    checks.check_loop(callbacks, average, log, checkpoint, seed)
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
    outputs = checks.check_fit(objective, _whole(batches, sample), objective.run.parameters)
    if follows or isinstance(gradient, Eligibility):
        checks.check_slope(objective, sample, objective.run.parameters)
    held_out = None if validate is None else as_batches(validate, batch, shuffle=False, what="validate")
    if isinstance(held_out, Arrays):
        checks.check_fit(objective, _whole(held_out, sample), objective.run.parameters, "validate")
    elif held_out is not None:
        first = next(iter(held_out.epoch(0)), None)
        if first is None:
            raise ValueError("validate: there are no batches.")
        checks.check_fit(objective, first, objective.run.parameters, "validate")
        held_out = checks.Labelled(held_out, outputs, "validate")
    batches = batches if isinstance(batches, Arrays) else checks.Labelled(batches, outputs)
    checks.warn_of_values(objective, sample)
    named = named_metrics(metrics, sample)
    checks.check_monitors(callbacks, named, validate is not None)
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
    asked = dict(loss=loss, optimizer=optimizer, encode=encode, read=read, penalties=penalties, gradient=gradient,
                 transforms=transforms, schedules=schedules, average=average)  # fmt: skip
    loop = Loop(
        update, batches, held_out, evaluation, callbacks, checkpoint, save_every, log, seed, windows, mesh, asked
    )
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
    given = metrics.values() if isinstance(metrics, Mapping) else metrics
    if isinstance(metrics, str) or not all(map(callable, given)):
        raise TypeError(f"metrics: expected functions, such as [bs.train.measures.accuracy], given {metrics!r}.")
    if isinstance(metrics, Mapping):
        return dict(metrics)
    return {getattr(metric, "__name__", type(metric).__name__): metric for metric in metrics}


def _whole(batches: Batches, sample: Batch) -> Batch:
    return Batch(batches.inputs, batches.targets, batches.lengths) if isinstance(batches, Arrays) else sample
