"""Spikes that change a variable of their target at once: they add to it, multiply it, or set it."""

from __future__ import annotations

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim import events
from brainsim._core import Clock, Parameter, State
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import UNITLESS, with_unit
from brainsim.receptors.base import Receptor

WAYS = ("add", "multiply", "set")


class Delta(Receptor):
    r"""Each spike changes the membrane potential, or another state, at once: it adds to it, multiplies it, or sets it.

    .. math:: V \leftarrow V + w,\qquad V \leftarrow V\,w,\qquad V \leftarrow w

    A refractory neuron does not move. A weight is in the unit of the variable; a factor has none. A change that arrives at
    t comes before the step from t to t + dt: it decays with the membrane over that step, and a neuron that it lifts above
    threshold fires at t + dt. A spike with a value other than 1 counts as that value times the weight.

    Several in one step: through one receptor sums add up, factors multiply, and of values that are set the last one stays,
    in the order of the names of the projections and of the synapses of each (:meth:`Projection.pairs`). Several receptors take
    effect one after the other, in the order of their names: ``a_set`` before ``b_add``.

    Parameters
    ----------
    into : str, optional
        State that it changes, ``"w"``, or an input, for the variable that this acts on. By default the variable of the
        first input (V), or the only one that the population has.
    how : {"add", "multiply", "set"}, optional
        What a spike does to it. Values that are multiplied and set need single synapses that spikes reach whole, and no
        exact spike times.

    References
    ----------
    R. B. Stein, Biophys. J. 5:173 (1965); N. Brunel, J. Comput. Neurosci. 8:183 (2000).
    """

    port = "jump"
    stages = ()
    variable: str
    variable_unit: u.Unit | None = None

    jump = State(0.0, "what arrived: sum of the weights, their product, or the last of them", unit="jump_unit")
    came = State(None, "1 where a value to be set arrived", unit=UNITLESS, optional=True)

    def __init__(self, *, into: str | None = None, how: str = "add", **values: Any):
        if how not in WAYS:
            raise ValueError(f"{type(self).__name__}: how={how!r} is unknown.{suggestion(str(how), WAYS)}")
        self.how = how
        starts = {"add": {}, "multiply": {"jump": 1.0}, "set": {"came": 0.0}}
        super().__init__(into=into, **starts[how] | values)

    @property
    def listable(self):
        return self.how == "add" and self.integrated

    @property
    def adds_up(self):
        return self.how == "add"

    @property
    def jump_unit(self) -> u.Unit | None:
        """Unit of a weight."""
        return UNITLESS if self.how == "multiply" else self.variable_unit

    def bind(self, neuron, name, ids=None):
        variable = state_named(neuron, name, self.into)
        self.fix(variable=variable, variable_unit=neuron.unit_of(variable), integrated=variable in neuron.variables)
        if getattr(neuron, "spike_times", "grid") == "exact" and not self.listable:
            what = f"how={self.how!r}" if self.how != "add" else f"into={variable!r}, which is not integrated"
            raise ValueError(f"{neuron.path}: {name!r}: with exact spike times there is no Delta with {what}.")
        super().bind(neuron, name, ids)

    def goes_into(self, neuron, name):
        return self.into  # a variable, and no input

    def take_in(self, conn: events.Format, arrived: jax.Array, weight: jax.Array) -> None:
        jump = self.plain("jump")
        if self.how == "multiply":
            self.put("jump", events.multiply(conn, arrived, weight, jump))
            return
        jump, came = events.overwrite(conn, arrived, weight, jump)
        self.put("jump", jump)
        self.put("came", jnp.where(came, 1, self.plain("came")))

    def advance(self, clock: Clock):
        jump = self.plain("jump")
        self.put("jump", jnp.ones_like(jump) if self.how == "multiply" else jnp.zeros_like(jump))
        if self.how != "set":
            return jump
        came = self.plain("came")
        self.put("came", jnp.zeros_like(came))
        return jump, came

    def displace(self, y, drive):
        moved, unit = y[self.variable], self.variable_unit
        spread = lambda x: self.spread(x, len(moved))  # noqa: E731
        if self.how == "add":
            return {**y, self.variable: moved + with_unit(spread(drive), unit)}
        if self.how == "multiply":
            here = spread(jnp.ones_like(drive)) != 0
            return {**y, self.variable: moved * jnp.where(here, spread(drive), 1)}
        value, came = drive
        return {**y, self.variable: u.math.where(spread(came) != 0, with_unit(spread(value), unit), moved)}

    def current(self, g, V):
        return 0.0


def state_named(neuron: Any, name: str, into: str | None) -> str:
    """The state that ``into`` stands for, of receptor ``name``: one of its name, or the variable of an input.

    Raises
    ------
    UnknownNameError
        If there is none.
    """
    acted_on = {key: variable for key, variable in neuron.inputs.items() if variable is not None}
    accepted = acted_on | {state: state for state in (*neuron.variables, *neuron.other_states())}
    if into in accepted:
        return accepted[into]
    if into is None and acted_on:
        return next(iter(acted_on.values()))
    if into is None and len(neuron.variables) == 1:
        return neuron.variables[0]
    what = "is to say with into=... which variable it moves." if into is None else f"is to move {into!r}."
    if into is not None and isinstance(neuron._declared.get(into), Parameter):
        what += (
            f" That is a parameter, and spikes move states: {into} = bs.State(...) in a class, 'd{into}/dt = 0 / second :"
            f" 1' (or 0*mV/second : volt) in equations as text."
        )
    raise UnknownNameError(f"{neuron.path}: {name!r} {what}{suggestion(into or '', accepted)}")
