"""What is refused before anything is compiled, and what is said of neurons that learn nothing."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.interpreters import partial_eval

from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import float_dtype, in_unit
from brainsim.encoding import Encoder, sequence
from brainsim.network import Network
from brainsim.simulation.checkpoint import check_place
from brainsim.train.objective import Batch, Objective, takes_mask
from brainsim.train.reading import Reads
from brainsim.train.trained import Trained

SILENT, SATURATED = 1e-4, 0.9  # share of steps with a spike
BEYOND = 0.01  # of the data


def check_fit(objective: Objective, batch: Batch, parameters: dict, what: str = "data") -> Any:
    """Refuse examples, targets and a loss that do not fit together, by shapes alone; gives those of the outputs.

    Raises
    ------
    ValueError
        Saying what has which shape.
    """
    one = jax.tree.map(lambda part: jnp.asarray(part[:1]), batch)
    if batch.lengths is not None:
        check_masks(objective)
    key = jax.random.PRNGKey(0)
    try:
        *_, outputs = jax.eval_shape(
            lambda p, c, b, k: objective.examples(p, c, b, k), parameters, objective.carried, one, key
        )
    except ValueError as error:
        raise type(error)(f"{what}: {error}") from error if what != "data" else error
    if not isinstance(outputs, dict | tuple) and not isinstance(batch.targets, Mapping):
        check_labels(np.asarray(batch.targets), outputs.shape[1:], what)
    try:
        losses = jax.eval_shape(lambda o: objective.each(objective.loss, o, one.targets, one.lengths), outputs)
    except Exception as error:
        raise ValueError(
            f"loss: {_name(objective.loss)} cannot compare an output of shape {_shown(outputs)} with a target of shape"
            f" {_shown(batch.targets, typed=True)}: {str(error).splitlines()[0]}"
        ) from error
    if losses.shape != (1,):
        raise ValueError(
            f"loss: {_name(objective.loss)} gives the shape {losses.shape[1:]} for one example, expected one number."
        )
    if batch.lengths is not None and np.max(batch.lengths) > objective.n_steps:
        raise ValueError(f"{what}: a length of {np.max(batch.lengths)} steps; a run has {objective.n_steps}.")
    return outputs


def check_slope(objective: Objective, batch: Batch, parameters: dict) -> None:
    """Refuse a loss that has no derivative with respect to what is read, whatever that is.

    Raises
    ------
    ValueError
    """
    if objective.penalties:
        return
    one, key = jax.tree.map(lambda part: jnp.asarray(part[:1]), batch), jax.random.PRNGKey(0)
    *_, outputs = jax.eval_shape(
        lambda p, c, b, k: objective.examples(p, c, b, k), parameters, objective.carried, one, key
    )
    leaves, tree = jax.tree.flatten(outputs)
    moving = [k for k, leaf in enumerate(leaves) if jnp.issubdtype(leaf.dtype, jnp.floating)]

    def slope(leaves, tangents):
        def loss(chosen):
            every = list(leaves)
            for k, leaf in zip(moving, chosen):
                every[k] = leaf
            losses = objective.each(objective.loss, jax.tree.unflatten(tree, every), one.targets, one.lengths)
            return losses.astype(float_dtype())

        return jax.jvp(loss, ([leaves[k] for k in moving],), (tangents,))[1]

    try:
        jaxpr = jax.make_jaxpr(slope)(leaves, [leaves[k] for k in moving]).jaxpr
    except TypeError:  # a loss whose derivative is written for reverse mode alone
        return
    used = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))[1]
    if not any(used[len(leaves) :]):
        raise ValueError(
            f"loss: {_name(objective.loss)} has no derivative with respect to {' and '.join(objective.read.paths)}: what"
            " takes the highest, rounds or counts has none. gradient='reinforce' and searches such as bs.train.Evolution"
            " learn without."
        )


def check_masks(objective: Objective) -> None:
    """Refuse losses and penalties that would count what is behind the end of a sequence.

    Raises
    ------
    ValueError
    """
    reads = objective.read.parts.values() if isinstance(objective.read, Reads) else [objective.read]
    whole = [read.path for read in reads if read.decode in ("sequence", sequence)]
    if whole and not takes_mask(objective.loss):
        raise ValueError(
            f"loss: {_name(objective.loss)} is given all steps of {', '.join(whole)}, and examples have different lengths;"
            " one that takes mask=None is told which steps count."
        )
    for penalty in objective.penalties:
        if penalty.record and not takes_mask(penalty):
            raise ValueError(
                f"penalties: {_name(penalty)} is given all steps of {', '.join(penalty.record)}, and examples have"
                " different lengths; one that takes mask=None is told which steps count."
            )


def _shown(tree: Any, typed: bool = False) -> str:
    """Shapes of one example."""
    if isinstance(tree, Mapping):
        return ", ".join(f"{name}: {_shown(part, typed)}" for name, part in tree.items())
    return f"{tuple(tree.shape[1:])}{f' and type {tree.dtype}' if typed else ''}"


def check_labels(targets: np.ndarray, shape: tuple[int, ...], what: str = "data") -> None:
    """Refuse labels, whole numbers one for each example, of classes that the output does not have.

    Labels of steps, and sequences of labels, have negative ones where nothing is asked.
    """
    if targets.dtype.kind in "iu" and targets.ndim == 2 and len(shape) == 2 and targets.max() >= shape[-1]:
        raise ValueError(
            f"{what}: labels go up to {targets.max()}, and the output has {shape[-1]} units: accepted are 0 to"
            f" {shape[-1] - 1}, and -1 where nothing is asked."
        )
    if targets.dtype.kind in "iu" and targets.ndim == 1 and shape:
        low, high = int(targets.min()), int(targets.max())
        if low < 0 or high >= shape[-1]:
            raise ValueError(
                f"{what}: labels go from {low} to {high}, and the output has {shape[-1]} units: accepted are 0 to"
                f" {shape[-1] - 1}."
            )


class Labelled:
    """Batches of a loader, whose labels are looked at when they come: nobody has seen them before.

    Parameters
    ----------
    batches : Batches
    outputs : ShapeDtypeStruct, (batch, ...), or dict of them
        What is read.
    what : str
        What they are called in messages.
    """

    def __init__(self, batches: Any, outputs: Any, what: str = "data"):
        self.batches, self.outputs, self.what = batches, outputs, what

    def __len__(self) -> int:
        return len(self.batches) if hasattr(self.batches, "__len__") else 0

    @property
    def facts(self) -> dict:
        """What a checkpoint remembers of the data."""
        return getattr(self.batches, "facts", {})

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of epoch ``number``."""
        for k, batch in enumerate(self.batches.epoch(number), 1):
            if not isinstance(self.outputs, dict | tuple) and not isinstance(batch.targets, Mapping):
                check_labels(np.asarray(batch.targets), self.outputs.shape[1:], f"{self.what}, batch {k}")
            yield batch


