r"""Training by gradient through body and brain: the mechanics are differentiated together with the circuit.

Several swimmers go on from window to window of :math:`T` control steps (truncated backpropagation through time); the
weights follow, with Adam, the gradient of their mean

.. math:: J = \frac{1}{T} \sum_t \min(v_t / 0.1\,\mathrm{m/s},\, 1)

of the forward speed v of the head: the reward, without its floor at zero, below which there would be no gradient.

References
----------
C. D. Freeman et al., "Brax: a differentiable physics engine for large scale rigid body simulation", NeurIPS datasets
(2021).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax

import brainsim as bs
from models.celegans_swimmer import task
from models.celegans_swimmer.body import BodyState, Swimmer
from models.celegans_swimmer.evolution import Trained
from models.progress import Bar


def objective(body: Swimmer, controller, weights, states: BodyState, start, window: int):
    """Mean of J over a batch of ``states``, differentiable in ``weights``; and the states at the end."""
    states, _, speeds, _ = jax.vmap(lambda s: task.rollout(body, controller, weights, s, window, start))(states)
    return jnp.minimum(speeds / task.FULL_SPEED, 1.0).mean(), states


def train(
    controller,
    weights,
    *,
    updates: int = 100,
    batch: int = 4,
    window: int = 60,
    rate: float = 0.02,
    seed: int = 0,
    body: Swimmer | None = None,
    every: int = 20,
    trials: int = 3,
    progress: bool = False,
) -> Trained:
    """Follow the gradient.

    Parameters
    ----------
    controller : NCAP or MLP
    weights : tree of arrays
        Where to start.
    updates, batch, window : int
        ``updates`` steps of Adam on ``window`` control steps of ``batch`` swimmers, which start anew after an episode
        of 1000 steps.
    rate : float
        Learning rate; gradients are clipped to a norm of 1.
    seed : int
    body : Swimmer, optional
        By default that with the controller's number of joints.
    every, trials : int
        The weights are evaluated after the first and every ``every``-th update, over ``trials`` episodes.
    progress : bool
        Show how far the training is.

    Returns
    -------
    Trained
        Its ``episodes`` count what was simulated in episodes of 1000 control steps.
    """
    body = body or Swimmer(controller.joints)

    def loss(weights, states, start):
        value, states = objective(body, controller, weights, states, start, window)
        return -value, states

    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))
    descent = bs.train.Descent(loss, optimizer, has_aux=True)
    improve, place = jax.jit(descent), descent.first(weights)
    key, start, states = jax.random.PRNGKey(seed), 0, None
    episodes, returns = [], []
    with Bar("gradient, updates", updates, progress) as bar:
        for update in range(1, updates + 1):
            key, first, trial = jax.random.split(key, 3)
            if states is None or start + window > task.EPISODE:
                states, start = jax.vmap(body.initial)(jax.random.split(first, batch)), 0
            place, _, states = improve(place, states, start)
            start += window
            if update == 1 or update % every == 0:
                episodes.append(update * batch * window / task.EPISODE)
                returns.append(
                    float(task.evaluate(body, controller, place.values, jax.random.split(trial, trials))[0].mean())
                )
            bar.tell(text=f"return {returns[-1]:.0f}")
    return Trained(place.values, np.array(episodes), np.array(returns))
