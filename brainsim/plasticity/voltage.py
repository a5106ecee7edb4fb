from __future__ import annotations

from typing import Any

import brainunit as u

from brainsim._core import Parameter
from brainsim.connectivity.distribution import Given
from brainsim.plasticity.base import Plasticity
from brainsim.plasticity.synapses import Synapses
from brainsim.plasticity.term import Term
from brainsim.plasticity.trace import Trace


class VoltageSTDP(Plasticity):
    r"""Voltage-based STDP: depression by pre spikes, potentiation by the postsynaptic depolarisation.

    .. math:: \tau_x \dot x = -x + X,\quad \tau_- \dot u_- = u - u_-,\quad \tau_+ \dot u_+ = u - u_+,\quad \bar\tau \dot{\bar u} = u_- - \bar u
    .. math:: \dot w = A_{LTP}\,x\,[u - \theta_+]_+\,[u_+ - \theta_-]_+
        - A_{LTD}\,\frac{(\bar u - E_L)^2}{u_{ref}^2}\,X\,[u_- - \theta_-]_+

    with :math:`X = \sum \delta(t - t_{pre})`, u the postsynaptic membrane potential, and w kept in [w_min, w_max]. The
    homeostatic factor of depression is 1 where ``u_ref`` is left out.

    In a step the filtered potentials move to t + dt, with u at t + dt; then potentiation acts for the step and after it
    depression by the step's pre spikes; then the spikes enter x. The equations need an action potential: for neurons
    that are reset at a threshold, give ``V_peak``, which u is in the step of a spike.

    Parameters
    ----------
    A_LTP : quantity, the weight's unit per mV^2
        Amplitude of potentiation, for x in spikes.
    A_LTD : quantity, the weight's unit per mV
        Amplitude of depression.
    w_max, w_min : quantity in the weight's unit
        Bounds.
    theta_plus, theta_minus : quantity, voltage
        Thresholds.
    tau_x, tau_plus, tau_minus, tau_mean : quantity, time
        Time constants.
    u_ref : quantity, voltage, optional
        Mean depolarisation at which depression has its nominal amplitude.
    E_L : quantity, voltage
        What depolarisation is measured from.
    V_peak : quantity, voltage, optional
        Potential of a neuron in the step in which it fires.

    References
    ----------
    C. Clopath, L. Buesing, E. Vasilaki, W. Gerstner, Nat. Neurosci. 13:344 (2010).
    """

    A_LTP = Parameter(0.0, "amplitude of potentiation", unit="ltp_unit")
    A_LTD = Parameter(0.0, "amplitude of depression", unit="ltd_unit")
    theta_plus = Parameter(-45.3 * u.mV, "threshold of u in potentiation")
    theta_minus = Parameter(-70.6 * u.mV, "threshold of the filtered potentials")
    tau_x = Parameter(15.0 * u.ms, "time constant of the presynaptic trace", positive=True)
    tau_plus = Parameter(7.0 * u.ms, "time constant of the potential in potentiation", positive=True)
    tau_minus = Parameter(10.0 * u.ms, "time constant of the potential in depression", positive=True)
    tau_mean = Parameter(1000.0 * u.ms, "time constant of the mean depolarisation", positive=True)
    u_ref = Parameter(None, "mean depolarisation of nominal depression", unit=u.mV, optional=True)
    E_L = Parameter(-70.6 * u.mV, "what depolarisation is measured from")
    V_peak = Parameter(None, "potential in the step of a spike", unit=u.mV, optional=True)
    w_min = Parameter(0.0, "lowest weight", unit="weight_unit")
    w_max = Parameter(0.0, "highest weight", unit="weight_unit")
    x = Trace("tau_x", "presynaptic trace, in spikes", side="pre")
    u_minus = Trace(
        "tau_minus", "potential in depression", side="post", default=-70.6 * u.mV, of=lambda s: s.rule.potential(s)
    )
    u_plus = Trace(
        "tau_plus", "potential in potentiation", side="post", default=-70.6 * u.mV, of=lambda s: s.rule.potential(s)
    )
    u_mean = Trace("tau_mean", "mean potential", side="post", default=-70.6 * u.mV, of=lambda s: s.u_minus)

    def __init__(self, *, A_LTP: Given, A_LTD: Given, w_max: Given, **values: Any):
        super().__init__(A_LTP=A_LTP, A_LTD=A_LTD, w_max=w_max, **values)

    @property
    def ltp_unit(self) -> u.Unit | None:
        return self.weight_unit / u.mV**2 if self.bound else None

    @property
    def ltd_unit(self) -> u.Unit | None:
        return self.weight_unit / u.mV if self.bound else None

    def potential(self, s: Synapses) -> Term:
        """u: the membrane potential, or its peak."""
        return s.post.V if self.V_peak is None else s.post.V + s.post.spikes * (s.V_peak - s.post.V)

    def update(self, s):
        above = (self.potential(s) - s.theta_plus).positive() * (s.u_plus - s.theta_minus).positive()
        s.every_step(s.A_LTP * s.x / s.tau_x * above * s.dt)
        depression = s.A_LTD * (s.u_minus - s.theta_minus).positive()
        if self.u_ref is not None:
            depression *= ((s.u_mean - s.E_L) / s.u_ref) ** 2
        s.on_pre(-depression)
