"""Continuous coupling: any function of both sides and the weight, and sums that are states of the target."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from brainsim._core import Clock, State
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import UNITLESS, in_unit, split_quantity, with_unit
from brainsim.receptors.delta import state_named
from brainsim.receptors.graded import Graded


class Coupling(Graded):
    r"""Any function of a presynaptic value, a value of one's own and the weight, summed over the synapses in every step.

    .. math:: I_i = \sum_j f(x_j, y_i, w_{ij})

    x is what the projection sends (``connect(..., signal="x")``), later by the delay; y a state of the target. All are those at
    the end of the step before. For example phase oscillators, and diffusion between astrocytes with a threshold::

        Coupling(lambda x, y, w: w * u.math.sin(x - y))
        Coupling(lambda x, y, w: -w / 2 * (1 + u.math.tanh((u.math.abs(y - x) - I_th) / width)) * u.math.sign(y - x),
                 weight_in=u.mM / u.second, of="I")

    Work is in proportion to the synapses in every step. What is a product or a sine of a difference is cheaper as ``Graded``,
    ``Diffusive`` or ``Sinusoidal``.

    Parameters
    ----------
    function : callable
        ``function(x, y, w)`` of quantities, one for each synapse; gives the unit of the input.
    weight_in : Unit, optional
        Unit of a weight; none by default.
    of : str, optional
        State of the target that is y; by default the variable that the input acts on.
    into : str, optional
        Input of the population that it feeds, where there is more than one.

    Raises
    ------
    TypeError, ValueError, UnitError, UnknownNameError
        For what is no function of three, a state that does not exist, and, when it is connected, for another unit or shape.

    References
    ----------
    M. Stimberg, D. F. M. Goodman, R. Brette, M. De Pitta, in: Computational Glioscience, Springer, pp. 471-505 (2019).
    """

    couples = True
    of: str

    def __init__(
        self,
        function: Callable,
        *,
        weight_in: u.Unit = UNITLESS,
        of: str | None = None,
        into: str | None = None,
        **values: Any,
    ):
        if not callable(function) or not _takes_three(function):
            raise TypeError(f"Coupling: expected a function of x, y and w, given {function!r}.")
        if not isinstance(weight_in, u.Unit):
            raise TypeError(f"Coupling.weight_in: expected a unit such as u.nS, given {weight_in!r}.")
        self.function, self.weight_in, self.asked = function, weight_in, of
        super().__init__(into=into, **values)

    def bind(self, neuron, name, ids=None):
        of = self.asked or neuron.inputs[neuron.input_named(self.into, name)]
        known = [state for state in neuron.states() if neuron._declared[state].shape in ("count", "sites")]
        if of not in known:
            what = (
                "is to say with of=... which state it compares" if of is None else f"compares {of!r}, which is no state"
            )
            raise UnknownNameError(f"{neuron.path}: {name!r} {what}.{suggestion(of or '', known)}")
        self.fix(of=of, of_unit=neuron.unit_of(of))
        super().bind(neuron, name, ids)

    @property
    def signed(self):
        return True

    def weight_unit(self, signal_unit):
        return self.weight_in

    def between(self, x: jax.Array, x_unit: u.Unit, y: jax.Array, w: jax.Array) -> jax.Array:
        """f, plain, of plain values of some synapses."""
        given = self.function(with_unit(x, x_unit), with_unit(y, self.of_unit), with_unit(w, self.weight_in))
        what = f"{self.path}: what its function gives"
        if given is None:
            raise TypeError(f"{what} is nothing: return f(x, y, w).")
        number = in_unit(given, self.input_unit, what)
        shape = jnp.broadcast_shapes(jnp.shape(x), jnp.shape(y), jnp.shape(w))
        if jnp.shape(number) not in ((), shape):
            raise ValueError(f"{what} must have one value for each synapse, {shape}, given {jnp.shape(number)}.")
        return jnp.broadcast_to(number, shape)


def _takes_three(function: Callable) -> bool:
    try:
        inspect.signature(function).bind(None, None, None)
    except TypeError:
        return False
    except ValueError:  # a built-in function, which does not say what it takes
        pass
    return True


class Summed(Graded):
    r"""A state of the target is, in every step, the sum of what presynaptic units send.

    .. math:: y_i = \sum_j w_{ij}\, x_j

    x is what the projection sends (``connect(..., signal="x")``), a weight in the unit of y per unit of x. The state is one that is not
    integrated; equations read it as ``self.y``. It is that of the end of the step before, over the whole step, with all
    projections onto the receptor together.

    Parameters
    ----------
    into : str
        The state.

    Raises
    ------
    UnknownNameError, ValueError
        For a state that does not exist, or that the equations integrate.

    References
    ----------
    M. Stimberg, D. F. M. Goodman, R. Brette, M. De Pitta, in: Computational Glioscience, Springer, pp. 471-505 (2019).
    """

    variable: str
    variable_unit: u.Unit | None = None
    port = "total"

    total = State(0.0, "sum of what arrived", unit="variable_unit")
    g = None

    def __init__(self, into: str, **values: Any):
        super().__init__(into=into, **values)

    def bind(self, neuron, name, ids=None):
        variable = state_named(neuron, name, self.into)
        if variable in neuron.variables:
            raise ValueError(f"{neuron.path}: {name!r}: {variable!r} is integrated, and is no sum of what arrives.")
        self.fix(variable=variable, variable_unit=neuron.unit_of(variable))
        super().bind(neuron, name, ids)

    def goes_into(self, neuron, name):
        return self.into  # a state, and no input

    @property
    def signed(self):
        return True

    def advance(self, clock: Clock):
        total = self.plain("total")
        self.put("total", jnp.zeros_like(total))
        return total

    def displace(self, y, drive):
        old, unit = y[self.variable], self.variable_unit
        number, _ = split_quantity(old)
        here = self.spread(jnp.ones_like(drive), len(number)) != 0
        return {**y, self.variable: u.math.where(here, with_unit(self.spread(drive, len(number)), unit), old)}

    def current(self, g, V):
        return 0.0
