"""What all learners without the past share: pure functions of parameters, what is carried, inputs and target."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from brainsim._core import Clock, Structure, step_length
from brainsim._errors import NamesArguments, UnknownNameError, suggestion
from brainsim._units import float_dtype
from brainsim.network import Network
from brainsim.simulation import door
from brainsim.train.online.rule import Rule


class Carry(NamedTuple):
    """What goes from step to step.

    Parameters
    ----------
    state : dict of str to array
        Of the network, by path.
    kept : pytree
        Eligibility traces, or what the rule keeps in their place.
    gradients : dict of str to array
        Of the loss summed over the steps so far, by path of the trained parameter.
    key : uint32 array, (2,)
        What the network draws its noise with.
    """

    state: dict
    kept: Any
    gradients: dict
    key: jax.Array


class Learner(metaclass=NamesArguments):
    """A network that learns without its past: see :func:`brainsim.train.online`.

    Attributes
    ----------
    parameters : dict of str to array
        The trained parameters as they were when the learner was made, by path; plain, as those of
        :func:`brainsim.function`.
    rule : Rule
    step_ms : float
        Length of a step in ms.
    """

    def __init__(
        self,
        net: Network,
        rule: Rule,
        loss: Callable,
        trained: tuple,
        entry: door.Entry,
        detached: Structure,
        **options: Any,
    ):
        self.net, self.rule, self.loss, self.trained = net, rule, loss, trained
        self.structure, self.fixed, self.state = entry.structure, entry.fixed, entry.state
        self.detached = detached
        self.all_parameters, self.step_ms, self._slots = entry.parameters, entry.step_ms, entry.slots
        self._begun, self._drawn = net.begun, net.drawn_anew()
        self._prepare(**options)

    @property
    def parameters(self) -> dict:
        """The trained parameters as they were when the learner was made, by path."""
        return {path: self.all_parameters[path] for path in self.trained}

    @abc.abstractmethod
    def _prepare(self, **options: Any) -> None:
        """Get ready."""

    @abc.abstractmethod
    def _begin(self, parameters, state, fixed, key) -> Any:
        """What the rule keeps, before the first step."""

    @abc.abstractmethod
    def _learn(self, kept, parameters, fixed, state, new, clock, inputs, target) -> tuple:
        """``(kept, value, gradients)`` of one step."""

    def init(self, parameters: dict | None = None, key: jax.Array | None = None) -> Carry:
        """What is carried, before the first step.

        Parameters
        ----------
        parameters : dict of str to array, optional
            By path, plain; those of the network where they are left out.
        key : uint32 array, (2,), optional
            Draws initial states that were given as distributions, the noise of the run and random feedback. By default
            all is as in the network, which stays the same whenever it is called.

        Returns
        -------
        Carry
        """
        parameters = self._complete(parameters)
        key = key if key is None or jnp.issubdtype(key.dtype, jnp.integer) else jax.random.key_data(key)
        state = self._started(parameters) if key is None else self._drawn_state(parameters, key)
        fixed = self.fixed if key is None else self.fixed | {"key": key}
        feedback = jax.random.fold_in(fixed["key"], 1) if key is None else key
        gradients = {path: jnp.zeros(self.all_parameters[path].shape, float_dtype()) for path in self.trained}
        return Carry(state, self._begin(parameters, state, fixed, feedback), gradients, fixed["key"])

    def step(
        self, parameters: dict | None, carry: Carry, inputs: dict | None = None, target: Any = None
    ) -> tuple[Carry, jax.Array]:
        """Advance the network and its traces by one step.

        Parameters
        ----------
        parameters : dict of str to array
            By path, plain; they may change from step to step.
        carry : Carry
        inputs : dict of str to array, optional
            Values for this step, by path: a row of those of :func:`brainsim.simulate`, plain.
        target : pytree, optional
            Given on to the loss.

        Returns
        -------
        carry : Carry
            With the gradient of this step added to ``carry.gradients``.
        value : float array, ()
            The loss of this step.
        """
        parameters, inputs = self._complete(parameters), dict(inputs or {})
        for path in inputs:
            if path not in self.all_parameters and path not in self.state:
                raise UnknownNameError(
                    f"inputs: the network has no {path!r}.{suggestion(path, self.all_parameters | self.state)}"
                )
        fixed, state = self.fixed | {"key": carry.key}, carry.state
        clock = self._clock(state, carry.key)
        new = self.structure.step(parameters, fixed, state, clock, inputs)
        kept, value, found = self._learn(carry.kept, parameters, fixed, state, new, clock, inputs, target)
        gradients = {path: carry.gradients[path] + found[path] for path in self.trained}
        return Carry(new, kept, gradients, carry.key), value

    def run(self, parameters: dict | None, inputs: dict | None, targets: Any, *, key: jax.Array | None = None,
            carry: Carry | None = None, steps: int | None = None) -> tuple:  # fmt: skip
        """Loss and gradient of a whole sequence, in memory that does not grow with it.

        Parameters
        ----------
        parameters : dict of str to array
        inputs : dict of str to array, (steps, ...)
            Time courses by path.
        targets : pytree of arrays, (steps, ...); None
            What the loss gets in each step.
        key : uint32 array, (2,), optional
            As in :meth:`init`.
        carry : Carry, optional
            Where to go on from; its gradients begin at zero. By default the beginning.
        steps : int, optional
            How many, where there are neither inputs nor targets.

        Returns
        -------
        value : float array, ()
            Sum of the losses.
        gradients : dict of str to array
            By path of the trained parameter.
        carry : Carry
            To go on from.
        """
        carry = self.init(parameters, key) if carry is None else self.clear(carry)
        body = lambda carry, now: self.step(parameters, carry, *now)
        carry, values = jax.lax.scan(body, carry, (dict(inputs or {}), targets), length=steps)
        return jnp.sum(values), carry.gradients, carry

    def clear(self, carry: Carry) -> Carry:
        """The same with gradients of zero: after an update, where sequences go on."""
        return carry._replace(gradients=jax.tree.map(jnp.zeros_like, carry.gradients))

    def _complete(self, parameters) -> dict:
        for path in parameters or {}:
            if path not in self.all_parameters:
                raise UnknownNameError(
                    f"parameters: the network has no {path!r}.{suggestion(path, self.all_parameters)}"
                )
        return self.all_parameters | dict(parameters or {})

    def _clock(self, state, key) -> Clock:
        return Clock(state["steps"], step_length(self.step_ms), key)

    def _started(self, parameters) -> dict:
        """The initial state that follows from the parameters."""
        if self._begun or not self.net.follows():
            return self.state
        return self.structure.start((), False, parameters, self.fixed, self.state, {})

    def _drawn_state(self, parameters, key):
        drawn = None if self._begun else self._drawn
        return self.structure.start(drawn, self._begun, parameters, self.fixed, self.state, {}, key)
