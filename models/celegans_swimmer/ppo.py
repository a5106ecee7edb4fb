r"""Training by proximal policy optimisation (PPO): reinforcement learning with a critic, without a gradient of the
body.

Commands are drawn from a normal distribution round the controller's output. After each segment of experience, with
advantages A by generalised advantage estimation,

.. math:: J = \mathrm{mean}\,\min\big(\rho A,\ \mathrm{clip}(\rho, 1 - \epsilon, 1 + \epsilon) A\big), \qquad \rho = \pi(a) / \pi_{old}(a)

is climbed with Adam over the whole segment until :math:`\pi` has moved too far from :math:`\pi_{old}`, and the critic
fits the returns. The settings are those of the authors of NCAP: a fixed noise of 0.1 for the circuit, a learned one for
perceptrons.

References
----------
J. Schulman et al., "Proximal policy optimization algorithms", arXiv 1707.06347 (2017); N. X. Bhattasali et al., NeurIPS
(2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import brainsim as bs
from models.celegans_swimmer import task
from models.celegans_swimmer.body import BodyState, Swimmer
from models.celegans_swimmer.evolution import Trained
from models.celegans_swimmer.mlp import MLP
from models.progress import Bar


@dataclass(frozen=True)
class PPO:
    """How to train.

    Parameters
    ----------
    swimmers, length : int
        A segment is ``length`` control steps of ``swimmers`` bodies; ``length`` divides an episode of 1000.
    iterations : int
        Of actor and critic on a segment; the actor stops where the divergence from its old policy exceeds
        ``divergence``.
    discount, smoothing : float
        Gamma and lambda.
    clip : float
        Epsilon.
    actor_rate, critic_rate : float
        Of Adam.
    noise : float
        Standard deviation of commands; with ``learn_noise`` only at the start, one for each joint.
    """

    swimmers: int = 8
    length: int = 500
    iterations: int = 80
    divergence: float = 0.015
    discount: float = 0.99
    smoothing: float = 0.97
    clip: float = 0.2
    actor_rate: float = 3e-4
    critic_rate: float = 1e-3
    noise: float = 0.1
    learn_noise: bool = False

    def __post_init__(self):
        if task.EPISODE % self.length:
            raise ValueError(
                f"PPO: length must divide an episode of {task.EPISODE} control steps, given {self.length}."
            )


class Scale(NamedTuple):
    """Running mean and variance of what was observed, of ``count`` observations."""

    mean: jax.Array
    variance: jax.Array
    count: jax.Array

    def __call__(self, observations):
        shape = (1,) * (observations.ndim - 1) + self.mean.shape
        return (observations - self.mean.reshape(shape)) / self.deviation.reshape(shape)

    @property
    def deviation(self):
        return jnp.maximum(jnp.sqrt(self.variance), 1e-2)

    def updated(self, observations):
        """With the (n, inputs) observations."""
        n, mean, variance = len(observations), observations.mean(0), observations.var(0)
        total, shift = self.count + n, mean - self.mean
        square = self.variance * self.count + variance * n + shift**2 * self.count * n / total
        return Scale(self.mean + shift * n / total, square / total, total)


class Experience(NamedTuple):
    """Of a segment; a first axis of steps, a second of swimmers."""

    observation: jax.Array
    step: jax.Array
    command: jax.Array
    likelihood: jax.Array
    reward: jax.Array


class Learner(NamedTuple):
    """All that changes."""

    actor: bs.train.Place  # of "weights", and "log_noise" (joints,)
    critic: bs.train.Place
    scale: Scale


def _mean(body, controller, weights, scale, observation, step):
    """The controller's output for an observation of everything."""
    if controller.observes == "angles":
        return controller(weights, observation[: body.joints] / body.range, step)
    return controller(weights, scale(observation), step)


def _likelihood(command, mean, log_noise):
    z = (command - mean) / jnp.exp(log_noise)
    return -0.5 * (z**2).sum() - log_noise.sum()


def _collect(options: PPO, body, controller, learner, states, start, key):
    """A segment of experience, and the states at its end."""
    weights, log_noise = learner.actor.values["weights"], learner.actor.values["log_noise"]

    def one(state, noise, step):
        seen = task.observe(body, state)
        mean = _mean(body, controller, weights, learner.scale, seen, step)
        command = mean + jnp.exp(log_noise) * noise
        state = body.control_step(state, command)
        return state, Experience(seen, step, command, _likelihood(command, mean, log_noise), task.reward(body, state))

    def step(states, inputs):
        noise, step = inputs
        return jax.vmap(one, in_axes=(0, 0, None))(states, noise, step)

    noise = jax.random.normal(key, (options.length, options.swimmers, body.joints))
    return jax.lax.scan(step, states, (noise, start + jnp.arange(options.length)))


