"""Receptors with linear kinetics, each propagated exactly from step to step."""

from __future__ import annotations

import brainunit as u
import jax.numpy as jnp

from brainsim._core import Parameter, State
from brainsim.receptors.base import Receptor


class Delta(Receptor):
    r"""Each spike moves the membrane potential at once.

    .. math:: V \leftarrow V + w

    A refractory neuron does not move. Weights are voltages. A jump that arrives at t comes before the step from t to t
    + dt: it decays with the membrane over that step, and a neuron that it lifts above threshold fires at t + dt.

    References
    ----------
    R. B. Stein, Biophys. J. 5:173 (1965); N. Brunel, J. Comput. Neurosci. 8:183 (2000).
    """

    port = "jump"

    jump = State(0.0 * u.mV, "sum of the weights that arrived")

    def advance(self, clock):
        jump = self.plain("jump")
        self.put("jump", jnp.zeros_like(jump))
        return jump

    def displace(self, y, drive):
        return {**y, "V": y["V"] + u.Quantity(drive, unit=u.mV)}

    def current(self, g, V):
        return 0.0


class Exponential(Receptor):
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
    g = State(0.0, "conductance, or current", unit="g_unit")

    def advance(self, clock):
        g, decay = self.plain("g"), self.decay(clock, "tau")
        self.put("g", g * decay)
        if type(self).output is Receptor.output:
            # Of g before the step alone: XLA then advances receptor and membrane in one loop
            return g * (0.5 * (1 + decay))
        return self.mean(g, g * decay)


class _TwoStage(Receptor):
    port = "h"

    h = State(0.0, "what spikes are added to; drives g", unit="g_unit")
    g = State(0.0, "conductance, or current", unit="g_unit")

    def propagator(self, clock):
        """``(h to h, h to g, g to g)`` over a step, with a peak of g equal to the weight."""
        raise NotImplementedError(f"{type(self).__name__} has no kinetics: define propagator(self, clock).")

    def advance(self, clock):
        h, g = self.plain("h"), self.plain("g")
        hh, hg, gg = self.propagator(clock)
        after = gg * g + hg * h
        self.put("h", hh * h)
        self.put("g", after)
        return self.mean(g, after)


class DualExponential(_TwoStage):
    r"""Difference of two exponentials, with a peak equal to the weight.

    .. math:: \dot h = -h/\tau_r,\quad \dot g = -g/\tau_d + c\,h,\quad h \leftarrow h + w,\qquad
              g(t) \propto w\,(e^{-t/\tau_d} - e^{-t/\tau_r})

    The peak is at :math:`t^* = \tau_d \tau_r/(\tau_d - \tau_r)\,\ln(\tau_d/\tau_r)`, and :math:`c` makes
    :math:`g(t^*) = w`.

    Parameters
    ----------
    tau_rise, tau_decay : quantity, time
        Time constants, rise below decay. Where they are equal, use :class:`Alpha`.
    reversal : quantity, voltage, optional
        Makes it a conductance; without, a current.

    References
    ----------
    A. Roth, M. C. W. van Rossum, in: Computational Modeling Methods for Neuroscientists, MIT Press, pp. 139-160 (2009).
    """

    tau_rise = Parameter(1.0 * u.ms, "rise time constant", positive=True)
    tau_decay = Parameter(5.0 * u.ms, "decay time constant", positive=True)

    def propagator(self, clock):
        rise, decay = self.decay(clock, "tau_rise"), self.decay(clock, "tau_decay")
        r, d = self.plain("tau_rise"), self.plain("tau_decay")
        peak_time = d * r / (d - r) * jnp.log(d / r)
        peak = jnp.exp(-peak_time / d) - jnp.exp(-peak_time / r)
        return rise, (decay - rise) / peak, decay

    def bind(self, neuron, name, ids=None):
        super().bind(neuron, name, ids)
        if bool(jnp.any(self.plain("tau_rise") >= self.plain("tau_decay"))):
            raise ValueError(
                f"{self.path}: tau_rise must be below tau_decay, given {self.tau_rise} and {self.tau_decay}; for equal"
                " ones use Alpha."
            )


class Alpha(_TwoStage):
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

    def propagator(self, clock):
        decay = self.decay(clock, "tau")
        return decay, decay * (jnp.e * clock.step_ms / self.plain("tau")), decay
