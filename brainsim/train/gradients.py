"""How a loss becomes gradients: one function of an objective, so that every rule of learning fits in the same place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import jax
import jax.numpy as jnp

from brainsim.neurons.base import Neuron
from brainsim.train.objective import Batch, Objective

# Numbers, of all neurons at all steps, that stay in a processor's cache; examples of more go in parts
TOGETHER = 1 << 21
# Examples of a part, at least, where populations reach themselves: in each step, a dense weight is read once for all of them
FEWEST = 32


class Gradient(Protocol):
    """What turns an objective into values and gradients.

    Any function of this signature can be given as ``fit(..., gradient=...)``: it need not differentiate, as eligibility
    traces and evolution do not.
    """

    def __call__(self, objective: Objective) -> Callable:
        """``step(parameters, carried, batch, key)`` that gives ``((loss, result), gradients)``.

        Arguments and ``(loss, result)`` are those of the objective; gradients are a dictionary like ``parameters``.
        """
        ...


def bptt(objective: Objective) -> Callable:
    """Backpropagation through time: reverse-mode derivatives of the whole run.

    A network that runs layer by layer takes a large batch in equal parts, one after the other, and the sum of their gradients:
    the same to rounding, in a fraction of the memory and faster. A batch goes as a whole where examples act on each other
    (statistics of a batch, penalties) or goes on from states of its own.

    Parameters
    ----------
    objective : Objective

    Returns
    -------
    callable
        As :class:`Gradient` says.

    References
    ----------
    P. J. Werbos, Proc. IEEE 78:1550 (1990); E. O. Neftci, H. Mostafa, F. Zenke, IEEE Signal Process. Mag. 36:51 (2019).
    """
    whole = jax.value_and_grad(objective, has_aux=True)

    def step(parameters, carried, batch, key, *state):
        parts = 1 if state else parts_of(objective, len(batch.inputs))
        if parts == 1:
            return whole(parameters, carried, batch, key, *state)
        return _in_parts(whole, parts, parameters, carried, batch, key)

    return step


def parts_of(objective: Objective, examples: int) -> int:
    """In how many parts :func:`bptt` takes a batch of so many examples."""
    run = objective.run
    if not run.order.groups or objective.penalties or objective.carried:
        return 1
    numbers = objective.n_steps * sum(population.count for population in objective.net.populations.values())
    fits = max(FEWEST if run.order.feedback else 1, TOGETHER // max(numbers, 1))
    return next(n for n in range(1, examples + 1) if examples % n == 0 and (examples // n <= fits or n == examples))


def _in_parts(whole: Callable, parts: int, parameters, carried, batch, key):
    examples = len(batch.inputs)
    keys = jax.random.split(key, examples)  # of each example, as they are for a whole batch
    split = lambda x: jnp.reshape(x, (parts, examples // parts, *jnp.shape(x)[1:]))  # noqa: E731
    given = jax.tree.map(split, (*batch, keys))

    def one(summed, part):
        *members, keys = part
        (loss, result), gradient = whole(parameters, carried, Batch(*members), keys)
        return jax.tree.map(jnp.add, summed, (loss, gradient)), result

    nothing = jax.eval_shape(whole, parameters, carried, Batch(*jax.tree.map(lambda x: x[0], given[:-1])), given[-1][0])
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), (nothing[0][0], nothing[1]))
    (loss, gradient), results = jax.lax.scan(one, zeros, given)
    joined = jax.tree.map(lambda x: jnp.reshape(x, (examples, *x.shape[2:])), results._replace(carried={}))
    mean = lambda x: x / parts  # noqa: E731
    return (mean(loss), joined), jax.tree.map(mean, gradient)


def eventprop(objective: Objective) -> Callable:
    """Exact gradients through spikes: :func:`bptt` of a network whose spikes all have exact times.

    Parameters
    ----------
    objective : Objective

    Returns
    -------
    callable
        As :class:`Gradient` says.

    Raises
    ------
    ValueError
        For neurons that send spikes at the ends of steps.

    References
    ----------
    T. C. Wunderlich, C. Pehle, Sci. Rep. 11:12829 (2021); T. Nowotny, J. P. Turner, J. C. Knight, Neuromorph. Comput. Eng.
    5:014001 (2025); B. Meszaros, J. C. Knight, T. Nowotny, arXiv:2501.07331 (2025).
    """
    net = objective.net
    sending = [p.pre for p in net.projections.values() if p.signal == "spikes"]
    for name in dict.fromkeys(sending):
        if isinstance(net.populations[name], Neuron):
            raise ValueError(
                f"gradient='eventprop': {name} sends its spikes at the ends of steps; make it, and what it sends to, with"
                " spike_times='exact'."
            )
    return bptt(objective)


def reinforce(objective: Objective) -> Callable:
    r"""Gradients without bias of the expected loss, by the score function, of networks with
    :class:`brainsim.chance.ScoreFunction` neurons.

    .. math:: \nabla \langle L \rangle \approx \frac1B \sum_b (L_b - \bar L_{\neq b})\,\nabla \ln P_b + \nabla L_b

    with the mean over the other examples of the batch as the baseline. Nothing need be differentiable: a loss may count.

    Parameters
    ----------
    objective : Objective

    Returns
    -------
    callable
        As :class:`Gradient` says.

    Raises
    ------
    ValueError
        Where no population has such neurons.

    References
    ----------
    R. J. Williams, Mach. Learn. 8:229 (1992).
    """
    paths = [f"{name}.log_p" for name, population in objective.net.populations.items() if "log_p" in vars(population)]
    if not paths:
        raise ValueError(
            "gradient='reinforce': no population draws its spikes with a score function; make neurons with"
            " surrogate=bs.chance.ScoreFunction()."
        )
    whole = objective.replaced(record=[*objective.record, *paths])

    def expected(parameters, carried, batch, key, state=None):
        loss, result = whole(parameters, carried, batch, key, state)
        each = jax.lax.stop_gradient(result.losses)
        n = len(each)
        baseline = (jnp.sum(each) - each) / (n - 1) if n > 1 else 0.0
        log_p = sum((jnp.sum(result.recorded[path], axis=(1, 2)) for path in paths), jnp.zeros(n))
        score = jnp.mean((each - baseline) * log_p)
        return loss + score - jax.lax.stop_gradient(score), result

    return jax.value_and_grad(expected, has_aux=True)
