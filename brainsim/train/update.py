"""One update of the parameters: a pure function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from brainsim.train.course.schedules import Scheduled
from brainsim.train.gradients import Gradient, bptt
from brainsim.train.objective import Batch, Objective, Result
from brainsim.train.trained import Trained, matching


class Learning(NamedTuple):
    """Where learning stands: all that an update changes.

    Parameters
    ----------
    free : dict of str to array
        Free numbers of the parameters; see :class:`brainsim.train.Trained`.
    moments
        State of the optimiser.
    carried : dict of str to array
        Running statistics of layers.
    average : dict of str to array
        Moving average of the free numbers; empty without one.
    updates : int array, ()
    """

    free: dict
    moments: Any
    carried: dict
    average: dict
    updates: jax.Array


class Update:
    """An update of the parameters by one batch: ``learning, loss, measured, final = update(learning, fixed, batch, key)``.

    It is pure: compile it, scan it, map it. ``learning = update.first()`` begins, ``update.parameters(learning)`` are the
    parameters at any time.

    Parameters
    ----------
    objective : Objective
    optimizer : optax.GradientTransformation, or dict of str to it
        A dictionary has patterns of paths: each parameter goes by the first one that matches.
    trained : Trained
    gradient : Gradient
    metrics : dict of str to callable
        ``metric(output, target)`` of one example.
    average : float, optional
        Decay of a moving average of the parameters.
    scheduled : Scheduled, optional
        Parameters that follow the number of updates.
    """

    def __init__(
        self,
        objective: Objective,
        optimizer: optax.GradientTransformation | Mapping[str, optax.GradientTransformation],
        trained: Trained,
        *,
        gradient: Gradient = bptt,
        metrics: Mapping[str, Callable] | None = None,
        average: float | None = None,
        scheduled: Scheduled | None = None,
    ):
        self.scheduled = Scheduled(objective.net, {}) if scheduled is None else scheduled
        self.objective, self.trained, self.average = objective, trained, average
        for each in optimizer.values() if isinstance(optimizer, Mapping) else [optimizer]:
            if not (callable(getattr(each, "init", None)) and callable(getattr(each, "update", None))):
                raise TypeError(f"optimizer: expected one of optax, such as optax.adam(1e-3), given {each!r}.")
        chosen = by_group(optimizer, trained.paths) if isinstance(optimizer, Mapping) else optimizer
        self.optimizer = optax.with_extra_args_support(chosen)
        self.step, self.metrics = gradient(objective), dict(metrics or {})

    def first(self) -> Learning:
        """Where learning begins: at the parameters of the network."""
        free = self.trained.first
        average = {} if self.average is None else free
        return Learning(free, self.optimizer.init(free), self.objective.carried, average, jnp.zeros((), jnp.int32))

    def parameters(self, learning: Learning) -> dict[str, jax.Array]:
        """The parameters where learning stands; averaged, if they are."""
        free = learning.free if self.average is None else learning.average
        return self.trained.values(free, self.trained.fixed) | self.scheduled.values(learning.updates)

    def __call__(
        self, learning: Learning, fixed: dict, batch: Batch, key: jax.Array, state: dict | None = None
    ) -> tuple[Learning, jax.Array, dict, dict]:
        """The next learning, the loss before it, means of the metrics, and the states at the end.

        Parameters
        ----------
        learning : Learning
        fixed : dict
            ``update.trained.fixed``: an argument, so that no program holds large arrays.
        batch : Batch
        key : uint32 array, (2,)
        state : dict of str to array, (batch, ...), optional
            Where each example goes on from.
        """
        more = () if state is None else (state,)
        (loss, result), free, moments, seen = self.move(learning, fixed, batch, key, *more)
        free = self.trained.kept(free, fixed)
        average: Any = learning.average
        if self.average is not None:
            average = optax.incremental_update(free, average, 1 - self.average)
        for name, metric in self.metrics.items():
            each = self.objective.each(metric, result.outputs, batch.targets, batch.lengths)
            seen[name] = jnp.mean(each)
        after = Learning(free, moments, result.carried, average, learning.updates + 1)
        return after, loss, seen, result.final

    def given(self, learning: Learning, parameters: dict) -> dict:
        """All parameters of a run, of those that are trained."""
        return parameters | self.scheduled.values(learning.updates)

    def move(
        self, learning: Learning, fixed: dict, batch: Batch, key: jax.Array, *state: dict
    ) -> tuple[tuple[jax.Array, Result], Any, Any, dict]:
        """``((loss, result), free, moments, seen)``: where the gradient leads, and what is seen of it."""

        def value(free):
            given = self.given(learning, self.trained.values(free, fixed))
            return self.objective(given, learning.carried, batch, key, *state)[0]

        parameters, back = jax.vjp(lambda free: self.trained.values(free, fixed), learning.free)
        found, slopes = self.step(self.given(learning, parameters), learning.carried, batch, key, *state)
        (slopes,) = back({path: slopes[path] for path in parameters})
        known = dict(value=found[0], grad=slopes, value_fn=value)  # what line searches and plateaus look at
        changes, moments = self.optimizer.update(slopes, learning.moments, learning.free, **known)
        return found, optax.apply_updates(learning.free, changes), moments, norms(slopes)


def by_group(optimizers: Mapping, paths: tuple[str, ...]) -> optax.GradientTransformation:
    """One optimiser for each group of parameters, by patterns of their paths."""
    labels: dict[str, str] = {}
    for pattern in optimizers:
        for path in matching(pattern, paths, "optimizer"):
            labels.setdefault(path, pattern)
    missing = sorted(set(paths) - labels.keys())
    if missing:
        raise ValueError(f"optimizer: none is for {', '.join(missing)}; add '*' as the last pattern.")
    return optax.partition(dict(optimizers), lambda free: {path: labels[path] for path in free})


def norms(slopes: dict[str, Any]) -> dict[str, jax.Array]:
    """Lengths of a gradient: ``"gradient norm"`` of all, and ``"gradient norm: PATH"`` of each parameter."""
    squares = {path: sum(jnp.sum(jnp.square(x)) for x in jax.tree.leaves(tree)) for path, tree in slopes.items()}
    each = {f"gradient norm: {path}": jnp.sqrt(square) for path, square in squares.items()}
    return {"gradient norm": jnp.sqrt(sum(squares.values())), **each}  # type: ignore[arg-type]
