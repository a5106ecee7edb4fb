from __future__ import annotations

import brainunit as u
import jax.numpy as jnp

from brainsim._core import Parameter, State
from brainsim.neurons.base import Neuron


class Theta(Neuron):
    r"""Theta neuron: a phase on a circle, the canonical model of the onset of firing through a saddle-node.

    .. math:: \tau \dot\theta = 1 - \cos\theta + (1 + \cos\theta)\,(\eta + I),\qquad
              \theta > \pi \Rightarrow \theta \leftarrow \theta - 2\pi

    With :math:`x = \tan(\theta/2)` it is the quadratic integrate-and-fire neuron :math:`\tau\dot x = x^2 + \eta + I`
    that runs to infinity and comes back from minus infinity: nothing is cut off. Under a constant input
    :math:`\eta + I > 0` the period is
    :math:`\pi\tau/\sqrt{\eta + I}`; for :math:`\eta + I < 0` it rests at :math:`-2\arctan\sqrt{-(\eta + I)}`. I has no
    unit, and there is no potential: receptors are currents. A surrogate's width is one radian. While refractory, theta
    is held.

    Accuracy at dt = 0.1 ms by default: intervals of 31.5 ms are 0.0026 ms (0.0084 %) too long.

    References
    ----------
    B. Ermentrout, N. Kopell, SIAM J. Appl. Math. 46:233 (1986).
    """

    input_unit = u.UNITLESS
    inputs = {"I": None}
    clamped = set_back = ("theta",)

    tau = Parameter(10.0 * u.ms, "time constant", positive=True)
    eta = Parameter(-1.0, "excitability: rests below zero, fires above")
    theta = State(-jnp.pi / 2, "phase, in radians")

    def derivative(self, t, theta, I):
        c = jnp.cos(theta)
        return (1.0 - c + (1.0 + c) * (self.eta + I)) / self.tau

    def fires(self, before, after):
        return self.spike_where(after["theta"], jnp.pi, scale=1.0)

    def after_spike(self, y):
        return {"theta": y["theta"] - 2 * jnp.pi}