def advantages(options: PPO, rewards, values, last):
    """Generalised advantages (steps, swimmers); a segment ends where experience was cut, not the episode's worth."""
    after = jnp.concatenate([values[1:], last[None]])
    surprise = rewards + options.discount * after - values
    _, advantages = jax.lax.scan(
        lambda sum, d: (d + options.discount * options.smoothing * sum,) * 2,
        jnp.zeros_like(last),
        surprise,
        reverse=True,
    )
    return advantages


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _segment(options: PPO, body: Swimmer, controller, critic: MLP, learner: Learner, states: BodyState, start, key):
    """Collect a segment and learn from it."""
    states, seen = _collect(options, body, controller, learner, states, start, key)
    scale = learner.scale
    judge = jax.vmap(lambda c, o, t: critic(c, scale(o), t)[0], in_axes=(None, 0, 0))
    flat = jax.tree.map(
        lambda x: x.reshape(-1, *x.shape[2:]), seen._replace(step=jnp.broadcast_to(seen.step, seen.reward.shape))
    )
    values = judge(learner.critic.values, flat.observation, flat.step).reshape(seen.reward.shape)
    ends = jax.vmap(partial(task.observe, body))(states)
    last = judge(learner.critic.values, ends, jnp.full(len(ends), start + options.length))
    gained = advantages(options, seen.reward, values, last)
    targets = (gained + values).ravel()
    gained = ((gained - gained.mean()) / (gained.std() + 1e-8)).ravel()

    def likelihoods(actor):
        mean = jax.vmap(lambda o, t: _mean(body, controller, actor["weights"], scale, o, t))(
            flat.observation, flat.step
        )
        return jax.vmap(_likelihood, in_axes=(0, 0, None))(flat.command, mean, actor["log_noise"])

    def loss(actor):
        if not options.learn_noise:
            actor = actor | {"log_noise": jax.lax.stop_gradient(actor["log_noise"])}
        likelihood = likelihoods(actor)
        ratio = jnp.exp(likelihood - flat.likelihood)
        kept = jnp.clip(ratio, 1 - options.clip, 1 + options.clip)
        return -jnp.minimum(ratio * gained, kept * gained).mean(), (flat.likelihood - likelihood).mean()

    climb = bs.train.Descent(loss, optax.adam(options.actor_rate), has_aux=True)

    def climbed(carry):
        place, k, _ = carry
        place, _, divergence = climb(place)
        return place, k + 1, divergence

    def near(carry):
        return (carry[1] < options.iterations) & (carry[2] <= options.divergence)

    actor, _, _ = jax.lax.while_loop(near, climbed, (learner.actor, 0, jnp.zeros((), targets.dtype)))
    missed = lambda c: ((judge(c, flat.observation, flat.step) - targets) ** 2).mean()
    fit = bs.train.Descent(missed, optax.adam(options.critic_rate))
    judged = jax.lax.fori_loop(0, options.iterations, lambda _, place: fit(place)[0], learner.critic)
    return (
        Learner(actor, judged, scale.updated(flat.observation)),
        states,
        seen.reward.mean(),
    )


def _plain(controller, learner: Learner):
    """The controller's weights for observations that are not scaled: a perceptron's first layer takes the scale in."""
    weights = learner.actor.values["weights"]
    if controller.observes == "angles":
        return weights
    n, first, scale = len(learner.scale.mean), weights[0], learner.scale
    w = first["w"].at[:n].divide(scale.deviation[:, None])
    return [{"w": w, "b": first["b"] - scale.mean @ w[:n]}, *weights[1:]]


def train(
    controller,
    weights,
    *,
    steps: int = 100_000,
    seed: int = 0,
    options: PPO | None = None,
    body: Swimmer | None = None,
    critic: tuple[int, ...] = (64, 64),
    every: int = 5,
    trials: int = 3,
    progress: bool = False,
) -> Trained:
    """Train a controller.

    Parameters
    ----------
    controller : NCAP or MLP
    weights : tree of arrays
        Where to start.
    steps : int
        Control steps of experience; rounded to whole segments.
    seed : int
    options : PPO, optional
        By default with learned noise for a perceptron.
    body : Swimmer, optional
        By default that with the controller's number of joints.
    critic : tuple of int
        Hidden layers of the critic.
    every, trials : int
        The weights are evaluated, without noise, after the first and every ``every``-th segment, over ``trials``
        episodes.
    progress : bool
        Show how far the training is.

    Returns
    -------
    Trained
        Its ``episodes`` count the experience in episodes of 1000 control steps.
    """
    body, options = body or Swimmer(controller.joints), options or PPO(learn_noise=isinstance(controller, MLP))
    judge = MLP(controller.joints, critic, outputs=1)
    key, first = jax.random.split(jax.random.PRNGKey(seed))
    actor = {"weights": weights, "log_noise": jnp.full(body.joints, np.log(options.noise))}
    judged, inputs = judge.random(first), judge.sizes[0] - judge.clock
    learner = Learner(
        bs.train.Place(actor, optax.adam(options.actor_rate).init(actor)),
        bs.train.Place(judged, optax.adam(options.critic_rate).init(judged)),
        Scale(jnp.zeros(inputs), jnp.ones(inputs), jnp.ones(())),
    )
    size, start, states = options.swimmers * options.length, task.EPISODE, None
    episodes, returns = [], []
    segments = max(round(steps / size), 1)
    with Bar("PPO, segments", segments, progress) as bar:
        for segment in range(1, segments + 1):
            key, new, own, trial = jax.random.split(key, 4)
            if start + options.length > task.EPISODE:
                states, start = jax.vmap(body.initial)(jax.random.split(new, options.swimmers)), 0
            learner, states, _ = _segment(options, body, controller, judge, learner, states, start, own)
            start += options.length
            if segment == 1 or segment % every == 0:
                found, _ = task.evaluate(body, controller, _plain(controller, learner), jax.random.split(trial, trials))
                episodes.append(segment * size / task.EPISODE)
                returns.append(float(found.mean()))
            bar.tell(text=f"return {returns[-1]:.0f}")
    return Trained(_plain(controller, learner), np.array(episodes), np.array(returns))
