"""Receptors of graded transmission: presynaptic values act at every step, without kinetics."""

from __future__ import annotations

import brainunit as u
import jax.numpy as jnp

from brainsim._core import Clock, State
from brainsim.receptors.base import Receptor


class Graded(Receptor):
    r"""What presynaptic units send at the end of a step is the conductance, or the current, of the next step.

    .. math:: g_i = \sum_j w_{ij}\, x_j,\qquad I_i = g_i\,(E - V_i)\ \text{ or }\ I_i = g_i

    x is what the projection sends: a variable of the presynaptic population (``connect(..., signal="r")``) or the
    output of a graded terminal. A weight is in the unit of g per unit of x. A subclass that gives :meth:`features`
    transmits functions of x.

    Parameters
    ----------
    reversal : quantity, voltage, optional
        Makes it a conductance; without, a current.

    References
    ----------
    P. Dayan, L. F. Abbott, Theoretical Neuroscience, MIT Press, ch. 7 (2001).
    """

    graded = True

    g = State(0.0, "sum of what arrived", unit="g_unit")

    def advance(self, clock: Clock):
        arrived = [self.plain(port) for port in self.ports]
        for port, value in zip(self.ports, arrived):
            self.put(port, jnp.zeros_like(value))
        return tuple(arrived) if len(arrived) > 1 else self.mean(arrived[0], arrived[0], exact=arrived[0])


class Diffusive(Graded):
    r"""Coupling in proportion to the difference between a variable of the presynaptic unit and the same of one's own.

    .. math:: I_i = \sum_j w_{ij}\,(x_j - x_i)

    x is the variable that the input ``into`` belongs to. Values are those at the beginning of the step, later by the
    delay for :math:`x_j`.

    References
    ----------
    M. Breakspear, Nat. Neurosci. 20:340 (2017).
    """

    port = "total"

    total = State(0.0, "sum of weight times presynaptic value", unit="input_unit")
    g = State(0.0, "sum of the weights", unit="per_variable")

    def bind(self, neuron, name, ids=None):
        signal = neuron.inputs[neuron.input_named(self.into, name)]
        if signal is None:
            raise ValueError(
                f"{neuron.path}.{name}: the input {self.into!r} belongs to no variable that could be compared."
            )
        self.fix(signal=signal, variable_unit=neuron.unit_of(signal))
        super().bind(neuron, name, ids)

    @property
    def per_variable(self) -> u.Unit | None:
        """Unit of a weight: the input unit per unit of x; None before it belongs to a population."""
        return self.input_unit / self.variable_unit if self.bound else None

    @property
    def ports(self):
        return "total", "g"

    def features(self, sent):
        return sent, jnp.ones_like(sent)

    def current(self, g, V):
        total, weights = g
        return total - weights * V


class GapJunction(Diffusive):
    r"""Electrical synapses.

    .. math:: I_i = \sum_j g_{ij}\,(V_j - V_i)

    Weights are conductances; connect both directions for a symmetric junction. The potentials of the other side are
    those at the beginning of the step, so strong junctions ask for a small step, well below the capacitance over the
    summed conductance, and steps beyond that are refused. Cells of one population are better joined by
    :class:`brainsim.cells.Junctions`, inside of the implicit step.

    References
    ----------
    T. J. Lewis, J. Rinzel, J. Comput. Neurosci. 14:283 (2003).
    """

    @property
    def signed(self):
        return False