def check_gradient(objective: Objective, trained: Trained) -> None:
    """Refuse a loss that no gradient reaches: say which population has no surrogate.

    Raises
    ------
    ValueError
    """
    net, read = objective.net, [path.partition(".") for path in objective.read.paths]
    if any(output not in net.populations for output, _, _ in read):
        return
    for output, _, variable in read:
        if variable.startswith("spikes") and _stops(net.populations[output]):
            raise ValueError(_without_surrogate(net, output, "which is read"))
    reached = {output for output, _, _ in read}
    waiting = sorted(reached)
    blocked: set[str] = set()
    while waiting:
        post = waiting.pop()
        for projection in net.projections.values():
            if projection.post != post or projection.sender in reached:
                continue
            if projection.signal == "spikes" and _stops(net.populations[projection.sender]):
                blocked.add(projection.sender)
            else:
                reached.add(projection.sender)
                waiting.append(projection.sender)
    for path in trained.paths:
        owner = path.partition(".")[0]
        post = net.projections[owner].post if owner in net.projections else owner
        if post in net.populations and post not in reached:
            through = post if post in blocked else next(iter(sorted(blocked)), post)
            if not blocked:
                raise ValueError(
                    f"{path} learns, and no way leads from {post} to {' or '.join(objective.read.paths)}, which is read."
                )
            raise ValueError(_without_surrogate(net, through, f"so that {path} gets no gradient"))


def _stops(population: Any) -> bool:
    return hasattr(population, "surrogate") and population.surrogate is None


def _without_surrogate(net: Network, name: str, why: str) -> str:
    kind = type(net.populations[name]).__name__
    if getattr(net.populations[name], "spike_times", "grid") == "exact":
        return (
            f"{name}: the number of spikes of {kind} has no derivative, {why}; their times have: take"
            f" read=('{name}.fired_at', 'first_time')."
        )
    return (
        f"{name}: the spikes of {kind} have no derivative, {why}; give it surrogate=bs.surrogate.ATan(), or freeze what"
        " cannot learn."
    )


