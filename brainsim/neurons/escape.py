"""Neurons that fire by chance, the more readily the nearer they are to threshold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brainunit as u
import jax

from brainsim._core import Parameter, State
from brainsim.neurons.base import Neuron


def escape_rate(rate, distance, width):
    r""":math:`\rho_0\,e^{x/\Delta}`, the rate of firing at a distance x above threshold; the exponent counts as 30 at
    most.
    """
    return rate * u.math.exp(u.math.minimum(distance / width, 30.0))


class SRM0(Neuron):
    r"""Spike response neuron of order zero with escape noise: what input does, plus what the last spike left behind.

    .. math:: \tau \dot V = E_L - V + R I,\qquad \tau_\eta \dot\eta = -\eta,\qquad
              \rho = \rho_0\, e^{(V + \eta - V_{th})/\Delta}
    .. math:: \text{spike, with probability } 1 - e^{-\rho\,dt}\ \text{in a step} \;\Rightarrow\; \eta \leftarrow \eta_0

    The membrane potential is :math:`V + \eta`: the response to input, whose kernel is
    :math:`\kappa(s) = (R/\tau)\,e^{-s/\tau}`, and the after-potential :math:`\eta(s) = \eta_0\,e^{-s/\tau_\eta}` of the
    last spike, which wipes out those before it. So without input, or under a constant one, this is a renewal process. V
    is neither reset nor clamped. With any surrogate the gradient is that of the probability of the spike.

    Accuracy at dt = 0.1 ms by default: V is within 1e-9 of its range.

    References
    ----------
    W. Gerstner, J. L. van Hemmen, Network 3:139 (1992); W. Gerstner et al., Neuronal Dynamics (2014), chapters 6 and 9.
    """

    clamped = ()

    tau = Parameter(20.0 * u.ms, "membrane time constant", positive=True)
    E_L = Parameter(-60.0 * u.mV, "leak reversal potential")
    R = Parameter(100.0 * u.Mohm, "membrane resistance", positive=True)
    V_th = Parameter(-50.0 * u.mV, "threshold")
    Delta = Parameter(1.0 * u.mV, "width of the escape noise", positive=True)
    rho_0 = Parameter(100.0 * u.Hz, "rate of firing at threshold")
    eta_0 = Parameter(-10.0 * u.mV, "after-potential right after a spike")
    tau_eta = Parameter(20.0 * u.ms, "time constant of the after-potential", positive=True)
    V = State(-60.0 * u.mV, "potential that is due to input")
    eta = State(0.0 * u.mV, "after-potential of the last spike")

    def derivative(self, t, V, eta, I):
        return (self.E_L - V + self.R * I) / self.tau, -eta / self.tau_eta

    def hazard(self, before, after):
        return escape_rate(self.rho_0, after["V"] + after["eta"] - self.V_th, self.Delta)

    def after_spike(self, y):
        return {"eta": self.eta_0}


class EscapeGIF(Neuron):
    r"""Generalised integrate-and-fire neuron with escape noise, spike-triggered currents and a moving threshold.

    .. math:: C \dot V = g_L (E_L - V) - \eta_1 - \eta_2 + I,\qquad
              \tau_{\eta j}\dot\eta_j = -\eta_j,\qquad \tau_{\gamma j}\dot\gamma_j = -\gamma_j
    .. math:: \lambda = \lambda_0\, e^{(V - V_T - \gamma_1 - \gamma_2)/\Delta_V}
    .. math:: \text{spike, with probability } 1 - e^{-\lambda\,dt}\ \text{in a step} \;\Rightarrow\;
              V \leftarrow V_{reset},\quad \eta_j \leftarrow \eta_j + q_{\eta j},\quad \gamma_j \leftarrow \gamma_j +
              q_{\gamma j}

    Fitted to recordings it predicts the spikes of cortical pyramidal cells; the defaults are such a cell. While the
    neuron is refractory V is held, and the currents and the threshold go on. With any surrogate the gradient is that of
    the probability of the spike.

    Accuracy at dt = 0.1 ms by default: V without spikes is within 9e-4 of its range.

    References
    ----------
    S. Mensi et al., J. Neurophysiol. 107:1756 (2012); C. Pozzorini et al., PLoS Comput. Biol. 11:e1004275 (2015).
    """

    C = Parameter(83.1 * u.pF, "membrane capacitance", positive=True)
    g_L = Parameter(3.7 * u.nS, "leak conductance", positive=True)
    E_L = Parameter(-67.0 * u.mV, "leak reversal potential")
    V_T = Parameter(-39.6 * u.mV, "threshold at rest")
    Delta_V = Parameter(1.4 * u.mV, "width of the escape noise", positive=True)
    lambda_0 = Parameter(1.0 * u.Hz, "rate of firing at threshold")
    V_reset = Parameter(-36.7 * u.mV, "potential after a spike")
    refractory = Parameter(
        4.0 * u.ms, "time after a spike in which the neuron cannot fire", optional=True, nonnegative=True
    )
    tau_eta_1 = Parameter(57.8 * u.ms, "time constant of the first spike-triggered current", positive=True)
    tau_eta_2 = Parameter(218.2 * u.ms, "time constant of the second spike-triggered current", positive=True)
    q_eta_1 = Parameter(56.7 * u.pA, "what a spike adds to the first current")
    q_eta_2 = Parameter(-6.9 * u.pA, "what a spike adds to the second current")
    tau_gamma_1 = Parameter(53.8 * u.ms, "first time constant of the threshold", positive=True)
    tau_gamma_2 = Parameter(640.0 * u.ms, "second time constant of the threshold", positive=True)
    q_gamma_1 = Parameter(11.7 * u.mV, "what a spike adds to the first part of the threshold")
    q_gamma_2 = Parameter(1.8 * u.mV, "what a spike adds to the second part of the threshold")
    V = State(-67.0 * u.mV, "membrane potential")
    eta_1 = State(0.0 * u.pA, "first spike-triggered current")
    eta_2 = State(0.0 * u.pA, "second spike-triggered current")
    gamma_1 = State(0.0 * u.mV, "first part of the threshold")
    gamma_2 = State(0.0 * u.mV, "second part of the threshold")

    def derivative(self, t, V, eta_1, eta_2, gamma_1, gamma_2, I):
        dV = (self.g_L * (self.E_L - V) - eta_1 - eta_2 + I) / self.C
        return (
            dV,
            -eta_1 / self.tau_eta_1,
            -eta_2 / self.tau_eta_2,
            -gamma_1 / self.tau_gamma_1,
            -gamma_2 / self.tau_gamma_2,
        )

    def hazard(self, before, after):
        return escape_rate(self.lambda_0, after["V"] - self.V_T - after["gamma_1"] - after["gamma_2"], self.Delta_V)

    def after_spike(self, y):
        jumps = {"eta_1": self.q_eta_1, "eta_2": self.q_eta_2, "gamma_1": self.q_gamma_1, "gamma_2": self.q_gamma_2}
        return {"V": self.V_reset} | {name: y[name] + jump for name, jump in jumps.items()}


class PoissonNeuron(Neuron):
    r"""Stochastic rate neuron: a leaky membrane that fires as a Poisson process, at a rate that is a function of V.

    .. math:: \tau \dot V = E_L - V + R I,\qquad \rho = r\;\Phi\!\left(\frac{V - V_0}{\Delta}\right)

    In each step it fires with probability :math:`1 - e^{-\rho\,dt}`. Nothing is reset: the spikes say what V is and
    change nothing. The transfer function :math:`\Phi` is a field, the logistic function unless given, with which r is
    the highest rate; with ``jnp.exp`` r is the rate at :math:`V_0`, with ``jax.nn.relu`` that at :math:`V_0 + \Delta`.
    With any surrogate the gradient is that of the probability of the spike.

    Accuracy at dt = 0.1 ms by default: V is within 1e-9 of its range.

    Parameters
    ----------
    size : int or tuple of int
        Number of neurons, or the shape they are arranged in.
    transfer : callable, optional
        :math:`\Phi`, of an array without unit, elementwise, not negative.
    **options
        As for every neuron.

    References
    ----------
    E. J. Chichilnisky, Network 12:199 (2001); W. Gerstner et al., Neuronal Dynamics (2014), section 11.2.
    """

    clamped = ()

    tau = Parameter(20.0 * u.ms, "membrane time constant", positive=True)
    E_L = Parameter(-60.0 * u.mV, "leak reversal potential")
    R = Parameter(100.0 * u.Mohm, "membrane resistance", positive=True)
    rate = Parameter(200.0 * u.Hz, "rate where the transfer function is 1")
    V_0 = Parameter(-50.0 * u.mV, "potential where the transfer function is taken at 0")
    Delta = Parameter(1.0 * u.mV, "width of the transfer function", positive=True)
    V = State(-60.0 * u.mV, "membrane potential")

    def __init__(self, size: int | tuple[int, ...], *, transfer: Callable = jax.nn.sigmoid, **options: Any):
        if not callable(transfer):
            raise TypeError(f"{type(self).__name__}: transfer must be a function, given {transfer!r}.")
        self.transfer = transfer
        super().__init__(size, **options)

    def derivative(self, t, V, I):
        return (self.E_L - V + self.R * I) / self.tau

    def hazard(self, before, after):
        return self.rate * self.transfer((after["V"] - self.V_0) / self.Delta)
