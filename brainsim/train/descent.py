"""The gradient of any function of arrays, followed: for fits that are no examples with targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

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


def minimize(
    loss: Callable,
    values: Any,
    updates: int,
    *,
    optimizer: optax.GradientTransformation | None = None,
    arguments: Callable[[int], tuple] | None = None,
    until: Callable[[int, float], bool] | None = None,
    progress: bool | None = None,
) -> Minimum:
    """Follow the gradient of a function: the loop for fits of one's own, such as of recorded voltages.

    ::

        run = bs.function(net, 100 * u.ms, dt=0.1 * u.ms, record="cell.V")
        error = lambda g: jnp.mean((run({"cell.g_Na": g}, {})[1]["cell.V"] - recorded) ** 2)
        found = bs.train.minimize(error, jnp.array(80.0), 200, optimizer=optax.adam(1.0))

    Parameters
    ----------
    loss : callable
        ``loss(values, *arguments)``, a number.
    values : tree of arrays
        Where to begin.
    updates : int
        At most.
    optimizer : optax.GradientTransformation, optional
        ``optax.adam(1e-3)`` by default.
    arguments : callable, optional
        ``arguments(k)`` gives the other arguments of update k, from 0, as a tuple: a batch, a key, a horizon.
    until : callable, optional
        ``until(k, loss)``: whether update k was the last.
    progress : bool, optional
        Show how far it is; by default on a terminal or in a notebook.

    Returns
    -------
    Minimum

    Raises
    ------
    NonFiniteError
        Where the loss is not finite, or what the step before made of the values.
    """
    descent = Descent(loss, optax.adam(1e-3) if optimizer is None else optimizer)
    step, place, losses = jax.jit(descent), descent.first(jax.tree.map(jnp.asarray, values)), []
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