def check_loop(callbacks: Any, average: float | None, log: Any, checkpoint: Any, seed: Any) -> None:
    """Refuse what would be found out after the first epoch.

    Raises
    ------
    TypeError, ValueError
    """
    if checkpoint is not None:
        if not isinstance(checkpoint, str | os.PathLike):
            raise TypeError(f"checkpoint: expected the path of a folder, given {checkpoint!r}.")
        check_place(Path(checkpoint))
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"seed: expected a whole number, given {seed!r}.")
    if not isinstance(callbacks, Sequence) or isinstance(callbacks, str):
        raise TypeError(f"callbacks: expected a list of them, given {callbacks!r}; write callbacks=[...].")
    for callback in callbacks:
        if isinstance(callback, type):
            raise TypeError(f"callbacks: {callback.__name__} is a class; give one of it, {callback.__name__}().")
        if not callable(callback) and not hasattr(callback, "step"):
            raise TypeError(f"callbacks: expected functions of an Epoch, or objects with step(), given {callback!r}.")
    if average is not None and (isinstance(average, bool) or not 0 <= average <= 1):
        raise ValueError(f"average: expected a decay from 0 to 1, such as 0.999, given {average}.")
    if log is not None and Path(log).suffix not in (".csv", ".jsonl"):
        raise ValueError(
            f"log: {log} ends neither in .csv nor in .jsonl; callbacks=[bs.train.TensorBoard('runs')] writes for TensorBoard."
        )
    if log is not None and not Path(log).absolute().parent.is_dir():
        raise FileNotFoundError(f"log: there is no folder {Path(log).absolute().parent} to write {Path(log).name} in.")


def finite(tree: Any) -> bool:
    """Whether all numbers are."""
    return all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(tree))


def warn_of_values(objective: Objective, batch: Batch) -> None:
    """Warn of data that the encoder does not tell apart, such as grey levels up to 255 that are taken as probabilities."""
    if not isinstance(objective.encode, Encoder):
        return
    low, high = objective.encode.told_apart(objective.n_steps, in_unit(objective.dt, u.ms, "dt"))
    x = np.asarray(batch.inputs)
    share = np.mean((x < low) | (x > high)) if x.size else 0.0
    if share > BEYOND:
        warnings.warn(
            f"encode: {type(objective.encode).__name__} tells values from {low:.4g} to {high:.4g} apart, and {100 * share:.2g} %"
            f" of a batch, which goes from {np.min(x):.4g} to {np.max(x):.4g}, are beyond: scale the data first.",
            stacklevel=3,
        )


def check_monitors(callbacks: Any, measured: Any, validated: bool) -> None:
    """Refuse callbacks that watch what is not measured.

    Raises
    ------
    ValueError, UnknownNameError
    """
    known = ["loss", "gradient norm", "best loss", "seconds", *measured]
    known += [f"validation {name}" for name in ("loss", *measured)] if validated else []
    for callback in callbacks:
        watched = getattr(callback, "monitor", "loss")
        if watched in known or str(watched).startswith("gradient norm: "):
            continue
        hint = (
            ""
            if validated or not str(watched).startswith("validation")
            else "; validate=(inputs, targets) is not given"
        )
        raise UnknownNameError(
            f"callbacks: {type(callback).__name__} watches {watched!r}, which is not measured{hint}."
            f"{suggestion(str(watched), known)}"
        )


def warn_of_rates(rates: dict[str, float], dt: Any) -> None:
    """Warn of populations that nearly never fire, or nearly always."""
    for name, share in rates.items():
        hertz = share / float((dt).to_decimal(u.second))
        if share < SILENT:
            warnings.warn(
                f"{name} is silent ({hertz:.2g} Hz, {100 * share:.2g} % of steps): no spike reaches what is behind it."
                " Larger weights (gain) towards it, a lower V_th or a longer tau make it fire.",
                stacklevel=3,
            )
        elif share > SATURATED:
            warnings.warn(
                f"{name} is saturated ({hertz:.3g} Hz, {100 * share:.3g} % of steps): its spikes tell nothing. Smaller"
                " weights (gain) towards it, a higher V_th or a refractory time make it fire less.",
                stacklevel=3,
            )


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)
