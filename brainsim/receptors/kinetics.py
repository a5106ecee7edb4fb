"""Receptors with linear kinetics, each propagated exactly from step to step."""

from __future__ import annotations

import brainunit as u
import jax.numpy as jnp

from brainsim._core import Clock, Parameter, State
from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import with_unit
from brainsim.integrators.exponential import phi1
from brainsim.receptors.base import Receptor
from brainsim.receptors.linear import Cascade, LinearReceptor


class Delta(Receptor):
    r"""Each spike moves the membrane potential, or another variable, at once.

    .. math:: V \leftarrow V + w

    A refractory neuron does not move. A weight is in the unit of the variable. A jump that arrives at t comes before
    the step from t to t + dt: it decays with the membrane over that step, and a neuron that it lifts above threshold
    fires at t + dt.

    Parameters
    ----------
    into : str, optional
        Variable that it moves, ``"w"``, or an input, for the variable that this acts on. By default the variable of the
        first input (V), or the only one that the population has.

    References
    ----------
    R. B. Stein, Biophys. J. 5:173 (1965); N. Brunel, J. Comput. Neurosci. 8:183 (2000).
    """

    port = "jump"
    listable = True
    stages = ()
    variable: str
    variable_unit: u.Unit | None = None

    jump = State(0.0, "sum of the weights that arrived", unit="variable_unit")

    def bind(self, neuron, name, ids=None):
        variable = self._moved(neuron, name)
        self.fix(variable=variable, variable_unit=neuron.unit_of(variable))
        super().bind(neuron, name, ids)

    def goes_into(self, neuron, name):
        return self.into  # a variable, and no input

    def _moved(self, neuron, name) -> str:
        """The variable that ``into`` stands for."""
        acted_on = {key: variable for key, variable in neuron.inputs.items() if variable is not None}
        accepted = acted_on | {variable: variable for variable in neuron.variables}
        if self.into in accepted:
            return accepted[self.into]
        if self.into is None and acted_on:
            return next(iter(acted_on.values()))
        if self.into is None and len(neuron.variables) == 1:
            return neuron.variables[0]
        what = "is to say with into=... which variable it moves." if self.into is None else f"is to move {self.into!r}."
        raise UnknownNameError(f"{neuron.path}: {name!r} {what}{suggestion(self.into or '', accepted)}")

    def advance(self, clock: Clock):
        jump = self.plain("jump")
        self.put("jump", jnp.zeros_like(jump))
        return jump

    def displace(self, y, drive):
        moved = y[self.variable]
        return {**y, self.variable: moved + with_unit(self.spread(drive, len(moved)), self.variable_unit)}

    def current(self, g, V):
        return 0.0


class Exponential(LinearReceptor):
    r"""Each spike raises g by its weight; g decays exponentially.

    .. math:: \dot g = -g / \tau,\qquad g \leftarrow g + w

    Parameters
    ----------
    tau : quantity, time
        Decay time constant.
    reversal : quantity, voltage, optional
        Makes it a conductance; without, a current.

    References
    ----------
    A. Roth, M. C. W. van Rossum, in: Computational Modeling Methods for Neuroscientists, MIT Press, pp. 139-160 (2009).
    """

    tau = Parameter(5.0 * u.ms, "decay time constant", positive=True)
    g = State(0.0, "conductance, or current", unit="g_unit", tau="tau")

    def derivative(self, g):
        return -g / self.plain("tau")

    def propagator(self, dt):
        lost = dt / self.plain("tau")
        return [[jnp.exp(-lost)]], [phi1(-lost)]


class PeakNormalised(Cascade):
    """Two stages with a peak of g that is the weight."""

    port = "h"
    stages = ("h", "g")

    h = State(0.0, "what spikes are added to; drives g", unit="g_unit", tau=("tau_rise", "tau_decay", "tau"))
    g = State(0.0, "conductance, or current", unit="g_unit", tau=("tau_rise", "tau_decay", "tau"))


class DualExponential(PeakNormalised):
    r"""Difference of two exponentials, with a peak equal to the weight.

    .. math:: \dot h = -h/\tau_r,\quad \dot g = -g/\tau_d + c\,h,\quad h \leftarrow h + w,\qquad
              g(t) \propto w\,(e^{-t/\tau_d} - e^{-t/\tau_r})

    The peak is at :math:`t^* = \tau_d \tau_r/(\tau_d - \tau_r)\,\ln(\tau_d/\tau_r)`, and
    :math:`c = e^{t^*/\tau_d}/\tau_r` makes :math:`g(t^*) = w`. Either time constant may be the longer one, which makes
    no difference to g; where they are equal it is :class:`Alpha`.

    Parameters
    ----------
    tau_rise, tau_decay : quantity, time
        Time constants.
    reversal : quantity, voltage, optional
        Makes it a conductance; without, a current.

    References
    ----------
    A. Roth, M. C. W. van Rossum, in: Computational Modeling Methods for Neuroscientists, MIT Press, pp. 139-160 (2009).
    """

    tau_rise = Parameter(1.0 * u.ms, "rise time constant", positive=True)
    tau_decay = Parameter(5.0 * u.ms, "decay time constant", positive=True)

    def rates(self):
        rise, decay = self.plain("tau_rise"), self.plain("tau_decay")
        peak_time = 1 / phi1(jnp.log(decay / rise))  # in units of tau_decay
        return 1 / rise, jnp.exp(peak_time) / rise, 1 / decay


class Alpha(PeakNormalised):
    r"""Alpha function, with a peak equal to the weight at :math:`t = \tau`.

    .. math:: \dot h = -h/\tau,\quad \dot g = -g/\tau + (e/\tau)\,h,\quad h \leftarrow h + w,\qquad
              g(t) = w\,\frac{t}{\tau}\,e^{1 - t/\tau}

    Parameters
    ----------
    tau : quantity, time
        Time to peak.
    reversal : quantity, voltage, optional
        Makes it a conductance; without, a current.

    References
    ----------
    W. Rall, J. Neurophysiol. 30:1138 (1967).
    """

    tau = Parameter(2.0 * u.ms, "time to peak", positive=True)

    def rates(self):
        tau = self.plain("tau")
        return 1 / tau, jnp.e / tau, 1 / tau
