"""Eligibility traces as the place where the gradients of a fit come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from brainsim._errors import UnknownNameError, suggestion
from brainsim.train.objective import Objective
from brainsim.train.online.door import entered, learner_of, rule_of
from brainsim.train.online.edge import FEEDBACK
from brainsim.train.online.presynaptic import DECOLLE
from brainsim.train.online.rule import Rule, TraceRule


class Eligibility:
    r"""Gradients by eligibility traces, for ``fit(..., gradient=bs.train.Eligibility("e_prop"))``.

    .. math:: \frac{dL}{d\theta} = \sum_t \frac{\partial L}{\partial y_t} \cdot \frac{\partial y_t}{\partial \theta}

    Any loss, decoder and penalty will do: a first pass gives what is recorded, the loss its derivative in each step, and
    a second pass, step by step, what traces make of it. Memory grows with time by what is recorded alone. Where learning
    must not wait for the end of an example, :func:`online` takes a loss of each step.

    Parameters
    ----------
    rule : str or Rule
        As of :func:`online`.
    feedback, readout
        As of :func:`online`; adaptive feedback needs to be carried from update to update and is not for a fit.

    Raises
    ------
    ValueError
        For a rule with losses of its own, or feedback that adapts.
    """

    def __init__(
        self, rule: Rule | str = "d_rtrl", *, feedback: str = "symmetric", readout: Sequence[str] | str | None = None
    ):
        self.rule, self.feedback, self.readout = rule_of(rule), feedback, readout
        if isinstance(self.rule, DECOLLE):
            raise ValueError("Eligibility: DECOLLE has losses of its own in each step; use bs.train.online.")
        if feedback not in FEEDBACK:
            raise UnknownNameError(
                f"Eligibility: feedback={feedback!r} is unknown.{suggestion(str(feedback), FEEDBACK)}"
            )
        if feedback == "adaptive":
            raise ValueError("Eligibility: feedback='adaptive' goes on from step to step; use bs.train.online.")

    def __call__(self, objective: Objective) -> Callable:
        """``step(parameters, carried, batch, key)`` that gives ``((loss, result), gradients)``."""
        learners: dict = {}
        entry = entered(objective.net, objective.dt, keep=isinstance(self.rule, TraceRule))

        def step(parameters, carried, batch, key, state=None):
            trained = tuple(sorted(parameters))
            if trained not in learners:
                learners[trained] = self._learner(objective, trained, entry)
            learner = learners[trained]
            loss, result = objective(parameters, carried, batch, key, state)

            def of_recorded(recorded, parameters):
                lengths = batch.lengths
                if lengths is None:
                    outputs = jax.vmap(lambda r: objective.read(r, None))(recorded)
                else:
                    outputs = jax.vmap(lambda r, n: objective.read(r, objective.mask(n)))(
                        recorded, jnp.asarray(lengths)
                    )
                return objective.value(outputs, recorded, parameters, batch)[0]

            floats = {p: x for p, x in result.recorded.items() if jnp.issubdtype(x.dtype, jnp.floating)}
            whole = lambda floats, parameters: of_recorded(result.recorded | floats, parameters)
            signals, own = jax.grad(whole, (0, 1))(floats, parameters)

            def one(x, signals, key, own):
                carry = learner.init(parameters)._replace(key=jax.random.fold_in(key, 1))
                carry = carry._replace(state=carry.state | own)
                inputs = {objective.into: objective.course(x, jax.random.fold_in(key, 0))}
                return learner.run(parameters, inputs, signals, carry=carry)[1]

            found = jax.vmap(one)(batch.inputs, signals, jax.random.split(key, len(batch.inputs)), state or {})
            gradients = {path: own[path] + jnp.sum(found[path], 0) for path in parameters}
            return (loss, result), gradients

        return step

    def _learner(self, objective, trained, entry):
        with jax.ensure_compile_time_eval():  # its facts are needed now, also while an update is traced
            options = dict(readout=self.readout, feedback=self.feedback, decay=0.0)
            return learner_of(objective.net, self.rule, _along, trained, *entry, **options)


def _along(state: dict, signals: Any) -> jax.Array:
    """What is recorded, along the derivative of the loss."""
    return sum((jnp.vdot(state[path], signal) for path, signal in signals.items()), jnp.zeros(()))
