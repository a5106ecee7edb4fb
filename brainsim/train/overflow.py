"""What is not finite when a loss or a gradient is not: which state, in which step, and what to change."""

from __future__ import annotations

from collections.abc import Sequence

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._errors import NonFiniteError
from brainsim.train.gradients import Gradient, bptt
from brainsim.train.objective import Batch, Objective


def explain(
    objective: Objective, parameters: dict, carried: dict, batch: Batch, key: jax.Array, *, gradient: Gradient = bptt
) -> NonFiniteError | None:
    """Why the loss of a batch, or its gradient, is not finite; None if both are.

    :func:`fit` raises it by itself. In a loop of one's own::

        if not np.isfinite(loss + optax.global_norm(slopes)):
            raise bs.train.explain(objective, parameters, carried, batch, key)

    Parameters
    ----------
    objective : Objective
    parameters, carried, batch, key
        What it was called with.
    gradient : Gradient
        Where the gradient comes from.

    Returns
    -------
    NonFiniteError or None
        It says which state, in which step, is the first that is not finite; of a gradient, in which state and behind which step
        it is not, going back from the end, and for which parameters.
    """
    (loss, _), slopes = jax.jit(gradient(objective))(parameters, carried, batch, key)
    bad = [path for path, slope in slopes.items() if not bool(jnp.all(jnp.isfinite(slope)))]
    if bool(jnp.isfinite(loss)) and not bad:
        return None
    return blame(objective, parameters, carried, batch, (key,), "here", float(loss), bad)


def blame(
    objective: Objective,
    parameters: dict,
    carried: dict,
    batch: Batch,
    given: tuple,
    when: str,
    loss: float,
    slopes: Sequence[str] = (),
) -> NonFiniteError:
    """The error for a loss, or a gradient, that is not finite: the first population, and step, where something is not.

    ``given``: the key, and perhaps the state, that the examples began with; ``slopes``: parameters of which the gradient is not
    finite.
    """
    for targets in jax.tree.leaves(batch.targets):
        if not np.all(np.isfinite(np.asarray(targets))):
            return NonFiniteError(f"the loss is {loss:g} {when}, and targets of this batch are not finite.")
    bad = sorted(path for path, array in parameters.items() if not bool(jnp.all(jnp.isfinite(array))))
    if bad:
        return NonFiniteError(
            f"{', '.join(bad)} is not finite {when}; the steps of learning are too long, or gradients grow without"
            " bounds: a smaller rate, or optax.clip_by_global_norm.",
            bad[0],
        )
    variables = [
        f"{name}.{variable}"
        for name, population in objective.net.populations.items()
        for variable in getattr(population, "variables", ())
    ]
    final, recorded, outputs = objective.replaced(record=variables).examples(parameters, carried, batch, *given)
    first = {}
    for path in variables:
        steps = ~np.isfinite(np.asarray(recorded[path])).all(axis=(0, *range(2, recorded[path].ndim)))
        if steps.any():
            first[path] = int(steps.argmax())
    if not first and np.isfinite(loss):
        return _of_gradient(objective, parameters, carried, batch, given, f"{when}, and the loss is {loss:g}", slopes)
    if not first:
        low, high = (f(np.array([f(x) for x in jax.tree.leaves(outputs)])) for f in (np.min, np.max))
        return NonFiniteError(
            f"the loss is not finite {when}, though all states are: outputs from {low:g} to {high:g}."
        )
    path = min(first, key=lambda path: first[path])
    time = (first[path] + 1) * objective.run.step_ms * u.ms
    return NonFiniteError(
        f"{'the gradient' if np.isfinite(loss) else 'the loss'} is not finite {when}: {path} is the first state that is"
        f" not, in step {first[path] + 1} ({time}).",
        path,
        time,
    )


def _of_gradient(objective, parameters, carried, batch, given, when, slopes) -> NonFiniteError:
    """The error for a gradient that is not finite though all states, and the loss, are."""
    found = _last_step(objective, parameters, carried, batch, given)
    of = f" of {', '.join(slopes)}" if slopes else ""
    if found is None:
        return NonFiniteError(
            f"the gradient{of} is not finite {when}: a derivative of what is read, or of the rule of learning, is not; smaller"
            " weights, or inputs, keep values in range."
        )
    path, step = found
    time = (step + 1) * objective.run.step_ms * u.ms
    narrow = " float64 has more room than float32;" if parameters and _width(parameters) < 64 else ""
    return NonFiniteError(
        f"the gradient{of} is not finite {when}: going back from the end, the derivative in {path} is the first that is not,"
        f" behind step {step + 1} ({time}). Derivatives grow from step to step: a surrogate that is lower or wider, smaller"
        f" weights, detach_reset=True or shorter windows (truncate=) keep them in range;{narrow} clipping comes too late.",
        path,
        time,
    )


def _width(parameters: dict) -> int:
    return min(jnp.finfo(x.dtype).bits for x in parameters.values() if jnp.issubdtype(x.dtype, jnp.floating))


def _last_step(objective, parameters, carried, batch, given) -> tuple[str, int] | None:
    """Which state has, latest, a derivative of the loss that is not finite, and behind which step."""
    net, run = objective.net, objective.run
    paths = [p for p, x in run.state.items() if p.partition(".")[0] in net.populations and _is_real(x)]
    paths = [p for p in paths if run.state[p].shape == (net.populations[p.partition(".")[0]].count,)]

    def loss(moves):
        _, recorded, outputs = objective.examples(parameters, carried, batch, *given, moves=moves)
        return objective.value(outputs, recorded, parameters, batch)[0]

    examples = len(batch.inputs)
    nothing = {p: jnp.zeros((examples, objective.n_steps, *run.state[p].shape), run.state[p].dtype) for p in paths}
    try:
        slopes = jax.jit(jax.grad(loss))(nothing)
    except ValueError:  # what needs all steps at once does not go step by step
        return None
    last = {}
    for path, slope in slopes.items():
        bad = ~np.isfinite(np.asarray(slope)).all(axis=(0, 2))
        if bad.any():
            last[path] = int(np.flatnonzero(bad)[-1])
    return max(last.items(), key=lambda item: item[1]) if last else None


def _is_real(x) -> bool:
    return jnp.issubdtype(x.dtype, jnp.floating)
