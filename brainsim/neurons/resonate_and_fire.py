from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import brainunit as u
import jax.numpy as jnp

from brainsim import integrators
from brainsim._core import Parameter, State
from brainsim._units import Value
from brainsim.neurons.base import Neuron


class Resonator(Neuron):
    r"""A damped oscillation :math:`z = x + iV` that an input moves: :math:`\dot z = (-\beta + i\omega)\,z + I`.

    A subclass gives :meth:`damping` and :meth:`fires`. The default method is the exact solution over a step at the
    damping that it begins with; other methods integrate the equations.
    """

    default_method = "coupled_exponential_euler"  # which is exact here, and for which there is a closed form
    inputs = {"I": "x"}
    input_unit = u.mV / u.ms

    frequency = Parameter(50.0 * u.Hz, "frequency of the oscillation")
    x = State(0.0 * u.mV, "real part: what an input moves")
    V = State(0.0 * u.mV, "imaginary part")

    def damping(self, y: dict) -> Value:
        r""":math:`\beta`, a rate, where the variables are ``y``."""
        raise NotImplementedError(f"{type(self).__name__} does not say how fast it decays: define damping(self, y).")

    def _turned(self, y: dict) -> tuple:
        beta, omega = self.damping(y), 2 * jnp.pi * self.frequency
        return -beta * y["x"] - omega * y["V"], omega * y["x"] - beta * y["V"]

    @property
    def in_closed_form(self) -> bool:
        """Whether steps are taken by the exact solution."""
        return self.method == integrators.get(type(self).default_method)

    def check_step(self, step_ms: float, varied: Mapping[str, Any] | None = None) -> None:
        if not self.in_closed_form:
            super().check_step(step_ms, varied)

    def integrate(self, clock, before, drives):
        if not self.in_closed_form or any(self.is_compensated(name) for name in self.variables):
            return super().integrate(clock, before, drives)
        I = self.total_inputs(clock, drives)["I"](clock.t, before)
        beta, omega = self.damping(before), 2 * jnp.pi * self.frequency
        decay, turn = u.math.exp(-beta * clock.dt), omega * clock.dt
        a_re, a_im = decay * jnp.cos(turn), decay * jnp.sin(turn)
        # What the input adds is (e^{z} - 1)/lambda of it, with z = lambda dt, without a difference of large numbers
        lost = jnp.expm1(-beta * clock.dt) * jnp.cos(turn) - 2 * jnp.square(jnp.sin(0.5 * turn))
        size = u.math.maximum(beta**2 + omega**2, 1e-20 / u.ms**2)
        b_re, b_im = (omega * a_im - beta * lost) / size, -(beta * a_im + omega * lost) / size
        x, V = before["x"], before["V"]
        return before | {"x": a_re * x - a_im * V + b_re * I, "V": a_im * x + a_re * V + b_im * I}


class ResonateAndFire(Resonator):
    r"""Resonate-and-fire neuron: it answers to inputs in the rhythm of its subthreshold oscillation.

    .. math:: \dot x = -x/\tau - 2\pi f\,V + I,\qquad \dot V = 2\pi f\,x - V/\tau
    .. math:: V \text{ comes above } V_{th} \Rightarrow x \leftarrow x_{reset},\quad V \leftarrow V_{reset}

    x is like a current, V like a voltage; pulses move x. It fires in the step in which V crosses the threshold from
    below, so that it does not fire on where :math:`V_{reset} = V_{th}`, as in the paper, :math:`z \leftarrow i`. I is in
    mV/ms. The default method is exact for constant input at any dt.

    Accuracy at dt = 0.1 ms by default: spikes are at the end of the step of the crossing.

    References
    ----------
    E. M. Izhikevich, Neural Netw. 14:883 (2001).
    """

    tau = Parameter(20.0 * u.ms, "time constant of the decay", positive=True)
    V_th = Parameter(1.0 * u.mV, "spike threshold")
    x_reset = Parameter(0.0 * u.mV, "x after a spike")
    V_reset = Parameter(1.0 * u.mV, "V after a spike")

    clamped = set_back = ("x", "V")

    def damping(self, y):
        return 1 / self.tau

    def derivative(self, t, x, V, I):
        dx, dV = self._turned({"x": x, "V": V})
        return dx + I, dV

    def fires(self, before, after):
        return self.spike_crossing(before["V"], after["V"], self.V_th, scale=u.Quantity(1.0, unit=u.mV))

    def after_spike(self, y):
        return {"x": self.x_reset, "V": self.V_reset}


class BalancedResonateAndFire(Resonator):
    r"""Resonate-and-fire neuron without a reset: a spike raises threshold and damping for a while.

    .. math:: \dot x = -(\beta + \beta_q q)\,x - 2\pi f\,V + I,\qquad \dot V = 2\pi f\,x - (\beta + \beta_q q)\,V
    .. math:: \tau_q \dot q = -q,\qquad x > V_{th} + \theta_q\,q \Rightarrow q \leftarrow q + 1

    The paper steps with Euler's method, and adds to the damping the :math:`p(\omega) = (-1 + \sqrt{1 - (\delta\omega)^2})
    /\delta` at which that neither grows nor decays: each step then turns by :math:`\arcsin \delta\omega` in place of
    :math:`\delta\omega`. The exact solution over a step, the default here, needs no such term. A step of the paper is
    1 of its 0.01 units of time, and its :math:`\gamma = 0.9` is :math:`\tau_q` = 9.5 steps. q holds over a step; I is in
    mV/ms.

    Accuracy at dt = 0.1 ms by default: damping is that of the beginning of a step, an error of first order in dt.

    References
    ----------
    S. Higuchi, S. Kairat, S. M. Bohté, S. Otte, ICML (2024), arXiv 2402.14603.
    """

    beta = Parameter(0.05 / u.ms, "damping at rest", nonnegative=True)
    beta_q = Parameter(0.1 / u.ms, "damping that a spike adds", nonnegative=True)
    tau_q = Parameter(9.5 * u.ms, "time constant of what a spike adds", positive=True)
    V_th = Parameter(1.0 * u.mV, "threshold at rest")
    theta_q = Parameter(1.0 * u.mV, "threshold that a spike adds")
    q = State(0.0, "what spikes have added")

    clamped = ()

    def damping(self, y):
        return self.beta + self.beta_q * y["q"]

    def derivative(self, t, x, V, q, I):
        dx, dV = self._turned({"x": x, "V": V, "q": q})
        return dx + I, dV, -q / self.tau_q

    def integrate(self, clock, before, drives):
        after = super().integrate(clock, before, drives)
        if self.in_closed_form:
            after["q"] = before["q"] * u.math.exp(-clock.dt / self.tau_q)
        return after

    def fires(self, before, after):
        return self.spike_where(after["x"], self.V_th + self.theta_q * after["q"], scale=u.Quantity(1.0, unit=u.mV))

    def after_spike(self, y):
        return {"q": y["q"] + 1.0}
