"""Operations of the user's own in a step of the network."""

from __future__ import annotations

from collections.abc import Callable

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from brainsim._core import Clock, Dynamics, FixedVariable, split, stepping, write_back
from brainsim._core.stepping import looking
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import QuantityLike, in_unit
from brainsim.schedule import PHASES


class Operation(Dynamics):
    """A function of the network that changes states in every step, or every so often.

    Assign it to a network::

        def clip(net, clock):
            net.E.V = u.math.maximum(net.E.V, -90 * u.mV)

        net.clip = Operation(clip, after="populations")
        net.normalise = Operation(normalise, after="synapses", every=1 * u.second)

    ``function(net, clock)`` is compiled with the step. It gets the network as it stands in the step, reads it and assigns
    to states, and draws random numbers from ``clock``; it must not use the network from outside. Operations at the same
    place apply in the order of their names.

    Parameters
    ----------
    function : callable
        ``function(net, clock)``, on JAX arrays and quantities.
    before, after : str
        The phase that it stands at, one of the two: ``"receptors"``, ``"populations"``, ``"modulators"``,
        ``"synapses"`` or ``"delivery"``; see :meth:`Network.schedule`.
    every : quantity, time, optional
        How often: in the steps whose start t (``before``) or end t + dt (``after``) is a multiple of it. Every step if
        left out.

    Raises
    ------
    TypeError, ValueError, UnknownNameError
        For something that is not a function, a phase that does not exist, or an interval that is not a multiple of dt.
    """

    def __init__(
        self,
        function: Callable,
        *,
        before: str | None = None,
        after: str | None = None,
        every: QuantityLike | None = None,
    ):
        if not callable(function):
            raise TypeError(f"Operation: expected a function of the network and the clock, given {function!r}.")
        if (before is None) == (after is None):
            raise ValueError(f"Operation: give one of before and after, given before={before!r} and after={after!r}.")
        phase = before or after or ""
        if phase not in PHASES:
            raise UnknownNameError(f"Operation: there is no phase {phase!r}.{suggestion(phase, PHASES)}")
        super().__init__()
        self.function, self.before, self.after = function, before, after
        self.every_ms = None if every is None else self._interval(every)

    @staticmethod
    def _interval(every) -> float:
        ms = in_unit(every, u.ms, "Operation.every")
        if np.ndim(ms) or not np.isfinite(ms) or ms <= 0:
            raise ValueError(f"Operation.every: expected a positive time, given {every}.")
        return float(ms)

    def join(self, name: str, key: jax.Array) -> None:
        """Stand in a network under ``name``."""
        self._path = name

    def prepare(self, step_ms: float) -> None:
        """Count the interval in steps of this length."""
        if self.every_ms is not None:
            steps = round(self.every_ms / step_ms)
            if steps < 1 or abs(self.every_ms / step_ms - steps) > 1e-6 * steps:
                raise ValueError(f"{self.path}.every: {self.every_ms} ms is not a multiple of dt = {step_ms} ms.")
            self.hold("every_steps", FixedVariable(jnp.asarray(steps, jnp.int32)))

    def update(self, clock: Clock, net: Dynamics) -> None:
        """Apply the function to the network, if it is time."""
        clock = clock.of(self.path)
        if self.every_ms is None:
            write_back(net, self._changed(net, clock))
            return
        structure, parameters, fixed, state = split(net)

        def apply(state):
            copy = structure.merge(parameters, fixed, state)
            with stepping(copy):
                return self._changed(copy, clock)

        paths = jax.eval_shape(apply, state)
        before = {path: state[path] for path in paths}
        step = clock.step if self.after is None else clock.step + 1
        due = step % self.plain("every_steps") == 0
        write_back(net, jax.lax.cond(due, lambda _: apply(state), lambda kept: kept, before))

    def _changed(self, net, clock) -> dict:
        """The states that the function changes, by path, with their new values; the network keeps the old ones."""
        _, parameters, _, state = split(net)
        with looking(clock):
            self.function(net, clock)
        _, parameters_after, _, after = split(net)
        for path, array in parameters_after.items():
            if array is not parameters.get(path):
                raise ValueError(f"{self.path}: {path} is a parameter and cannot change in a run; make it a State.")
        changed = {path: array for path, array in after.items() if array is not state.get(path)}
        for path, array in changed.items():
            if path not in state or array.shape != state[path].shape or array.dtype != state[path].dtype:
                raise ValueError(
                    f"{self.path}: {path} must stay as it is in shape and type, given {array.dtype}{list(array.shape)}."
                )
        write_back(net, {path: state[path] for path in changed})
        return changed

    def __repr__(self):
        place = f"before {self.before}" if self.after is None else f"after {self.after}"
        often = "" if self.every_ms is None else f", every {self.every_ms:g} ms"
        return f"{self.path} ({place}{often})"

    __str__ = __repr__
