"""A network that goes on learning while it is simulated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax

from brainsim._core import Clock, Dynamics, StateVariable, split, stepping, write_back
from brainsim._units import QuantityLike, float_dtype, in_unit
from brainsim.network import Network
from brainsim.operation import Operation
from brainsim.train.online import graph
from brainsim.train.online.base import Learner
from brainsim.train.online.door import online
from brainsim.train.online.learner import Traces
from brainsim.train.online.rule import Rule


def lifelong(
    net: Network,
    *,
    dt: QuantityLike,
    loss: Callable[[dict, Any], Any],
    optimizer: optax.GradientTransformation,
    rule: Rule | str = "e_prop",
    target: Any = 0.0,
    every: QuantityLike | None = None,
    train: Sequence[str] | str | None = None,
    name: str = "learning",
    **options: Any,
) -> Network:
    """Let a network learn in every run of :func:`brainsim.simulate`, by a rule of learning without the past.

    From now on the trained weights are states: they change in every step, or every so often, and stay as they are
    between runs. The target is the state ``"learning.target"``, given step by step as an input, the loss of the step the
    state ``"learning.loss"``, to be recorded::

        bs.train.lifelong(net, dt=1 * u.ms, loss=loss, optimizer=optax.sgd(1e-3), target=np.zeros(2))
        bs.simulate(net, 60 * u.second, dt=1 * u.ms, inputs={"inp.input": x, "learning.target": y}, record="learning.loss")

    Parameters
    ----------
    net : Network
        It is changed.
    dt : quantity, time
        Length of a step; of all runs from now on.
    loss, rule, train, **options
        As of :func:`online`; ``train`` names weights of synapses.
    optimizer : optax.GradientTransformation
        What makes changes of gradients.
    target : array
        The target where none is given.
    every : quantity, time, optional
        Gradients are summed for so long before the weights change; a step by default.
    name : str
        Under which it stands in the network.

    Returns
    -------
    Network
        The same.

    Raises
    ------
    ValueError
        For what is not a weight of synapses that are not plastic, a rule of the whole network, an interval that is not
        a multiple of dt, and what :func:`online` refuses.
    """
    learner = online(net, dt=dt, rule=rule, loss=loss, train=train, **options)
    if not isinstance(learner, Traces):
        raise ValueError(f"lifelong: rule={learner.rule.name!r} is one of the whole network; take a rule of traces.")
    for path in learner.trained:
        if graph.home(path, learner.all_parameters, net, learner.rule.name)[1] is None:
            raise ValueError(f"train: {path} is no weight; only weights change while a network runs.")
        if ".layer." in path or "layer" in vars(net[path.removesuffix(".weight")]):
            raise ValueError(f"train: {path} belongs to a layer; only weights of synapses change while a network runs.")
    steps = 1 if every is None else float(in_unit(every, u.ms, "every")) / learner.step_ms
    if steps < 1 or abs(steps - round(steps)) > 1e-6 * steps:
        raise ValueError(f"every: {every} is not a multiple of dt = {learner.step_ms} ms.")
    target = jnp.asarray(target, float_dtype())
    learning = Lifelong(learner, optimizer, target, round(steps))
    setattr(net, f"{name}_from", Beginning(learner))
    setattr(net, name, learning)
    for path in learner.trained:
        projection = net[path.removesuffix(".weight")]
        projection.let_change(projection.plain("weight"))
    return net


class Beginning(Operation):
    """Keeps the states that a step begins with, for the Jacobian of the step."""

    def __init__(self, learner: Any):
        super().__init__(_nothing, before="receptors")
        self.populations = learner.graph.order
        for k, path in enumerate(_states(learner.state, self.populations)):
            self.hold(f"state{k}", StateVariable(learner.state[path]))

    def update(self, clock: Clock, net: Dynamics) -> None:
        state = split(net)[3]
        for k, path in enumerate(_states(state, self.populations)):
            self.put(f"state{k}", state[path])

    def kept(self, paths: list[str]) -> dict:
        """What is kept, by path."""
        return {path: self.plain(f"state{k}") for k, path in enumerate(paths)}


class Lifelong(Operation):
    """Traces, gradients and the moments of the optimiser as states of the network; made by :func:`lifelong`."""

    def __init__(self, learner: Learner, optimizer: optax.GradientTransformation, target: jax.Array, every: int):
        super().__init__(_nothing, after="delivery")
        self.step_ms, self.every, self.weights = learner.step_ms, every, learner.trained
        carry = learner.init()
        moments = optimizer.init(learner.parameters)
        leaves, tree = jax.tree.flatten((carry.kept, carry.gradients, moments))
        self.learner, self.optimizer, self.tree = Same(learner), Same(optimizer), tree
        self.first = Same((leaves, target))
        for k, leaf in enumerate(leaves):
            self.hold(f"kept{k}", StateVariable(jnp.asarray(leaf)))
        self.hold("target", StateVariable(target))
        self.hold("loss", StateVariable(jnp.zeros((), float_dtype())))

    def clear(self) -> None:
        """Go back to the beginning: no traces, no moments, the feedback and the target as they were given."""
        super().clear()
        leaves, target = self.first.it
        for k, leaf in enumerate(leaves):
            self.put(f"kept{k}", jnp.asarray(leaf))
        self.put("target", target)

    def prepare(self, step_ms: float) -> None:
        if not np.isclose(step_ms, self.step_ms, rtol=1e-9):
            raise ValueError(f"{self.path}: it learns in steps of {self.step_ms} ms, given dt = {step_ms} ms.")

    def update(self, clock: Clock, net: Dynamics) -> None:
        learner, optimizer = self.learner.it, self.optimizer.it
        n = self.tree.num_leaves
        kept, gradients, moments = self.tree.unflatten([self.plain(f"kept{k}") for k in range(n)])
        _, parameters, fixed, new = split(net)
        parameters = parameters | {path: new[path] for path in self.weights}
        begun = vars(net)[f"{self.path}_from"].kept(_states(new, learner.graph.order))
        target = self.plain("target")
        with stepping(learner.net):  # whose wiring the traces know
            kept, value, found = learner._learn(kept, parameters, fixed, new | begun, new, clock, {}, target)
        gradients = {path: gradients[path] + found[path] for path in found}
        weights = {path: new[path] for path in self.weights}

        def change(gradients, moments):
            changes, moments = optimizer.update(gradients, moments, weights)
            return optax.apply_updates(weights, changes), jax.tree.map(jnp.zeros_like, gradients), moments

        if self.every == 1:
            weights, gradients, moments = change(gradients, moments)
        else:
            due, same = (clock.step + 1) % self.every == 0, lambda g, m: (weights, g, m)
            weights, gradients, moments = jax.lax.cond(due, change, same, gradients, moments)
        for k, leaf in enumerate(jax.tree.leaves((kept, gradients, moments))):
            self.put(f"kept{k}", leaf)
        self.put("loss", value.astype(float_dtype()))
        write_back(net, cast(dict, weights))


class Same:
    """Something that is equal to itself alone, for what is static in a network."""

    def __init__(self, it: Any):
        self.it = it

    __hash__ = object.__hash__


def _states(state: dict, populations: Sequence[str]) -> list[str]:
    return sorted(path for path in state if path.partition(".")[0] in populations)


def _nothing(net, clock):
    """Operations need a function; these have an update of their own."""
