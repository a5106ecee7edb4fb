"""Receptors with linear kinetics, each propagated exactly from step to step."""

from __future__ import annotations

import brainunit as u
import jax.numpy as jnp

from brainsim._core import Parameter, State
from brainsim.integrators.exponential import phi1
from brainsim.receptors.linear import Cascade, LinearReceptor


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
