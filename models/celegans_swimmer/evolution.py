r"""Training by evolution strategies: the return alone, no gradient.

A generation tries the weights :math:`\theta` with perturbations :math:`\pm\delta_k, \delta_k \sim N(0, \sigma^2)`,
ranks the returns of one episode each, and follows with Adam

.. math:: g = \frac{1}{P\sigma} \sum_k r_k \delta_k, \qquad r_k \in [-\tfrac12, \tfrac12] \text{ the centred rank,}

each component clipped to :math:`\pm 1`, which it hardly ever reaches. (Against the gradient of the smoothed rank this
lacks a factor
:math:`1/\sigma`, to which Adam is blind; with it, clipping would leave nothing but signs.)

References
----------
T. Salimans et al., "Evolution strategies as a scalable alternative to reinforcement learning", arXiv 1703.03864 (2017).
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

import brainsim as bs
from models.celegans_swimmer import task
from models.celegans_swimmer.body import Swimmer
from models.progress import Bar


class Trained(NamedTuple):
    """Weights after training, and returns along the way: one array (evaluations,) each."""

    weights: dict
    episodes: np.ndarray  # simulated until then
    returns: np.ndarray


def train(
    controller,
    weights,
    *,
    generations: int = 100,
    population: int = 8,
    sigma: float = 0.02,
    rate: float = 0.01,
    decay: float = 0.005,
    seed: int = 0,
    body: Swimmer | None = None,
    every: int = 10,
    trials: int = 3,
    progress: bool = False,
) -> Trained:
    """Evolve the weights of a controller.

    Parameters
    ----------
    controller : NCAP or MLP
    weights : tree of arrays
        Where to start.
    generations, population : int
        ``population`` episodes in each generation, in antithetic pairs.
    sigma : float
        Standard deviation of the perturbations.
    rate, decay : float
        Learning rate of Adam, and the weights' decay (added to the gradient).
    seed : int
    body : Swimmer, optional
        By default that with the controller's number of joints.
    every, trials : int
        The weights are evaluated after the first and every ``every``-th generation, over ``trials`` episodes.
    progress : bool
        Show how far the training is.

    Returns
    -------
    Trained
    """
    if population % 2 or population < 2:
        raise ValueError(f"evolution: population must be even, for antithetic pairs, given {population}.")
    body = body or Swimmer(controller.joints)
    flat, unravel = jax.flatten_util.ravel_pytree(weights)
    optimizer = optax.chain(optax.add_decayed_weights(decay), optax.adam(rate))
    state, key = optimizer.init(flat), jax.random.PRNGKey(seed)
    episodes, returns = [], []
    with Bar("evolution, generations", generations, progress) as bar:
        for generation in range(1, generations + 1):
            key, *own = jax.random.split(key, 4)
            tried = sigma * jax.random.normal(own[0], (population // 2, flat.size))
            tried = jnp.concatenate([tried, -tried])
            found, _ = task.evaluate_each(
                body, controller, jax.vmap(unravel)(flat[None] + tried), jax.random.split(own[1], population)
            )
            flat, state = _improve(optimizer, flat, state, tried, found, sigma)
            if generation == 1 or generation % every == 0:
                episodes.append(generation * population)
                returns.append(
                    float(task.evaluate(body, controller, unravel(flat), jax.random.split(own[2], trials))[0].mean())
                )
            bar.tell(text=f"return {returns[-1]:.0f}")
    return Trained(unravel(flat), np.array(episodes), np.array(returns))


@partial(jax.jit, static_argnums=0)
def _improve(optimizer, flat, state, tried, returns, sigma):
    slope = jnp.clip(sigma * bs.train.evolved(-returns, tried, sigma), -1, 1)
    updates, state = optimizer.update(slope, state, flat)
    return optax.apply_updates(flat, updates), state
