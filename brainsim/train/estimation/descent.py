"""The gradient of any function of arrays, followed: for fits that are no examples with targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, overload

import jax
import jax.numpy as jnp
import numpy as np
import optax

from brainsim._errors import NonFiniteError
from brainsim.simulation.progress import Progress


class Place(NamedTuple):
    """Where a descent stands.

    Parameters
    ----------
    values : tree of arrays
        What is changed.
    moments
        State of the optimiser.
    """

    values: Any
    moments: Any


class Descent:
    """One step along the gradient of a function: ``place, loss, more = descent(place, *arguments)``.

    It is pure: compile it, scan it, map it. ``place = descent.first(values)`` begins.

    Parameters
    ----------
    loss : callable
        ``loss(values, *arguments)`` gives a number; with ``has_aux`` a number and anything more.
    optimizer : optax.GradientTransformation
        Schedules, clipping and accumulation are those of optax.
    has_aux : bool
        Whether the loss gives more than a number; ``more`` is None otherwise.
    """

    def __init__(self, loss: Callable, optimizer: optax.GradientTransformation, *, has_aux: bool = False):
        self.optimizer, self.has_aux = optimizer, has_aux
        self.slope = jax.value_and_grad(loss, has_aux=has_aux)

    def first(self, values: Any) -> Place:
        """Where a descent begins."""
        return Place(values, self.optimizer.init(values))

    def __call__(self, place: Place, *arguments: Any) -> tuple[Place, jax.Array, Any]:
        """The next place, the loss before it, and what else the loss gave."""
        found, slope = self.slope(place.values, *arguments)
        loss, more = found if self.has_aux else (found, None)
        changes, moments = self.optimizer.update(slope, place.moments, place.values)
        return Place(optax.apply_updates(place.values, changes), moments), loss, more


class Minimum(NamedTuple):
    """What :func:`minimize` found.

    Parameters
    ----------
    values : tree of arrays
    losses : float array, (updates,)
        Before each update.
    """

    values: Any
    losses: np.ndarray


class Minima(NamedTuple):
    """What :func:`minimize` found from several starts.

    Parameters
    ----------
    values : tree of arrays, (starts, ...)
        Of each start, where its loss was least.
    losses : float array, (updates, starts)
        Before each update; from where a start failed on, not finite.
    least : float array, (starts,)
        The least loss of each.
    """

    values: Any
    losses: np.ndarray
    least: np.ndarray

    @property
    def order(self) -> np.ndarray:
        """The starts from the best to the worst, (starts,); those that failed come last."""
        return np.argsort(np.where(np.isfinite(self.least), self.least, np.inf))

    @property
    def best(self) -> Any:
        """Values of the best."""
        return self.start(int(self.order[0]))

    def start(self, k: int) -> Any:
        """Values of start ``k``."""
        return jax.tree.map(lambda x: x[k], self.values)


@overload
def minimize(
    loss: Callable,
    values: Any,
    updates: int,
    *,
    optimizer: optax.GradientTransformation | None = None,
    arguments: Callable[[int], tuple] | None = None,
    until: Callable[[int, Any], bool] | None = None,
    starts: None = None,
    progress: bool | None = None,
) -> Minimum: ...


@overload
def minimize(
    loss: Callable,
    values: Any,
    updates: int,
    *,
    optimizer: optax.GradientTransformation | None = None,
    arguments: Callable[[int], tuple] | None = None,
    until: Callable[[int, Any], bool] | None = None,
    starts: int,
    progress: bool | None = None,
) -> Minima: ...


def minimize(
    loss: Callable,
    values: Any,
    updates: int,
    *,
    optimizer: optax.GradientTransformation | None = None,
    arguments: Callable[[int], tuple] | None = None,
    until: Callable[[int, Any], bool] | None = None,
    starts: int | None = None,
    progress: bool | None = None,
) -> Minimum | Minima:
    """Follow the gradient of a function: the loop for fits of one's own, such as of recorded voltages.

    ::

        run = bs.function(net, 100 * u.ms, dt=0.1 * u.ms, record="cell.V")
        error = lambda g: jnp.mean((run({"cell.g_Na": g}, {})[1]["cell.V"] - recorded) ** 2)
        found = bs.train.minimize(error, jnp.array(80.0), 200, optimizer=optax.adam(1.0))

    With ``starts`` all go on at once, as one program, each by itself::

        found = bs.train.minimize(error, unknowns.sample(key, 16), 200, starts=16)
        found.best, found.least[found.order]

    Parameters
    ----------
    loss : callable
        ``loss(values, *arguments)``, a number.
    values : tree of arrays
        Where to begin; with ``starts``, on the first axis of each array, one for each.
    updates : int
        At most.
    optimizer : optax.GradientTransformation, optional
        ``optax.adam(1e-3)`` by default.
    arguments : callable, optional
        ``arguments(k)`` gives the other arguments of update k, from 0, as a tuple: a batch, a key, a horizon.
    until : callable, optional
        ``until(k, loss)``: whether update k was the last; with ``starts`` loss has one number for each.
    starts : int, optional
        From how many places.
    progress : bool, optional
        Show how far it is; by default on a terminal or in a notebook.

    Returns
    -------
    Minimum, or Minima with ``starts``

    Raises
    ------
    NonFiniteError
        Where the loss is not finite, or what the step before made of the values; with ``starts``, where none is finite.
    ValueError
        For arrays of another first axis than ``starts``.
    """
    descent = Descent(loss, optax.adam(1e-3) if optimizer is None else optimizer)
    values = jax.tree.map(jnp.asarray, values)
    if starts is not None:
        return _from_starts(descent, values, updates, arguments, until, starts, progress)
    step, place, losses = jax.jit(descent), descent.first(values), []
    with Progress(progress, max(updates, 1), "minimising") as bar:
        for k in range(updates):
            place, value, _ = step(place, *(arguments(k) if arguments else ()))
            losses.append(float(value))
            if not np.isfinite(losses[-1]):
                raise NonFiniteError(
                    f"minimize: the loss is {losses[-1]} in update {k + 1}; before, it was"
                    f" {losses[-2] if k else 'not asked for'}. Smaller steps, or optax.clip_by_global_norm, may help."
                )
            bar.text = f"loss {losses[-1]:.4g}"
            bar.advance(1)
            if until is not None and until(k, losses[-1]):
                break
    return Minimum(place.values, np.array(losses))


def _from_starts(descent, values, updates, arguments, until, starts, progress) -> Minima:
    """The loop of :func:`minimize` from several places at once; of each the values of its least loss are kept."""
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(values)]
    wrong = [shape for shape in shapes if not shape or shape[0] != starts]
    if starts < 1 or wrong:
        given = f"arrays of shape {wrong[0]}" if wrong else "none"
        raise ValueError(
            f"minimize: with starts={starts} each array has {starts} values on its first axis; given {given}."
        )

    @jax.jit
    def advance(place: Place, kept: Any, least: jax.Array, *given: Any) -> tuple:
        after, loss, _ = jax.vmap(lambda one: descent(one, *given))(place)
        better = loss < least
        choose = lambda new, old: jnp.where(better.reshape(-1, *[1] * (new.ndim - 1)), new, old)
        return after, jax.tree.map(choose, place.values, kept), jnp.where(better, loss, least), loss

    place, least = jax.vmap(descent.first)(values), jnp.full(starts, jnp.inf)
    kept, losses = values, []
    with Progress(progress, max(updates, 1), "minimising") as bar:
        for k in range(updates):
            place, kept, least, value = advance(place, kept, least, *(arguments(k) if arguments else ()))
            losses.append(np.asarray(value))
            if not np.isfinite(losses[-1]).any():
                raise NonFiniteError(
                    f"minimize: of {starts} starts none has a finite loss in update {k + 1}. Smaller steps, or"
                    " optax.clip_by_global_norm, may help."
                )
            bar.text = f"least loss {np.nanmin(losses[-1]):.4g}"
            bar.advance(1)
            if until is not None and until(k, losses[-1]):
                break
    return Minima(kept, np.array(losses).reshape(-1, starts), np.asarray(least))
