"""Populations with steps of their own, longer than those of the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from brainsim._core import Clock, Dynamics, FixedVariable, split, stepping, write_back
from brainsim._core.exact import multiply, of_integer
from brainsim._units import in_unit


def length_of(given: Any, what: str) -> float:
    """The length of steps of a population's own in ms.

    Raises
    ------
    UnitError, ValueError
        For what is no positive time.
    """
    ms = in_unit(given, u.ms, f"{what}: dt")
    if isinstance(ms, Tracer) or np.ndim(ms) or not np.isfinite(ms) or ms <= 0:
        raise ValueError(f"{what}: dt: expected one positive time, given {given}.")
    return float(ms)


class OwnSteps(Dynamics):
    """What has steps of its own: mixed into populations.

    Attributes
    ----------
    own_step_ms : float or None
        Their length; None for those of the network.
    """

    own_step_ms: float | None = None

    def in_ms(self, step_ms: float) -> float:
        """Length of a step here in a network with steps of ``step_ms``."""
        return step_ms if self.own_step_ms is None else self.own_step_ms

    def steps_of_own(self, step_ms: float) -> int:
        """How many steps of ``step_ms`` one of its own has.

        Raises
        ------
        ValueError
            If it is no whole number of them.
        """
        if self.own_step_ms is None:
            return 1
        if getattr(self, "spike_times", "grid") != "grid":
            raise ValueError(f"{self.path}: dt: with steps of its own spikes are on their grid; leave out spike_times.")
        steps = round(self.own_step_ms / step_ms)
        if steps < 1 or abs(self.own_step_ms / step_ms - steps) > 1e-6 * steps:
            raise ValueError(f"{self.path}: its dt, {self.own_step_ms:g} ms, is not a multiple of dt = {step_ms} ms.")
        return steps

    def count_steps(self, step_ms: float) -> None:
        """Count own steps in those of the network."""
        if self.own_step_ms is not None:
            self.hold("own_steps", FixedVariable(jnp.asarray(self.steps_of_own(step_ms), jnp.int32)))

    def own_clock(self, clock: Clock) -> Clock:
        """The clock of the own step that a step of the network is part of."""
        if "own_steps" not in vars(self):
            return clock
        steps = self.plain("own_steps")
        length = multiply(of_integer(steps, clock.step_ms.dtype), clock.length)
        return clock._replace(step=clock.step // steps, length=length)

    def advance_rarely(self, clock: Clock) -> None:
        """Take the own step that ends with this step of the network, if one does; between them nothing fires.

        What arrives in the meantime waits in the receptors.
        """
        structure, parameters, fixed, state = split(self)

        def whole(state):
            copy: Any = structure.merge(parameters, fixed, state)
            with stepping(copy):
                own = copy.own_clock(clock)
                copy.update(own, *copy.receive(own))
            after = split(copy)[3]
            return {path: after[path].astype(array.dtype) for path, array in state.items()}

        def between(state):
            return {
                path: jnp.zeros_like(array) if path.rpartition(".")[2] == "spikes" else array
                for path, array in state.items()
            }

        write_back(self, jax.lax.cond(self.ends(clock), whole, between, state))

    def ends(self, clock: Clock) -> jax.Array:
        """Whether an own step ends with this step of the network, and the next one begins."""
        return (clock.step + 1) % self.plain("own_steps") == 0


def change_where(due: jax.Array, net: Dynamics, change: Callable[[Any], None]) -> None:
    """Let ``change(net)`` change states of a network, if it is time."""
    structure, parameters, fixed, state = split(net)

    def apply(state):
        copy: Any = structure.merge(parameters, fixed, state)
        with stepping(copy):
            change(copy)
        return {path: array for path, array in split(copy)[3].items() if array is not state[path]}

    before = {path: state[path] for path in jax.eval_shape(apply, state)}
    write_back(net, jax.lax.cond(due, lambda _: apply(state), lambda kept: kept, before))
