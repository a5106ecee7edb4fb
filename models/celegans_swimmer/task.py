"""The task: swim forward, at 0.1 m/s or faster, for 30 s.

The reward of a control step is the forward speed of the head over 0.1 m/s, between 0 and 1, so that 1000 steps give at
most 1000.

References
----------
Y. Tassa et al., "DeepMind Control Suite", arXiv 1801.00690 (2018); N. X. Bhattasali et al., NeurIPS (2022).
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from models.celegans_swimmer.body import BodyState, Swimmer

EPISODE = 1000  # control steps
FULL_SPEED = 0.1  # m/s, that earns a reward of 1


def observe(body: Swimmer, state: BodyState, what: str = "everything"):
    """What a controller sees: ``"angles"`` over their range (joints,), or ``"everything"``, angles in rad and 3
    velocities of each link.
    """
    if what == "angles":
        return body.angles(state) / body.range
    v = body.velocities(state)
    return jnp.concatenate([body.angles(state), v.normal, v.along, v.turning])


def reward(body: Swimmer, state: BodyState):
    """Reward of a control step that ends in ``state``."""
    return jnp.clip(body.speed(state) / FULL_SPEED, 0, 1)


def rollout(body: Swimmer, controller, weights, state: BodyState, steps: int = EPISODE, start=0, look=None):
    """Swim ``steps`` control steps, from the ``start``-th; a pure function that maps, batches and differentiates.

    Returns
    -------
    BodyState
        The last one.
    array (steps,), array (steps,)
        Rewards and forward speeds of the head (m/s).
    tree of arrays (steps, ...)
        What ``look(state, step)`` returned before each step; None without it.
    """

    @jax.checkpoint
    def one(state, step):
        seen = None if look is None else look(state, step)
        command = controller(weights, observe(body, state, controller.observes), step)
        state = body.control_step(state, command)
        return state, (reward(body, state), body.speed(state), seen)

    state, (rewards, speeds, seen) = jax.lax.scan(one, state, start + jnp.arange(steps))
    return state, rewards, speeds, seen


@partial(jax.jit, static_argnums=(0, 1, 4))
def evaluate(body: Swimmer, controller, weights, keys, steps: int = EPISODE):
    """Return and mean forward speed (m/s) of an episode for each of ``keys``: two arrays (episodes,)."""

    def episode(key):
        _, rewards, speeds, _ = rollout(body, controller, weights, body.initial(key), steps)
        return rewards.sum(), speeds.mean()

    return jax.vmap(episode)(keys)


@partial(jax.jit, static_argnums=(0, 1, 4))
def evaluate_each(body: Swimmer, controller, weights, keys, steps: int = EPISODE):
    """As :func:`evaluate`, of many controllers at once: ``weights`` and ``keys`` have a first axis of the same length."""
    return jax.vmap(lambda w, k: jax.tree.map(lambda x: x[0], evaluate(body, controller, w, k[None], steps)))(
        weights, keys
    )
