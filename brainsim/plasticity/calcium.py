from __future__ import annotations

from typing import Any

import brainunit as u
import jax.numpy as jnp

from brainsim._core import Parameter
from brainsim.connectivity.distribution import Given
from brainsim.plasticity.base import Plasticity
from brainsim.plasticity.synapses import Synapses
from brainsim.plasticity.term import Term
from brainsim.plasticity.trace import Trace


class CalciumPlasticity(Plasticity):
    r"""Calcium-based plasticity of bistable synapses.

    .. math:: \dot c = -c/\tau_{Ca} + C_{pre} \sum \delta(t - t_{pre} - D) + C_{post} \sum \delta(t - t_{post})
    .. math:: \tau \dot\rho = -\rho(1-\rho)(\rho_* - \rho) + \gamma_p (1-\rho)\,\Theta(c - \theta_p)
        - \gamma_d\,\rho\,\Theta(c - \theta_d) + \sigma\sqrt{\tau\,(\Theta(c - \theta_p) + \Theta(c -
          \theta_d))}\;\eta(t)
    .. math:: w = w_{min} + \rho\,(w_{max} - w_{min})

    The efficacy :math:`\rho` in [0, 1] is what the weight says. The time that c spends above a threshold within a step
    is exact, the terms linear in :math:`\rho` are integrated exactly with it, the cubic drift by one Euler step before
    them. A step advances :math:`\rho` from t to t + dt with the calcium that the spikes up to t have left; those at t +
    dt come in after it. Defaults: the cortical slices of the paper.

    Parameters
    ----------
    w_max, w_min : quantity in the weight's unit
        Weights of the UP and the DOWN state.
    C_pre, C_post : float
        Calcium brought by a spike.
    theta_p, theta_d : float
        Thresholds of potentiation and depression.
    gamma_p, gamma_d : float
        Rates of potentiation and depression, in 1 / tau.
    tau, tau_Ca : quantity, time
        Time constants of the efficacy and of calcium.
    rho_star : float
        Boundary between the basins of attraction.
    sigma : float
        Amplitude of the noise.
    pre_delay : quantity, time, optional
        D, 4.6 ms in cortical and 13.7 ms in hippocampal slices; None: no delay.

    References
    ----------
    M. Graupner, N. Brunel, PNAS 109:3991 (2012).
    """

    drifts = True

    C_pre = Parameter(0.5617539, "calcium from a presynaptic spike")
    C_post = Parameter(1.23964, "calcium from a postsynaptic spike")
    theta_p = Parameter(1.3, "threshold of potentiation", positive=True)
    theta_d = Parameter(1.0, "threshold of depression", positive=True)
    gamma_p = Parameter(725.085, "rate of potentiation")
    gamma_d = Parameter(331.909, "rate of depression")
    tau = Parameter(346.3615 * u.second, "time constant of the efficacy", positive=True)
    tau_Ca = Parameter(22.6936 * u.ms, "time constant of calcium", positive=True)
    rho_star = Parameter(0.5, "boundary between the two states")
    sigma = Parameter(0.0, "amplitude of the noise", nonnegative=True)
    w_min = Parameter(0.0, "weight of the DOWN state", unit="weight_unit")
    w_max = Parameter(0.0, "weight of the UP state", unit="weight_unit")
    x = Trace("tau_Ca", "presynaptic calcium, in spikes", side="pre")
    y = Trace("tau_Ca", "postsynaptic calcium, in spikes", side="post")

    def __init__(self, *, w_max: Given, **values: Any):
        super().__init__(w_max=w_max, **values)

    def update(self, s):
        rho = (s.w - s.w_min) / (s.w_max - s.w_min)
        calcium = s.C_pre * s.x + s.C_post * s.y
        p, d = (self.time_above(s, calcium, theta) / s.tau for theta in (s.theta_p, s.theta_d))
        # Every part is a change of rho: differences of its values would lose in float32 what is slow
        drift = -rho * (1.0 - rho) * (s.rho_star - rho) * s.dt / s.tau
        above_both = p - (p - d).positive()  # the step begins with the highest calcium
        total = s.gamma_p + s.gamma_d
        rest = s.gamma_p / total.map(lambda k: jnp.where(k > 0, k, 1.0))
        change = drift + (rho + drift - rest) * self.lost(total * above_both)
        change += (rho + change) * self.lost(s.gamma_d * (d - above_both))
        change -= (1.0 - rho - change) * self.lost(s.gamma_p * (p - above_both))
        noise = s.sigma * s.noise() * (p + d).map(lambda k: jnp.where(k > 0, jnp.sqrt(jnp.where(k > 0, k, 1.0)), 0.0))
        s.every_step((s.w_max - s.w_min) * (change + noise))

    def lost(self, exponent: Term) -> Term:
        """What a decay takes, as a factor: -1 for all."""
        return (-exponent).map(jnp.expm1)

    def time_above(self, s: Synapses, calcium: Term, theta: Term) -> Term:
        """Time of the step from t to t + dt in which the calcium, which has decayed to ``calcium``, is above ``theta``."""
        ratio = (calcium / theta).map(lambda k: jnp.log(jnp.maximum(k, 1e-30)))
        return (s.tau_Ca * ratio + s.dt).map(
            lambda time: u.math.clip(time, 0.0 * u.ms, u.Quantity(s.clock.step_ms, unit=u.ms))
        )
